"""Faults of providers and of clients in the middle of an answer, row by row.

Rows of the failure model that are here: 15, 16, 17, 18, 19, 22, 34.
"""
import asyncio
import glob
import json
import os
import random
import re
import socket
import time
import unittest

from faults import (Audit, FaultCase, RawConnection, Script, percentiles,
                    provider_text, size)
from gateway import SHARED, free_port, wait_for
from load import Connection, chat

OFFSETS = size("AIGW_OFFSETS", 120)  # 0: every one
DRIPS = size("AIGW_DRIPS", 150)
DISCONNECTS = size("AIGW_DISCONNECTS", 200)
FLAPS = size("AIGW_FLAPS", 6)

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
      b"Transfer-Encoding: chunked\r\n\r\n"
SHORT = "connect_timeout = 400ms\nfirst_byte_timeout = 400ms\n" \
        "idle_timeout = 400ms\n"


def fault(name, stream=False, model="m1", **args):
    """A call that the method `name` of the script answers."""
    body = {"model": model, "x_fault": name, "x_args": args,
            "messages": [{"role": "user", "content": "hello you"}]}
    if stream:
        body["stream"] = True
    return body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(**chunk_members):
    return b"data: " + json.dumps(chunk_members).encode() + b"\n\n"


def word_event(text="tok "):
    return event(id="e", object="chat.completion.chunk", model="m1", choices=[
        {"index": 0, "delta": {"content": text}, "finish_reason": None}])


def code_of(outcome):
    return json.loads(outcome.body)["error"]["code"]


