"""Gemini both ways: its clients at any provider, and Google as the provider of
any client, by a mock that answers as Google does and checks what it is sent.

What clients are charged is compared with the mock's numbers, class by class, as
they stand in the log row.
"""
import asyncio
import http.client
import json
import random
import unittest

from gateway import GatewayCase, wait_for

KEY = "AIzaSyTestCanary0123456789abcdefghijk"
USAGE = {"promptTokenCount": 30, "cachedContentTokenCount": 10,
         "candidatesTokenCount": 7, "thoughtsTokenCount": 5,
         "toolUsePromptTokenCount": 3, "totalTokenCount": 45}
CLASSES = {"prompt_missed": 23, "cached": 10, "completion": 7, "reasoning": 5}
CALL = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}},
        "thoughtSignature": "c2ln"}


def chunk(parts, finish=None, usage=None):
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    answer = {"candidates": [candidate], "modelVersion": "there-001",
              "responseId": "google-7"}
    if usage:
        answer["usageMetadata"] = usage
    return answer


class Google:
    """A handler of MockProvider: the model's name says what it does."""

    def __init__(self):
        self.seen, self.faults = [], []
        self.random = random.Random(96)

    def check(self, path, headers, asked):
        if headers.get("x-goog-api-key") != KEY or "key=" in path:
            self.faults.append("the key is not where it belongs: " + path)
        if "authorization" in headers:
            self.faults.append("a credential of the client's")
        roles = [c["role"] for c in asked.get("contents", [])]
        if any(a == b for a, b in zip(roles, roles[1:])):
            self.faults.append("roles: %s" % roles)

    def chunks(self, model):
        if model == "tools":
            return [chunk([dict(CALL)], None, {"promptTokenCount": 30}),
                    chunk([{"text": ""}], "STOP", USAGE)]
        if model == "blocked":
            return [{"promptFeedback": {"blockReason": "SAFETY"},
                     "usageMetadata": {"promptTokenCount": 30,
                                       "totalTokenCount": 30}}]
        if model == "long":
            return [chunk([{"text": "word " * 20}]) for _ in range(60)] + [
                chunk([{"text": "."}], "STOP", USAGE)]
        return [chunk([{"text": "hm", "thought": True}]),
                chunk([{"text": "Hel"}], None, {"promptTokenCount": 30}),
                chunk([{"text": "lo w\u00f6"}]),
                chunk([{"text": "rld"}], "STOP", USAGE)]

    def plain(self, model):
        chunks = self.chunks(model)
        if "candidates" not in chunks[0]:
            return chunks[0]
        parts = [p for c in chunks for p in c["candidates"][0]["content"]["parts"]]
        return chunk(parts, "STOP", USAGE)

    def errors(self, model):
        if model == "keyless":
            return 400, {"error": {"code": 400, "message": "API key not valid.",
                                   "status": "INVALID_ARGUMENT", "details": [
                                       {"reason": "API_KEY_INVALID"}]}}
        if model == "limited":
            return 429, {"error": {"code": 429, "message": "Please retry in 7.2s.",
                                   "status": "RESOURCE_EXHAUSTED", "details": [
                                       {"@type": "google.rpc.RetryInfo",
                                        "retryDelay": "7s"}]}}
        return None

    def answer(self, model, method, asked):
        if method == "countTokens":
            return {"totalTokens": 12}
        if method == "embedContent":
            return {"embedding": {"values": [0.5, 1]}}
        if method == "batchEmbedContents":
            return {"embeddings": [{"values": [i, 0.5]}
                                   for i in range(len(asked["requests"]))]}
        return self.plain(model)

    async def __call__(self, method, path, headers, body, writer):
        asked = json.loads(body)
        self.check(path, headers, asked)
        self.seen.append((path, asked))
        model, action = path.removeprefix("/v1beta/models/").split(":")
        error = self.errors(model)
        status, kind = 200, "application/json; charset=UTF-8"
        if error:
            status, data = error[0], json.dumps(error[1]).encode()
        elif action == "streamGenerateContent?alt=sse":
            kind = "text/event-stream"
            data = b"".join(b"data: %s\r\n\r\n" % json.dumps(c).encode()
                            for c in self.chunks(model))
            if model == "broken":
                data += (b'data: {"error": {"code": 503, "message": "too busy", '
                         b'"status": "UNAVAILABLE"}}\r\n\r\n')
        else:
            data = json.dumps(self.answer(model, action, asked), indent=1).encode()
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: %s\r\nTransfer-Encoding: "
                      "chunked\r\n\r\n" % (status, kind)).encode())
        while data:
            n = self.random.choice((1, 3, 40, 700))
            writer.write(b"%x\r\n%s\r\n" % (len(data[:n]), data[:n]))
            await writer.drain()
            await asyncio.sleep(0)
            data = data[n:]
        writer.write(b"0\r\n\r\n")
        return True


