"""Bedrock and Azure as providers, by mocks that check what they are sent.

The mock of Bedrock reckons each signature itself, refuses a body whose roles do
not take turns, and answers a stream in binary frames cut anywhere. Its usage is
in the log row, class by class. The mock of Azure knows deployments, not models.
"""
import asyncio
import base64
import glob
import hashlib
import hmac
import json
import os
import random
import struct
import unittest
import urllib.parse
import zlib

from gateway import SHARED, GatewayCase, wait_for

ID, SECRET = "AKIDTESTCANARY", "secret/of+the/canary0123456789"
FRAMES = "application/vnd.amazon.eventstream"


def sign(method, path, headers, body, service="bedrock", region="eu-west-9"):
    """The Authorization field as AWS would have it (Signature Version 4)."""
    names = ["content-type", "host", "x-amz-content-sha256", "x-amz-date"]
    canonical = "\n".join([
        method, urllib.parse.quote(path, safe="/-._~"), "",
        "".join("%s:%s\n" % (n, headers[n]) for n in names), ";".join(names),
        hashlib.sha256(body).hexdigest()])
    date = headers["x-amz-date"]
    scope = "%s/%s/%s/aws4_request" % (date[:8], region, service)
    text = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (
        date, scope, hashlib.sha256(canonical.encode()).hexdigest())
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        ID, scope, ";".join(names),
        hmac.new(key, text.encode(), hashlib.sha256).hexdigest())


def frame(payload, **headers):
    """One message; names of headers without their colon, `_` for `-`."""
    head = b""
    for name, value in headers.items():
        name = (":" + name.replace("_", "-")).encode()
        head += struct.pack("B", len(name)) + name + b"\7"
        head += struct.pack(">H", len(value)) + value.encode()
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    start += struct.pack(">I", zlib.crc32(start)) + head + payload
    return start + struct.pack(">I", zlib.crc32(start))


def event(kind, **payload):
    return frame(dict(payload, p="abc"), event_type=kind,
                 content_type="application/json", message_type="event")


def text_stream(words, stop="end_turn", usage=None):
    yield event("messageStart", role="assistant")
    for word in words:
        yield event("contentBlockDelta", contentBlockIndex=0, delta={"text": word})
    yield event("contentBlockStop", contentBlockIndex=0)
    yield event("messageStop", stopReason=stop)
    yield event("metadata", usage=usage or USAGE, metrics={"latencyMs": 1})


USAGE = {"inputTokens": 12, "outputTokens": 7, "totalTokens": 1047,
         "cacheReadInputTokens": 1000, "cacheReadInputTokenCount": 1000,
         "cacheWriteInputTokens": 28, "cacheWriteInputTokenCount": 28}


def tool_stream():
    yield event("messageStart", role="assistant")
    yield event("contentBlockDelta", contentBlockIndex=0,
                delta={"reasoningContent": {"text": "hm"}})
    yield event("contentBlockDelta", contentBlockIndex=0,
                delta={"reasoningContent": {"signature": "c2ln"}})
    yield event("contentBlockStop", contentBlockIndex=0)
    for index, city in ((1, "Oslo"), (2, "Rom")):
        yield event("contentBlockStart", contentBlockIndex=index, start={
            "toolUse": {"toolUseId": "tooluse_%d" % index, "name": "weather"}})
        for piece in ('{"city"', ':"%s"}' % city):
            yield event("contentBlockDelta", contentBlockIndex=index,
                        delta={"toolUse": {"input": piece}})
        yield event("contentBlockStop", contentBlockIndex=index)
    yield event("messageStop", stopReason="tool_use")
    yield event("metadata", usage=USAGE)


