"""A provider's test by the management API: what is asked and answered, what goes
wrong there, how many at a time, and whoever dies meanwhile."""
import asyncio
import http.client
import json
import os
import signal
import socket
import threading
import time
import unittest

from gateway import Gateway, GatewayCase, free_port, wait_for
from mock_provider import MockProvider

SECRET = "sk-upstream-secret-canary"
WRONG = json.dumps({"error": {"message": "Incorrect API key provided: " + SECRET,
                              "type": "invalid_request_error",
                              "code": "invalid_api_key"}})
TOO_MUCH = json.dumps({"error": {"message": "You exceeded your quota",
                                 "code": "insufficient_quota"}})
ANSWERS = { # by the beginning of the path: status and body
    "/claude/": (200, json.dumps({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "c1",
        "content": [{"type": "text", "text": "said by claude"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 4}})),
    "/gem/": (200, json.dumps({
        "candidates": [{"content": {"role": "model", "parts": [
            {"text": "said by gemini"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4,
                          "totalTokenCount": 7}})),
    "/wrong/": (401, WRONG),
    "/quota/": (429, TOO_MUCH),
    "/page/": (200, "<html>hello</html>"),
    "/quotes/": (200, json.dumps({"id": "x", "object": "chat.completion", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "line\n\0 your key is %s \u00e9" % SECRET}}]})),
}


class Provider:
    """Answers by the path, and holds back what asks /slow/ until it is let go."""

    def __init__(self):
        self.server = MockProvider(handler=self.answer).start()
        self.let_go = threading.Event()
        self.waiting = 0

    async def answer(self, method, path, headers, body, writer):
        if path.startswith("/openai/"):
            return await self.server.answer(path, body, writer)
        if path.startswith("/slow/"):
            self.waiting += 1
            while not self.let_go.is_set():
                await asyncio.sleep(0.02)
            self.waiting -= 1
            return await self.server.answer(path, body, writer)
        if path.startswith("/hangs/"):
            await asyncio.sleep(3600)
        status, text = next(v for k, v in ANSWERS.items() if path.startswith(k))
        data = text.encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % (status, len(data)) + data)
        await writer.drain()
        return True

    def asked(self, part):
        return [(headers, json.loads(body)) for _, path, headers, body in
                list(self.server.requests) if part in path]


def section(name, kind, port, options="", models=None):
    return ("[provider.%s]\nkind = %s\nbase_url = http://127.0.0.1:%d/%s\napi_key = %s\n"
            "models = %s\n%s\n" % (name, kind, port, name, SECRET,
                                   models or name + "-1", options))


class ProviderTest(GatewayCase):
    workers = 2

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.addClassCleanup(cls.provider.server.stop)
        port = cls.provider.server.port
        extra = section("openai", "openai", port, "names = first=renamed",
                        "first, second") + \
            section("claude", "anthropic", port) + section("gem", "gemini", port) + \
            section("hangs", "openai", port, "total_timeout = 300ms") + \
            "[provider.inside]\nkind = builtin\nmodels = echo\n" \
            "[provider.anything]\nkind = builtin\nmodels = *\n" \
            "[provider.dead]\nkind = openai\nbase_url = http://127.0.0.1:%d/v1\n" \
            "models = dead-1\n" % free_port() + \
            "[provider.off]\nkind = builtin\nmodels = off-1\nenabled = no\n" \
            "[model.vectors]\nproviders = openai\ntype = embedding\n" \
            "[credential.keyed/spare]\napi_key = sk-another-one-for-all\n" \
            "[provider.keyed]\nkind = openai\nbase_url = http://127.0.0.1:%d/openai\n" \
            "models = keyed-1\n" % port
        extra += section("kept", "openai", port, "guarded = yes")
        for name in ("wrong", "quota", "page", "quotes", "slow"):
            extra += section(name, "openai", port)
        cls.gw = Gateway(workers=cls.workers, extra=extra).start()
        cls.addClassCleanup(cls.gw.cleanup)

    def setUp(self):
        self.provider.let_go.clear()
        self.addCleanup(self.provider.let_go.set)

    def ask(self, name, body=None, status=200, token="test-admin-token-1"):
        got, _, text = self.gw.http(
            "POST", "/admin/v1/providers/%s/test" % name, body or {},
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
            port=self.gw.admin_port, timeout=70)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def begin(self, name, count=1):
        """So many tests under way: list of [answer] to be filled, and threads."""
        answers, threads = [], []
        before = self.provider.waiting

        def run():
            try:
                answers.append(self.gw.http(
                    "POST", "/admin/v1/providers/%s/test" % name, {},
                    {"Authorization": "Bearer test-admin-token-1"},
                    port=self.gw.admin_port, timeout=70))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)
        for _ in range(count):
            threads.append(threading.Thread(target=run))
            threads[-1].start()
        wait_for(lambda: self.provider.waiting == before + count, what="calls")
        return answers, threads


