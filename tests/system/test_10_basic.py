"""The first things: a governed call answers, and refusals say what to do."""
import json
import socket
import unittest

from gateway import GatewayCase, wait_for
from load import chat


class Basic(GatewayCase):
    @classmethod
    def setUpClass(cls):
        from gateway import Gateway
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url, models=("m1", "text-2")).start()
        cls.key = cls.gw.create_key("basic")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def test_a_plain_call_answers_with_the_providers_bytes(self):
        status, headers, body = self.gw.call(self.key, chat(tokens=5))
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["choices"][0]["message"]["content"],
                         "tok " * 5)
        self.assertRegex(headers["x-request-id"], r"^req_[0-9a-f]{32}$")
        self.assertEqual(headers["x-aigw-provider"], "mock")
        self.assertEqual(headers["content-length"], str(len(body)))

    def test_a_stream_ends_with_done_and_hides_usage_nobody_asked_for(self):
        status, headers, body = self.gw.call(self.key, chat(tokens=5, stream=True))
        self.assertEqual(status, 200)
        self.assertTrue(headers["content-type"].startswith("text/event-stream"))
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body[-100:])
        self.assertNotIn(b'"prompt_tokens"', body)
        sent = json.loads(self.provider.requests[-1][3])
        self.assertTrue(sent["stream_options"]["include_usage"])

    def test_a_stream_shows_usage_to_who_asked(self):
        request = chat(tokens=5, stream=True)
        request["stream_options"] = {"include_usage": True}
        status, _, body = self.gw.call(self.key, request)
        self.assertEqual(status, 200)
        self.assertIn(b'"prompt_tokens"', body)

    def test_completions_and_embeddings_pass(self):
        status, _, body = self.gw.call(
            self.key, {"model": "m1", "prompt": "say", "x_mock": {"tokens": 3}},
            "/v1/completions")
        self.assertEqual((status, json.loads(body)["choices"][0]["text"]),
                         (200, "tok tok tok "))
        status, _, body = self.gw.call(
            self.key, {"model": "m1", "input": ["a", "b"]}, "/v1/embeddings")
        self.assertEqual((status, len(json.loads(body)["data"])), (200, 2))

    def test_models_are_listed_and_found_by_name(self):
        auth = {"Authorization": "Bearer " + self.key}
        status, _, body = self.gw.http("GET", "/v1/models", headers=auth)
        names = {m["id"] for m in json.loads(body)["data"]}
        self.assertEqual(status, 200)
        self.assertTrue({"m1", "text-2", "builtin/echo"} <= names, names)
        status, _, body = self.gw.http("GET", "/v1/models/builtin/echo", headers=auth)
        self.assertEqual((status, json.loads(body)["id"]), (200, "builtin/echo"))
        status, _, _ = self.gw.http("GET", "/v1/models/none", headers=auth)
        self.assertEqual(status, 404)

    def test_other_base_urls_and_forgiving_paths_reach_the_same(self):
        for path in ("/gateway/v1/chat/completions", "/api/v1/chat/completions",
                     "/v1/v1/chat/completions", "/v1//chat/completions/"):
            self.assertEqual(self.gw.call(self.key, chat(), path)[0], 200, path)

    def test_credentials_are_taken_from_every_usual_place(self):
        for name in ("x-api-key", "api-key", "x-goog-api-key"):
            status, _, _ = self.gw.http("POST", "/v1/chat/completions", chat(),
                                        {name: self.key})
            self.assertEqual(status, 200, name)
        self.assertEqual(self.gw.call("sk-sk-" + self.key[3:], chat())[0], 200)

    def check_error(self, answer, status, code):
        self.assertEqual(answer[0], status, answer[2])
        error = json.loads(answer[2])["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertEqual(error["code"], code)
        self.assertIn("x-request-id", answer[1])
        return error

    def test_refusals_have_a_stable_code_and_say_what_to_do(self):
        call = self.gw.call
        answer = call("sk-aigw-" + "x" * 43, chat())
        self.check_error(answer, 401, "invalid_api_key")
        self.assertEqual(answer[1]["x-should-retry"], "false")
        self.check_error(self.gw.http("POST", "/v1/chat/completions", chat()), 401,
                         "invalid_api_key")
        self.check_error(call(self.key, chat(model="nope")), 404, "model_not_found")
        self.check_error(call(self.key, b"{\"model\": "), 400, "invalid_json")
        self.check_error(call(self.key, {"messages": []}), 400, "model_required")
        self.check_error(call(self.key, chat(), "/v1/nothing"), 404, "unknown_path")
        self.assertEqual(self.gw.http("GET", "/v1/chat/completions")[0], 405)

    def test_duplicate_models_are_refused(self):
        body = b'{"model":"m1","messages":[],"model":"text-2"}'
        self.assertEqual(self.gw.call(self.key, body)[0], 400)

    def test_odd_json_passes_untouched(self):
        body = (b'{"model" : "m1", "messages":[{"role":"user","content":"\\u0000 '
                b'\\ud800 \xf0\x9f\x98\x80"}], "big": 9007199254740993, '
                b'"small":1e-400, "x_mock":{"tokens":1}, "dup":1, "dup":2}')
        self.assertEqual(self.gw.call(self.key, body)[0], 200)
        self.assertEqual(self.provider.requests[-1][3], body)

    def test_a_provider_error_is_passed_on_without_its_credential(self):
        status, _, body = self.gw.call(self.key, chat(status=418))
        self.assertEqual(status, 418)
        self.assertIn(b"mock says 418", body)
        _, _, headers, _ = self.provider.requests[-1]
        self.assertEqual(headers["authorization"], "Bearer sk-upstream-secret-canary")
        self.assertNotIn(self.key, json.dumps(headers))

    def test_disabled_and_enabled_keys(self):
        key = self.gw.create_key("switch")
        self.gw.ctl("key", "disable", "switch")
        self.check_error(self.gw.call(key, chat()), 401, "key_disabled")
        self.gw.ctl("key", "enable", "switch")
        self.assertEqual(self.gw.call(key, chat())[0], 200)
        self.gw.ctl("key", "delete", "switch", "-y")
        self.check_error(self.gw.call(key, chat()), 401, "invalid_api_key")

    def test_the_log_has_one_row_with_the_stated_usage(self):
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
                 "prompt_tokens_details": {"cached_tokens": 40},
                 "completion_tokens_details": {"reasoning_tokens": 20}}
        _, headers, _ = self.gw.call(self.key, chat(usage=usage))
        rid = headers["x-request-id"]
        row = wait_for(lambda: [r for r in self.gw.ctl("logs", "--limit", "50")
                                if r["request_id"] == rid], 10, "log row")[0]
        want = {"prompt_missed": 60, "cached": 40, "cache_creation": 0,
                "completion": 30, "reasoning": 20, "audio": 0}
        self.assertEqual({k: row["usage"][k] for k in want}, want)

    def test_pipelined_requests_are_answered_in_order(self):
        one = json.dumps(chat(tokens=1)).encode()
        head = ("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: "
                "Bearer %s\r\nContent-Length: %d\r\n\r\n" % (self.key, len(one)))
        last = ("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.gw.port), 20) as s:
            s.sendall((head.encode() + one) * 3 + last.encode())
            data = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                data += piece
        self.assertEqual(data.count(b"HTTP/1.1 200"), 4, data[-300:])

    def test_a_chunked_request_body_and_expect_are_understood(self):
        one = json.dumps(chat(tokens=1)).encode()
        with socket.create_connection(("127.0.0.1", self.gw.port), 20) as s:
            s.sendall(("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                       "Authorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n"
                       "Expect: 100-continue\r\nConnection: close\r\n\r\n"
                       % self.key).encode())
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 100"))
            for i in range(0, len(one), 7):
                part = one[i:i + 7]
                s.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            s.sendall(b"0\r\n\r\n")
            data = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                data += piece
        self.assertTrue(data.startswith(b"HTTP/1.1 200"), data[:200])

    def test_metrics_and_health_answer_where_they_should(self):
        self.assertEqual(self.gw.http("GET", "/healthz")[0], 200)
        self.assertEqual(self.gw.http("GET", "/metrics")[0], 404)
        status, _, body = self.gw.http(
            "GET", "/metrics", port=self.gw.admin_port,
            headers={"Authorization": "Bearer test-admin-token-1"})
        self.assertEqual(status, 200)
        self.assertIn(b"aigw_requests_total", body)

    def test_management_over_tcp_needs_the_token_and_the_console_none(self):
        port = self.gw.admin_port
        self.assertEqual(self.gw.http("GET", "/admin/v1/status", port=port)[0], 401)
        self.assertEqual(self.gw.http("GET", "/admin/v1/status")[0], 404)
        status, _, body = self.gw.http(
            "GET", "/admin/v1/status", port=port,
            headers={"Authorization": "Bearer test-admin-token-1"})
        self.assertEqual((status, json.loads(body)["state"]), (200, "running"))
        status, headers, body = self.gw.http("GET", "/console/", port=port)
        self.assertIn(status, (200, 404))  # with and without CONSOLE
        self.assertTrue(headers["content-type"].startswith("text/html"))
        self.assertIn(b"aigw", body)

    def test_self_service_shows_the_callers_own_budgets(self):
        key = self.gw.create_key("own", "--quota", "1000", "--period", "daily")
        self.gw.call(key, chat(tokens=4))
        status, _, body = self.gw.http("GET", "/v1/usage", headers={
            "Authorization": "Bearer " + key})
        budget = json.loads(body)["budgets"][0]
        self.assertEqual((status, budget["limit"], budget["period"]),
                         (200, 1000, "daily"))
        self.assertGreater(budget["used"], 0)
        self.assertEqual(budget["used"] + budget["remaining"], 1000)


class Builtin(GatewayCase):
    def test_a_newcomer_needs_no_provider(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("first")
        status, _, body = gw.call(key, {
            "model": "builtin/echo",
            "messages": [{"role": "user", "content": "Hello there"}]})
        self.assertEqual(status, 200, body)
        self.assertIn("Hello there",
                      json.loads(body)["choices"][0]["message"]["content"])
        status, _, body = gw.call(key, {
            "model": "builtin/echo", "stream": True,
            "messages": [{"role": "user", "content": "Hello there"}]})
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body)
        wait_for(gw.settled)
        gw.verify()
        self.assertEqual(gw.stop(), 0)

    def test_a_restart_keeps_keys_totals_and_books(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("kept", "--quota", "100000", "--period", "total")
        body = {"model": "builtin/echo",
                "messages": [{"role": "user", "content": "one two three"}]}
        for _ in range(3):
            self.assertEqual(gw.call(key, body)[0], 200)
        used = gw.usage_of("kept")[0]["usage"]
        self.assertGreater(used, 0)
        self.assertEqual(gw.stop(), 0)
        gw.start()
        self.assertEqual(gw.usage_of("kept")[0]["usage"], used)
        self.assertEqual(gw.call(key, body)[0], 200)
        wait_for(gw.settled)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
