"""Cloudflare's Workers AI: its own form at /ai/run passes to it and back, other
clients are served from it, and clients of its form from others."""
import asyncio
import json
import unittest

from gateway import GatewayCase, wait_for

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
RUN = "/client/v4/accounts/acc1/ai/run/"


class WorkersAi:
    """A handler of MockProvider, as the account acc1 would answer."""

    def __init__(self):
        self.calls = []

    def run(self, asked):
        if asked.get("stream"):
            pieces = [{"response": "Hel", "p": "abc"}, {"response": "lo"},
                      {"response": "", "usage": USAGE}]
            return "text/event-stream", "".join(
                "data: %s\n\n" % json.dumps(p) for p in pieces) + \
                "data: [DONE]\n\n"
        return "application/json", json.dumps({
            "result": {"response": "Hello", "usage": USAGE}, "success": True,
            "errors": [], "messages": []})

    def chat(self, asked):
        return "application/json", json.dumps({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": "Hello"}}], "usage": USAGE})

    async def __call__(self, method, path, headers, body, writer):
        asked = json.loads(body)
        self.calls.append((path, headers, asked))
        status = 200
        if "spent" in path or asked.get("model") == "@cf/a/spent":
            status, kind, data = 429, "application/json", json.dumps({
                "result": None, "success": False, "messages": [], "errors": [
                    {"code": 3036, "message": "4006: daily free allocation"}]})
        elif path.startswith("/client/v4/accounts/acc1/ai/run/"):
            kind, data = self.run(asked)
        else:
            kind, data = self.chat(asked)
        data = data.encode()
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                      "\r\n" % (status, kind, len(data))).encode())
        for i in range(0, len(data), 17):
            writer.write(data[i:i + 17])
            await writer.drain()
            await asyncio.sleep(0)
        return True


class RunCase(GatewayCase):
    def setUp(self):
        self.cloud = WorkersAi()
        self.provider = self.mock(handler=self.cloud)
        base = self.provider.base_url.removesuffix("/v1")
        self.gw = self.gateway(extra="[provider.cf]\nkind = workers-ai\n"
                               "base_url = %s/client/v4/accounts/acc1\n"
                               "api_key = cf-token-canary-01\n"
                               "models = @cf/a/llama, @cf/a/spent\n" % base)
        self.gw.start()
        self.key = self.gw.create_key("k")

    def run_model(self, model, body):
        return self.gw.call(self.key, body, RUN + model)

    def check_usage(self, headers, prompt, completion):
        wanted = headers["x-request-id"].removeprefix("req_")

        def find():
            for row in self.gw.ctl("logs", "--limit", "100"):
                if row["request_id"].removeprefix("req_") == wanted:
                    return row["usage"]
            return None
        usage = wait_for(find, 30, "the call's log row")
        self.assertEqual((usage["prompt_missed"], usage["completion"]),
                         (prompt, completion))

    def test_its_own_form_passes_both_ways(self):
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 20}
        status, headers, got = self.run_model("@cf/a/llama", body)
        self.assertEqual(status, 200, got)
        self.assertEqual(got, self.cloud.run(body)[1].encode())
        self.assertEqual(self.cloud.calls[-1][0], RUN + "@cf/a/llama")
        self.assertEqual(self.cloud.calls[-1][1]["authorization"],
                         "Bearer cf-token-canary-01")
        self.assertEqual(self.cloud.calls[-1][2], body)
        self.check_usage(headers, 9, 3)
        status, headers, got = self.run_model("@cf%2Fa%2Fllama",
                                              dict(body, stream=True))
        self.assertEqual(got, self.cloud.run({"stream": True})[1].encode())
        self.check_usage(headers, 9, 3)
        self.gw.verify()

    def test_other_clients_are_served_at_the_form_of_openai(self):
        status, headers, got = self.gw.call(self.key, {
            "model": "@cf/a/llama",
            "messages": [{"role": "user", "content": "hi"}]})
        self.assertEqual(status, 200, got)
        self.assertEqual(json.loads(got)["choices"][0]["message"]["content"],
                         "Hello")
        self.assertEqual(self.cloud.calls[-1][0],
                         "/client/v4/accounts/acc1/ai/v1/chat/completions")
        self.check_usage(headers, 9, 3)

    def test_clients_of_its_form_are_served_by_others(self):
        body = {"messages": [{"role": "user", "content": "one two"}]}
        status, headers, got = self.run_model("builtin/echo", body)
        self.assertEqual(status, 200, got)
        answer = json.loads(got)
        self.assertTrue(answer["success"])
        self.assertIn("one two", answer["result"]["response"])
        self.assertGreater(answer["result"]["usage"]["completion_tokens"], 0)
        status, headers, got = self.run_model("builtin/echo",
                                              dict(body, stream=True))
        self.assertEqual(headers["content-type"].split(";")[0],
                         "text/event-stream")
        events = got.decode().split("\n\n")
        self.assertEqual(events[-2:], ["data: [DONE]", ""])
        pieces = [json.loads(e[6:]) for e in events[:-2]]
        self.assertIn("one two", "".join(p["response"] for p in pieces))
        self.assertIn("usage", pieces[-1])

    def test_errors_are_cloudflares_for_its_clients_and_openais_for_others(self):
        status, headers, got = self.run_model("@cf/a/spent", {"prompt": "x"})
        self.assertEqual(status, 429, got)
        answer = json.loads(got)
        self.assertFalse(answer["success"])
        self.assertEqual(answer["errors"][0]["code"], 3036)
        self.assertIn("daily free allocation", answer["errors"][0]["message"])
        status, headers, got = self.gw.call(self.key, {
            "model": "@cf/a/spent", "messages": [{"role": "user", "content": "x"}]})
        self.assertEqual(status, 429)
        self.assertEqual(json.loads(got)["error"]["code"], "insufficient_quota")
        status, headers, got = self.run_model("@cf/a/nothing", {"prompt": "x"})
        self.assertEqual(status, 404)
        self.assertFalse(json.loads(got)["success"])


if __name__ == "__main__":
    unittest.main()