def unaccepting():
    """A listening socket whose backlog is full: (port, sockets to keep)."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    kept = [listener]
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        kept.append(filler)
    return listener.getsockname()[1], kept


class FaultyProvider(Script):
    """The methods are named by `x_fault`."""

    def __init__(self):
        super().__init__()
        self.cancelled = [] # (request id, monotonic time)
        self.gates = {}     # tag -> events that may be sent so far

    def book_entry(self, request_id, body, served=0):
        return self.book.add({
            "id": request_id, "tag": None, "done": False, "stream": True,
            "prompt": len(json.dumps(body)) // 4, "served": served})

    async def silent(self, body, writer, request_id):
        """Reads the request and says nothing, until the gateway leaves."""
        await writer.reader.read()
        return False

    async def stalls(self, body, writer, request_id):
        """Some events, then nothing."""
        entry = self.book_entry(request_id, body)
        writer.write(SSE)
        for _ in range(5):
            entry["served"] += 1
            writer.write(chunk(word_event()))
        await writer.drain()
        await writer.reader.read()
        return False

    async def drips(self, body, writer, request_id):
        """One byte after the other; comments, which every client ignores."""
        self.book_entry(request_id, body)
        writer.write(SSE)
        data = b": waiting\n\n"
        n = 0
        while not writer.reader.at_eof():
            writer.write(chunk(data[n % len(data):n % len(data) + 1]))
            n += 1
            await writer.drain()
            await asyncio.sleep(body["x_args"].get("pause", 0.05))
        return False

    async def cut(self, body, writer, request_id):
        """The recorded bytes up to an offset; then reset, or closed."""
        args = body["x_args"]
        writer.write(self.wire[:args["offset"]])
        await writer.drain()
        # What was sent must have left before the reset overtakes it.
        await asyncio.sleep(0.01)
        return self.reset(writer) if args["reset"] else False

    async def raw(self, body, writer, request_id):
        """Whatever bytes the test prepared, in pieces."""
        pieces = self.prepared[body["x_args"]["name"]]
        for i, piece in enumerate(pieces):
            writer.write(piece)
            await writer.drain()
            if i + 1 < len(pieces):
                await asyncio.sleep(0.002)
        return False

    async def flood(self, body, writer, request_id):
        """Interim answers without end, or a head without end."""
        piece = body["x_args"]["piece"].encode("latin-1")
        writer.write(body["x_args"]["first"].encode("latin-1"))
        try:
            for _ in range(20000):
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        return False

    async def stepwise(self, body, writer, request_id):
        """Event n only after the client has event n - 1; notes when the
        gateway leaves."""
        entry = self.book_entry(request_id, body)
        gate = self.gates[body["x_args"]["tag"]]
        gate["entry"] = entry
        writer.write(SSE)
        left = asyncio.ensure_future(writer.reader.read())
        while not left.done():
            if entry["served"] < gate["allowed"]:
                entry["served"] += 1
                writer.write(chunk(word_event()))
            await asyncio.wait([left], timeout=0.001)
        gate["left"] = time.monotonic()
        return False


class UpstreamCase(FaultCase):
    def mock(self, **kw):
        provider = FaultyProvider().start()
        self.addCleanup(provider.stop)
        return provider

    def one(self, body, key=0):
        async def go():
            return await self.call(body, key, RawConnection(self.gw.port))
        return asyncio.run(go())

    def many(self, bodies, parallel=16):
        """Outcomes in the order of `bodies`."""
        async def go():
            gate = asyncio.Semaphore(parallel)

            async def one(body):
                async with gate:
                    connection = RawConnection(self.gw.port)
                    outcome = await self.call(body, 0, connection)
                    connection.close()
                    return outcome
            return await asyncio.gather(*[one(b) for b in bodies])
        return asyncio.run(go())

    def books(self, allowed=(200, 502, 504)):
        return Audit(self, self.gw).clients(self.calls, allowed).tables()

    def assert_broken_off(self, outcome):
        """An error event and an incomplete end; never a fake one."""
        self.assertEqual(outcome.status, 200)
        self.assertFalse(outcome.clean)
        self.assertIn(b'"error"', outcome.body)
        self.assertNotIn(b"[DONE]", outcome.body)


class Silence(UpstreamCase):
    def test_row_15_an_upstream_that_does_not_accept_read_or_answer(self):
        port, kept = unaccepting()
        self.addCleanup(lambda: [s.close() for s in kept])
        deaf = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(deaf.close)
        self.start(provider_options=SHORT, extra=provider_text(
            "hole", "http://127.0.0.1:%d/v1" % port, SHORT) + provider_text(
            "deaf", "http://127.0.0.1:%d/v1" % deaf.getsockname()[1], SHORT))
        for stream in (False, True):
            for body in (fault("", stream, "hole"), fault("", stream, "deaf"),
                         fault("silent", stream)):
                outcome = self.one(body)
                self.assertEqual(outcome.status, 504, outcome.body)
                self.assertEqual(code_of(outcome), "upstream_timeout")
                self.assertLess(outcome.seconds, 20)
        rows = self.books().rows.values()
        self.assertEqual({(r["cause"], r["tokens"]) for r in rows},
                         {("upstream_timeout", 0)})

    def test_row_15_another_upstream_is_tried_only_before_a_byte_was_sent(self):
        port, kept = unaccepting()
        self.addCleanup(lambda: [s.close() for s in kept])
        sections = "".join(
            "[provider.%s]\nkind = openai\nbase_url = http://127.0.0.1:%d/v1\n%s\n"
            % (name, at, SHORT) for name, at in
            (("hole", port), ("shut", free_port())))
        for name in ("hole", "shut"):
            sections += "[model.%s-first]\nproviders = %s, mock\n" % (name, name)
        sections += "[model.mock-first]\nproviders = mock, second\n"
        second = self.mock()
        sections += "[provider.second]\nkind = openai\nbase_url = %s\n" % \
            second.base_url
        self.start(provider_options=SHORT, extra=sections)
        for first in ("hole", "shut"):
            outcome = self.one(chat(model=first + "-first"))
            self.assertEqual(outcome.status, 200, outcome.body)
            self.assertEqual(outcome.headers["x-aigw-provider"], "mock")
            self.assertEqual(outcome.headers["x-aigw-attempts"], "2")
        self.assertEqual(self.one(fault("silent", model="mock-first")).status, 504)
        self.assert_broken_off(
            self.one(fault("stalls", stream=True, model="mock-first")))
        self.assertEqual(second.requests, [])
        self.books()

    def test_row_16_a_stream_that_falls_silent_or_never_ends_is_cut(self):
        self.start(provider_options=SHORT, extra=provider_text(
            "endless", self.provider.base_url, "total_timeout = 1s"))
        outcome = self.one(fault("stalls", stream=True))
        self.assert_broken_off(outcome)
        self.assertEqual(outcome.body.count(b"tok "), 5)
        outcome = self.one(fault("drips", stream=True, model="endless"))
        self.assert_broken_off(outcome)
        audit = self.books()
        self.assertEqual({r["cause"] for r in audit.rows.values()},
                         {"upstream_timeout"})
        audit.provider(self.provider.book.served_by_id())

    def memory(self):
        """KiB that the workers hold by themselves."""
        total = 0
        for pid in self.gw.children("worker"):
            with open("/proc/%d/smaps_rollup" % pid) as f:
                total += sum(int(n) for n in re.findall(
                    r"^Private_\w+: +(\d+) kB", f.read(), re.M))
        return total

    def test_row_16_many_streams_drip_and_memory_stays_flat(self):
        self.start(provider_options="total_timeout = %ds" % (
            5 + DRIPS // 100))
        seen = []

        async def watch(tasks):
            await self.until(lambda: len(self.provider.book.snapshot()) == DRIPS,
                             60, "all streams run")
            while not any(t.done() for t in tasks):
                seen.append(self.memory())
                await asyncio.sleep(0.3)

        async def go():
            tasks = [asyncio.create_task(self.call(
                fault("drips", stream=True, pause=0.1), i,
                RawConnection(self.gw.port))) for i in range(DRIPS)]
            await asyncio.gather(watch(tasks), *tasks)
        before = self.memory()
        asyncio.run(go())
        for _, outcome in self.calls:
            self.assert_broken_off(outcome)
        self.books().provider(self.provider.book.served_by_id())
        print("%d dripping streams: %d KiB before, %d at first, %d at last; "
              "%.1f KiB a stream" % (DRIPS, before, seen[0], seen[-1],
                                     (seen[-1] - before) / DRIPS), flush=True)
        # Bytes pass one by one for seconds; none of them may stay.
        self.assertLess(seen[-1] - seen[0], 1024 + 2 * DRIPS)


def recording():
    """(request body, events as bytes) of a small recorded stream; the mock's
    own where there are none."""
    paths = sorted(glob.glob(os.path.join(
        SHARED, "recordings", "openai", "openai-chat-stream-*o4-mini-simple*")))
    if paths:
        with open(paths[0], encoding="utf-8") as f:
            body = json.load(f)["response"]["body"].encode()
    else:
        body = word_event() * 8 + event(id="e", model="m1", choices=[], usage={
            "prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}) + \
            b"data: [DONE]\n\n"
    return re.findall(rb".*?(?:\r\n\r\n|\n\n)", body, re.S)


def output_of(events):
    """(events with text, tokens of a stated usage or None) of whole events."""
    texts, usage = 0, None
    for e in events:
        data = e.strip()[len(b"data: "):]
        if data == b"[DONE]":
            continue
        parsed = json.loads(data)
        texts += sum(bool(c.get("delta", {}).get("content"))
                     for c in parsed.get("choices", []))
        if parsed.get("usage"):
            usage = parsed["usage"]["total_tokens"]
    return texts, usage


class MidStream(UpstreamCase):
    def test_row_17_an_upstream_cut_at_every_byte(self):
        events = recording()
        wire, ends = SSE, []
        for e in events:
            wire += chunk(e)
            ends.append(len(wire) - len(b"\r\n")) # the event's last byte
        wire += b"0\r\n\r\n"
        self.provider.wire = wire
        self.start()
        everywhere = range(len(wire) + 1)
        offsets = sorted(everywhere if OFFSETS == 0 else set(self.rng.sample(
            everywhere, min(OFFSETS, len(wire)))) | {0, len(SSE), len(wire)})
        cases = [(o, self.rng.random() < 0.7) for o in offsets]
        outcomes = self.many([
            dict(fault("cut", stream=True, offset=o, reset=r),
                 stream_options={"include_usage": True}) for o, r in cases])
        rows = self.books().rows
        for (offset, was_reset), outcome in zip(cases, outcomes):
            row = rows[outcome.id]
            whole = sum(end <= offset for end in ends)
            with self.subTest(offset=offset, reset=was_reset):
                self.check_cut(outcome, row, events[:whole], offset,
                               len(events), wire)

    def check_cut(self, outcome, row, whole, offset, count, wire):
        is_done = len(whole) == count # [DONE] came: the answer is all there
        texts, usage = output_of(whole)
        if is_done:
            self.assertEqual((outcome.status, outcome.clean, row["cause"]),
                             (200, True, "ok"))
        elif outcome.status == 200:
            self.assert_broken_off(outcome)
        else:
            self.assertEqual((outcome.status, whole), (502, []))
        seen, _ = output_of(re.findall(
            rb"data: (?!\{\"error).*?\n\n", outcome.body, re.S)
            if outcome.status == 200 else [])
        self.assertLessEqual(seen, texts)
        if offset >= len(SSE):
            self.assertGreater(row["tokens"], 0)
            self.assertGreaterEqual(row["usage"]["completion"] +
                                    row["usage"]["reasoning"], texts)
        if usage is not None:
            self.assertGreaterEqual(row["tokens"], usage)
        if offset < wire.index(b"\r\n"):
            self.assertEqual(row["tokens"], 0, "nothing had come back")


if __name__ == "__main__":
    unittest.main()
