"""An OpenAI-compatible provider on loopback that does what a request tells it.

The request body may hold a member "x_mock" (the gateway passes unknown members
untouched), an object with any of:

  tokens      output tokens to serve (default 8; never more than max_tokens)
  greedy      serve them all, whatever max_tokens says
  delay_ms    pause before each stream event, or before a plain answer
  status      answer with this error status and an OpenAI error body
  cut_after   drop the connection after so many tokens
  hang        accept and never answer
  no_usage    state no usage
  usage       this object instead of the true usage
  tag         name under which the book keeps the request

One token is one stream event and four bytes of text. Its own book, written
before the bytes leave, is the truth that tests hold the gateway to:
one entry a request {id, tag, prompt, served, done, stream}; `id` is the
gateway's own name for the request, which it tells its providers.
"""
import asyncio
import json
import threading

WORD = "tok "


class Book:
    def __init__(self):
        self.lock = threading.Lock()
        self.entries = []

    def add(self, entry):
        with self.lock:
            self.entries.append(entry)
        return entry

    def snapshot(self):
        with self.lock:
            return [dict(e) for e in self.entries]

    def served(self):
        """Tokens of prompt and output that left, over all requests."""
        return sum(e["prompt"] + e["served"] for e in self.snapshot())

    def served_by_id(self):
        """{request id: tokens}; one sent twice was served twice."""
        result = {}
        for e in self.snapshot():
            result[e["id"]] = result.get(e["id"], 0) + e["prompt"] + e["served"]
        return result


class MockProvider:
    """Runs its own event loop in a thread; `port` is its address."""

    def __init__(self, handler=None, tls=None):
        """tls: an ssl.SSLContext to serve https with."""
        self.book = Book()
        self.requests = []  # (method, path, headers, body) as they came
        self.handler, self.tls = handler, tls
        self.loop = asyncio.new_event_loop()
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        if not self.started.wait(10):
            raise RuntimeError("mock provider did not start")
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    @property
    def base_url(self):
        scheme = "https" if self.tls else "http"
        return "%s://127.0.0.1:%d/v1" % (scheme, self.port)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(
            self._serve, "127.0.0.1", 0, backlog=4096, limit=64 << 20,
            ssl=self.tls))
        self.port = self.server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()
        self.server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(
            *tasks, return_exceptions=True))
        self.loop.close()

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError,
                asyncio.CancelledError): # the last: stop()
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            if ":" in line:
                name, value = line.split(":", 1)
                headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((method, path, headers, body))
        if self.handler is not None:
            return await self.handler(method, path, headers, body, writer)
        return await self.answer(path, body, writer, headers.get("x-request-id"))

    async def answer(self, path, body, writer, request_id=None):
        request = json.loads(body)
        mock = request.get("x_mock") or {}
        if mock.get("hang"):
            await asyncio.sleep(3600)
        if mock.get("status"):
            return await self._error(mock, writer)
        if path.endswith("/embeddings"):
            return await self._embeddings(request, body, mock, writer, request_id)
        most = 1 << 30 if mock.get("greedy") else request.get("max_tokens") or \
            request.get("max_completion_tokens") or 1 << 30
        tokens = min(mock.get("tokens", 8), most)
        entry = self.book.add({"id": request_id,
                               "tag": mock.get("tag"), "done": False,
                               "prompt": len(body) // 4, "served": 0,
                               "stream": bool(request.get("stream"))})
        chat = path.endswith("/chat/completions")
        if request.get("stream"):
            return await self._stream(request, mock, tokens, entry, chat, writer)
        return await self._plain(request, mock, tokens, entry, chat, writer)

    async def _error(self, mock, writer):
        text = json.dumps({"error": {
            "message": "mock says %d" % mock["status"], "type": "mock_error",
            "param": None, "code": "mock"}}).encode()
        await self._send_plain(mock["status"], text, writer)
        return True

    async def _embeddings(self, request, body, mock, writer, request_id):
        items = request["input"]
        count = len(items) if isinstance(items, list) else 1
        prompt = len(body) // 4
        self.book.add({"id": request_id, "tag": mock.get("tag"), "done": True,
                       "prompt": prompt, "served": 0, "stream": False})
        await self._send_plain(200, json.dumps({
            "object": "list", "model": request["model"],
            "data": [{"object": "embedding", "index": i,
                      "embedding": [0.5, -0.25]} for i in range(count)],
            "usage": {"prompt_tokens": prompt, "total_tokens": prompt}}).encode(),
            writer)
        return True

    @staticmethod
    def usage(entry):
        return {"prompt_tokens": entry["prompt"],
                "completion_tokens": entry["served"],
                "total_tokens": entry["prompt"] + entry["served"]}

    async def _plain(self, request, mock, tokens, entry, chat, writer):
        if mock.get("delay_ms"):
            await asyncio.sleep(mock["delay_ms"] / 1000)
        entry["served"] = tokens
        text = WORD * tokens
        length = tokens < mock.get("tokens", 8)
        choice = {"index": 0, "finish_reason": "length" if length else "stop"}
        if chat:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        answer = {"id": "mock-1", "created": 1,
                  "object": "chat.completion" if chat else "text_completion",
                  "model": request["model"], "choices": [choice]}
        if not mock.get("no_usage"):
            answer["usage"] = mock.get("usage") or self.usage(entry)
        if mock.get("service_tier"):
            answer["service_tier"] = mock["service_tier"]
        data = json.dumps(answer).encode()
        if mock.get("cut_after") is not None:
            await self._send_cut(data, writer)
            return False
        await self._send_plain(200, data, writer)
        entry["done"] = True
        return True

    async def _send_cut(self, data, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) +
                     data[:len(data) // 2])
        await writer.drain()

    async def _send_plain(self, status, data, writer):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % (status, len(data)) + data)
        await writer.drain()

    async def _stream(self, request, mock, tokens, entry, chat, writer):
        def event(delta, finish=None, usage=None, choices=True):
            choice = {"index": 0, "finish_reason": finish}
            choice.update({"delta": delta} if chat
                          else {"text": delta.get("content", "")})
            chunk = {"id": "mock-1", "created": 1, "model": request["model"],
                     "object": "chat.completion.chunk" if chat
                     else "text_completion",
                     "choices": [choice] if choices else []}
            if mock.get("service_tier"):
                chunk["service_tier"] = mock["service_tier"]
            if usage is not None or wants_usage:
                chunk["usage"] = usage
            data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
            return b"%x\r\n" % len(data) + data + b"\r\n"

        options = request.get("stream_options") or {}
        wants_usage = bool(options.get("include_usage"))
        delay = mock.get("delay_ms", 0) / 1000
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        writer.write(event({"role": "assistant", "content": ""}))
        for i in range(tokens):
            if mock.get("cut_after") == i:
                await writer.drain()
                return False
            if delay:
                await asyncio.sleep(delay)
            if writer.is_closing():
                raise ConnectionResetError
            entry["served"] += 1
            writer.write(event({"content": WORD}))
            await writer.drain()
        length = tokens < mock.get("tokens", 8)
        writer.write(event({}, "length" if length else "stop"))
        if wants_usage and not mock.get("no_usage"):
            writer.write(event({}, None, mock.get("usage") or
                               self.usage(entry), choices=False))
        data = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n")
        await writer.drain()
        entry["done"] = True
        return True
