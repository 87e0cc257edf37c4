"""Answers that are none, from providers of another dialect than the client's: told as
failures with a status as long as nothing was sent, so that the universal endpoint goes
on to its next step; and what the ledger says of answers in one piece."""
import json
import unittest

from dialects import Chat, Converse, Generate, Messages, Responses, frame
from every_provider import EveryProvider
from gateway import wait_for

# name: kind, what it speaks, base path, options, members that its answers may lack
PROVIDERS = {
    "openai": ("openai", Chat, "/v1", ""),
    "openai-responses": ("openai", Responses, "/v1", "speaks = responses\n"),
    "anthropic": ("anthropic", Messages, "", ""),
    "gemini": ("gemini", Generate, "", ""),
    "bedrock": ("bedrock", Converse, "", "region = eu-west-1\n"),
    "workers-ai": ("workers-ai", Chat, "/client/v4/accounts/a1", ""),
}
CLIENTS = (Chat, Messages)


def is_foreign(client, provider):
    return client is not PROVIDERS[provider][1]


class Provider:
    """Handler of MockProvider: says what it was told to say."""

    def __init__(self, speaks):
        self.speaks, self.says, self.calls = speaks, None, 0

    async def __call__(self, _method, path, _headers, body, writer):
        self.calls += 1
        stream = "stream" in path or bool(json.loads(body).get("stream"))
        if self.says is None:
            kind = self.speaks.stream_type if stream else "application/json"
            data, whole = self.speaks.answer("text", stream), True
        else:
            kind, data, whole = self.says
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                     % (kind.encode(), len(data) + (not whole)) + data)
        await writer.drain()
        return whole


class Failures(EveryProvider):
    providers, handler = PROVIDERS, Provider

    def tearDown(self):
        for handler in self.handlers.values():
            handler.says = None
        super().tearDown()

    def post(self, path, body):
        return self.gw.http("POST", path, body, {"Authorization": "Bearer " + self.key})

    def crossings(self):
        for client in CLIENTS:
            for provider in PROVIDERS:
                if is_foreign(client, provider):
                    yield client, provider

    def ask(self, client, provider, stream):
        return self.post(*client.ask(provider + "/anthropic.m", "text", stream))

    def row(self, headers):
        return wait_for(lambda: self.gw.ctl("logs", "--request-id",
                                            headers["x-request-id"]), 30, "log row")[0]

    def check_failure(self, client, provider, answer):
        status, headers, body = answer
        self.assertEqual(status, 502, (client.api, provider, body))
        self.assertTrue(client.is_error(json.loads(body)), (provider, body))
        row = self.row(headers)
        self.assertNotEqual(row["cause"], "ok", (client.api, provider))
        self.assertEqual((row["status"], row["usage"]["completion"]), (502, 0))

    def test_json_in_which_there_is_no_answer_is_a_failure(self):
        for client, provider in self.crossings():
            for data in (b"{}", b'{"id":"x","object":"y","model":"m"}',
                         b'{"choices":[],"candidates":[],"content":null}'):
                self.handlers[provider].says = ("application/json", data, True)
                self.check_failure(client, provider, self.ask(client, provider, False))

    def test_a_stream_that_says_nothing_is_a_failure_with_a_status(self):
        for client, provider in self.crossings():
            kind = PROVIDERS[provider][1].stream_type
            for stream in (False, True):
                for whole in (False, True):
                    self.handlers[provider].says = (kind, b"", whole)
                    self.check_failure(client, provider,
                                       self.ask(client, provider, stream))

    def test_a_stream_to_a_plain_call_that_breaks_off_is_a_failure_with_a_status(self):
        for client, provider in self.crossings():
            speaks = PROVIDERS[provider][1]
            data = speaks.answer("text", True)
            self.handlers[provider].says = (speaks.stream_type, data, True)
            status, _, body = self.ask(client, provider, False)
            self.assertEqual(status, 200, (client.api, provider, body))
            self.handlers[provider].says = (speaks.stream_type, data[:len(data) // 2],
                                            False)
            status, headers, body = self.ask(client, provider, False)
            self.assertEqual(status, 502, (client.api, provider, body))
            self.assertTrue(client.is_error(json.loads(body)), (provider, body))
            self.assertNotEqual(self.row(headers)["cause"], "ok")

    def test_a_damaged_frame_before_the_head_is_a_failure_with_a_status(self):
        bad = frame("messageStart", {"role": "assistant"})
        bad = bad[:-1] + bytes([bad[-1] ^ 1])
        for stream in (False, True):
            self.handlers["bedrock"].says = (Converse.stream_type, bad, True)
            self.check_failure(Chat, "bedrock", self.ask(Chat, "bedrock", stream))

    def test_the_universal_endpoint_goes_on_to_its_next_step(self):
        def step(provider, stream):
            return {"provider": provider, "endpoint": "chat/completions",
                    "query": Chat.ask("anthropic.m", "text", stream)[1]}
        for says in (("application/json", b"{}", True),
                     ("text/event-stream", b"", True),
                     ("text/event-stream", b"", False)):
            for stream in (False, True):
                self.handlers["anthropic"].says = says
                self.handlers["gemini"].calls = 0
                status, headers, body = self.post("/v1/acct/gw", [
                    step("anthropic", stream), step("gemini", stream)])
                self.assertEqual((status, headers.get("cf-aig-step")), (200, "1"), body)
                self.assertEqual(self.handlers["gemini"].calls, 1)

    def test_the_ledger_has_what_was_delivered_of_an_answer_in_one_piece(self):
        for client, provider in self.crossings():
            status, headers, body = self.ask(client, provider, False)
            self.assertEqual(status, 200, (client.api, provider, body))
            row = self.row(headers)
            used = row["usage"]["completion"] + row["usage"]["reasoning"]
            self.assertGreater(row["delivered_tokens"], 0, (client.api, provider))
            self.assertLessEqual(row["delivered_tokens"], used)
            self.assertGreaterEqual(row["delivered_tokens"],
                                    row["usage"]["completion"])


if __name__ == "__main__":
    unittest.main()
