"""Messages calls: to a provider of that dialect, which pass byte for byte, and
between it and others.

The mock here speaks Messages and keeps its own book, as mock_provider does for
chat: a request's member "x_mock" says what shall be served, one token is one
event and four bytes of text, written down before it leaves.
"""
import asyncio
import glob
import json
import os
import random
import threading
import unittest

from gateway import SHARED, GatewayCase, free_port, wait_for
from mock_provider import WORD, Book

KEY = "sk-ant-test-canary-0123456789"
CLASSES = ("prompt_missed", "cached", "cache_creation", "completion", "reasoning")


class Messages:
    """A handler of MockProvider."""

    def __init__(self):
        self.book = Book()

    async def __call__(self, method, path, headers, body, writer):
        if path.endswith("/messages/count_tokens"):
            await self.plain(writer, 200, {"input_tokens": 4321})
            return True
        if not path.endswith("/v1/messages"):
            await self.plain(writer, 404, error("not_found_error", path))
            return True
        request = json.loads(body)
        mock = request.get("x_mock") or {}
        if mock.get("raw") is not None: # status, fields, body as they shall be
            await self.raw(writer, *mock["raw"])
            return True
        tokens = min(mock.get("tokens", 8), request["max_tokens"])
        entry = self.book.add({"id": headers.get("x-request-id"), "served": 0,
                               "prompt": len(body) // 4, "done": False,
                               "tag": mock.get("tag")})
        if request.get("stream"):
            return await self.stream(request, mock, tokens, entry, writer)
        entry["served"] = tokens
        await self.plain(writer, 200, self.message(request, mock, tokens, entry))
        entry["done"] = True
        return True

    @staticmethod
    async def raw(writer, status, fields, body):
        writer.write(("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n" % (
            status, fields, len(body.encode()))).encode() + body.encode())
        await writer.drain()

    async def plain(self, writer, status, answer):
        await self.raw(writer, status, "Content-Type: application/json\r\n"
                       "request-id: req_up1\r\nretry-after: 59\r\n",
                       json.dumps(answer))

    @staticmethod
    def stop(mock, tokens):
        if mock.get("call"):
            return "tool_use"
        return "max_tokens" if tokens < mock.get("tokens", 8) else "end_turn"

    @staticmethod
    def usage(entry, **more):
        return dict({"input_tokens": entry["prompt"],
                     "output_tokens": entry["served"]}, **more)

    def message(self, request, mock, tokens, entry):
        content = [{"type": "text", "text": WORD * tokens}]
        if mock.get("call"):
            content.append({"type": "tool_use", "id": "toolu_1",
                            "name": "weather", "input": {"city": "Oslo"}})
        return {"id": "msg_up1", "type": "message", "role": "assistant",
                "model": request["model"], "content": content,
                "stop_reason": self.stop(mock, tokens), "stop_sequence": None,
                "usage": self.usage(entry, **mock.get("usage", {}))}

    async def stream(self, request, mock, tokens, entry, writer):
        async def send(kind, **data):
            event = "event: %s\ndata: %s\n\n" % (
                kind, json.dumps(dict({"type": kind}, **data)))
            writer.write(b"%x\r\n%s\r\n" % (len(event), event.encode()))
            await writer.drain()

        writer.write(b"HTTP/1.1 200 OK\r\nrequest-id: req_up1\r\n"
                     b"Content-Type: text/event-stream; charset=utf-8\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        await send("message_start", message={
            "id": "msg_up1", "type": "message", "role": "assistant",
            "model": request["model"], "content": [], "stop_reason": None,
            "usage": {"input_tokens": entry["prompt"], "output_tokens": 1}})
        await send("content_block_start", index=0,
                   content_block={"type": "text", "text": ""})
        await send("ping")
        for i in range(tokens):
            if mock.get("cut_after") == i:
                return False
            if mock.get("error_after") == i:
                await send("error", error={"type": "overloaded_error",
                                           "message": "Overloaded " + KEY})
                writer.write(b"0\r\n\r\n")
                return True
            if writer.is_closing():
                raise ConnectionResetError
            entry["served"] += 1
            await send("content_block_delta", index=0,
                       delta={"type": "text_delta", "text": WORD})
        await send("content_block_stop", index=0)
        if mock.get("call"):
            await send("content_block_start", index=1, content_block={
                "type": "tool_use", "id": "toolu_1", "name": "weather",
                "input": {}})
            for piece in ("", '{"city":', '"Oslo"}'):
                await send("content_block_delta", index=1, delta={
                    "type": "input_json_delta", "partial_json": piece})
            await send("content_block_stop", index=1)
        await send("message_delta", delta={
            "stop_reason": self.stop(mock, tokens), "stop_sequence": None},
            usage=self.usage(entry, **mock.get("usage", {})))
        await send("message_stop")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        entry["done"] = True
        return True


