"""What a provider sends beside text is budgeted as text is, usage that it states too
early is not the last word, and neither a client's request nor a provider's answer
takes more memory in translation than is meant for it.
"""
import http.client
import json
import unittest

from gateway import GatewayCase, wait_for

ESTIMATED = 2 # a record's flag
WORD = "word and "


def event(body):
    return ("event: %s\ndata: %s\n\n" % (body["type"], json.dumps(body))).encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def start(output=1):
    return event({"type": "message_start", "message": {
        "id": "msg_1", "usage": {"input_tokens": 5, "output_tokens": output}}})


def delta(index, **what):
    return event({"type": "content_block_delta", "index": index, "delta": what})


def block(index, **what):
    return event({"type": "content_block_start", "index": index,
                  "content_block": what})


def end(**usage):
    body = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    if usage:
        body["usage"] = usage
    return event(body) + event({"type": "message_stop"})


class Provider:
    """A handler of MockProvider for Messages: `events()` of the mode that the
    test has set, as a stream, or a plain body."""

    def __init__(self):
        self.events, self.plain = None, None

    async def __call__(self, _method, _path, _headers, _body, writer):
        if self.plain is not None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(self.plain))
            writer.write(self.plain)
            await writer.drain()
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        for data in self.events():
            writer.write(chunk(data))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


class CoverCase(GatewayCase):
    server = ""

    def setUp(self):
        self.provider = Provider()
        mock = self.mock(handler=self.provider)
        self.gw = self.gateway(workers=1, server=self.server, extra="""
[provider.anthropic]
kind = anthropic
base_url = %s
api_key = sk-ant-1
[model.claude]
providers = anthropic
""" % mock.base_url.removesuffix("/v1")).start()

    def post(self, key, path, body, **more):
        return self.gw.http("POST", path, dict(body, model="claude"), {
            "Authorization": "Bearer " + key, "Content-Type": "application/json"},
            **more)

    def ask(self, key, path, **more):
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50000}
        if path == "/v1/responses":
            body = {"input": "hi"}
        return self.post(key, path, dict(body, **more), timeout=120)

    def row(self, headers):
        def find():
            for row in self.gw.ctl("logs", "--limit", "100"):
                if row["request_id"] == headers["x-request-id"]:
                    return row
        return wait_for(find, 30, "the call's row")

    def peak(self):
        """Megabytes that the worker has had at most since this was last asked."""
        (worker,) = self.gw.children("worker")
        with open("/proc/%d/status" % worker) as status:
            for line in status:
                if line.startswith("VmHWM"):
                    peak = int(line.split()[1]) // 1024
        with open("/proc/%d/clear_refs" % worker, "w") as clear:
            clear.write("5")
        return peak


