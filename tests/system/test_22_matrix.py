"""Every client dialect with every kind of provider: plain and streamed, text, tools,
an image, thinking, a refusal, a cut in the middle. The table below makes the tests;
a cell that cannot be stands in NOT_POSSIBLE with its reason.

The mock of a provider checks what it is asked (dialects.py) before it answers.
"""
import asyncio
import json
import unittest

import said
from dialects import (ARGUMENTS, SCENES, TEXT, THOUGHT, TOOL, USED, Chat, Converse,
                      Generate, Messages, Responses)
from every_provider import EveryProvider
from gateway import wait_for
from load import Connection

CLIENTS = {"chat": Chat, "responses": Responses, "messages": Messages,
           "generate": Generate}
# name: kind, what it speaks, base path, options
PROVIDERS = {
    "openai": ("openai", Chat, "/v1", ""),
    "openai-responses": ("openai", Responses, "/v1", "speaks = responses\n"),
    "anthropic": ("anthropic", Messages, "", ""),
    "gemini": ("gemini", Generate, "", ""),
    "azure": ("azure", Chat, "/openai/v1", ""),
    "bedrock": ("bedrock", Converse, "", "region = eu-west-1\n"),
    "workers-ai": ("workers-ai", Chat, "/client/v4/accounts/a1", ""),
}
# Some providers decide by the model's name what it takes.
MODEL = "anthropic.claude-sonnet-4-5"
# (client, provider, scene): why there is no such thing
NOT_POSSIBLE = {}
# Classes that a provider's dialect does not state.
UNSTATED = {"bedrock": ("reasoning",)}


class Provider:
    """Handler of MockProvider; the model's name says scene and mishap."""

    def __init__(self, speaks):
        self.only, self.complaints = speaks, []

    async def __call__(self, _method, path, _headers, body, writer):
        request = json.loads(body)
        name = json.dumps(request) + path
        # Azure takes Responses beside chat.
        speaks = Responses if path.split("?")[0].endswith("/responses") else self.only
        scene = next(s for s in SCENES + ("refused", "broken") if "-%s" % s in name)
        stream = "stream" in path or bool(request.get("stream"))
        if scene == "refused":
            data = json.dumps(speaks.error()).encode()
            self.head(writer, speaks.error_status, "application/json", len(data))
            writer.write(data)
            await writer.drain()
            return True
        if scene in SCENES and not {"text", scene} <= speaks.seen(path, request):
            self.complaints.append("%s asked without %s: %s" % (path, scene, body))
        data = speaks.answer("text" if scene == "broken" else scene, stream)
        self.head(writer, 200, speaks.stream_type if stream
                  else "application/json", len(data))
        if scene == "broken":
            data = data[:len(data) * 2 // 3]
        for at in range(0, len(data), 97):
            writer.write(data[at:at + 97])
            await writer.drain()
        return scene != "broken"

    @staticmethod
    def head(writer, status, kind, length):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                     % (status, kind.encode(), length))


class Matrix(EveryProvider):
    providers, handler = PROVIDERS, Provider

    def ask(self, client, provider, scene, stream):
        path, body = CLIENTS[client].ask("%s/%s-%s" % (provider, MODEL, scene),
                                         scene if scene in SCENES else "text", stream)

        async def go():
            connection = Connection(self.gw.port)
            # Line ends in a body must not come back in an event's line.
            outcome = await connection.call(self.key, body, path=path, indent=1)
            connection.close()
            return outcome
        outcome = asyncio.run(go())
        self.assertEqual(self.handlers[provider].complaints, [])
        return outcome

    def row(self, request_id):
        def there():
            rows = self.gw.ctl("logs", "--request-id", request_id)
            return rows[0] if rows else None
        return wait_for(there, 20, "log row of %s" % request_id)

    def check_usage(self, provider, request_id):
        row = self.row(request_id)
        usage, want = row["usage"], dict(
            prompt_missed=USED["input"] - USED["cached"], cached=USED["cached"],
            completion=USED["output"] - USED["reasoning"], reasoning=USED["reasoning"])
        if "reasoning" in UNSTATED.get(provider, ()):
            want.update(completion=USED["output"], reasoning=0)
        self.assertEqual({k: usage[k] for k in want}, want)
        self.assertEqual((row["cause"], row["flags"] & 2), ("ok", 0))

    def served(self, client, provider, scene, stream):
        outcome = self.ask(client, provider, scene, stream)
        self.assertEqual((outcome.status, outcome.error), (200, None), outcome.body)
        got = said.read(CLIENTS[client].api, outcome.body, stream)
        if scene == "tools":
            self.assertEqual((got.tools, got.stop), ([(TOOL, ARGUMENTS)], "tools"))
        else:
            self.assertEqual((got.text, got.stop), (TEXT, "stop"))
        if scene == "reasoning":
            self.assertEqual(CLIENTS[client].thinking(outcome.body, stream), THOUGHT)
        self.check_usage(provider, outcome.id)

    def refused(self, client, provider, stream):
        outcome = self.ask(client, provider, "refused", stream)
        self.assertEqual(outcome.status, 429, outcome.body)
        self.assertTrue(CLIENTS[client].is_error(json.loads(outcome.body)), outcome.body)
        self.assertNotIn(b"canary", outcome.body)
        self.assertEqual(self.row(outcome.id)["usage"]["completion"], 0)

    def broken(self, client, provider, stream):
        """The provider breaks off: told as an error, charged by what came."""
        outcome = self.ask(client, provider, "broken", stream)
        if not stream:
            self.assertEqual(outcome.status, 502, outcome.body)
            self.assertTrue(CLIENTS[client].is_error(json.loads(outcome.body)))
            return
        self.assertEqual(outcome.status, 200, outcome.body)
        self.assertIn(b"error", outcome.body)
        row = self.row(outcome.id)
        self.assertNotEqual(row["cause"], "ok")
        self.assertGreater(row["usage"]["completion"], 0)


    def test_a_name_that_leads_elsewhere_in_a_path_is_no_model(self):
        for name in ("workers-ai/@cf/../../../user/tokens", "gemini/tunedModels/../x",
                     "workers-ai/./x", "workers-ai/a//b"):
            _, body = Chat.ask(name + "-text", "text", False)
            answer = self.gw.call(self.key, body)
            self.assertIn("model_not_found", str(answer), name)


def make_test(client, provider, scene, stream):
    def test(self):
        if scene == "refused":
            self.refused(client, provider, stream)
        elif scene == "broken":
            self.broken(client, provider, stream)
        else:
            self.served(client, provider, scene, stream)
    return test


for _client in CLIENTS:
    for _provider in PROVIDERS:
        for _scene in SCENES + ("refused", "broken"):
            if (_client, _provider, _scene) in NOT_POSSIBLE:
                continue
            for _stream in (False, True):
                _name = "test_%s_with_%s_%s_%s" % (
                    _client, _provider.replace("-", "_"), _scene,
                    "streamed" if _stream else "plain")
                setattr(Matrix, _name, make_test(_client, _provider, _scene, _stream))


if __name__ == "__main__":
    unittest.main()
