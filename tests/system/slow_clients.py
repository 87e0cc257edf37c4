"""Many clients that do as little as they can: each opens a connection, begins
something and then sends or takes one byte now and then. One that is cut off
comes again, until stop(). Runs in a thread with an event loop of its own.

  head   a head that never ends
  body   a body that never ends, with a valid key
  read   asks for a long answer and takes it byte by byte
  idle   sends nothing at all
  shake  the same on a TLS port: half a client hello
"""
import asyncio
import json
import socket
import threading
from collections import Counter

HELLO = bytes.fromhex("16030102000100")  # a record that says 512 bytes


class SlowClients:
    def __init__(self, port, key, counts, pause=0.25, again=True, tls_port=None,
                 answer_bytes=1 << 20):
        self.port, self.key, self.counts = port, key, counts
        self.pause, self.again, self.tls_port = pause, again, tls_port
        self.answer_bytes = answer_bytes
        self.opened, self.cut, self.open = Counter(), Counter(), Counter()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.tasks = []

    def start(self):
        self.thread.start()
        return self

    def run(self):
        asyncio.set_event_loop(self.loop)
        for kind, count in self.counts.items():
            for i in range(count):
                self.tasks.append(self.loop.create_task(self.one(kind, i)))
        try:
            self.loop.run_until_complete(asyncio.gather(
                *self.tasks, return_exceptions=True))
        finally:
            self.loop.close()

    def stop(self):
        def cancel():
            for task in self.tasks:
                task.cancel()
        if self.thread.is_alive():
            try:
                self.loop.call_soon_threadsafe(cancel)
            except RuntimeError:
                pass  # it has just ended by itself
            self.thread.join(30)

    async def one(self, kind, number):
        await asyncio.sleep(self.pause * number / max(1, self.counts[kind]))
        while True:
            try:
                await self.connection(kind)
            except OSError:
                pass
            if not self.again:
                return
            await asyncio.sleep(self.pause)

    async def connection(self, kind):
        sock = socket.socket()
        sock.setblocking(False)
        try:
            if kind == "read":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            port = self.tls_port if kind == "shake" else self.port
            await self.loop.sock_connect(sock, ("127.0.0.1", port))
            self.opened[kind] += 1
            self.open[kind] += 1
            try:
                await getattr(self, kind)(sock)
            except OSError:
                pass
            finally:
                self.open[kind] -= 1
            self.cut[kind] += 1
        finally:
            sock.close()

    async def drip(self, sock, byte):
        """Until the server has closed."""
        while True:
            await asyncio.sleep(self.pause)
            try:
                if sock.recv(65536) == b"":
                    return
            except BlockingIOError:
                pass
            if byte:
                await self.loop.sock_sendall(sock, byte)

    async def head(self, sock):
        await self.loop.sock_sendall(
            sock, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await self.drip(sock, b"a")

    async def idle(self, sock):
        await self.drip(sock, b"")

    async def shake(self, sock):
        await self.loop.sock_sendall(sock, HELLO)
        await self.drip(sock, b"\0")

    def post(self, length):
        return ("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                "Content-Length: %d\r\n\r\n" % (self.key, length)).encode()

    async def body(self, sock):
        await self.loop.sock_sendall(sock, self.post(10000) + b"{\"model\":")
        await self.drip(sock, b" ")

    async def read(self, sock):
        text = "read it slowly. " * (self.answer_bytes // 16)
        call = json.dumps({"model": "builtin/echo", "messages": [
            {"role": "user", "content": text}]}).encode()
        await self.loop.sock_sendall(sock, self.post(len(call)) + call)
        while True:
            await asyncio.sleep(self.pause)
            try:
                if sock.recv(1) == b"":
                    return
            except BlockingIOError:
                pass
