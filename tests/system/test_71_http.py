"""HTTP as attackers write it: cases against the real gateway with a provider
behind it that records whatever is forwarded."""
import asyncio
import gzip
import json
import os
import random
import socket
import struct
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import http_cases
import http_cases_own
from gateway import SHARED, GatewayCase, wait_for
from load import chat

MODES = ("whole", "bytes", "split")
AT_ONCE = 24


def shared_cases():
    path = os.path.join(SHARED, "http-cases.json")
    if not os.path.exists(path):
        raise unittest.SkipTest("no %s" % path)
    with open(path) as f:
        return json.load(f)["cases"]


class Run:
    """All cases in all modes against one gateway, many connections at once."""

    def __init__(self, test, cases, seed):
        self.test, self.cases, self.random = test, cases, random.Random(seed)
        self.failures = []
        self.answered = Counter()  # mark -> answers with 200

    async def one(self, case, mode, limit):
        mark = "%s/%s" % (case["id"], mode)
        words = http_cases.Words("127.0.0.1:%d" % self.gateway.port, self.key,
                                 "m1", mark)
        steps = http_cases.cut(http_cases.make_steps(case, words), mode, self.random)
        async with limit:
            seen = await http_cases.play(case, self.gateway.port, steps, words,
                                         case["prefer"])
        self.answered[mark] = sum(a.status == 200 for a in seen.answers)
        wrong = http_cases.judge(case, seen)
        if wrong:
            self.failures.append("%s: %s; got %s" % (mark, wrong, seen))
        for answer in seen.answers:
            if not (answer.field("x-request-id") or "").startswith("req_"):
                self.failures.append("%s: an answer without x-request-id" % mark)

    async def all(self):
        upstream = http_cases.StrictUpstream()
        port = await upstream.start()
        # Whoever sends byte by byte on a busy machine is not to be cut for it.
        self.gateway = self.test.gateway(
            provider="http://127.0.0.1:%d/v1" % port,
            server="header_timeout = 5m\nbody_timeout = 5m\n")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.gateway.start)
        self.key = await loop.run_in_executor(None, self.gateway.create_key, "cases")
        limit = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self.one(case, mode, limit) for case in self.cases
                               for mode in MODES))
        upstream.stop()
        self.failures += upstream.faults
        self.check_forwarded(upstream.calls)

    def check_forwarded(self, calls):
        """Nothing reached the provider that its client got no answer to."""
        forwarded = Counter()
        for _, body in calls:
            try:
                mark = json.loads(body)["messages"][0]["content"]
            except (ValueError, KeyError, IndexError, TypeError):
                self.failures.append("forwarded: %r" % body[:200])
                continue
            if b"smuggled" in body:
                self.failures.append("smuggled: %r" % body[:200])
            forwarded[mark] += 1
        for mark, count in forwarded.items():
            if mark in self.answered and count > self.answered[mark]:
                self.failures.append("%s: %d calls forwarded, %d answered" % (
                    mark, count, self.answered[mark]))


class Cases(GatewayCase):
    def run_cases(self, cases):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))
        run = Run(self, cases, seed)
        asyncio.run(run.all())
        if run.failures:
            self.fail("AIGW_SEED=%d: %d of %d\n%s" % (
                seed, len(run.failures), len(cases) * len(MODES),
                "\n".join(run.failures[:40])))
        run.gateway.verify()
        self.assertEqual(run.gateway.stop(), 0)

    def test_every_case_of_our_own_ends_as_preferred(self):
        self.run_cases(http_cases_own.cases)

    def test_every_case_of_the_shared_file_ends_as_preferred(self):
        self.run_cases(shared_cases())


