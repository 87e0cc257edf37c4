"""A provider that thinks aloud, calls a tool and says hostile things: what a model
may answer, as the console has to show it.

Its last user message says how: with "wait" in it the stream stays open until the
reader goes.
"""
import asyncio
import json

from mock_provider import MockProvider

HOSTILE = "<img src=x onerror=alert(7)>\u202egnp.exe\x1b[31m"
WORD = "W" * 600  # nothing to break a line at
SAID = HOSTILE + "<script>alert(8)</script>" + WORD + "\nsecond line"


class Thinker:
    """As MockProvider; `gone` counts readers that went before the end."""

    def __init__(self):
        self.gone = 0
        self.provider = MockProvider(handler=self._answer).start()

    @property
    def base_url(self):
        return self.provider.base_url

    def stop(self):
        self.provider.stop()

    async def _answer(self, method, path, headers, body, writer):
        request = json.loads(body)
        if not request.get("stream"):
            return await self._whole(request, writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Connection: close\r\n\r\n")
        for delta in ({"role": "assistant", "reasoning_content": "hm " + HOSTILE},
                      {"content": SAID},
                      {"content": "\ud800 half a pair"}):
            await self._event(writer, {"index": 0, "delta": delta,
                                       "finish_reason": None})
        if "wait" in json.dumps(request["messages"][-1]):
            return await self._until_gone(writer)
        for call in self._tool('{"<b>": "', True), self._tool(HOSTILE, False):
            await self._event(writer, {"index": 0, "delta": {"tool_calls": [call]},
                                       "finish_reason": None})
        await self._event(writer, {"index": 0, "delta": {},
                                   "finish_reason": "tool_calls"}, usage={
            "prompt_tokens": 9, "completion_tokens": 21, "total_tokens": 30})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        return False

    @staticmethod
    def _tool(arguments, is_first):
        function = {"arguments": arguments}
        if is_first:
            function["name"] = "look_up"
            return {"index": 0, "id": "call_1", "type": "function",
                    "function": function}
        return {"index": 0, "function": function}

    @staticmethod
    async def _event(writer, choice, **more):
        data = dict({"id": "t-1", "object": "chat.completion.chunk", "created": 1,
                     "model": "thinker", "choices": [choice]}, **more)
        # ASCII alone: half a surrogate pair stays what it is, an escape.
        writer.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        await writer.drain()

    async def _until_gone(self, writer):
        while not writer.transport.is_closing():
            writer.write(b": still thinking\n\n")
            await asyncio.sleep(0.05)
        self.gone += 1
        return False

    async def _whole(self, request, writer):
        data = json.dumps({
            "id": "t-1", "object": "chat.completion", "created": 1,
            "model": "thinker", "choices": [{
                "index": 0, "finish_reason": "length", "message": {
                    "role": "assistant", "reasoning_content": "hm " + HOSTILE,
                    "content": SAID}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 21,
                      "total_tokens": 30}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) + data)
        await writer.drain()
        return True