class Bedrock:
    """A handler of MockProvider: a model's name says what it does."""

    def __init__(self):
        self.bodies, self.paths, self.faults = [], [], []
        self.random = random.Random(95)

    def check(self, method, path, headers, body):
        want = sign(method, path, headers, body)
        if headers.get("authorization") != want:
            self.faults.append("%s is not %s" % (headers.get("authorization"), want))
        if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            self.faults.append("the body's hash")
        asked = json.loads(body)
        roles = [m["role"] for m in asked["messages"]]
        if roles != [("user", "assistant")[i % 2] for i in range(len(roles))]:
            self.faults.append("roles: %s" % roles)
        if "model" in asked or "stream" in asked:
            self.faults.append("members of another API")
        self.bodies.append(asked)
        self.paths.append(path)

    def plain(self, model):
        content = [{"text": "Hello "}, {"text": "w\u00f6rld"}]
        if model == "tools":
            content = [{"toolUse": {"toolUseId": "tooluse_1", "name": "weather",
                                    "input": {"city": "Oslo"}}}]
        return {"output": {"message": {"role": "assistant", "content": content}},
                "stopReason": "tool_use" if model == "tools" else "end_turn",
                "usage": USAGE, "metrics": {"latencyMs": 3}}

    def stream(self, model):
        if model == "tools":
            return b"".join(tool_stream())
        frames = list(text_stream(["Hel", "lo ", "w\u00f6rld"]))
        if model == "damaged":
            frames[3] = frames[3][:-1] + bytes([frames[3][-1] ^ 1])
        if model == "throttled":
            frames[3:] = [frame({"message": "Too many tokens"},
                                message_type="exception",
                                exception_type="throttlingException")]
        if model == "cut":
            frames = frames[:3] + [frames[3][:20]]
        return b"".join(frames)

    async def __call__(self, method, path, headers, body, writer):
        self.check(method, path, headers, body)
        name, action = urllib.parse.unquote(path).rsplit("/", 1)
        model = name.removeprefix("/model/").removeprefix("eu.vendor.").split("-")[0]
        status, kind = 200, "application/json"
        if model == "refused":
            status, data = 429, b'{"message":"Too many requests, please wait"}'
        elif model == "unknown":
            status, data = 403, json.dumps(
                {"message": "The security token %s is invalid" % ID}).encode()
        elif action == "converse-stream":
            kind, data = FRAMES, self.stream(model)
        else:
            data = json.dumps(self.plain(model)).encode()
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: %s\r\nx-amzn-RequestId: amz-7"
                      "\r\nTransfer-Encoding: chunked\r\n\r\n" %
                      (status, kind)).encode())
        while data:
            n = self.random.choice((1, 3, 40, 700))
            writer.write(b"%x\r\n%s\r\n" % (len(data[:n]), data[:n]))
            await writer.drain()
            await asyncio.sleep(0)
            data = data[n:]
        writer.write(b"0\r\n\r\n")
        return True


def chat(model, stream=False, **more):
    return dict({"model": model, "stream": stream, "max_tokens": 50,
                 "messages": [{"role": "system", "content": "brief"},
                              {"role": "user", "content": "hi"}]}, **more)