def error(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}}


def ask(stream=False, max_tokens=1000, content="hello", **members):
    members.setdefault("x_mock", {})
    return dict({"model": "claude", "max_tokens": max_tokens, "stream": stream,
                 "messages": [{"role": "user", "content": content}]}, **members)


def events_of(body):
    """[(name, data)] of a stream, which is nothing but whole events."""
    events = []
    parts = body.decode().split("\n\n")
    assert parts.pop() == "", body[-100:]
    for part in parts:
        lines = part.split("\n")
        assert len(lines) == 2 and lines[0].startswith("event: "), part
        events.append((lines[0][7:], json.loads(lines[1][6:])))
    for name, data in events:
        assert name == data["type"], (name, data)
    return events


def assembled(events):
    """What an SDK makes of a stream: the message. Strict about order."""
    message, open_index = None, None
    for name, data in events:
        if name == "message_start":
            assert message is None
            message = data["message"]
        elif name == "content_block_start":
            assert open_index is None and data["index"] == len(message["content"])
            open_index = data["index"]
            message["content"].append(dict(data["content_block"], json=""))
        elif name == "content_block_delta":
            assert data["index"] == open_index
            block, delta = message["content"][open_index], data["delta"]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "input_json_delta":
                block["json"] += delta["partial_json"]
            elif delta["type"] == "thinking_delta":
                block["thinking"] += delta["thinking"]
        elif name == "content_block_stop":
            assert data["index"] == open_index
            open_index = None
        elif name == "message_delta":
            assert open_index is None
            message.update(data["delta"])
            message["usage"].update(data["usage"])
        elif name == "message_stop":
            message["stopped"] = True
        else:
            assert name == "ping", name
    for block in message["content"]:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block.pop("json") or "{}")
    return message


class AnthropicCase(GatewayCase):
    def setUp(self):
        self.messages = Messages()
        self.provider = self.mock(handler=self.messages)
        self.chat = self.mock()
        base = "http://127.0.0.1:%d" % self.provider.port
        self.gw = self.gateway(
            provider=self.chat.base_url, models=("gpt",), workers=1, extra="""
[provider.anthropic]
kind = anthropic
base_url = %s
api_key = %s
[model.claude]
providers = anthropic
price_input = 1
price_output = 5
""" % (base, KEY)).start()

    def post(self, key, body, path="/v1/messages", **fields):
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        headers.update({k.replace("_", "-"): v for k, v in fields.items()})
        return self.gw.http("POST", path, body, headers)

    def row(self, headers):
        def find():
            for row in self.gw.ctl("logs", "--limit", "1000"):
                if "req_" + row["request_id"].removeprefix("req_") == \
                        headers["x-request-id"]:
                    return row
        return wait_for(find, 20, "the call's row")


