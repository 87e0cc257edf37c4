"""Recorded answers of real providers, replayed through the gateway.

A mock provider sends each recorded body as it was received, cut into pieces of
random size; the client must get the same bytes, and the log row the usage that
was recorded, in every class. The client sends the recorded request. Streams are
replayed twice: with the usage chunk asked for, and without.

The recordings lie in $AIGW_SHARED/recordings (or ../shared/recordings beside
the checkout); without them the test is skipped.
"""
import asyncio
import glob
import json
import os
import random
import re
import unittest

from gateway import SHARED, Gateway, GatewayCase, wait_for

PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions",
         "embeddings": "/v1/embeddings"}
RECORD_ESTIMATED = 2  # flag of a row: the provider stated no usage
CLASSES = ("prompt_missed", "cached", "cache_creation", "completion", "reasoning")


def load_recordings():
    recordings = {}
    for path in sorted(glob.glob(os.path.join(SHARED, "recordings", "*", "*.json"))):
        with open(path, encoding="utf-8") as f:
            recording = json.load(f)
        if recording["api"] in PATHS:
            recordings[recording["id"]] = recording
    return recordings


def body_of(recording):
    return recording["response"]["body"].encode("utf-8")


def request_of(recording, asks_usage):
    """The recorded request, or a small one where it was not recorded."""
    request = recording["request"] or {}
    body = request.get("body")
    if request.get("body_kind") != "json" or not isinstance(body, dict):
        body = {"input": "x"} if recording["api"] == "embeddings" else \
               {"prompt": "x"} if recording["api"] == "completions" else \
               {"messages": [{"role": "user", "content": "x"}]}
    body = dict(body, model="replay", x_recording=recording["id"])
    body.pop("stream_options", None)
    if recording["stream"] or body.get("stream"):
        body["stream"] = True
        if asks_usage:
            body["stream_options"] = {"include_usage": True}
    return body


def is_usage_only(event):
    data = re.sub(rb"(?m)^data: ?", b"", event).strip()
    try:
        chunk = json.loads(data)
    except ValueError:
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and \
        isinstance(chunk.get("usage"), dict) and not chunk.get("error")


def without_usage_chunk(body):
    events = re.split(rb"((?:\r\n|\n|\r)(?:\r\n|\n|\r))", body)
    pairs = zip(events[0::2], events[1::2] + [b""])
    return b"".join(e + end for e, end in pairs if not is_usage_only(e))


class Player:
    """The provider's side: a handler of MockProvider."""

    def __init__(self, recordings):
        self.recordings = recordings
        self.random = random.Random(20)

    def pieces(self, data):
        most = self.random.choice((3, 40, 700, 9000))
        while data:
            n = self.random.randint(1, most)
            yield data[:n]
            data = data[n:]

    async def send(self, writer, data):
        for piece in self.pieces(data):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async def __call__(self, method, path, headers, body, writer):
        recording = self.recordings[json.loads(body)["x_recording"]]
        data = body_of(recording)
        kind = recording["response"]["headers"].get("content-type") or (
            "text/event-stream" if recording["stream"] else "application/json")
        head = "HTTP/1.1 %d X\r\nContent-Type: %s\r\n" % (
            recording["response"]["status"], kind)
        if recording["stream"] or self.random.random() < 0.5:
            head += "Transfer-Encoding: chunked\r\n\r\n"
            data = b"".join(b"%x\r\n%s\r\n" % (len(c), c)
                            for c in self.pieces(data)) + b"0\r\n\r\n"
        else:
            head += "Content-Length: %d\r\n\r\n" % len(data)
        await self.send(writer, head.encode() + data)
        return True


RECORDINGS = load_recordings()


