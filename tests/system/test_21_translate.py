"""Recorded answers of real providers, told to clients of every other dialect.

A mock replays each recording as the provider of its kind would, cut into pieces of
random size. A client of each dialect asks; the log row must have the recorded usage
in every class, and the client must read the same text, tool calls and stop reason
(by the independent readers of said.py). The model's name carries the recording.

The recordings lie in $AIGW_SHARED/recordings; without them the test is skipped.
"""
import asyncio
import base64
import glob
import json
import os
import random
import re
import struct
import unittest
import urllib.parse

import said
from dialects import Chat, Generate, Messages, Responses
from gateway import SHARED, Gateway, GatewayCase, wait_for
from load import Connection
from mock_provider import MockProvider

CLASSES = ("prompt_missed", "cached", "cache_creation", "completion", "reasoning")
RECORD_ESTIMATED = 2
AT_ONCE = 8

# api of a recording: the kind of provider that serves it, and its options
KINDS = {
    "chat": ("openai", ""),
    "responses": ("openai", "speaks = responses\n"),
    "messages": ("anthropic", ""),
    "generate": ("gemini", ""),
    "converse": ("bedrock", "region = us-east-1\n"),
}
EMBED_KINDS = {"embeddings": ("openai", ""), "embed": ("gemini", "")}
# Answers that are no answer of their api: nothing can read the same from them.
UNREADABLE = {
    # arguments in pieces with paths of their own, asked for by a switch
    "gemini-generate-stream-google-stream-tool-call-arguments-2dbaf7db",
    # an error at its end: told as one, where there is no stop reason any more
    "openrouter-chat-stream-openrouter-stream-error-19ec71a1",
    # several messages, one behind the other
    "anthropic-messages-stream-anthropic-programmatic-tool-calling-1-17cf4c29",
    # streams without alt=sse, which no provider is ever asked for
    "gemini-generate-json-testgoogleaigeneratecontentwithmultiplemessages-21b513a5",
    "gemini-generate-json-testgoogleaigeneratecontentwithsystemmessage-d5ba7df6",
    "gemini-generate-json-testgoogleaitoolcallresponse-310129b9",
    # the recording's own arguments are no JSON
    "openai-responses-stream-parallel-tool-call-wrapper-1-7d6ff27d",
    # base64 of doubles, where its clients ask for that and take it for floats
    "vllm-embeddings-json-embeddings-context-propagation-35752d0c",
}


def load(kinds):
    """All that a provider of these kinds can have said, errors too."""
    found = {}
    for path in sorted(glob.glob(os.path.join(SHARED, "recordings", "*", "*.json"))):
        with open(path, encoding="utf-8") as f:
            recording = json.load(f)
        if recording["api"] in kinds and recording["id"] not in UNREADABLE:
            found[recording["id"]] = recording
    return found


RECORDINGS, EMBEDDINGS = load(KINDS), load(EMBED_KINDS)
ANSWERS = {k: r for k, r in RECORDINGS.items() if r["response"]["status"] == 200}
# What a provider may say of its own trouble, or of our credential, is no fault of
# the client's.
TOLD = {401: (401, 502), 403: (403, 502), 529: (503,), 424: (502,)}


class Player:
    """Handler of MockProvider: replays the recording that the model names."""

    def __init__(self):
        self.random = random.Random(21)

    @staticmethod
    def recording_of(path, body):
        path = urllib.parse.unquote(path)
        named = re.search(r"/models?/([^/:?]+)", path)
        name = named.group(1) if named else json.loads(body)["model"]
        return RECORDINGS.get(name) or EMBEDDINGS[name]

    def pieces(self, data):
        most = self.random.choice((3, 40, 700, 9000))
        while data:
            n = self.random.randint(1, most)
            yield data[:n]
            data = data[n:]

    async def __call__(self, _method, path, _headers, body, writer):
        recording = self.recording_of(path, body)
        data = said.recorded_body(recording)
        kind = {"sse": "text/event-stream",
                "eventstream": "application/vnd.amazon.eventstream",
                None: "application/json"}[recording["stream_format"]]
        if recording["response"]["status"] != 200:
            kind = recording["response"]["headers"].get("content-type", kind)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n" % (
                         recording["response"]["status"], kind.encode()))
        for piece in self.pieces(data):
            writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


# client dialects: api by whose reader the answer is read, path, body
def chat(model, stream):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        body.update(stream=True, stream_options={"include_usage": True})
    return "chat", "/v1/chat/completions", body


def responses(model, stream):
    return "responses", "/v1/responses", {"model": model, "input": "hi",
                                          "stream": stream}


def messages(model, stream):
    return "messages", "/v1/messages", {
        "model": model, "max_tokens": 4096, "stream": stream,
        "messages": [{"role": "user", "content": "hi"}]}