def zstd_stored(data):
    """A zstd frame of blocks that are not compressed (RFC 8878 3.1.1)."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data))
    for at in range(0, len(data), 1 << 17):
        block = data[at:at + (1 << 17)]
        last = at + len(block) == len(data)
        frame += struct.pack("<I", len(block) << 3 | last)[:3] + block
    return frame


def zstd_zeros(count):
    """As many zeros in four bytes for each 128 KiB."""
    frame = b"\x28\xb5\x2f\xfd\x00\x58"  # window 2 MiB, no size stated
    for at in range(0, count, 1 << 17):
        size = min(1 << 17, count - at)
        last = at + size == count
        frame += struct.pack("<I", size << 3 | 2 | last)[:3] + b"\0"
    return frame


def peak_bytes(gateway):
    """The largest peak of memory among the workers."""
    peak = 0
    for pid in gateway.children("worker"):
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
    return peak


class Fields(GatewayCase):
    """What may pass in a head, in either direction."""
    OURS = {"date", "server", "x-request-id", "x-upstream-request-id",
            "openai-processing-ms", "content-type", "content-length",
            "transfer-encoding", "cache-control", "x-accel-buffering",
            "x-aigw-provider", "x-aigw-model", "x-aigw-attempts", "x-aigw-cache",
            "x-aigw-cost", "x-aigw-quota-remaining"}
    THEIRS = (b"x-ratelimit-limit-requests: 7\r\nx-ratelimit-remaining-tokens: 9\r\n"
              b"X-RateLimit-Reset-Requests: 1s\r\nSet-Cookie: a=b\r\n"
              b"Connection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: hop\r\n"
              b"Keep-Alive: timeout=9\r\nVia: 1.1 cdn\r\nServer: theirs\r\n"
              b"Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: X-T\r\n"
              b"x-request-id: theirs-1\r\nopenai-processing-ms: 12\r\n"
              b"openai-organization: org-1\r\nx-aigw-cost: 99\r\n"
              b"X-Tab: a\tb\r\nX-High: \xc3\xa9\r\n")

    def ask(self, upstream_fields, request_fields="", limits=()):
        """(the provider's view, the client's answer) of one call."""
        async def run():
            upstream = http_cases.StrictUpstream(upstream_fields)
            port = await upstream.start()
            gw = self.gateway(provider="http://127.0.0.1:%d/v1" % port, workers=1)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, gw.start)
            key = await loop.run_in_executor(
                None, lambda: gw.create_key("fields", *limits))
            words = http_cases.Words("gateway", key, "m1", "fields")
            call = words.post(words.body.encode(), request_fields)
            case = {"prefer": "accept", "allow": ["accept"]}
            seen = await http_cases.play(case, gw.port, [call], words, "accept")
            upstream.stop()
            self.assertEqual(upstream.faults + seen.faults, [])
            return upstream.calls, seen.answers
        calls, answers = asyncio.run(run())
        return calls[0][0] if calls else None, answers[0]

    def test_fields_of_one_connection_do_not_cross_to_the_other(self):
        sent, answer = self.ask(b"", "".join((
            "Connection: keep-alive\r\n", "Connection: X-Secret, user-agent,TE\r\n",
            "X-Secret: a\r\n", "User-Agent: hidden\r\n", "Keep-Alive: timeout=5\r\n",
            "TE: trailers\r\n", "Trailer: X-T\r\n", "Upgrade: h2c\r\n",
            "HTTP2-Settings: AAAA\r\n", "Proxy-Connection: close\r\n",
            "Proxy-Authorization: Basic eDp5\r\n", "Cookie: a=b\r\n",
            "X-Forwarded-For: 10.0.0.1\r\n", "Forwarded: for=10.0.0.1\r\n",
            "Content_Length: 3\r\n", "X-Api-Key: sk-mine\r\n",
            "X-Request-Id: mine\r\n", "X-Kept: kept\r\n")))
        self.assertEqual(answer.status, 200)
        self.assertEqual(sent.pop(b"x-kept"), b"kept")
        self.assertRegex(sent.pop(b"x-request-id").decode(), "^req_[0-9a-f]{32}$")
        self.assertEqual(sent.pop(b"user-agent"), b"aigw")
        self.assertEqual(set(sent), {
            b"host", b"authorization", b"content-type", b"content-length",
            b"accept", b"accept-encoding"})

    def test_an_answer_has_our_head_whatever_the_provider_writes(self):
        _, answer = self.ask(self.THEIRS)
        self.assertEqual(answer.status, 200)
        self.assertLessEqual(set(answer.fields), self.OURS)
        self.assertEqual(answer.field("server"), "aigw")
        self.assertEqual(answer.field("x-upstream-request-id"), "theirs-1")
        self.assertEqual(answer.field("openai-processing-ms"), "12")
        self.assertNotEqual(answer.field("x-aigw-cost"), "99")

    def test_rate_limits_are_the_keys_own_never_the_providers(self):
        _, answer = self.ask(self.THEIRS, limits=("--rpm", "50"))
        self.assertEqual(answer.field("x-ratelimit-limit-requests"), "50")
        self.assertEqual(answer.field("x-ratelimit-remaining-requests"), "49")
        self.assertIsNone(answer.field("x-ratelimit-remaining-tokens"))

    def test_a_head_that_would_split_the_answer_is_a_bad_gateway(self):
        for fields in (b"X-A: b\rSet-Cookie: c\r\n", b"x-request-id: a\0b\r\n",
                       b"Content-Type: a\r\n b\r\n", b"X A: b\r\n",
                       b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"):
            _, answer = self.ask(fields)
            self.assertEqual(answer.status, 502, fields)
            self.assertLessEqual(set(answer.fields), self.OURS)


class Bodies(GatewayCase):
    BOMB = 50 * 1000 * 1000

    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url, workers=1).start()
        self.key = self.gw.create_key("bodies")

    def post(self, body, coding=None, **fields):
        headers = {"Authorization": "Bearer " + self.key,
                   "Content-Type": "application/json"}
        if coding:
            headers["Content-Encoding"] = coding
        headers.update(fields)
        return self.gw.http("POST", "/v1/chat/completions", body, headers)

    def test_row_20_compressed_calls_reach_the_provider_as_they_are_meant(self):
        call = json.dumps(chat(tokens=2)).encode()
        for coding, packed in (("gzip", gzip.compress(call)),
                               ("x-gzip", gzip.compress(call[:9]) +
                                gzip.compress(call[9:])),
                               ("zstd", zstd_stored(call)),
                               ("zstd", zstd_stored(call[:9]) +
                                zstd_stored(call[9:]))):
            status, _, body = self.post(packed, coding)
            self.assertEqual(status, 200, body)
            _, _, headers, sent = self.provider.requests[-1]
            self.assertEqual(sent, call)
            self.assertEqual(headers["content-length"], str(len(call)))
            self.assertNotIn("content-encoding", headers)
            self.assertEqual(headers["accept-encoding"], "identity")
        wait_for(self.gw.settled)
        self.gw.verify()

    def test_row_20_bombs_are_refused_within_bounded_memory(self):
        zeros = bytes(self.BOMB)
        bombs = [("gzip", gzip.compress(zeros, 9)), ("zstd", zstd_zeros(self.BOMB))]
        self.assertLess(len(bombs[0][1]), 60000)
        self.assertEqual(self.post(json.dumps(chat()).encode())[0], 200)
        before = peak_bytes(self.gw)
        with ThreadPoolExecutor(8) as pool:
            for status, _, body in pool.map(lambda b: self.post(b[1], b[0]),
                                            bombs * 8):
                self.assertEqual(status, 413, body)
                self.assertEqual(json.loads(body)["error"]["code"],
                                 "request_too_large")
        self.assertLess(peak_bytes(self.gw) - before, 64 << 20)
        self.assertEqual(len(self.provider.requests), 1)
        self.assertEqual(self.post(json.dumps(chat()).encode())[0], 200)

    def test_row_20_a_provider_that_compresses_unasked_is_not_believed(self):
        packed = gzip.compress(bytes(self.BOMB), 9)

        async def bomb(method, path, headers, body, writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                         % len(packed) + packed)
            await writer.drain()
            return False
        before = peak_bytes(self.gw)
        self.provider.handler = bomb
        status, _, body = self.post(json.dumps(chat()).encode())
        self.assertEqual((status, json.loads(body)["error"]["code"]),
                         (502, "upstream_error"))
        self.assertLess(peak_bytes(self.gw) - before, 16 << 20)

    def test_row_20_other_codings_are_refused_and_the_answer_names_ours(self):
        call = json.dumps(chat()).encode()
        for coding in ("br", "deflate", "gzip, gzip", "zstd, gzip", "compress"):
            status, headers, body = self.post(call, coding)
            self.assertEqual(status, 415, coding)
            self.assertEqual(headers["accept-encoding"], "gzip, zstd")
            self.assertEqual(json.loads(body)["error"]["code"],
                             "unsupported_content_encoding")
        for coding, packed in (("gzip", gzip.compress(call)),
                               ("zstd", zstd_stored(call))):
            for broken in (packed[:-1], packed + b"x", packed[:4], call, b""):
                self.assertEqual(self.post(broken, coding)[0], 400)
        self.assertEqual(self.provider.requests, [])

    def test_uploads_that_cannot_all_be_held_are_refused_at_their_heads(self):
        gw = self.gateway(provider=self.provider.base_url, workers=1,
                          server="body_max = 20m\nbody_memory = 20m").start()
        key = gw.create_key("uploads")
        head = ("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: "
                "Bearer %s\r\nContent-Length: 1000000\r\nExpect: 100-continue"
                "\r\n\r\n" % key).encode()
        begun, refused = [], 0
        for _ in range(60):
            s = socket.create_connection(("127.0.0.1", gw.port), 30)
            self.addCleanup(s.close)
            s.sendall(head)
            answer = s.recv(200)
            if answer.startswith(b"HTTP/1.1 100 "):
                begun.append(s)
            else:
                self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
                refused += 1
        self.assertEqual((len(begun), refused), (20, 40))
        for s in begun:
            s.close()
        wait_for(lambda: gw.call(key, b" " * 19000000)[0] == 422, 20,
                 "room after the uploads have gone")


if __name__ == "__main__":
    unittest.main()