class Answers(ProviderTest):
    def test_each_dialect(self):
        for name, model, said in (("openai", "first", "tok tok"),
                                  ("claude", "claude-1", "said by claude"),
                                  ("gem", "gem-1", "said by gemini"),
                                  ("inside", "echo", "Say ok.")):
            with self.subTest(name):
                before = time.time()
                found = self.ask(name)
                self.assertEqual(
                    (found["provider"], found["model"], found["ok"], found["status"],
                     found["error"]), (name, model, True, 200, None))
                self.assertTrue(found["text"].startswith(said), found)
                self.assertGreaterEqual(found["duration_ms"], 1)
                self.assertGreaterEqual(found["first_byte_ms"], 1)
                self.assertEqual(found["credential"],
                                 None if name == "inside" else "default")
                self.assertGreaterEqual(found["tested_at"], time.strftime(
                    "%Y-%m-%dT%H:%M:%S", time.gmtime(before - 1)))
        (headers, body), = self.provider.asked("/claude/v1/messages")
        self.assertEqual((headers["x-api-key"], body["max_tokens"]), (SECRET, 16))
        (headers, body), = self.provider.asked(":generateContent")
        self.assertEqual((headers["x-goog-api-key"],
                          body["generationConfig"]["maxOutputTokens"]), (SECRET, 16))

    def test_what_is_asked(self):
        found = self.ask("openai", {"model": "first", "prompt": "Sag \u00e4h \"ja\"."})
        headers, body = self.provider.asked("/openai/chat/completions")[-1]
        self.assertEqual(body, {
            "model": "renamed", "max_tokens": 16, "messages": [
                {"role": "user", "content": "Sag \u00e4h \"ja\"."}]})
        self.assertEqual(headers["authorization"], "Bearer " + SECRET)
        self.assertEqual((found["model"], found["upstream_model"]), ("first", "renamed"))
        self.assertEqual(self.ask("openai", {"model": "second"})["model"], "second")
        found = self.ask("anything", {"model": "what/ever", "prompt": "hello there"})
        self.assertEqual((found["model"], found["text"]), ("what/ever", "hello there"))
        self.assertEqual(self.ask("keyed")["credential"], "spare")
        headers, _ = self.provider.asked("/openai/chat/completions")[-1]
        self.assertEqual(headers["authorization"], "Bearer sk-another-one-for-all")

    def test_nobody_pays_and_nothing_is_noted(self):
        for _ in range(4):
            self.assertFalse(self.ask("dead")["ok"])
            self.assertFalse(self.ask("wrong")["ok"])
        self.ask("openai")
        wait_for(self.gw.settled)
        rows = json.loads(self.gw.admin("GET", "/admin/v1/logs")[2])["data"]
        self.assertEqual([r for r in rows if "test" in r.get("request_id", "")], [])
        usage = json.loads(self.gw.admin("GET", "/admin/v1/usage")[2])
        self.assertEqual(sum(r["requests"] for r in usage["data"]), 0, usage)
        for provider in json.loads(self.gw.admin("GET", "/admin/v1/health")[2])["data"]:
            self.assertIn(provider["state"], ("up", "disabled"), provider)
            for endpoint in provider["endpoints"]:
                self.assertEqual(endpoint["failures"], 0, endpoint)

    def test_failures(self):
        found = self.ask("wrong")
        self.assertEqual((found["ok"], found["status"], found["text"]),
                         (False, 401, None))
        self.assertIn("refused the gateway's credential", found["error"]["message"])
        found = self.ask("quota")
        self.assertEqual((found["status"], found["error"]["code"]),
                         (429, "rate_limit_exceeded"))
        self.assertIn("You exceeded your quota", found["error"]["message"])
        found = self.ask("page")
        self.assertEqual((found["ok"], found["status"]), (False, 200))
        self.assertIn("base_url", found["error"]["message"])
        found = self.ask("dead")
        self.assertEqual((found["ok"], found["status"], found["error"]["code"],
                          found["first_byte_ms"]), (False, None, "not_reached", None))
        found = self.ask("kept") # this host is no public address
        self.assertEqual((found["status"], found["error"]["code"]),
                         (None, "not_reached"))
        self.assertEqual(self.provider.asked("/kept/"), [])
        found = self.ask("hangs")
        self.assertEqual((found["ok"], found["status"], found["error"]["code"]),
                         (False, None, "timeout"))
        self.assertGreaterEqual(found["duration_ms"], 300)
        self.assertLess(found["duration_ms"], 20000)
        found = self.ask("quotes")
        self.assertTrue(found["ok"], found)
        self.assertIn("your key is", found["text"])
        self.assertIn("\u00e9", found["text"])
        self.assertNotIn("upstream-secret", json.dumps(found))
        self.assertNotIn("upstream-secret", self.gw.log())

    def test_what_is_refused(self):
        def refused(name, body, status, code, field=None):
            error = self.ask(name, body, status)["error"]
            self.assertEqual((error["code"], error.get("field")), (code, field))
        refused("nobody", {}, 404, "not_found")
        refused("off", {}, 409, "provider_disabled")
        refused("openai", {"model": "claude-1"}, 400, "invalid_field", "model")
        refused("openai", {"model": "vectors"}, 400, "invalid_field", "model")
        refused("openai", {"model": 5}, 400, "invalid_field", "model")
        refused("anything", {}, 400, "invalid_field", "model")
        refused("openai", {"prompt": "x" * 1001}, 400, "invalid_field", "prompt")
        refused("openai", {"prompt": ""}, 400, "invalid_field", "prompt")
        refused("openai", {"max_tokens": 5}, 400, "invalid_field", "max_tokens")
        self.assertEqual(self.gw.admin("GET", "/admin/v1/providers/openai/test")[0], 405)
        status, _, text = self.gw.admin("POST", "/admin/v1/provider-tests",
                                        {"worker": "0-0-0"})
        self.assertEqual((status, json.loads(text)["error"]["code"]),
                         (403, "socket_only"))

    def test_who_may(self):
        asked = len(self.provider.asked("/openai/"))
        for role, scopes, status in (("read-only", None, 403), ("operator", None, 200),
                                     ("operator", ["config:read"], 403),
                                     ("operator", ["config:write"], 200)):
            body = {"name": "t-%s-%s" % (role, scopes), "role": role}
            if scopes:
                body["scopes"] = scopes
            _, _, made = self.gw.admin("POST", "/admin/v1/tokens", body)
            self.ask("openai", None, status, json.loads(made)["token"])
        self.assertEqual(len(self.provider.asked("/openai/")), asked + 2)
        rows = json.loads(self.gw.admin(
            "GET", "/admin/v1/audit?operation=provider_test&object=openai&limit=4"
        )[2])["data"]
        self.assertEqual([r["outcome"] for r in rows][:4],
                         ["ok", "not_permitted", "ok", "not_permitted"])
        self.assertEqual(rows[0]["member"], "t-operator-['config:write']")

    def test_in_the_document(self):
        status, _, text = self.gw.admin("GET", "/admin/v1/openapi.json")
        self.assertEqual(status, 200, text)
        document = json.loads(text)
        operation = document["paths"]["/admin/v1/providers/{name}/test"]["post"]
        self.assertEqual((operation["operationId"], operation["x-aigw-role"]),
                         ("provider_test", "operator"))