TEXT = "Hello w\u00f6rld"
MODELS = ("text", "tools", "blocked", "keyless", "limited", "broken", "emb", "long")
QUESTION = [{"role": "user", "parts": [{"text": "hi"}]}]


def data_of(body):
    return [json.loads(e.partition(b"data: ")[2])
            for e in body.replace(b"\r\n", b"\n").split(b"\n\n")
            if b"data: {" in e]


class GeminiCase(GatewayCase):
    def row_of(self, headers):
        wanted = headers["x-request-id"].removeprefix("req_")
        return wait_for(lambda: [
            row for row in self.gw.ctl("logs", "--limit", "100")
            if row["request_id"].removeprefix("req_") == wanted], 30,
            "the call's log row")[0]

    def check_usage(self, headers, **classes):
        usage = self.row_of(headers)["usage"]
        self.assertEqual({name: usage[name] for name in classes}, classes)

    def gemini(self, path, body, key=None, **fields):
        return self.gw.http("POST", path, body, dict(
            {"x-goog-api-key": key or self.key,
             "Content-Type": "application/json"}, **fields))


class GoogleAsProvider(GeminiCase):
    def setUp(self):
        self.google = Google()
        base = self.mock(handler=self.google).base_url.removesuffix("/v1")
        self.gw = self.gateway(extra="""
[provider.google]
kind = gemini
base_url = %s
api_key = %s
models = %s
names = alias=text, embed-alias=emb
""" % (base, KEY, ", ".join(MODELS + ("alias", "embed-alias"))))
        self.gw.start()
        self.key = self.gw.create_key("k")

    def tearDown(self):
        self.assertEqual(self.google.faults, [])
        self.gw.verify()

    def chat(self, model, stream=False, **more):
        return self.gw.call(self.key, dict(
            {"model": model, "stream": stream, "max_tokens": 50,
             "messages": [{"role": "system", "content": "brief"},
                          {"role": "user", "content": "hi"}]}, **more))

    def test_a_chat_client_gets_text_thoughts_and_usage(self):
        status, headers, body = self.chat("text", reasoning_effort="low", seed=4)
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        message = answer["choices"][0]["message"]
        self.assertEqual(message["content"], TEXT)
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertEqual(answer["model"], "text")
        self.assertEqual(answer["usage"]["prompt_tokens"], 33)
        self.assertEqual(answer["usage"]["completion_tokens"], 12)
        self.check_usage(headers, **CLASSES)
        path, asked = self.google.seen[0]
        self.assertEqual(path, "/v1beta/models/text:generateContent")
        self.assertEqual(asked, {
            "systemInstruction": {"parts": [{"text": "brief"}]},
            "contents": QUESTION,
            "generationConfig": {"maxOutputTokens": 50, "seed": 4,
                                 "thinkingConfig": {"thinkingBudget": 1024}}})

    def test_a_stream_comes_piece_by_piece(self):
        status, headers, body = self.chat(
            "text", True, stream_options={"include_usage": True})
        self.assertEqual(status, 200, body)
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"), body)
        chunks = data_of(body)
        text = "".join(c["choices"][0]["delta"].get("content") or ""
                       for c in chunks if c["choices"])
        self.assertEqual(text, TEXT)
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], 12)
        self.check_usage(headers, **CLASSES)

    def test_calls_go_there_and_back_with_their_signature(self):
        tools = [{"type": "function", "function": {
            "name": "weather", "parameters": {"type": "object"}}}]
        status, headers, body = self.chat("tools", tools=tools)
        self.assertEqual(status, 200, body)
        choice = json.loads(body)["choices"][0]
        self.assertEqual(choice["finish_reason"], "tool_calls")
        call = choice["message"]["tool_calls"][0]
        self.assertEqual(json.loads(call["function"]["arguments"]),
                         {"city": "Oslo"})
        status, headers, body = self.chat("tools", tools=tools, messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": '{"t": 3}'}])
        self.assertEqual(status, 200, body)
        asked = self.google.seen[1][1]
        self.assertEqual(asked["contents"][1:], [
            {"role": "model", "parts": [{"functionCall": {
                "id": call["id"], "name": "weather", "args": {"city": "Oslo"}},
                "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [{"functionResponse": {
                "id": call["id"], "name": "weather", "response": {"t": 3}}}]}])
        self.assertEqual(asked["tools"][0]["functionDeclarations"][0],
                         {"name": "weather",
                          "parametersJsonSchema": {"type": "object"}})

    def test_a_refused_prompt_is_filtered_content(self):
        for stream in (False, True):
            status, headers, body = self.chat("blocked", stream)
            self.assertEqual(status, 200, body)
            self.assertIn(b'"content_filter"', body)
            self.check_usage(headers, prompt_missed=30, completion=0)

    def test_errors_are_told_in_words_of_the_client(self):
        status, headers, body = self.chat("keyless")
        self.assertEqual(status, 502, body)
        self.assertIn("credential", json.loads(body)["error"]["message"])
        status, headers, body = self.chat("limited")
        self.assertEqual(status, 429, body)
        self.assertEqual(headers["retry-after"], "7")
        self.assertEqual(json.loads(body)["error"]["code"], "rate_limit_exceeded")
        status, headers, body = self.gemini(
            "/v1beta/models/limited:generateContent", {"contents": QUESTION})
        self.assertEqual(json.loads(body)["error"]["status"], "RESOURCE_EXHAUSTED")
        self.assertNotIn(KEY[:12], self.gw.log())

    def test_embeddings_are_a_batch_and_are_estimated(self):
        status, headers, body = self.gw.call(
            self.key, {"model": "emb", "input": ["a", "b"], "dimensions": 2},
            path="/v1/embeddings")
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        self.assertEqual([d["embedding"] for d in answer["data"]],
                         [[0, 0.5], [1, 0.5]])
        self.assertEqual(self.google.seen[0][1]["requests"][1], {
            "model": "models/emb", "content": {"parts": [{"text": "b"}]},
            "outputDimensionality": 2})
        self.assertGreater(self.row_of(headers)["usage"]["prompt_missed"], 0)

    def test_its_own_clients_get_its_bytes(self):
        path = "/v1beta/models/text:%s"
        body = {"contents": QUESTION, "generationConfig": {
            "maxOutputTokens": 50}, "tools": [{"googleSearch": {}}]}
        status, headers, got = self.gemini(path % "generateContent", body)
        self.assertEqual((status, json.loads(got)), (200, self.google.plain("text")))
        self.assertEqual(self.google.seen[-1][1], body)
        self.check_usage(headers, **CLASSES)
        status, headers, got = self.gemini(
            path % "streamGenerateContent?alt=sse", body)
        self.assertEqual(data_of(got), self.google.chunks("text"))
        self.assertIn(b"\r\n\r\n", got)
        self.assertTrue(headers["content-type"].startswith("text/event-stream"))
        self.check_usage(headers, **CLASSES)
        status, headers, got = self.gemini(path % "countTokens",
                                           {"contents": QUESTION})
        self.assertEqual(json.loads(got), {"totalTokens": 12})

    def test_a_stream_without_alt_sse_is_an_array(self):
        for model in ("text", "alias"):
            status, headers, got = self.gemini(
                "/v1beta/models/%s:streamGenerateContent" % model,
                {"contents": QUESTION})
            self.assertEqual(status, 200, got)
            self.assertTrue(headers["content-type"].startswith("application/json"))
            self.assertEqual(json.loads(got), self.google.chunks("text"))
            self.assertEqual(self.google.seen[-1][0],
                             "/v1beta/models/text:streamGenerateContent?alt=sse")
            self.check_usage(headers, **CLASSES)

    def test_other_names_are_replaced_wherever_they_stand(self):
        for count in (2, 9): # as splices, and written anew
            status, headers, got = self.gemini(
                "/v1beta/models/embed-alias:batchEmbedContents",
                {"requests": [{"model": "models/embed-alias",
                               "content": {"parts": [{"text": "a"}]}}] * count})
            self.assertEqual(status, 200, got)
            self.assertEqual(len(json.loads(got)["embeddings"]), count)
            path, asked = self.google.seen[-1]
            self.assertEqual(path, "/v1beta/models/emb:batchEmbedContents")
            self.assertEqual({r["model"] for r in asked["requests"]},
                             {"models/emb"})

    def test_a_budget_that_is_spent_in_mid_stream_ends_the_answer(self):
        for suffix in ("?alt=sse", ""):
            key = self.gw.create_key("small" + suffix, "--quota", "600",
                                     "--period", "daily", "--on-exhausted", "cut")
            status, headers, got = self.gemini(
                "/v1beta/models/long:streamGenerateContent" + suffix,
                {"contents": QUESTION}, key)
            self.assertEqual(status, 200, got)
            chunks = data_of(got) if suffix else json.loads(got)
            self.assertEqual(chunks[-1]["candidates"][0]["finishReason"],
                             "MAX_TOKENS")
            self.assertLess(len(chunks), 60)
            used = chunks[-1]["usageMetadata"]
            self.assertLessEqual(used["totalTokenCount"], 600)
            self.check_usage(headers, completion=used["candidatesTokenCount"])

    def broken(self, path, body, **fields):
        """What comes of an answer that does not end as HTTP has it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gw.port,
                                                timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", path, json.dumps(body), dict(
            fields, **{"x-goog-api-key": self.key,
                       "Content-Type": "application/json"}))
        try:
            return connection.getresponse().read()
        except http.client.IncompleteRead as e:
            return e.partial

    def test_a_failure_in_mid_stream_is_told(self):
        got = self.broken("/v1/chat/completions", {
            "model": "broken", "stream": True,
            "messages": [{"role": "user", "content": "hi"}]},
            Authorization="Bearer " + self.key)
        self.assertIn(b"too busy", got)
        self.assertNotIn(b"[DONE]", got)
        got = self.broken("/v1beta/models/broken:streamGenerateContent?alt=sse",
                          {"contents": QUESTION})
        self.assertIn(b"UNAVAILABLE", got)


class GeminiClients(GeminiCase):
    """The provider speaks chat."""

    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url, models=("m1",))
        self.gw.start()
        self.key = self.gw.create_key("k")

    def tearDown(self):
        self.gw.verify()

    def asked(self):
        return json.loads(self.provider.requests[-1][3])

    def test_an_answer_in_google_s_form(self):
        status, headers, body = self.gemini(
            "/v1beta/models/m1:generateContent",
            {"systemInstruction": {"parts": [{"text": "brief"}]},
             "contents": QUESTION, "safetySettings": [],
             "generationConfig": {"maxOutputTokens": 20, "stopSequences": ["x"],
                                  "topP": 0.5}})
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        candidate = answer["candidates"][0]
        self.assertEqual(candidate["finishReason"], "STOP")
        self.assertTrue(candidate["content"]["parts"][0]["text"])
        self.assertEqual(answer["modelVersion"], "m1")
        usage = answer["usageMetadata"]
        self.assertEqual(usage["totalTokenCount"],
                         usage["promptTokenCount"] + usage["candidatesTokenCount"])
        self.check_usage(headers, completion=usage["candidatesTokenCount"])
        asked = self.asked()
        self.assertEqual(asked["messages"][-1]["content"], "hi")
        self.assertEqual([m["role"] for m in asked["messages"]], ["system", "user"])
        self.assertEqual((asked["top_p"], asked["stop"]), (0.5, ["x"]))

    def test_a_stream_as_events_and_as_an_array(self):
        texts = []
        for suffix in ("?alt=sse", "", "?key=" + self.key):
            status, headers, body = self.gemini(
                "/v1beta/models/m1:streamGenerateContent" + suffix,
                {"contents": QUESTION})
            self.assertEqual(status, 200, body)
            chunks = data_of(body) if "sse" in suffix else json.loads(body)
            texts.append("".join(p.get("text", "") for c in chunks
                                 for p in c["candidates"][0]["content"]["parts"]))
            last = chunks[-1]
            self.assertEqual(last["candidates"][0]["finishReason"], "STOP")
            self.check_usage(
                headers, completion=last["usageMetadata"]["candidatesTokenCount"])
        self.assertTrue(texts[0])
        self.assertEqual(texts, [texts[0]] * 3)

    def test_what_cannot_be_carried_is_refused_in_google_s_words(self):
        status, headers, body = self.gemini(
            "/v1beta/models/m1:generateContent",
            {"contents": QUESTION, "tools": [{"googleSearch": {}}]})
        self.assertEqual(status, 400, body)
        self.assertEqual(json.loads(body)["error"]["status"], "INVALID_ARGUMENT")
        for key, model, code in (("sk-aigw-wrong", "m1", "UNAUTHENTICATED"),
                                 (None, "none", "NOT_FOUND")):
            status, headers, body = self.gemini(
                "/v1beta/models/%s:generateContent" % model,
                {"contents": QUESTION}, key)
            self.assertEqual(json.loads(body)["error"]["status"], code)
        self.assertEqual(self.provider.requests, [])

    def test_tokens_are_counted_without_a_provider_and_for_nothing(self):
        status, headers, body = self.gemini(
            "/v1beta/models/m1:countTokens",
            {"contents": [{"parts": [{"text": "word " * 100}]}]})
        self.assertEqual(status, 200, body)
        self.assertGreater(json.loads(body)["totalTokens"], 50)
        self.assertEqual(self.provider.requests, [])

    def test_embeddings(self):
        status, headers, body = self.gemini(
            "/v1beta/models/m1:batchEmbedContents",
            {"requests": [{"model": "models/m1", "content": {
                "parts": [{"text": t}]}} for t in ("a", "b")]})
        self.assertEqual(status, 200, body)
        self.assertEqual(len(json.loads(body)["embeddings"]), 2)
        status, headers, body = self.gemini(
            "/v1beta/models/m1:embedContent",
            {"content": {"parts": [{"text": "a"}]}})
        self.assertEqual(status, 200, body)
        self.assertTrue(json.loads(body)["embedding"]["values"])


if __name__ == "__main__":
    unittest.main()