class Pass(AnthropicCase):
    def test_calls_pass_with_the_gateways_credential_and_the_clients_fields(self):
        key = self.gw.create_key("k")
        body = ask(x_mock={"usage": {"cache_read_input_tokens": 40,
                                     "cache_creation_input_tokens": 7}},
                   system=[{"type": "text", "text": "s",
                            "cache_control": {"type": "ephemeral"}}])
        text = json.dumps(body, indent=3).encode()
        status, headers, answer = self.post(
            key, text, anthropic_version="2099-01-01", anthropic_beta="a,b")
        self.assertEqual(status, 200, answer)
        method, path, sent, got = self.provider.requests[-1]
        self.assertEqual((method, path), ("POST", "/v1/messages"))
        self.assertEqual(got, text) # nothing to change: not a byte is
        self.assertEqual(sent["x-api-key"], KEY)
        self.assertNotIn("authorization", sent)
        self.assertEqual(sent["anthropic-version"], "2099-01-01")
        self.assertEqual(sent["anthropic-beta"], "a,b")
        self.assertNotIn(key, str(sent))
        entry = self.messages.book.snapshot()[-1]
        self.assertEqual(json.loads(answer), self.messages.message(
            body, body["x_mock"], 8, entry))
        self.assertEqual(headers["x-upstream-request-id"], "req_up1")
        self.assertEqual(headers["request-id"], headers["x-request-id"])
        self.assertNotIn("retry-after", headers) # it means nothing with a 200
        row = self.row(headers)
        self.assertEqual([row["usage"][c] for c in CLASSES],
                         [entry["prompt"], 40, 7, 8, 0])
        self.post(key, ask())
        self.assertEqual(self.provider.requests[-1][2]["anthropic-version"],
                         "2023-06-01")

    def test_streams_pass_and_are_counted(self):
        key = self.gw.create_key("k")
        status, headers, body = self.post(key, ask(stream=True, x_mock={
            "call": True, "tokens": 20}))
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"],
                         "text/event-stream; charset=utf-8")
        message = assembled(events_of(body))
        self.assertTrue(message["stopped"])
        self.assertEqual(message["id"], "msg_up1")
        self.assertEqual(message["content"][0]["text"], WORD * 20)
        self.assertEqual(message["content"][1]["input"], {"city": "Oslo"})
        row = self.row(headers)
        self.assertEqual((row["usage"]["completion"], row["cause"]), (20, "ok"))
        self.assertEqual(row["usage"]["prompt_missed"],
                         self.messages.book.snapshot()[-1]["prompt"])
        self.assertEqual(row["flags"] & 2, 0) # stated, not estimated

    def test_a_count_of_tokens_passes_and_costs_nothing(self):
        key = self.gw.create_key("k", "--quota", "1000", "--period", "daily")
        body = ask()
        del body["max_tokens"], body["stream"]
        for path in ("/v1/messages/count_tokens",
                     "/anthropic/v1/messages/count_tokens"):
            status, headers, answer = self.post(key, body, path)
            self.assertEqual((status, json.loads(answer)),
                             (200, {"input_tokens": 4321}))
            self.assertEqual(self.provider.requests[-1][1],
                             "/v1/messages/count_tokens")
            row = self.row(headers)
            self.assertEqual((row["tokens"], row["cause"]), (0, "ok"))
        self.assertEqual(self.gw.usage_of("k")[0]["usage"], 0)

    def test_the_providers_errors_pass_unless_they_show_its_credential(self):
        key = self.gw.create_key("k")
        fields = "Content-Type: application/json\r\nrequest-id: req_up2\r\n"
        for status, kind in ((400, "invalid_request_error"), (404, "not_found_error"),
                             (429, "rate_limit_error"), (529, "overloaded_error")):
            text = json.dumps(error(kind, "words"))
            got, headers, body = self.post(key, ask(x_mock={
                "raw": [status, fields + "retry-after: 7\r\n", text]}))
            self.assertEqual((got, body.decode()), (status, text))
            self.assertEqual(headers["x-upstream-request-id"], "req_up2")
            self.assertEqual(headers["retry-after"], "7")
            self.assertEqual(self.row(headers)["tokens"], 0)
        got, headers, body = self.post(key, ask(x_mock={"raw": [
            401, fields, json.dumps(error("authentication_error", "key " + KEY))]}))
        told = json.loads(body)
        self.assertEqual((got, told["error"]["type"]), (401, "authentication_error"))
        self.assertNotIn(KEY[-12:], body.decode())
        self.assertEqual(told["request_id"], headers["x-request-id"])

    def test_our_own_errors_have_the_dialects_shape(self):
        key = self.gw.create_key("k", "--rpm", "3")
        cases = (
            ("sk-aigw-" + "x" * 43, ask(), 401, "authentication_error", "invalid_api_key"),
            (key, ask(model="nobody/serves-this"), 404, "not_found_error", "model_not_found"),
            (key, {"model": "claude"}, 400, "invalid_request_error", "max_tokens_required"),
            (key, b"{", 400, "invalid_request_error", "invalid_json"),
        )
        for who, body, status, kind, code in cases:
            got, headers, answer = self.post(who, body)
            told = json.loads(answer)
            self.assertEqual((got, told["type"]), (status, "error"), answer)
            self.assertEqual(told["error"]["type"], kind)
            self.assertEqual(told["error"]["code"], code)
            self.assertEqual(told["request_id"], headers["x-request-id"])
            self.assertEqual(told["request_id"], headers["request-id"])
        last = None
        for _ in range(5):
            last = self.post(key, ask())
            if last[0] != 200:
                break
        self.assertEqual(last[0], 429, last)
        self.assertEqual(json.loads(last[2])["error"]["type"], "rate_limit_error")
        self.assertIn("retry-after", last[1])

    def test_limits_are_told_in_the_dialects_fields(self):
        key = self.gw.create_key("k", "--rpm", "100", "--tpm", "100000")
        _, headers, _ = self.post(key, ask())
        for what, limit in (("requests", "100"), ("tokens", "100000")):
            name = "anthropic-ratelimit-%s-" % what
            self.assertEqual(headers[name + "limit"], limit)
            self.assertLess(int(headers[name + "remaining"]), int(limit))
            self.assertRegex(headers[name + "reset"],
                             r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertFalse([h for h in headers if h.startswith("x-ratelimit")])


class Budgets(AnthropicCase):
    def test_a_stream_whose_budget_ends_ends_cleanly(self):
        """In the middle of a block, which is closed, with true usage."""
        key = self.gw.create_key("k", "--quota", "3000", "--period", "daily")
        status, headers, body = self.post(key, ask(
            stream=True, max_tokens=9000, x_mock={"tokens": 9000}))
        self.assertEqual(status, 200)
        message = assembled(events_of(body))
        self.assertTrue(message["stopped"])
        self.assertEqual(message["stop_reason"], "max_tokens")
        got = len(message["content"][0]["text"]) // 4
        self.assertEqual(message["usage"]["output_tokens"], got)
        self.assertGreater(got, 1000)
        row = self.row(headers)
        self.assertEqual(row["cause"], "cut")
        wait_for(self.gw.settled, 30, "settled")
        quota = self.gw.usage_of("k")[0]
        self.assertLessEqual(quota["usage"], 3000)
        self.assertEqual(quota["reserved"], 0)
        self.assertEqual(quota["usage"], row["tokens"])

    def test_a_budget_holds_however_many_call_at_once(self):
        limit = 4000
        key = self.gw.create_key("k", "--quota", str(limit), "--period", "daily")
        statuses, lock = [], threading.Lock()

        def client(seed):
            rng = random.Random(seed)
            for _ in range(60):
                tokens = rng.randint(1, 60)
                status, _, body = self.post(key, ask(
                    stream=rng.random() < 0.5, max_tokens=tokens + 5,
                    x_mock={"tokens": tokens}))
                with lock:
                    statuses.append(status)
                if status != 200 or b'"max_tokens"' in body:
                    return

        threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertTrue(set(statuses) <= {200, 429}, set(statuses))
        self.assertIn(429, statuses)
        wait_for(self.gw.settled, 30, "settled")
        served = self.messages.book.served()
        self.assertLessEqual(served, limit)
        self.assertGreaterEqual(served, 0.6 * limit)
        quota = self.gw.usage_of("k")[0]
        self.assertLessEqual(quota["usage"], limit)
        self.assertEqual(quota["reserved"], 0)
        self.gw.verify()

    def test_a_plain_calls_bound_is_lowered_to_what_is_left(self):
        key = self.gw.create_key("k", "--quota", "1500", "--period", "daily")
        status, _, body = self.post(key, ask(
            max_tokens=100000, x_mock={"tokens": 100000}))
        self.assertEqual(status, 200, body)
        sent = json.loads(self.provider.requests[-1][3])
        self.assertLess(sent["max_tokens"], 1500)
        self.assertEqual(json.loads(body)["stop_reason"], "max_tokens")

    def test_a_refusal_for_want_of_budget(self):
        key = self.gw.create_key("k", "--quota", "10", "--period", "daily")
        status, headers, body = self.post(key, ask())
        told = json.loads(body)
        self.assertEqual((status, told["error"]["type"], told["error"]["code"]),
                         (429, "rate_limit_error", "insufficient_quota"))
        self.assertEqual(headers["x-should-retry"], "false")


class Broken(AnthropicCase):
    def test_a_provider_that_breaks_off_ends_with_an_error_event(self):
        key = self.gw.create_key("k")
        for how, cause in (("cut_after", "upstream_cut"), ("error_after", None)):
            status, headers, body = self.broken(key, how)
            self.assertEqual(status, 200)
            *good, last = events_of(body)
            self.assertEqual(last[0], "error", body[-300:])
            self.assertNotIn(KEY, body.decode())
            texts = [d for n, d in good if n == "content_block_delta"]
            self.assertEqual(len(texts), 5)
            row = self.row(headers)
            if cause:
                self.assertEqual(row["cause"], cause)
            self.assertGreaterEqual(row["usage"]["completion"], 5)

    def broken(self, key, how):
        """A connection that ends early is no error of http.client's here."""
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.gw.port,
                                                timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/messages", json.dumps(ask(
            stream=True, x_mock={"tokens": 50, how: 5})), {
                "x-api-key": key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        headers = {k.lower(): v for k, v in answer.getheaders()}
        try:
            return answer.status, headers, answer.read()
        except http.client.IncompleteRead as e:
            return answer.status, headers, e.partial


TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {
    "city": {"type": "string"}}}}