@unittest.skipUnless(RECORDINGS, "no recordings in %s" % SHARED)
class Replay(GatewayCase):
    @classmethod
    def setUpClass(cls):
        from mock_provider import MockProvider
        cls.recordings = RECORDINGS
        cls.provider = MockProvider(handler=Player(cls.recordings)).start()
        cls.gw = Gateway(provider=cls.provider.base_url, models=("replay",)).start()
        cls.key = cls.gw.create_key("replay")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def replay(self, recording, asks_usage):
        return self.gw.call(self.key, request_of(recording, asks_usage),
                            PATHS[recording["api"]])

    def log_rows(self, wanted):
        """{request id: row} of all `wanted` ids, from the log."""
        def all_there():
            rows = {"req_" + r["request_id"].removeprefix("req_"): r
                    for r in self.gw.ctl("logs", "--limit", "1000")}
            return rows if wanted <= rows.keys() else None
        return wait_for(all_there, 20, "log rows of all replayed calls")

    def check_row(self, recording, row):
        expected = recording["expected_usage"]
        usage = dict(row["usage"])
        usage["audio"] = usage["audio_in"] + usage["audio_out"]
        self.assertEqual((row["status"], row["cause"]), (200, "ok"), row)
        if expected is None:
            self.assertTrue(row["flags"] & RECORD_ESTIMATED, row)
            return
        want = expected["normalised"]
        self.assertEqual({c: usage[c] for c in CLASSES + ("audio",)},
                         {c: want[c] for c in CLASSES + ("audio",)})
        for part in ("audio_in", "audio_out"):
            self.assertEqual(usage[part], want["detail"][part], part)
        self.assertEqual(row["tokens"], sum(want[c] for c in CLASSES) + want["audio"])
        self.assertFalse(row["flags"] & RECORD_ESTIMATED, row)

    def check_all(self, recordings, asks_usage):
        calls = {}
        for recording in recordings:
            with self.subTest(recording["id"]):
                status, headers, body = self.replay(recording, asks_usage)
                self.assertEqual(status, 200, body[:500])
                want = body_of(recording)
                if recording["stream"] and not asks_usage:
                    want = without_usage_chunk(want)
                self.assertEqual(body, want)
                kind = recording["response"]["headers"].get("content-type")
                if kind:
                    self.assertEqual(headers["content-type"], kind)
                calls[headers["x-request-id"]] = recording
        rows = self.log_rows(calls.keys())
        for request_id, recording in calls.items():
            with self.subTest(recording["id"]):
                self.check_row(recording, rows[request_id])

    def good(self, stream):
        chosen = [r for r in self.recordings.values() if
                  r["response"]["status"] == 200 and bool(r["stream"]) == stream]
        self.assertGreater(len(chosen), 50)
        return chosen

    def test_plain_answers_pass_unchanged_and_are_counted_as_recorded(self):
        self.check_all(self.good(False), False)

    def test_streams_pass_unchanged_when_usage_is_asked_for(self):
        self.check_all(self.good(True), True)

    def test_streams_lose_only_the_usage_chunk_when_it_is_not(self):
        self.check_all(self.good(True), False)

    def test_the_provider_is_always_asked_for_usage_and_gets_the_rest_as_sent(self):
        recording = self.good(True)[0]
        self.replay(recording, False)
        sent = json.loads(self.provider.requests[-1][3])
        want = request_of(recording, True)
        self.assertEqual(sent, want)

    def test_errors_keep_their_status_and_come_in_the_dialects_shape(self):
        failed = [r for r in self.recordings.values()
                  if r["response"]["status"] >= 400]
        self.assertGreater(len(failed), 10)
        calls = set()
        for recording in failed:
            with self.subTest(recording["id"]):
                status, headers, body = self.replay(recording, False)
                self.assertEqual(status, recording["response"]["status"])
                error = json.loads(body)["error"]
                self.assertIsInstance(error["message"], str)
                recorded = json.loads(recording["response"]["body"])
                if not isinstance(recorded.get("error"), dict):
                    self.assertLessEqual({"message", "type", "param", "code"},
                                         error.keys())
                elif b"upstream" not in body_of(recording):
                    # (a piece of the credential used here: would be withheld)
                    self.assertEqual(body, body_of(recording))
                calls.add(headers["x-request-id"])
        rows = self.log_rows(calls)
        for request_id in calls:
            self.assertEqual(rows[request_id]["cause"], "provider_error")
            self.assertEqual(rows[request_id]["tokens"], 0)

    def test_table_ledger_and_log_agree_afterwards(self):
        self.gw.verify()


if __name__ == "__main__":
    unittest.main()
