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
SHORT = "connect_timeout = 1s\nfirst_byte_timeout = 1s\n" \
        "idle_timeout = 1s\n"


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
        pieces = self.prepared[body["x_args"]["case"]]
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
    def start(self, provider_options="", **kw):
        """Without cooling down (test_24_health): every call here reaches its
        provider, however many before it failed."""
        return super().start(provider_options=provider_options + "\nfails = 0",
                             **kw)

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
        for outcome in self.many([body for stream in (False, True) for body in (
                fault("", stream, "hole"), fault("", stream, "deaf"),
                fault("silent", stream))]):
            self.assertEqual(outcome.status, 504, outcome.body)
            self.assertEqual(code_of(outcome), "upstream_timeout")
            self.assertLess(outcome.seconds, 20)
        rows = self.books().rows.values()
        self.assertEqual({(r["cause"], r["tokens"]) for r in rows},
                         {("upstream_timeout", 0)})

    def test_row_15_another_upstream_is_tried_while_the_client_has_no_byte(self):
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
        sections += "[provider.second]\nkind = openai\nbase_url = %s\n%s\n" % (
            second.base_url, SHORT)
        self.start(provider_options=SHORT, extra=sections)
        for first in ("hole", "shut"):
            outcome = self.one(chat(model=first + "-first"))
            self.assertEqual(outcome.status, 200, outcome.body)
            self.assertEqual(outcome.headers["x-aigw-provider"], "mock")
            self.assertEqual(outcome.headers["x-aigw-attempts"], "2")
        # silent there, too
        self.assertEqual(self.one(fault("silent", model="mock-first")).status, 504)
        self.assertEqual(len(second.requests), 1)
        self.assert_broken_off(
            self.one(fault("stalls", stream=True, model="mock-first")))
        self.assertEqual(len(second.requests), 1)
        self.books()

    def test_row_16_a_stream_that_falls_silent_or_never_ends_is_cut(self):
        self.start(provider_options=SHORT, extra=provider_text(
            "endless", self.provider.base_url, "total_timeout = 3s"))
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
            4 + DRIPS // 100))
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


def answer(usage, content="tok tok tok tok "):
    """A plain answer; `usage` as text, so that it may be no JSON."""
    return '{"id":"x","object":"chat.completion","model":"m1","choices":[' \
        '{"index":0,"finish_reason":"stop","message":{"role":"assistant",' \
        '"content":"%s"}}],"usage":%s}' % (content, usage)


def plain(text, head=""):
    data = text.encode("utf-8", "surrogateescape")
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
            head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data)


def stream(data, end=b"0\r\n\r\n"):
    return SSE + chunk(data) + end


USAGE = '{"prompt_tokens":%s,"completion_tokens":%s,"total_tokens":%s}'
DONE = b"data: [DONE]\n\n"
ESTIMATED = (1, 60) # what the call may be charged where nothing sane is stated
ANY, NOTHING = (0, 60), (0, 0)