class Bounds(ProviderTest):
    workers = 1

    def test_too_many(self):
        answers, threads = self.begin("slow", 4)
        error = self.ask("openai", None, 429)["error"]
        self.assertEqual(error["code"], "too_many_tests")
        self.provider.let_go.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual([a[0] for a in answers], [200] * 4)
        self.assertTrue(self.ask("openai")["ok"])

    def test_a_client_that_leaves(self):
        for who in ("tcp", "socket"):
            if who == "tcp":
                lines = [socket.create_connection(("127.0.0.1", self.gw.admin_port))
                         for _ in range(4)]
            else:
                lines = [socket.socket(socket.AF_UNIX) for _ in range(4)]
                for line in lines:
                    line.connect(self.gw.dir + "/run/aigw.sock")
            for line in lines:
                line.sendall(b"POST /admin/v1/providers/slow/test HTTP/1.1\r\nHost: x\r\n"
                             b"Authorization: Bearer test-admin-token-1\r\n"
                             b"Content-Length: 2\r\n\r\n{}")
            wait_for(lambda: self.provider.waiting == 4, what=who)
            for line in lines:
                line.close()
            self.ask("openai", None, 429) # they are asked still
            self.provider.let_go.set()
            wait_for(lambda: self.provider.waiting == 0)
            wait_for(lambda: self.gw.admin(
                "POST", "/admin/v1/providers/openai/test", {})[0] == 200)
            self.provider.let_go.clear()

    def test_an_operator_reloads_meanwhile(self):
        answers, (thread,) = self.begin("slow")
        old = set(self.gw.children("worker"))
        self.gw.signal(signal.SIGHUP)
        wait_for(lambda: set(self.gw.children("worker")) - old, what="new workers")
        self.assertEqual(answers, [])
        self.provider.let_go.set()
        thread.join(60)
        self.assertEqual(answers[0][0], 200, answers)
        self.assertTrue(json.loads(answers[0][2])["ok"])