async def endless_thoughts(method, path, headers, body, writer):
    """A chat provider that thinks for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n")
    data = b"data: " + json.dumps({"id": "c1", "model": "gpt", "choices": [{
        "index": 0, "delta": {"reasoning_content": WORD}}]}).encode() + b"\n\n"
    while True:
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
        if writer.is_closing():
            raise ConnectionResetError


class Between(AnthropicCase):
    """Clients of one dialect, providers of another."""

    def test_a_chat_client_is_served_by_a_messages_provider(self):
        key = self.gw.create_key("k")
        for stream in (False, True):
            body = {"model": "claude", "stream": stream, "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "hello"}],
                "temperature": 1.5, "stop": "END", "seed": 7,
                "tools": [{"type": "function", "function": {
                    "name": "weather", "parameters": TOOL["input_schema"]}}]}
            if stream:
                body["stream_options"] = {"include_usage": True}
            status, headers, answer = self.gw.call(key, body)
            self.assertEqual(status, 200, answer)
            self.assertIn("seed", headers["x-aigw-dropped"])
            _, path, fields, sent = self.provider.requests[-1]
            sent = json.loads(sent)
            self.assertEqual(path, "/v1/messages")
            self.assertEqual(fields["anthropic-version"], "2023-06-01")
            self.assertEqual(sent["system"], [{"type": "text", "text": "s"}])
            self.assertEqual(sent["temperature"], 1)
            self.assertEqual(sent["stop_sequences"], ["END"])
            self.assertEqual(sent["max_tokens"], 4096)
            self.assertEqual(sent["tools"], [TOOL])
            if stream:
                chunks = [json.loads(e[6:]) for e in answer.decode().split("\n\n")
                          if e.startswith("data: {")]
                text = "".join(c["choices"][0]["delta"].get("content") or ""
                               for c in chunks if c["choices"])
                usage = chunks[-1]["usage"]
                self.assertTrue(answer.endswith(b"data: [DONE]\n\n"))
            else:
                message = json.loads(answer)
                text = message["choices"][0]["message"]["content"]
                usage = message["usage"]
            self.assertEqual(text, WORD * 8)
            entry = self.messages.book.snapshot()[-1]
            self.assertEqual((usage["prompt_tokens"], usage["completion_tokens"]),
                             (entry["prompt"], 8))
            self.assertEqual(self.row(headers)["tokens"], entry["prompt"] + 8)

    def test_a_messages_client_is_served_by_a_chat_provider(self):
        key = self.gw.create_key("k")
        for stream in (False, True):
            status, headers, answer = self.post(key, ask(
                stream=stream, model="gpt", system="s", top_k=5, tools=[TOOL],
                stop_sequences=["END"], max_tokens=50))
            self.assertEqual(status, 200, answer)
            sent = json.loads(self.chat.requests[-1][3])
            self.assertEqual(sent["messages"][0], {"role": "system", "content": "s"})
            self.assertEqual(sent["messages"][1]["role"], "user")
            self.assertEqual(sent["tools"][0]["function"]["name"], "weather")
            self.assertIn(50, (sent.get("max_tokens"),
                               sent.get("max_completion_tokens")))
            self.assertIn("top_k", headers["x-aigw-dropped"])
            message = assembled(events_of(answer)) if stream else \
                json.loads(answer)
            self.assertEqual(message["type"], "message")
            self.assertEqual(message["model"], "gpt")
            self.assertTrue(message["id"].startswith("msg_"))
            self.assertEqual(message["content"][0]["text"], WORD * 8)
            self.assertEqual(message["stop_reason"], "end_turn")
            entry = self.chat.book.snapshot()[-1]
            self.assertEqual((message["usage"]["input_tokens"],
                              message["usage"]["output_tokens"]),
                             (entry["prompt"], 8))
            self.assertEqual(self.row(headers)["tokens"], entry["prompt"] + 8)

    def test_a_chat_providers_stream_is_cut_as_the_client_knows_it(self):
        """In the middle of thoughts: their block ends, then the message."""
        provider = self.mock(handler=endless_thoughts)
        gw = self.gateway(provider=provider.base_url, models=("gpt",)).start()
        key = gw.create_key("k", "--quota", "3000", "--period", "daily")
        status, headers, answer = gw.http(
            "POST", "/v1/messages", ask(stream=True, model="gpt", max_tokens=90000),
            {"x-api-key": key})
        self.assertEqual(status, 200, answer)
        message = assembled(events_of(answer))
        self.assertTrue(message["stopped"])
        self.assertEqual(message["stop_reason"], "max_tokens")
        self.assertEqual(message["content"][0]["type"], "thinking")
        thoughts = len(message["content"][0]["thinking"]) // 4
        self.assertGreater(thoughts, 1000)
        self.assertEqual(message["usage"]["output_tokens"], thoughts)
        wait_for(gw.settled, 30, "settled")
        quota = gw.usage_of("k")[0]
        self.assertLessEqual(quota["usage"], 3000)
        self.assertEqual(quota["reserved"], 0)

    def test_errors_of_other_providers_are_told_in_the_clients_dialect(self):
        key = self.gw.create_key("k")
        status, headers, answer = self.post(key, ask(
            model="gpt", tools=[{"type": "web_search_20250305", "name": "w"}]))
        told = json.loads(answer)
        self.assertEqual((status, told["error"]["type"], told["error"]["code"]),
                         (400, "invalid_request_error", "unsupported_parameter"))
        self.assertEqual(told["error"]["param"], "tools")

    def test_a_count_of_tokens_is_estimated_where_no_provider_counts(self):
        key = self.gw.create_key("k", "--quota", "1000", "--period", "daily")
        counts = []
        for words in (10, 100):
            body = ask(model="gpt", content="word " * words)
            status, headers, answer = self.post(key, body,
                                                "/v1/messages/count_tokens")
            self.assertEqual(status, 200, answer)
            self.assertEqual(headers["x-aigw-estimated"], "yes")
            counts.append(json.loads(answer)["input_tokens"])
            row = self.row(headers)
            self.assertEqual((row["tokens"], row["cause"]), (0, "ok"))
        self.assertEqual(counts, [25, 175]) # a token in three bytes, 8 around
        self.assertEqual(self.chat.requests, [])
        wait_for(self.gw.settled, 30, "settled")
        quota = self.gw.usage_of("k")[0]
        self.assertEqual((quota["usage"], quota["reserved"]), (0, 0))

    def test_a_count_is_estimated_where_the_provider_that_counts_is_away(self):
        gw = self.gateway(provider=self.chat.base_url, models=("gpt",), extra="""