class Budgets(CoverCase):
    QUOTA = 4000
    PIECE = "Q" * 2000 # 500 tokens

    def ways(self):
        yield "redacted", lambda i: block(i, type="redacted_thinking",
                                          data=self.PIECE)
        yield "signature", lambda i: delta(0, type="signature_delta",
                                           signature=self.PIECE)
        yield "thinking", lambda i: delta(0, type="thinking_delta",
                                          thinking=self.PIECE)
        yield "name", lambda i: block(i, type="tool_use", id="t", name=self.PIECE,
                                      input={})
        yield "id", lambda i: block(i, type="tool_use", id=self.PIECE, name="n",
                                    input={})
        yield "whole", lambda i: block(i, type="tool_use", id="t", name="n",
                                       input={"a": self.PIECE})

    def test_a_budget_holds_whatever_the_content_is(self):
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses",
                     "/v1beta/models/claude:streamGenerateContent?alt=sse"):
            for name, make in self.ways():
                with self.subTest(path=path, content=name):
                    self.check_cut(path, name, make)
        self.gw.verify()

    def check_cut(self, path, name, make):
        self.provider.events = lambda: [start()] + [
            make(i) for i in range(200)] + [end(output_tokens=6)]
        owner = "%s %s" % (name, path.split("/")[2][:8])
        key = self.gw.create_key(owner, "--quota", str(self.QUOTA), "--unit",
                                 "tokens", "--period", "daily",
                                 "--on-exhausted", "cut")
        if "Generate" in path:
            status, headers, body = self.post(key, path, {
                "contents": [{"parts": [{"text": "hi"}]}],
                "generationConfig": {"thinkingConfig": {"includeThoughts": True}}})
        else:
            status, headers, body = self.ask(key, path, stream=True)
        self.assertEqual(status, 200, body)
        row = self.row(headers)
        self.assertEqual(row["cause"], "cut", row)
        # Responses tells its items again, whole: four times.
        self.assertLess(body.count(b"Q"), 5 * 4 * self.QUOTA)
        self.assertLessEqual(row["tokens"], self.QUOTA)
        self.assertGreater(row["tokens"], self.QUOTA // 2)
        self.assertGreater(row["delivered_tokens"], self.QUOTA // 2)
        if "Generate" not in path: # which has no place for some of it
            self.assertGreater(body.count(b"Q"), 2 * self.QUOTA)

    def test_output_that_was_stated_before_the_text_is_not_believed(self):
        key = self.gw.create_key("k")
        text = [delta(0, type="text_delta", text=WORD) for _ in range(2000)]
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
            for usage, want, flag in (({}, 2000 * len(WORD) // 4, ESTIMATED),
                                      ({"input_tokens": 5}, 2000 * len(WORD) // 4,
                                       ESTIMATED),
                                      ({"output_tokens": 1234}, 1234, 0)):
                self.provider.events = lambda: [start()] + text + [end(**usage)]
                status, headers, _ = self.ask(key, path, stream=True)
                self.assertEqual(status, 200)
                row = self.row(headers)
                self.assertEqual((row["usage"]["completion"], row["cause"],
                                  row["flags"] & ESTIMATED), (want, "ok", flag), path)


class Memory(CoverCase):
    # Of it the translation of 64 MiB: twice, so that what is not given back shows.
    server = "body_memory = 140m\n"

    def failed(self):
        return len([r for r in self.gw.ctl("logs", "--limit", "100")
                    if r["cause"] == "upstream_failed"])

    def check_too_long(self, path, **more):
        before, failed = self.peak(), self.failed()
        for i in range(3):
            try:
                status, _, body = self.ask(self.key, path, **more)
                self.assertEqual(status, 502)
            except http.client.IncompleteRead as broken: # of a stream
                body = broken.partial
            self.assertIn(b"too long to be translated", body[-2000:])
            wait_for(lambda: self.failed() == failed + i + 1, 30, "the call's row")
        # 64 MiB, and what an allocator keeps of bufs that have grown.
        self.assertLess(self.peak() - before, 140, path)

    def test_an_answer_without_end_takes_no_more_than_its_part(self):
        self.key = self.gw.create_key("k")

        def endless(make):
            def events():
                yield start()
                for i in range(20000):
                    yield make(i)
            return events

        text = "Q" * 50000
        self.provider.events = endless(
            lambda i: delta(0, type="text_delta", text=text))
        self.check_too_long("/v1/chat/completions")
        self.check_too_long("/v1/responses", stream=True)
        self.provider.events = endless(
            lambda i: delta(0, type="signature_delta", signature=text))
        self.check_too_long("/v1/responses")
        # Little bytes, many blocks: what is kept of each is more than came.
        many = b"".join(block(1, type="redacted_thinking", data="Q")
                        for _ in range(300))
        self.provider.events = endless(lambda i: many)
        self.check_too_long("/v1/chat/completions")
        self.provider.plain = b'{"type":"message","content":[' + b",".join(
            [b'{"type":"tool_use","name":"f","input":{}}'] * 700000) + b"]}"
        self.check_too_long("/v1/chat/completions")
        # And a usual one is answered as ever.
        self.provider.plain = json.dumps({
            "type": "message", "stop_reason": "end_turn", "content": [
                {"type": "text", "text": "x" * 4000000}],
            "usage": {"input_tokens": 1, "output_tokens": 2}}).encode()
        status, _, body = self.ask(self.key, "/v1/chat/completions")
        self.assertEqual((status, len(body) > 4000000), (200, True))

    def test_a_request_of_many_parts_takes_no_more_than_its_part(self):
        key = self.gw.create_key("k")
        self.provider.plain = json.dumps({
            "type": "message", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "ok"}],
            "usage": {"input_tokens": 1, "output_tokens": 2}}).encode()
        before = self.peak()
        part = {"type": "text", "text": "a"}
        for count, status in ((60000, 200), (70000, 400), (700000, 400)):
            got, _, body = self.post(key, "/v1/chat/completions", {"messages": [
                {"role": "user", "content": [part] * count}]}, timeout=120)
            self.assertEqual(got, status, body[:300])
        self.assertIn(b"more than 65536", body)
        self.assertLess(self.peak() - before, 90) # 700,000 parts took 300
        # Long ones that are all text are carried, one after the other.
        text = "t" * (25 << 20)
        for _ in range(4):
            got, _, body = self.post(key, "/v1/chat/completions", {
                "messages": [{"role": "user", "content": text}]}, timeout=120)
            self.assertEqual(got, 200, body[:300])


if __name__ == "__main__":
    unittest.main()