TOOLS = [{"type": "function", "function": {
    "name": "weather", "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}}}}}]


def events_of(body):
    return [json.loads(e[6:]) for e in body.decode().split("\n\n")
            if e.startswith("data: {")]


class ProviderCase(GatewayCase):
    def start(self, kind, handler, models, options):
        self.provider = self.mock(handler=handler)
        base = self.provider.base_url.removesuffix("/v1")
        self.gw = self.gateway(extra="[provider.there]\nkind = %s\nbase_url = %s%s\n"
                               "models = %s\n" % (kind, base, options[0],
                                                  ", ".join(models)) + options[1])
        self.gw.start()
        self.key = self.gw.create_key("k")

    def ask(self, model, stream=False, **more):
        return self.gw.call(self.key, chat(model, stream, **more))

    def row_of(self, headers):
        wanted = headers["x-request-id"].removeprefix("req_")

        def find():
            for row in self.gw.ctl("logs", "--limit", "100"):
                if row["request_id"].removeprefix("req_") == wanted:
                    return row
            return None
        return wait_for(find, 30, "the call's log row")

    def check_usage(self, headers, prompt, cached, written, completion):
        usage = self.row_of(headers)["usage"]
        self.assertEqual((usage["prompt_missed"], usage["cached"],
                          usage["cache_creation"], usage["completion"]),
                         (prompt, cached, written, completion))


class ConverseCase(ProviderCase):
    def setUp(self):
        self.bedrock = Bedrock()
        models = ["text", "tools", "damaged", "throttled", "cut", "refused",
                  "unknown"]
        self.start("bedrock", self.bedrock, models,
                   ("", "region = eu-west-9\napi_key = %s:%s\nnames = %s\n" % (
                       ID, SECRET, ", ".join("%s=eu.vendor.%s-v1:0" % (m, m)
                                             for m in models))))

    def tearDown(self):
        self.assertEqual(self.bedrock.faults, [])
        self.gw.verify()

    def test_a_plain_chat_is_signed_translated_and_counted(self):
        status, headers, body = self.ask("text", seed=3)
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        self.assertEqual(answer["choices"][0]["message"]["content"],
                         "Hello w\u00f6rld")
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertEqual(answer["model"], "text")
        self.assertEqual(answer["usage"]["prompt_tokens"], 1040)
        self.assertEqual(answer["usage"]["prompt_tokens_details"]["cached_tokens"],
                         1000)
        self.assertEqual(headers["x-upstream-request-id"], "amz-7")
        self.assertEqual(headers["x-aigw-dropped"], "seed")
        self.assertEqual(headers["x-aigw-model"], "text")
        self.check_usage(headers, 12, 1000, 28, 7)
        self.assertEqual(self.bedrock.paths,
                         ["/model/eu.vendor.text-v1%3A0/converse"])
        self.assertEqual(self.bedrock.bodies[0], {
            "messages": [{"role": "user", "content": [{"text": "hi"}]}],
            "system": [{"text": "brief"}], "inferenceConfig": {"maxTokens": 50}})

    def test_a_stream_in_frames_becomes_chunks(self):
        status, headers, body = self.ask(
            "text", True, stream_options={"include_usage": True})
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["content-type"].split(";")[0], "text/event-stream")
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body)
        chunks = events_of(body)
        text = "".join(c["choices"][0]["delta"].get("content") or ""
                       for c in chunks if c["choices"])
        self.assertEqual(text, "Hello w\u00f6rld")
        self.assertEqual([c["choices"][0]["finish_reason"] for c in chunks
                          if c["choices"]][-1], "stop")
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], 7)
        self.check_usage(headers, 12, 1000, 28, 7)

    def test_calls_of_tools_go_both_ways(self):
        status, headers, body = self.ask("tools", True, tools=TOOLS)
        self.assertEqual(status, 200, body)
        calls = {}
        for chunk in events_of(body):
            for choice in chunk["choices"]:
                for call in choice["delta"].get("tool_calls") or []:
                    known = calls.setdefault(call["index"], {"arguments": ""})
                    if call.get("id"):
                        known["id"] = call["id"]
                    known["arguments"] += call["function"].get("arguments", "")
        self.assertEqual({i: (c["id"], json.loads(c["arguments"]))
                          for i, c in calls.items()},
                         {0: ("tooluse_1", {"city": "Oslo"}),
                          1: ("tooluse_2", {"city": "Rom"})})
        status, headers, body = self.gw.call(self.key, {
            "model": "tools", "tools": TOOLS, "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": c["id"], "type": "function", "function": {
                        "name": "weather", "arguments": c["arguments"]}}
                    for c in calls.values()]},
                {"role": "tool", "tool_call_id": "tooluse_1", "content": "cold"},
                {"role": "tool", "tool_call_id": "tooluse_2", "content": "warm"},
                {"role": "user", "content": "so?"}]})
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["choices"][0]["finish_reason"],
                         "tool_calls")
        last = self.bedrock.bodies[-1]["messages"]
        self.assertEqual([list(b) for b in last[2]["content"]],
                         [["toolResult"], ["toolResult"], ["text"]])
        self.assertEqual(last[1]["content"][0]["toolUse"]["input"],
                         {"city": "Oslo"})

    def test_a_refusal_is_told_in_the_clients_words(self):
        status, headers, body = self.ask("refused", True)
        self.assertEqual(status, 429, body)
        error = json.loads(body)["error"]
        self.assertEqual(error["code"], "rate_limit_exceeded")
        self.assertIn("please wait", error["message"])

    def test_the_credential_is_never_shown(self):
        status, headers, body = self.ask("unknown")
        self.assertEqual(status, 403, body)
        self.assertNotIn(ID.encode(), body)
        self.assertNotIn(SECRET[:12], self.gw.log())

    def test_a_link_is_refused_before_anything_is_sent(self):
        status, headers, body = self.gw.call(self.key, {
            "model": "text", "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://x.test/i.png"}}
            ]}]})
        self.assertEqual(status, 400, body)
        self.assertIn("as base64", json.loads(body)["error"]["message"])
        self.assertEqual(self.bedrock.bodies, [])