def generate(model, stream):
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return "generate", "/v1beta/models/%s:%s" % (
        urllib.parse.quote(model, safe="/"), method), {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


CLIENTS = (chat, responses, messages, generate)


class Replay(GatewayCase):
    kinds = KINDS

    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider(handler=Player()).start()
        extra = "".join("[provider.%s]\nkind = %s\nbase_url = %s\n"
                        "api_key = sk-upstream-secret-canary\nmodels = *\n%s\n" % (
                            api, kind, "http://127.0.0.1:%d" % cls.provider.port
                            if kind != "openai" else cls.provider.base_url, options)
                        for api, (kind, options) in cls.kinds.items())
        cls.gw = Gateway(extra=extra).start()
        cls.key = cls.gw.create_key("replay")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def ask_all(self, client, recordings):
        """{recording id: Outcome}"""
        waiting, outcomes = list(recordings), {}

        async def work():
            connection = Connection(self.gw.port)
            while waiting:
                recording = waiting.pop()
                _, path, body = client("%s/%s" % (recording["api"], recording["id"]),
                                       recording["stream"])
                outcomes[recording["id"]] = await connection.call(
                    self.key, body, path=path)
            connection.close()

        async def go():
            await asyncio.gather(*[work() for _ in range(AT_ONCE)])
        asyncio.run(go())
        return outcomes

    def rows_of(self, ids):
        """{request id: row}, once all are there."""
        def all_there():
            rows = {"req_" + r["request_id"].removeprefix("req_"): r
                    for r in self.gw.ctl("logs", "--limit", "0")}
            return (rows,) if ids <= rows.keys() else None
        return wait_for(all_there, 60, "log rows of all replayed calls")[0]

    def check_usage(self, recording, row):
        expected = recording["expected_usage"]
        if expected is None or expected["normalised"] is None:
            return None if row["flags"] & RECORD_ESTIMATED else "not estimated"
        if expected.get("ambiguous"):
            return None
        usage = dict(row["usage"])
        usage["audio"] = usage["audio_in"] + usage["audio_out"]
        want = dict(expected["normalised"])
        for more in want.get("extra_iterations") or ():  # billed in addition
            for c in CLASSES + ("audio",):
                if more["type"] in ("compaction", "advisor_message"):
                    want[c] += more["normalised"][c]
        wrong = {c: (usage[c], want[c]) for c in CLASSES + ("audio",)
                 if usage[c] != want[c]}
        return "usage (got, want): %r" % wrong if wrong else None


@unittest.skipUnless(RECORDINGS, "no recordings in %s" % SHARED)
class Translate(Replay):
    def check(self, recording, api, outcome):
        """What a client reads of it; an explanation, or None."""
        want = said.read(recording["api"], said.recorded_body(recording),
                         recording["stream"])
        if outcome.status != 200:
            return "status %s: %s" % (outcome.status, outcome.body[:300])
        got = said.read(api, outcome.body, recording["stream"])
        for what in ("text", "tools", "stop"):
            mine, theirs = getattr(got, what), getattr(want, what)
            if mine != theirs:
                return "%s: %.300r, not %.300r" % (what, mine, theirs)
        return None

    def replay(self, client):
        api = client("m", False)[0]
        recordings = [r for r in ANSWERS.values() if r["api"] != api]
        outcomes = self.ask_all(client, recordings)
        rows = self.rows_of({o.id for o in outcomes.values() if o.status == 200})
        wrong = []
        for recording in recordings:
            outcome = outcomes[recording["id"]]
            why = self.check(recording, api, outcome)
            if why is None:
                why = self.check_usage(recording, rows[outcome.id])
            if why is not None:
                wrong.append("%s\n    %s" % (recording["id"], why))
        self.assertEqual(wrong, [], "\n".join(wrong[:40]) +
                         "\n%d of %d" % (len(wrong), len(recordings)))

    def test_a_chat_client_reads_what_every_provider_said(self):
        self.replay(chat)

    def test_a_responses_client_reads_what_every_provider_said(self):
        self.replay(responses)

    def test_a_messages_client_reads_what_every_provider_said(self):
        self.replay(messages)

    def test_a_gemini_client_reads_what_every_provider_said(self):
        self.replay(generate)

    def test_errors_are_told_in_the_clients_dialect_and_cost_nothing(self):
        errors = [r for r in RECORDINGS.values() if r["response"]["status"] != 200]
        self.assertGreater(len(errors), 30)
        for client, dialect in zip(CLIENTS, (Chat, Responses, Messages, Generate)):
            others = [r for r in errors if r["api"] != dialect.api]
            outcomes = self.ask_all(client, others)
            rows = self.rows_of({o.id for o in outcomes.values()})
            for recording in others:
                outcome, status = outcomes[recording["id"]], recording["response"]["status"]
                with self.subTest(recording=recording["id"], client=dialect.api):
                    self.assertIn(outcome.status, TOLD.get(status, (status, 502)))
                    self.assertTrue(dialect.is_error(json.loads(outcome.body)))
                    usage = rows[outcome.id]["usage"]
                    self.assertEqual(sum(usage[c] for c in CLASSES), 0)

    def test_books(self):
        wait_for(self.gw.settled, 60, "all settled")
        self.gw.verify()


def vectors_of(body):
    """The vectors of an answer in any of the forms, as 32-bit floats; their number."""
    answer = json.loads(body)
    if "data" in answer:
        items = [d["embedding"] for d in sorted(
            answer["data"], key=lambda d: d.get("index", 0))]
    else:
        items = answer.get("embeddings") or [answer["embedding"]]
        items = [i["values"] for i in items]
    floats = []
    for item in items:
        if isinstance(item, str):
            data = base64.b64decode(item)
            item = struct.unpack("<%df" % (len(data) // 4), data)
        floats.append(struct.pack("<%df" % len(item), *item))
    return floats


@unittest.skipUnless(EMBEDDINGS, "no recordings in %s" % SHARED)
class Embeddings(Replay):
    """Vectors, from the provider of one dialect to clients of the other."""
    kinds = EMBED_KINDS

    def replay(self, api, ask):
        """ask(model, number of vectors): path, body."""
        count = 0
        for recording in EMBEDDINGS.values():
            if recording["api"] != api or recording["response"]["status"] != 200:
                continue
            want = vectors_of(said.recorded_body(recording))
            path, body = ask("%s/%s" % (api, recording["id"]), len(want))
            status, headers, answer = self.gw.call(self.key, body, path)
            with self.subTest(recording=recording["id"], path=path):
                self.assertEqual(status, 200, answer[:300])
                self.assertEqual(vectors_of(answer), want)
                row = self.rows_of({headers["x-request-id"]})[headers["x-request-id"]]
                self.assertIsNone(self.check_usage(recording, row))
                count += 1
            yield recording, json.loads(answer), row
        self.assertGreater(count, 1)

    def test_a_gemini_client_gets_one_vector_of_every_provider(self):
        for _, answer, _ in self.replay("embeddings", lambda model, n: (
                "/v1beta/models/%s:embedContent" % urllib.parse.quote(model, safe="/"),
                {"content": {"parts": [{"text": "hi"}]}})):
            self.assertIn("values", answer["embedding"])
            self.assertTrue(all(isinstance(v, (int, float))
                                for v in answer["embedding"]["values"]))

    def test_a_gemini_client_gets_a_batch_of_vectors_of_every_provider(self):
        for _, answer, _ in self.replay("embeddings", lambda model, n: (
                "/v1beta/models/%s:batchEmbedContents" % urllib.parse.quote(
                    model, safe="/"),
                {"requests": [{"model": "models/" + model, "content": {
                    "parts": [{"text": "hi"}]}}] * n})):
            self.assertEqual(len(answer["embeddings"]), 1)

    def test_an_openai_client_gets_geminis_vectors(self):
        for form in ("float", "base64", None):
            def ask(model, n):
                body = {"model": model, "input": ["hi"] * n, "dimensions": 768}
                if form:
                    body["encoding_format"] = form
                return "/v1/embeddings", body
            for _, answer, row in self.replay("embed", ask):
                self.assertEqual(answer["object"], "list")
                self.assertEqual([d["index"] for d in answer["data"]],
                                 list(range(len(answer["data"]))))
                kinds = {type(d["embedding"]) for d in answer["data"]}
                self.assertEqual(kinds, {str if form == "base64" else list})
                self.assertEqual(answer["usage"]["prompt_tokens"],
                                 row["usage"]["prompt_missed"])

    def test_errors_are_told_in_the_clients_dialect_and_cost_nothing(self):
        errors = [r for r in EMBEDDINGS.values() if r["response"]["status"] != 200]
        self.assertGreater(len(errors), 1)
        for recording in errors:
            status, headers, answer = self.gw.call(
                self.key, {"content": {"parts": [{"text": "hi"}]}},
                "/v1beta/models/embeddings/%s:embedContent" % recording["id"])
            self.assertEqual(status, recording["response"]["status"], answer)
            self.assertTrue(Generate.is_error(json.loads(answer)))
            row = self.rows_of({headers["x-request-id"]})[headers["x-request-id"]]
            self.assertEqual(sum(row["usage"][c] for c in CLASSES), 0)

    def test_books(self):
        wait_for(self.gw.settled, 60, "all settled")
        self.gw.verify()


if __name__ == "__main__":
    unittest.main()