# name: (bytes, statuses that may be given, tokens that may be charged)
MALFORMED = {
    "usage as stated": (plain(answer(USAGE % (20, 4, 24))), {200}, (24, 24)),
    "negative": (plain(answer(USAGE % (-20, -4, -24))), {200}, ESTIMATED),
    "one negative": (plain(answer(USAGE % (20, -4, 16))), {200}, ESTIMATED),
    "beyond 2^53": (plain(answer(USAGE % (20, 1 << 54, 1 << 54))), {200},
                    ESTIMATED),
    "beyond 2^64": (plain(answer(USAGE % (20, 1 << 70, 1 << 70))), {200},
                    ESTIMATED),
    "1e300": (plain(answer(USAGE % ("1e300", "1e300", "1e300"))), {200}, ESTIMATED),
    "a billion": (plain(answer(USAGE % (20, 10**9, 10**9 + 20))), {200}, ESTIMATED),
    "strings": (plain(answer(USAGE % ('"20"', '"4"', '"24"'))), {200}, ESTIMATED),
    "null": (plain(answer("null")), {200}, ESTIMATED),
    "a list": (plain(answer("[20, 4, 24]")), {200}, ESTIMATED),
    "not a number": (plain(answer(USAGE % ("NaN", "Infinity", "-"))), {200},
                     ESTIMATED),
    "details clamped": (plain(answer(
        '{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24,'
        '"prompt_tokens_details":{"cached_tokens":99999999999}}')), {200}, (24, 24)),
    "twice, the last counts": (plain(answer(
        USAGE % (1, 1, 2) + ',"usage":' + USAGE % (20, 4, 24))), {200}, (24, 24)),
    "no JSON": (plain("<html>all is well</html>"), {200}, ESTIMATED),
    "empty": (plain(""), {200, 502}, ESTIMATED),
    "cut JSON": (plain(answer("{}")[:-40]), {200}, ESTIMATED),
    "deep": (plain("[" * 100000), {200}, ESTIMATED),
    "deep objects": (plain('{"a":' * 100000), {200}, ESTIMATED),
    "no UTF-8": (plain(answer("null", "\udcff\udcfe\udc80tok")), {200}, ESTIMATED),
    "NUL": (plain(answer("null", "\0\0\0")), {200}, ESTIMATED),
    "longer than said": (plain(answer("null")) + b"HTTP/1.1 200 OK\r\n\r\n",
                         {200}, ESTIMATED),
    "shorter than said": (plain(answer("null"))[:-9], {502}, ESTIMATED),
    "two lengths": (plain(answer("null"), "Content-Length: 3\r\n"), {502}, ANY),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
                          {502}, ANY),
    "length and chunks": (plain(answer("null"), "Transfer-Encoding: chunked\r\n"),
                          {502}, ANY),
    "no HTTP": (b"220 smtp.example.com ESMTP\r\n", {502}, NOTHING),
    "HTTP/0.9": (b"<html>hello</html>\n", {502}, NOTHING),
    "HTTP/2": (b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0d\0\4\0\0\xff\xff\0\5",
               {502}, NOTHING),
    "status 99": (b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n", {502}, ANY),
    "status 1000": (b"HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n", {502}, ANY),
    "NUL in a field": (plain(answer("null"), "X-A: \0\r\n"), {502}, ANY),
    "space before colon": (plain(answer("null"), "X-A : b\r\n"), {502}, ANY),
    "compressed": (plain(answer("null"), "Content-Encoding: gzip\r\n"), {502},
                   ANY),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", {502}, ANY),
    # event streams
    "LF": (stream(word_event() * 4 + DONE), {200}, (4, 60)),
    "CRLF": (stream((word_event() * 4 + DONE).replace(b"\n", b"\r\n")), {200},
             (4, 60)),
    "CR": (stream((word_event() * 4 + DONE).replace(b"\n", b"\r")), {200}, (4, 60)),
    "BOM": (stream(b"\xef\xbb\xbf" + word_event() * 4 + DONE), {200}, (4, 60)),
    "comments": (stream(b": hi\n\n:\n\n" + word_event() * 4 + DONE), {200},
                 (4, 60)),
    "no space": (stream((word_event() * 4 + DONE).replace(b"data: ", b"data:")),
                 {200}, (4, 60)),
    "unknown fields": (stream(b"id: 7\nretry: 1\nevent: x\nfoo\n" +
                              word_event() * 4 + DONE), {200}, (4, 60)),
    "no last line": (stream(word_event() * 4 + DONE[:-2]), {200}, (4, 60)),
    "done twice": (stream(word_event() * 4 + DONE + DONE), {200}, (4, 60)),
    "text after done": (stream(word_event() * 4 + DONE + word_event() * 1000),
                        {200}, (4, 60)),
    "no done": (stream(word_event() * 4), {200}, (4, 60)),
    "no JSON in events": (stream(b"data: {{{{\n\n" * 9 + word_event() * 4 + DONE),
                          {200}, (4, 60)),
    "endless line": (stream(b"data: " + b"x" * 3000000 + b"\n\n" + DONE), {200},
                     (1, 800000)),
    "endless event": (stream(b"data: x\n" * 400000 + b"\n" + DONE), {200},
                      (1, 900000)),
    "only line feeds": (stream(b"\n" * 100000), {200}, ESTIMATED),
    "nothing": (stream(b"\n"), {200}, ESTIMATED),
    "usage negative": (stream(word_event() * 4 + b'data: {"choices":[],"usage":' +
                              (USAGE % (-1, -1, -2)).encode() + b"}\n\n" + DONE),
                       {200}, (4, 60)),
    "bad chunk size": (SSE + b"zz\r\nhello\r\n", {200, 502}, ESTIMATED),
    "huge chunk size": (SSE + b"ffffffffffffffffff\r\nhello\r\n", {200, 502},
                        ESTIMATED),
    "bad chunk later": (SSE + chunk(word_event() * 4) + b"-5\r\n", {200}, (4, 60)),
    "chunk without end": (SSE + chunk(word_event() * 4) + b"5\r\nabcdefgh", {200},
                          (4, 60)),
}