def broken_test(model, words):
    def test(self):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.gw.port,
                                                timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/chat/completions",
                           json.dumps(chat(model, True)),
                           {"Authorization": "Bearer " + self.key,
                            "Content-Type": "application/json"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        body = b""
        try:
            while True:
                piece = answer.read1()
                if not piece:
                    break
                body += piece
        except http.client.HTTPException:
            pass  # an answer that breaks off has no last chunk
        self.assertIn(b"lo ", body)
        self.assertNotIn(b"[DONE]", body)
        self.assertIn(words, events_of(body)[-1]["error"]["message"])
        headers = {k.lower(): v for k, v in answer.getheaders()}
        row = self.row_of(headers)
        self.assertNotEqual(row["cause"], "ok")
        self.assertGreater(row["usage"]["completion"], 0)
    return test


for model, words in (("damaged", "damaged frame"),
                     ("throttled", "Too many tokens"), ("cut", "broke off")):
    setattr(ConverseCase, "test_a_stream_that_is_%s_says_so" % model,
            broken_test(model, words))


def load_recordings():
    found = []
    for path in sorted(glob.glob(os.path.join(
            SHARED, "recordings", "bedrock", "bedrock-converse-*.json"))):
        with open(path, encoding="utf-8") as f:
            recording = json.load(f)
        if recording["response"]["status"] == 200:
            found.append(recording)
    return found


RECORDINGS = load_recordings()


@unittest.skipUnless(RECORDINGS, "no recordings in %s" % SHARED)
class RecordedCase(ProviderCase):
    def test_recorded_answers_are_counted_as_recorded(self):
        current = {}
        source = random.Random(96)

        async def play(method, path, headers, body, writer):
            response = current["it"]["response"]
            data = response["body"].encode()
            kind = "application/json"
            if response["body_encoding"] == "base64":
                data, kind = base64.b64decode(response["body"]), FRAMES
            writer.write(("HTTP/1.1 200 X\r\nContent-Type: %s\r\nContent-Length: "
                          "%d\r\n\r\n" % (kind, len(data))).encode())
            while data:
                n = source.choice((7, 100, 3000))
                writer.write(data[:n])
                await writer.drain()
                await asyncio.sleep(0)
                data = data[n:]
            return True

        self.start("bedrock", play, ["m"], ("", "api_key = ABSKbearer0123\n"))
        for recording in RECORDINGS:
            with self.subTest(recording["id"]):
                current["it"] = recording
                status, headers, body = self.ask("m", recording["stream"])
                self.assertEqual(status, 200, body)
                want = recording["expected_usage"]["normalised"]
                self.check_usage(headers, want["prompt_missed"], want["cached"],
                                 want["cache_creation"], want["completion"])
        self.assertEqual(
            self.provider.requests[0][2]["authorization"], "Bearer ABSKbearer0123")


class AzureCase(ProviderCase):
    async def azure(self, method, path, headers, body, writer):
        if headers.get("api-key") != "azure-key-0123456789":
            status, answer = 401, {"error": {"code": "401", "message": "no"}}
        elif "/deployments/missing/" in path:
            status, answer = 404, None
        elif b"bad words" in body:
            status, answer = 400, {"error": {
                "code": "content_filter", "message": "The prompt was filtered",
                "param": "prompt", "status": 400, "innererror": {
                    "code": "ResponsibleAIPolicyViolation"}}}
        else:
            status, answer = 200, {
                "id": "c-1", "object": "chat.completion", "created": 1,
                "model": "gpt-35", "prompt_filter_results": [],
                "choices": [{"index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "yes"}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                          "total_tokens": 7}}
        data = b"" if answer is None else json.dumps(answer).encode()
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                      "apim-request-id: apim-1\r\nContent-Length: %d\r\n\r\n" %
                      (status, len(data))).encode() + data)
        await writer.drain()
        return True

    def test_a_deployment_stands_in_the_path(self):
        self.start("azure", self.azure, ["gpt", "gone"],
                   ("", "api_key = azure-key-0123456789\n"
                        "names = gpt=my-gpt, gone=missing\n"))
        status, headers, body = self.ask("gpt")
        self.assertEqual(status, 200, body)
        self.check_usage(headers, 5, 0, 0, 2)
        self.assertEqual(
            self.provider.requests[-1][1],
            "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21")
        status, headers, body = self.gw.call(self.key, {
            "model": "gpt", "messages": [{"role": "user", "content": "bad words"}]})
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(body)["error"]["code"], "content_filter")
        status, headers, body = self.ask("gone")
        self.assertEqual(status, 404)
        self.assertIn("api_version", json.loads(body)["error"]["message"])

    def test_the_v1_surface_takes_the_deployment_as_a_model(self):
        self.start("azure", self.azure, ["gpt"],
                   ("/openai/v1", "api_key = azure-key-0123456789\n"
                                  "names = gpt=my-gpt\n"))
        status, headers, body = self.ask("gpt")
        self.assertEqual(status, 200, body)
        method, path, fields, sent = self.provider.requests[-1]
        self.assertEqual(path, "/openai/v1/chat/completions")
        self.assertEqual(json.loads(sent)["model"], "my-gpt")


if __name__ == "__main__":
    unittest.main()