class Killed(ProviderTest):
    workers = 1

    def socket_test(self, name):
        """A test over the unix socket: no worker stands between."""
        line = socket.socket(socket.AF_UNIX)
        self.addCleanup(line.close)
        line.connect(self.gw.dir + "/run/aigw.sock")
        line.settimeout(60)
        line.sendall(b"POST /admin/v1/providers/%s/test HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Length: 2\r\n\r\n{}" % name.encode())
        return line

    def accepted_test(self, name):
        """One that was not refused at once; None: it was."""
        line = self.socket_test(name)
        line.settimeout(1)
        try:
            self.assertIn(b" 429 ", line.recv(65536))
            return None
        except socket.timeout:
            line.settimeout(60)
            return line

    def works_again(self):
        def works():
            try:
                return self.gw.admin("POST", "/admin/v1/providers/openai/test",
                                     {})[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_for(works, what="another test")

    def test_the_worker(self):
        line = self.socket_test("slow")
        wait_for(lambda: self.provider.waiting == 1)
        began = time.monotonic()
        os.kill(list(self.gw.children("worker"))[0], signal.SIGKILL)
        answer = line.recv(65536)
        self.assertIn(b" 503 ", answer.split(b"\r\n")[0])
        self.assertIn(b"worker_lost", answer)
        self.assertLess(time.monotonic() - began, 30) # not at the deadline
        self.provider.let_go.set()
        self.works_again()

    def test_the_worker_stands_still(self):
        (pid,) = list(self.gw.children("worker"))
        os.kill(pid, signal.SIGSTOP)
        try:
            line = self.socket_test("openai")
            answer = line.recv(65536)
            self.assertIn(b" 503 ", answer.split(b"\r\n")[0])
            self.assertIn(b"no_worker", answer)
            asked = len(self.provider.asked("/claude/"))
            lines = [self.socket_test("claude") for _ in range(4)]
            self.assertIn(b" 429 ", self.socket_test("gem").recv(65536))
            began = time.monotonic()
            for line in lines: # nobody waits for them
                line.close()
            line = wait_for(lambda: self.accepted_test("gem"), what="a place")
            self.assertLess(time.monotonic() - began, 5) # not by their deadline
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertIn(b"said by gemini", line.recv(65536))
        self.works_again()
        self.assertEqual(len(self.provider.asked("/claude/")), asked)

    def test_the_accountant(self):
        line = self.socket_test("slow")
        wait_for(lambda: self.provider.waiting == 1)
        os.kill(list(self.gw.children("accountant"))[0], signal.SIGKILL)
        try:
            self.assertEqual(line.recv(65536), b"")
        except ConnectionResetError:
            pass
        wait_for(lambda: self.gw.children("accountant"))
        self.provider.let_go.set() # what came of it is of no test now
        self.works_again()
        self.assertTrue(self.ask("openai")["ok"])
        self.gw.verify()

    def test_the_server_is_replaced(self):
        line = self.socket_test("slow")
        wait_for(lambda: self.provider.waiting == 1)
        self.gw.signal(signal.SIGUSR2)
        self.assertIn(b" 503 ", line.recv(65536).split(b"\r\n")[0])
        self.provider.let_go.set()
        self.works_again()


class AiProxy(ProviderTest):
    def api(self, path, status=200):
        got, head, text = self.gw.http("GET", "/api" + path, None, {
            "Authorization": "test-admin-token-1"}, port=self.gw.admin_port, timeout=70)
        self.assertEqual(got, status, text)
        return json.loads(text) if head["content-type"] == "application/json" else text

    def channel(self, name):
        (one,) = [c for c in self.api("/channels/all")["data"] if c["name"] == name]
        return one["id"]

    def test_one_model(self):
        number = self.channel("openai")
        found = self.api("/channel/%d/test/first" % number)
        self.assertTrue(found["success"])
        data = found["data"]
        self.assertLess(abs(data.pop("test_at") / 1000 - time.time()), 60)
        self.assertGreater(data.pop("took"), 0)
        self.assertEqual(data, {
            "model": "first", "actual_model": "renamed", "response": "",
            "channel_name": "openai", "channel_type": 1, "channel_id": number,
            "success": True, "mode": 1, "code": 200})
        found = self.api("/channel/%d/test/second?success_body=true" % number)
        self.assertIn("tok", found["data"]["response"])
        found = self.api("/channel/%d/test/quota-1" % self.channel("quota"))
        self.assertEqual((found["success"], found["data"]["success"],
                          found["data"]["code"]), (True, False, 429))
        self.assertIn("exceeded", json.loads(
            found["data"]["response"])["error"]["message"])
        self.assertEqual(self.api("/channel/%d/test/dead-1" % self.channel("dead"))
                         ["data"]["code"], 503)
        self.assertEqual(self.api("/channel/12345/test/first"), {
            "success": False, "message": "channel not found"})
        self.assertEqual(self.api("/channel/%d/test/claude-1" % number), {
            "success": False, "message": "model not supported by channel"})

    def test_all_models_of_a_channel(self):
        number = self.channel("openai")
        self.assertEqual(self.api("/channel/%d/test" % number),
                         {"success": True, "data": []})
        found = self.api("/channel/%d/test?return_success=true" % number)["data"]
        self.assertEqual([(r["success"], r["data"]["model"]) for r in found],
                         [(True, "first"), (True, "second")])
        found = self.api("/channel/%d/test" % self.channel("wrong"))["data"]
        self.assertEqual([(r["success"], r["data"]["success"], r["data"]["code"])
                          for r in found], [(True, False, 401)])
        text = self.api("/channel/%d/test?stream=true&return_success=true" % number)
        lines = [json.loads(l[6:]) for l in text.decode().split("\n\n") if l]
        self.assertEqual([l["data"]["model"] for l in lines], ["first", "second"])

    def test_not_for_longer_than_a_client_waits(self):
        gw = self.gateway(extra=section("hangs", "openai", self.provider.server.port,
                                        "total_timeout = 8500ms", "a, b, c")).start()
        _, _, text = gw.http("GET", "/api/channels/test", None, {
            "Authorization": "test-admin-token-1"}, port=gw.admin_port, timeout=60)
        found = json.loads(text)["data"]
        self.assertEqual([r["success"] for r in found[:3]], [True, False, False], text)
        self.assertEqual(found[0]["data"]["code"], 503)
        self.assertIn("took too long", found[1]["message"])

    def test_all_channels(self):
        self.provider.let_go.set()
        found = self.api("/channels/test?return_success=true")["data"]
        by_name = {r["data"]["channel_name"]: r["data"]["success"] for r in found
                   if "data" in r}
        self.assertTrue(by_name["openai"] and by_name["claude"] and by_name["inside"])
        self.assertFalse(by_name["wrong"] or by_name["dead"] or by_name["hangs"])
        self.assertNotIn("off", by_name)


def load_tests(loader, tests, pattern):
    return unittest.TestSuite(loader.loadTestsFromTestCase(c) for c in (
        Answers, Bounds, Killed, AiProxy))


if __name__ == "__main__":
    unittest.main()
