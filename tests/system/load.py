"""Many clients at once: a small asyncio HTTP/1.1 client that tells what it saw.

An Outcome is what one call came to: status, tokens of text received (four bytes
a token, see mock_provider), usage if stated, whether the end was clean.
"""
import asyncio
import json
import time


class Outcome:
    __slots__ = ("status", "tokens", "usage", "clean", "error", "headers", "body",
                 "finish", "seconds")

    def __init__(self):
        self.status, self.tokens, self.usage = 0, 0, None
        self.clean, self.error, self.headers, self.body = False, None, {}, b""
        self.finish, self.seconds = None, 0.0

    def __repr__(self):
        return "status %s, %d tokens, %s, %s, %s, %.1f s, %s, ends with %r" % (
            self.status, self.tokens, self.usage, "clean" if self.clean else
            "cut", self.error, self.seconds, self.id, self.body[-300:])

    @property
    def id(self):
        """The gateway's name for the request; None where no head came."""
        return self.headers.get("x-request-id")


class Connection:
    """A keep-alive connection; opened again when the server closed it."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None
        self.opened = 0

    async def _open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, limit=16 << 20)
        self.opened += 1

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def call(self, key, body, path="/v1/chat/completions", method="POST",
                   fields="", indent=None):
        """One call, with more header lines. A connection error is in .error,
        never raised."""
        outcome = Outcome()
        began = time.monotonic()
        data = json.dumps(body, indent=indent).encode() if body is not None \
            else b""
        head = ("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                "Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
                % (method, path, key, len(data), fields)).encode()
        try:
            if self.writer is None or self.writer.is_closing():
                await self._open()
            self.writer.write(head + data)
            await self.writer.drain()
            await self._read(outcome)
        except (OSError, asyncio.IncompleteReadError, ValueError) as e:
            outcome.error = repr(e)
            self.close()
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _read(self, outcome):
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        outcome.status = int(lines[0].split(" ")[1])
        for line in lines[1:]:
            if ":" in line:
                name, value = line.split(":", 1)
                outcome.headers[name.lower()] = value.strip()
        if outcome.headers.get("transfer-encoding") == "chunked":
            await self._read_chunks(outcome)
        else:
            outcome.body = await self.reader.readexactly(
                int(outcome.headers.get("content-length", 0)))
            self._take_plain(outcome)
        outcome.clean = True
        if outcome.headers.get("connection", "").lower() == "close":
            self.close()

    async def _read_chunks(self, outcome):
        pending = b""
        while True:
            size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
            data = await self.reader.readexactly(size + 2)
            if size == 0:
                break
            outcome.body += data[:-2]
            pending += data[:-2]
            *events, pending = pending.split(b"\n\n")
            for event in events:
                self._take_event(outcome, event)

    @staticmethod
    def _take_event(outcome, event):
        if not event.startswith(b"data: ") or event == b"data: [DONE]":
            return
        chunk = json.loads(event[6:])
        if chunk.get("usage"):
            outcome.usage = chunk["usage"]
        if "error" in chunk:
            outcome.error = chunk["error"]
        for choice in chunk.get("choices", []):
            text = (choice.get("delta") or {}).get("content") or choice.get("text")
            outcome.tokens += len(text or "") // 4
            outcome.finish = choice.get("finish_reason") or outcome.finish

    @staticmethod
    def _take_plain(outcome):
        try:
            answer = json.loads(outcome.body)
        except ValueError:
            return
        outcome.usage = answer.get("usage")
        for choice in answer.get("choices", []):
            text = (choice.get("message") or {}).get("content") or choice.get("text")
            outcome.tokens += len(text or "") // 4
            outcome.finish = choice.get("finish_reason")


def chat(tokens=8, stream=False, model="m1", **mock):
    """A chat body for the mock provider."""
    max_tokens = mock.pop("max_tokens", None)
    mock["tokens"] = tokens
    body = {"model": model, "messages": [{"role": "user", "content": "hello you"}],
            "x_mock": mock}
    if stream:
        body["stream"] = True
    if max_tokens:
        body["max_tokens"] = max_tokens
    return body