[provider.away]
kind = anthropic
base_url = http://127.0.0.1:%d
api_key = x
[model.both]
providers = away, mock
""" % free_port()).start()
        key = gw.create_key("k", "--quota", "1000", "--period", "daily")
        sent = len(self.chat.requests)
        status, headers, answer = gw.http(
            "POST", "/v1/messages/count_tokens",
            ask(model="both", content="word " * 10), {"x-api-key": key})
        self.assertEqual((status, json.loads(answer)), (200, {"input_tokens": 25}))
        self.assertEqual(headers["x-aigw-estimated"], "yes")
        self.assertEqual(len(self.chat.requests), sent)
        wait_for(gw.settled, 30, "settled")
        quota = gw.usage_of("k")[0]
        self.assertEqual((quota["usage"], quota["reserved"]), (0, 0))

    def test_the_builtin_model_answers_messages_too(self):
        key = self.gw.create_key("k")
        for stream in (False, True):
            status, _, answer = self.post(key, ask(
                stream=stream, model="builtin/echo", content="Hello you"))
            self.assertEqual(status, 200, answer)
            message = assembled(events_of(answer)) if stream else \
                json.loads(answer)
            self.assertIn("Hello you", message["content"][0]["text"])
            self.assertGreater(message["usage"]["output_tokens"], 0)


# ---- recorded answers ----

def load_recordings():
    recordings = {}
    for path in sorted(glob.glob(os.path.join(SHARED, "recordings", "*", "*.json"))):
        with open(path, encoding="utf-8") as f:
            recording = json.load(f)
        body = recording["response"]["body"]
        # One recording is of several messages in a row, which no answer is.
        if recording["api"] == "messages" and body.count("event: message_start") < 2:
            recordings[recording["id"]] = recording
    return recordings


RECORDINGS = load_recordings()


class Player:
    """Sends a recorded body in pieces of random size."""

    def __init__(self):
        self.random = random.Random(92)

    def pieces(self, data):
        most = self.random.choice((3, 40, 700, 9000))
        while data:
            n = self.random.randint(1, most)
            yield data[:n]
            data = data[n:]

    async def __call__(self, method, path, headers, body, writer):
        recording = RECORDINGS[json.loads(body)["x_recording"]]
        data = recording["response"]["body"].encode()
        kind = recording["response"]["headers"].get("content-type") or (
            "text/event-stream" if recording["stream"] else "application/json")
        head = "HTTP/1.1 %d X\r\nContent-Type: %s\r\n" % (
            recording["response"]["status"], kind)
        if recording["stream"]:
            head += "Transfer-Encoding: chunked\r\n\r\n"
            data = b"".join(b"%x\r\n%s\r\n" % (len(c), c)
                            for c in self.pieces(data)) + b"0\r\n\r\n"
        else:
            head += "Content-Length: %d\r\n\r\n" % len(data)
        for piece in self.pieces(head.encode() + data):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return True


def expected_usage(recording):
    """In every class; passes beside the answer are charged as well."""
    normalised = recording["expected_usage"]["normalised"]
    parts = [normalised] + [
        p["normalised"] for p in normalised.get("extra_iterations", [])
        if p["type"] != "fallback_message"]
    return {c: sum(p[c] for p in parts) for c in CLASSES}


@unittest.skipUnless(RECORDINGS, "no recordings in %s" % SHARED)
class Replay(GatewayCase):
    def test_recorded_answers_pass_unchanged_and_are_counted_as_recorded(self):
        provider = self.mock(handler=Player())
        gw = self.gateway(extra="""
