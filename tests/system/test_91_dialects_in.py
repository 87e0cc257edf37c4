"""Calls in every dialect at their paths: who answers, in whose shape, and what
is said when something is wrong."""
import json
import unittest

from gateway import GatewayCase, Gateway, wait_for
from mock_provider import MockProvider

TEXT = "How many are they?"
MESSAGES = {"model": "m1", "max_tokens": 20,
            "messages": [{"role": "user", "content": TEXT}]}
RESPONSES = {"model": "m1", "input": TEXT}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}


class Dialects(GatewayCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url,
                         models=("m1", "m2", "author/m3")).start()
        cls.key = cls.gw.create_key("dialects")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def ask(self, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if not headers:
            headers = {"Authorization": "Bearer " + self.key}
        status, head, data = self.gw.http(method, path, body, headers)
        return status, head, data

    def post(self, path, body, **headers):
        status, head, data = self.ask("POST", path, body, **headers)
        self.assertEqual(status, 200, data)
        return head, data

    # -- calls --

    def test_messages(self):
        head, data = self.post("/v1/messages", MESSAGES, x_api_key=self.key,
                               anthropic_version="2023-06-01")
        answer = json.loads(data)
        self.assertEqual((answer["type"], answer["role"]), ("message", "assistant"))
        self.assertEqual(answer["content"][0]["text"], "tok " * 8)
        self.assertEqual(head["request-id"], head["x-request-id"])
        for path in ("/messages", "/v1/v1/messages", "/gateway/v1/messages",
                     "/anthropic/v1/messages"):
            self.post(path, MESSAGES)

    def test_messages_as_a_stream(self):
        head, data = self.post("/v1/messages?beta=true",
                               dict(MESSAGES, stream=True))
        self.assertTrue(head["content-type"].startswith("text/event-stream"))
        names = [line[7:] for line in data.decode().splitlines()
                 if line.startswith("event: ")]
        self.assertEqual((names[0], names[-1]), ("message_start", "message_stop"))

    def test_responses(self):
        _, data = self.post("/v1/responses", RESPONSES)
        answer = json.loads(data)
        self.assertEqual((answer["object"], answer["status"]),
                         ("response", "completed"))
        _, data = self.post("/responses", dict(RESPONSES, stream=True))
        self.assertIn(b"response.completed", data)

    def test_generate_content_with_the_model_in_the_path(self):
        for path in ("/v1beta/models/m1:generateContent",
                     "/v1/models/m1:generateContent",
                     "/v1beta/models/author%2Fm3:generateContent",
                     "/v1beta/models/author/m3:generateContent",
                     "/v1beta/models/models/m1:generateContent",
                     "//v1beta//models/m1:generateContent",
                     "/models/m1:generateContent"):
            _, data = self.post(path, CONTENTS, x_goog_api_key=self.key)
            parts = json.loads(data)["candidates"][0]["content"]["parts"]
            self.assertEqual("".join(p["text"] for p in parts), "tok " * 8, path)
            sent = json.loads(self.provider.requests[-1][3])
            self.assertEqual(sent["model"],
                             "author/m3" if "author" in path else "m1")

    def test_a_stream_of_gemini_comes_as_events_or_as_an_array(self):
        path = "/v1beta/models/m1:streamGenerateContent"
        head, data = self.post(path + "?alt=sse", CONTENTS)
        self.assertTrue(head["content-type"].startswith("text/event-stream"))
        self.assertTrue(data.startswith(b"data: {"), data[:40])
        head, data = self.post(path + "?key=" + self.key, CONTENTS,
                               x_unused="1")
        self.assertTrue(head["content-type"].startswith("application/json"))
        chunks = json.loads(data)
        text = "".join(p.get("text", "") for c in chunks
                       for p in c["candidates"][0]["content"].get("parts", []))
        self.assertEqual(text, "tok " * 8)
        self.assertNotIn(self.key, json.dumps(self.provider.requests[-1][:3]))

    # -- counts --

    def test_tokens_are_counted_for_nothing_where_the_provider_cannot(self):
        sent = len(self.provider.requests)
        for path, body, member in (
                ("/v1/messages/count_tokens", {k: MESSAGES[k] for k in
                                               ("model", "messages")},
                 "input_tokens"),
                ("/v1/responses/input_tokens", RESPONSES, "input_tokens"),
                ("/v1beta/models/m1:countTokens", CONTENTS, "totalTokens")):
            head, data = self.post(path, body)
            tokens = json.loads(data)[member]
            self.assertTrue(3 <= tokens <= 100, (path, tokens))
            self.assertEqual(head["x-aigw-estimated"], "yes")
            rid = head["x-request-id"]
            row = wait_for(lambda: [r for r in self.gw.ctl("logs", "--limit", "100")
                                    if r["request_id"] == rid], 20, "log row")[0]
            self.assertEqual(sum(v for k, v in row["usage"].items()
                                 if isinstance(v, int)), 0, row)
        self.assertEqual(len(self.provider.requests), sent)

    def test_a_count_is_checked_as_a_call_is(self):
        for path, body in (("/v1/messages/count_tokens", dict(MESSAGES, model="no")),
                           ("/v1beta/models/no:countTokens", CONTENTS)):
            self.assertEqual(self.ask("POST", path, body)[0], 404)
        self.assertEqual(self.ask("POST", "/v1/messages/count_tokens", MESSAGES,
                                  x_api_key="sk-none")[0], 401)
        key = self.gw.create_key("slow", "--rpm", "1")
        answers = [self.ask("POST", "/v1/messages/count_tokens", MESSAGES,
                            x_api_key=key)[0] for _ in range(3)]
        self.assertIn(429, answers)

    # -- models --

    def names(self, data, member="id"):
        return [m[member] for m in json.loads(data)["data"]]

    def test_models_are_listed_in_the_shape_of_who_asks(self):
        _, _, plain = self.ask("GET", "/v1/models")
        every = self.names(plain)
        self.assertTrue({"m1", "m2", "author/m3"} <= set(every))
        for headers in ({"anthropic_version": "2023-06-01",
                         "Authorization": "Bearer " + self.key},
                        {"x_api_key": self.key}):
            _, _, data = self.ask("GET", "/v1/models", None, **headers)
            answer = json.loads(data)
            self.assertEqual([m["id"] for m in answer["data"]], every)
            self.assertEqual(answer["has_more"], False)
            self.assertEqual((answer["first_id"], answer["last_id"]),
                             (every[0], every[-1]))
            self.assertEqual(answer["data"][0]["type"], "model")
        for path in ("/v1beta/models", "/v1/models"):
            _, _, data = self.ask("GET", path, None, x_goog_api_key=self.key)
            models = json.loads(data)["models"]
            self.assertEqual([m["name"] for m in models],
                             ["models/" + m for m in every])
            self.assertIn("generateContent",
                          models[0]["supportedGenerationMethods"])

    def test_lists_come_in_pages(self):
        every = self.names(self.ask("GET", "/v1/models")[2])
        for path, headers, member, size, after, more in (
                ("/v1/models", {"x_api_key": self.key}, "data", "limit",
                 "after_id", lambda a: a["last_id"] if a["has_more"] else None),
                ("/v1beta/models", {"x_goog_api_key": self.key}, "models",
                 "pageSize", "pageToken", lambda a: a.get("nextPageToken"))):
            seen, token, pages = [], None, 0
            while token is not None or pages == 0:
                query = "?%s=2" % size
                if token:
                    query += "&%s=%s" % (after, token.replace("/", "%2F"))
                answer = json.loads(self.ask("GET", path + query, None, **headers)[2])
                names = [m.get("id") or m["name"][7:] for m in answer[member]]
                self.assertLessEqual(len(names), 2)
                seen, token, pages = seen + names, more(answer), pages + 1
            self.assertEqual(seen, every)
            self.assertEqual(pages, (len(every) + 1) // 2)
            for bad in ("%s=x" % size, "%s=0" % size, "%s=nothing" % after):
                self.assertEqual(self.ask("GET", path + "?" + bad, None,
                                          **headers)[0], 400, bad)

    def test_a_key_sees_only_its_models(self):
        key = self.gw.create_key("few", "--models", "m2")
        for path, header, want in (("/v1/models", "authorization", ["m2"]),
                                   ("/v1/models", "x_api_key", ["m2"]),
                                   ("/v1beta/models", "x_goog_api_key", ["m2"])):
            value = "Bearer " + key if header == "authorization" else key
            answer = json.loads(self.ask("GET", path, None, **{header: value})[2])
            names = [m.get("id") or m["name"][7:]
                     for m in answer.get("data") or answer["models"]]
            self.assertEqual(names, want)

    def test_one_model_in_each_shape(self):
        ask = lambda path, **h: json.loads(self.ask("GET", path, None, **h)[2])
        self.assertEqual(ask("/v1/models/author/m3")["object"], "model")
        self.assertEqual(ask("/v1/models/m1", x_api_key=self.key)["display_name"],
                         "m1")
        self.assertEqual(ask("/v1beta/models/author%2Fm3")["name"],
                         "models/author/m3")

    # -- refusals --

    def check_anthropic(self, answer, status, kind):
        body = json.loads(answer[2])
        self.assertEqual((answer[0], body["type"], body["error"]["type"]),
                         (status, "error", kind), body)
        self.assertEqual(answer[1]["request-id"], answer[1]["x-request-id"])
        self.assertTrue(body["error"]["message"])

    def check_gemini(self, answer, status, name):
        error = json.loads(answer[2])["error"]
        self.assertEqual((answer[0], error["code"], error["status"]),
                         (status, status, name), error)
        self.assertTrue(error["message"])

    def test_refusals_have_the_shape_of_the_path(self):
        bad = {"x_api_key": "sk-aigw-none"}
        self.check_anthropic(self.ask("POST", "/v1/messages", MESSAGES, **bad),
                             401, "authentication_error")
        self.check_anthropic(self.ask("POST", "/v1/messages",
                                      dict(MESSAGES, model="no")),
                             404, "not_found_error")
        self.check_anthropic(self.ask("POST", "/v1/messages", b"{"), 400,
                             "invalid_request_error")
        self.check_anthropic(self.ask("GET", "/v1/messages"), 405,
                             "invalid_request_error")
        self.check_anthropic(self.ask("POST", "/v1/messages/nothing", MESSAGES),
                             404, "not_found_error")
        path = "/v1beta/models/m1:generateContent"
        self.check_gemini(self.ask("POST", path, CONTENTS, x_goog_api_key="no"),
                          401, "UNAUTHENTICATED")
        self.check_gemini(self.ask("POST", path.replace("m1", "no"), CONTENTS),
                          404, "NOT_FOUND")
        self.check_gemini(self.ask("POST", path.replace("m1", "%ff"), CONTENTS),
                          404, "NOT_FOUND")
        self.check_gemini(self.ask("POST", path, b"{"), 400, "INVALID_ARGUMENT")
        self.assertEqual(self.ask("POST", "/v1beta/models/m1:none", CONTENTS)[0],
                         405)
        self.check_gemini(self.ask("POST", "/v1beta/none", CONTENTS), 404,
                          "NOT_FOUND")
        error = json.loads(self.ask("POST", "/v1/responses",
                                    dict(RESPONSES, model="no"))[2])["error"]
        self.assertEqual(error["code"], "model_not_found")

    def test_a_websocket_is_told_to_post(self):
        status, head, _ = self.ask(
            "GET", "/v1/responses", None, Authorization="Bearer " + self.key,
            Connection="Upgrade", Upgrade="websocket",
            Sec_WebSocket_Version="13", Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==")
        self.assertEqual(status, 426)
        self.assertEqual(head["upgrade"], "HTTP/1.1")
        status, head, _ = self.ask("GET", "/v1/responses")
        self.assertEqual((status, head["allow"]), (405, "POST"))

    def test_stored_responses_are_the_providers(self):
        for method, path in (("GET", "/v1/responses/resp_1"),
                             ("DELETE", "/v1/responses/resp_1"),
                             ("POST", "/v1/responses/resp_1/cancel"),
                             ("GET", "/v1/responses/resp_1/input_items")):
            status, head, data = self.ask(method, path)
            self.assertEqual((status, head["x-should-retry"]), (501, "false"))
            self.assertEqual(json.loads(data)["error"]["code"], "not_implemented")

    def test_answers_below_gateway_tell_the_quotas_without_this_call(self):
        name = "x-czgw-ratelimit-api-key-token-"
        key = self.gw.create_key("quotas", "--quota", "5000", "--period", "daily")
        head, _ = self.post("/gateway/v1/messages", MESSAGES, x_api_key=key)
        self.assertEqual([head[name + k] for k in
                          ("period", "limit", "used", "remaining")],
                         ["PDO", "5000", "0", "5000"])
        used = self.gw.usage_of("quotas")[0]["usage"]
        self.assertGreater(used, 0)
        head, _ = self.post("/gateway/v1/messages", dict(MESSAGES, stream=True),
                            x_api_key=key)
        self.assertEqual((head[name + "used"], head[name + "remaining"]),
                         (str(used), str(5000 - used)))
        head, _ = self.post("/v1/messages", MESSAGES, x_api_key=key)
        self.assertNotIn(name + "used", head)
        head, _ = self.post("/gateway/v1/messages", MESSAGES)
        self.assertNotIn(name + "used", head)
        status, head, _ = self.ask("POST", "/gateway/v1/messages", b"{",
                                   x_api_key=key)
        self.assertEqual((status, name + "used" in head), (400, False))

    def test_limits_are_told_in_the_spelling_of_the_dialect(self):
        key = self.gw.create_key("limited", "--rpm", "100")
        head, _ = self.post("/v1/messages", MESSAGES, x_api_key=key)
        self.assertEqual(head["anthropic-ratelimit-requests-limit"], "100")
        self.assertNotIn("x-ratelimit-limit-requests", head)
        head, _ = self.post("/v1/responses", RESPONSES, x_api_key=key)
        self.assertEqual(head["x-ratelimit-limit-requests"], "100")


if __name__ == "__main__":
    unittest.main()