class Nonsense(UpstreamCase):
    def prepare(self, cases):
        """{name: [bytes in pieces]} -> outcomes by name."""
        self.provider.prepared = cases
        names = list(cases)
        bodies = [fault("raw", stream=b"event-stream" in b"".join(cases[n]), case=n)
                  for n in names]
        return dict(zip(names, self.many(bodies)))

    def test_row_18_malformed_answers_are_passed_or_refused_and_charged_sanely(self):
        self.start()
        workers = set(self.gw.children("worker"))
        outcomes = self.prepare({n: [c[0]] for n, c in MALFORMED.items()})
        rows = self.books().rows
        for name, (_, statuses, charge) in MALFORMED.items():
            outcome = outcomes[name]
            tokens = rows[outcome.id]["tokens"]
            with self.subTest(name):
                self.assertIn(outcome.status, statuses, outcome.body[:200])
                self.assertTrue(charge[0] <= tokens <= charge[1], tokens)
        self.assertEqual(set(self.gw.children("worker")), workers, self.gw.log())
        for name in ("negative", "beyond 2^53", "a billion", "usage negative"):
            row = rows[outcomes[name].id]
            self.assertTrue(row["estimated"] and row["ambiguous"], name)
            self.assertLessEqual(row["delivered_tokens"], 60)
        self.assertFalse(outcomes["bad chunk later"].clean)
        self.assertNotIn(b"[DONE]", outcomes["bad chunk later"].body)

    def test_row_18_a_stream_cut_into_pieces_anywhere_gives_the_same_bill(self):
        wire = SSE + b"".join(chunk(e) for e in recording()) + b"0\r\n\r\n"
        offsets = range(1, len(wire)) if OFFSETS == 0 else \
            self.rng.sample(range(1, len(wire)), min(OFFSETS, len(wire) - 1))
        self.start()
        cases = {"whole": [wire]}
        cases.update({"%d" % o: [wire[:o], wire[o:]] for o in offsets})
        outcomes = self.prepare(cases)
        rows = self.books().rows
        bills = {json.dumps(rows[o.id]["usage"], sort_keys=True)
                 for o in outcomes.values()}
        self.assertEqual(len(bills), 1, bills)
        self.assertEqual({(o.status, o.clean, o.body) for o in outcomes.values()},
                         {(200, True, outcomes["whole"].body)})

    def test_row_19_heads_without_end_floods_redirects_and_trailers(self):
        canary = self.mock()
        self.start(provider_options="first_byte_timeout = 20s")
        ok = plain(answer(USAGE % (20, 4, 24)))
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        there = "Location: %s/chat/completions\r\n" % canary.base_url
        redirect = b"HTTP/1.1 %d X\r\n" + there.encode() + \
            b"Content-Length: 2\r\n\r\n{}"
        trailers = SSE + chunk(word_event() * 4 + DONE) + \
            b"0\r\nX-Trailer: planted\r\nSet-Cookie: planted\r\n\r\n"
        cases = {
            "eight interim": [interim * 8 + ok],
            "nine interim": [interim * 9 + ok],
            "early hints": [b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" + ok],
            "switching": [b"HTTP/1.1 101 Switching Protocols\r\n"
                          b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n" + ok],
            "large head": [plain(answer("null"), "X-A: %s\r\n" % ("a" * 200000))],
            "many fields": [plain(answer("null"), "X-A: b\r\n" * 20000)],
            "trailers": [trailers],
            "endless trailer": [trailers[:-2] + b"X-T: " + b"t" * 3000000],
        }
        cases.update({"redirect %d" % status: [redirect % status]
                      for status in (300, 301, 302, 303, 307, 308)})
        outcomes = self.prepare(cases)
        for name in ("eight interim", "early hints"):
            self.assertEqual(outcomes[name].status, 200, outcomes[name].body)
        self.assertEqual((outcomes["trailers"].status, outcomes["trailers"].clean),
                         (200, True))
        self.assertNotIn("planted", json.dumps(outcomes["trailers"].headers))
        self.assertNotIn(b"planted", outcomes["trailers"].body)
        for name in set(cases) - {"eight interim", "early hints", "trailers",
                                  "endless trailer"}:
            self.assertEqual(outcomes[name].status, 502, name)
            self.assertEqual(code_of(outcomes[name]), "upstream_error")
        self.assertEqual(outcomes["endless trailer"].status, 200)
        floods = self.many([
            fault("flood", first="", piece=interim.decode() * 50),
            fault("flood", first="HTTP/1.1 200 OK\r\n", piece="X-A: %s\r\n" % (
                "b" * 900)),
            fault("flood", first="HTTP/1.1 200 OK\r\nX-A: ", piece="b" * 1000)])
        self.assertEqual({o.status for o in floods}, {502})
        self.assertEqual(canary.requests, [], "a redirect was followed")
        self.books()


class Disconnects(UpstreamCase):
    async def leave(self, tag, events, slow):
        """Reads so many events, step by step, and goes."""
        gate = self.provider.gates[tag] = {"allowed": 1}
        name, secret = self.keys[events % len(self.keys)]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gw.port)
        data = json.dumps(fault("stepwise", stream=True, tag=tag)).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                     b"Authorization: Bearer %s\r\nContent-Type: application/json"
                     b"\r\nContent-Length: %d\r\n\r\n" % (
                         secret.encode(), len(data)) + data)
        seen = b""
        while seen.count(b"tok ") < events:
            data = await asyncio.wait_for(reader.read(65536), 60)
            self.assertNotEqual(data, b"", seen[-300:])
            seen += data
            gate["allowed"] = max(gate["allowed"], min(
                events, seen.count(b"tok ") + 1))
        if slow: # the next event is on its way when the client goes
            gate["allowed"] = events + 1
        gate["went"] = time.monotonic()
        writer.transport.abort()
        await self.until(lambda: "left" in gate, 60, "the upstream is cancelled")
        return re.search(rb"(?i)x-request-id: (\S+)", seen)[1].decode(), events

    def test_row_22_clients_leave_at_random_events(self):
        self.start()

        async def go():
            together = asyncio.Semaphore(20)

            async def one(i):
                async with together:
                    return await self.leave("%d" % i, self.rng.randint(1, 12),
                                            self.rng.random() < 0.5)
            return await asyncio.gather(*[one(i) for i in range(DISCONNECTS)])
        left = asyncio.run(go())
        audit = self.books().provider(self.provider.book.served_by_id())
        served = {e["id"]: e["served"] for e in self.provider.book.snapshot()}
        for request_id, seen in left:
            row = audit.rows[request_id]
            charged = row["usage"]["completion"]
            self.assertEqual(row["cause"], "client_gone")
            # What the client has, it pays; and at most one event beyond.
            self.assertLessEqual(seen, charged)
            self.assertLessEqual(served[request_id] - 1, charged)
            self.assertLessEqual(charged, served[request_id])
        print("upstream cancelled after ms: median %.0f p99 %.0f max %.0f" % (
            percentiles([(g["left"] - g["went"]) * 1000
                         for g in self.provider.gates.values()])), flush=True)

    def test_row_22_a_client_that_leaves_is_read_to_the_end_where_so_configured(self):
        self.start(provider_options="on_disconnect = drain")
        body = chat(tokens=30, stream=True, delay_ms=10)

        async def go():
            connection = RawConnection(self.gw.port)
            task = asyncio.create_task(connection.call(self.keys[0][1], body))
            await self.until(lambda: any(
                e["served"] > 3 for e in self.provider.book.snapshot()), 30)
            connection.writer.transport.abort()
            await task
        asyncio.run(go())
        rows = self.books().rows.values()
        self.assertEqual([r["usage"]["completion"] for r in rows], [30])
        self.assertTrue(self.provider.book.snapshot()[0]["done"])