[provider.anthropic]
kind = anthropic
base_url = http://127.0.0.1:%d
api_key = %s
[model.replay]
providers = anthropic
""" % (provider.port, KEY)).start()
        key = gw.create_key("replay")
        calls = {}
        for recording in RECORDINGS.values():
            with self.subTest(recording["id"]):
                body = (recording["request"] or {}).get("body")
                if not isinstance(body, dict) or "messages" not in body:
                    body = ask(stream=bool(recording["stream"]))
                body = dict(body, model="replay", x_recording=recording["id"])
                body.setdefault("max_tokens", 100)
                body["stream"] = bool(recording["stream"])
                status, headers, answer = gw.http(
                    "POST", "/v1/messages", body, {"x-api-key": key})
                self.assertEqual(status, recording["response"]["status"])
                self.assertEqual(json.loads(provider.requests[-1][3]), body)
                self.assertEqual(answer.decode(), recording["response"]["body"])
                if status == 200:
                    calls[headers["x-request-id"]] = recording
        self.assertGreater(len(calls), 50)

        def rows():
            found = {"req_" + r["request_id"].removeprefix("req_"): r
                     for r in gw.ctl("logs", "--limit", "1000")}
            return found if calls.keys() <= found.keys() else None
        for request_id, row in wait_for(rows, 20, "all rows").items():
            if request_id not in calls:
                continue
            recording = calls[request_id]
            with self.subTest(recording["id"]):
                want = expected_usage(recording)
                self.assertEqual({c: row["usage"][c] for c in CLASSES}, want)
                self.assertEqual(row["tokens"], sum(want.values()))
                self.assertEqual((row["cause"], row["flags"] & 2), ("ok", 0))


if __name__ == "__main__":
    unittest.main()