class Down(UpstreamCase):
    def test_row_34_no_address_and_no_upstream_fail_fast_and_give_all_back(self):
        closed = ["http://127.0.0.1:%d/v1" % free_port() for _ in range(2)]
        text = provider_text("nowhere", "http://no-such-host.invalid/v1",
                             "connect_timeout = 3s\nfails = 0")
        for i, url in enumerate(closed):
            text += ("[provider.down%d]\nkind = openai\nbase_url = %s\n"
                     "fails = 0\n" % (i, url))
        text += "[model.down]\nproviders = down0, down1\n"
        self.start(extra=text, key_args=("--quota", "1000", "--period", "daily"))
        for stream in (False, True):
            for model in ("down", "nowhere"):
                for _ in range(5):
                    outcome = self.one(dict(chat(stream=stream, model=model)))
                    self.assertIn(outcome.status,
                                  (502,) if model == "down" else (502, 504))
                    if model == "down":
                        self.assertEqual(outcome.headers["x-aigw-attempts"], "2")
        down = [o.seconds for _, o in self.calls if o.status == 502]
        print("seconds of a refusal: median %.4f p99 %.4f max %.4f" %
              percentiles(down), flush=True)
        self.assertEqual(self.gw.usage_of("k0")[0]["usage"], 0)
        self.assertEqual({r["tokens"] for r in self.books().rows.values()}, {0})

    def test_row_34_an_upstream_that_goes_down_and_comes_back(self):
        self.start()

        async def flapping():
            for _ in range(FLAPS):
                await self.answered(30)
                self.provider.down()
                await self.until(lambda: self.calls[-1][1].status == 502, 60,
                                 "it is down")
                self.provider.up()
        asyncio.run(self.under_load(flapping, clients=12))
        self.audit(allowed=(200, 502, 503)) # 503: known to be down
        self.assertEqual(self.deaths("worker"), 0)


if __name__ == "__main__":
    unittest.main()
