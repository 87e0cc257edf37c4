"""Responses: passed to a provider that speaks it, translated to one that does
not; budgets, cuts, errors, and what clients try beside POST."""
import http.client
import json
import unittest

from gateway import GatewayCase, Gateway, wait_for
from mock_provider import MockProvider

CLASSES = ("prompt_missed", "cached", "cache_creation", "completion",
           "reasoning", "audio")
USAGE = {"input_tokens": 90, "input_tokens_details": {"cached_tokens": 30},
         "output_tokens": 12, "output_tokens_details": {"reasoning_tokens": 5},
         "total_tokens": 102}


def response(**members):
    return dict({"id": "resp_up", "object": "response", "created_at": 1,
                 "status": "completed", "error": None, "model": "m1",
                 "output": [], "usage": USAGE}, **members)


def events_of(body):
    """[(name, object)] of a stream, each checked: its name is its type, and the
    numbers go up by one."""
    found = []
    for block in body.decode().split("\n\n"):
        lines = [l for l in block.split("\n") if l and not l.startswith(":")]
        if not lines:
            continue
        name = [l[7:] for l in lines if l.startswith("event: ")][0]
        data = json.loads([l[6:] for l in lines if l.startswith("data: ")][0])
        assert data["type"] == name, block
        assert data["sequence_number"] == len(found), block
        found.append((name, data))
    return found


class Native:
    """A provider of Responses: what it says is in `answer`."""

    def __init__(self):
        self.answer = (200, "application/json", b"{}")

    async def __call__(self, method, path, headers, body, writer):
        status, kind, data = self.answer
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\n"
                     b"Content-Length: %d\r\n\r\n" % (
                         status, kind.encode(), len(data)) + data)
        await writer.drain()
        return True


class ResponsesCase(GatewayCase):
    """Two providers: `native` speaks Responses, `mock` chat completions."""

    @classmethod
    def setUpClass(cls):
        cls.native = Native()
        cls.native_provider = MockProvider(handler=cls.native).start()
        cls.chat_provider = MockProvider().start()
        cls.gw = Gateway(
            provider=cls.chat_provider.base_url, models=("c1",), extra="""
[provider.native]
kind = openai
base_url = %s
api_key = sk-upstream-secret-canary
speaks = responses
models = *
[model.m1]
providers = native
""" % cls.native_provider.base_url).start()
        cls.key = cls.gw.create_key("responses")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.native_provider.stop()
        cls.chat_provider.stop()

    def post(self, body, key=None, path="/v1/responses", **headers):
        return self.gw.http("POST", path, body, dict({
            "Authorization": "Bearer " + (key or self.key),
            "Content-Type": "application/json"}, **headers))

    def post_broken(self, body):
        """What came of a stream that is not ended as chunks should be."""
        try:
            self.post(body)
        except http.client.IncompleteRead as e:
            return e.partial
        raise AssertionError("the stream ended well")

    def row_of(self, headers):
        rid = headers["x-request-id"]
        return wait_for(lambda: [r for r in self.gw.ctl("logs", "--limit", "200")
                                 if r["request_id"] == rid], 30, "log row")[0]

    def check_usage(self, headers, **want):
        usage = self.row_of(headers)["usage"]
        self.assertEqual({k: usage[k] for k in CLASSES},
                         dict(dict.fromkeys(CLASSES, 0), **want))


class Passing(ResponsesCase):
    def test_a_plain_call_passes_byte_for_byte_and_is_counted(self):
        body = (b'{ "model":"m1", "input":[{"type":"item_reference","id":"x"}],'
                b'"previous_response_id":"resp_1","unknown":1e400}')
        answer = json.dumps(response(odd="\u00e9"), indent=1).encode()
        self.native.answer = (200, "application/json", answer)
        status, headers, got = self.post(body)
        self.assertEqual((status, got), (200, answer))
        method, path, sent, came = self.native_provider.requests[-1]
        self.assertEqual((method, path, came), ("POST", "/v1/responses", body))
        self.assertEqual(sent["authorization"], "Bearer sk-upstream-secret-canary")
        self.check_usage(headers, prompt_missed=60, cached=30, completion=7,
                         reasoning=5)

    def stream(self, last_text):
        events = [("response.created", {"response": response(
                      status="in_progress", usage=None)}),
                  ("response.output_text.delta", {"output_index": 0,
                                                  "delta": "hi \u00e9"}),
                  ("response.web_search_call.searching", {"output_index": 1}),
                  ("response.completed", {"response": response(
                      instructions=last_text)})]
        out = b": OPENROUTER PROCESSING\n\n"
        for i, (name, data) in enumerate(events):
            data = dict(data, type=name, sequence_number=i)
            out += b"event: %s\r\ndata:%s\r\n\r\n" % (
                name.encode(), json.dumps(data).encode())
        return out + b"data: [DONE]\n\n"

    def test_a_stream_passes_byte_for_byte_however_long_its_last_event(self):
        for length in (10, 300000):
            answer = self.stream("x" * length)
            self.native.answer = (200, "text/event-stream", answer)
            status, headers, got = self.post({"model": "m1", "input": "q",
                                              "stream": True})
            self.assertEqual((status, got == answer), (200, True))
            self.assertEqual(json.loads(self.native_provider.requests[-1][3]),
                             {"model": "m1", "input": "q", "stream": True})
            self.check_usage(headers, prompt_missed=60, cached=30, completion=7,
                             reasoning=5)

    def test_a_model_of_another_name_and_a_bound_are_spliced(self):
        self.native.answer = (200, "application/json",
                              json.dumps(response()).encode())
        key = self.gw.create_key("bounded", "--quota", "3000", "--period", "total")
        status, _, _ = self.post(b'{"model":"native/other","input":"q",'
                                 b'"max_output_tokens":100000}', key)
        self.assertEqual(status, 200)
        sent = json.loads(self.native_provider.requests[-1][3])
        self.assertEqual(sent["model"], "other")
        self.assertLess(sent["max_output_tokens"], 3000)

    def test_an_error_of_the_provider_keeps_its_status(self):
        self.native.answer = (400, "application/json", b'{"error":{"message":'
                              b'"bad input","type":"invalid_request_error",'
                              b'"param":"input","code":"x"}}')
        status, _, got = self.post({"model": "m1", "input": "q"})
        self.assertEqual((status, json.loads(got)["error"]["message"]),
                         (400, "bad input"))

    def test_a_stream_beyond_the_budget_ends_as_incomplete(self):
        events = b""
        for i in range(3000):
            events += b"event: response.output_text.delta\ndata: %s\n\n" % \
                json.dumps({"type": "response.output_text.delta",
                            "output_index": 0, "delta": "word",
                            "sequence_number": i}).encode()
        self.native.answer = (200, "text/event-stream", events)
        key = self.gw.create_key("cut", "--quota", "900", "--period", "total")
        status, headers, got = self.post({"model": "m1", "input": "q",
                                          "stream": True}, key)
        found = events_of(got)
        self.assertEqual((status, found[-1][0]), (200, "response.incomplete"))
        last = found[-1][1]["response"]
        self.assertEqual(last["incomplete_details"],
                         {"reason": "max_output_tokens"})
        self.assertGreater(len(found), 100)
        self.assertLessEqual(last["usage"]["total_tokens"], 900)
        self.assertEqual(self.row_of(headers)["cause"], "cut")

    def test_a_background_answer_needs_a_stream_to_be_metered(self):
        sent = len(self.native_provider.requests)
        status, _, got = self.post({"model": "m1", "input": "q",
                                    "background": True})
        self.assertEqual((status, json.loads(got)["error"]["param"]),
                         (400, "background"))
        self.assertEqual(len(self.native_provider.requests), sent)


class Translated(ResponsesCase):
    def asked(self):
        method, path, _, body = self.chat_provider.requests[-1]
        self.assertEqual((method, path), ("POST", "/v1/chat/completions"))
        return json.loads(body)

    def test_a_plain_call_becomes_a_chat_and_its_answer_a_response(self):
        status, headers, got = self.post({
            "model": "c1", "instructions": "be brief", "input": "q",
            "max_output_tokens": 5, "temperature": 0.5, "store": True,
            "tools": [{"type": "function", "name": "f", "parameters": {
                "type": "object", "properties": {}}}, {"type": "web_search"}]})
        asked, answer = self.asked(), json.loads(got)
        self.assertEqual(status, 200, got)
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual([m["role"] for m in asked["messages"]],
                         ["system", "user"])
        self.assertEqual((asked["temperature"], len(asked["tools"])), (0.5, 1))
        self.assertEqual(asked["tools"][0]["function"]["name"], "f")
        self.assertEqual(headers["x-aigw-dropped"], "store, tools.web_search")
        self.assertEqual((answer["object"], answer["status"], answer["model"]),
                         ("response", "incomplete", "c1"))
        self.assertEqual(answer["output"][0]["content"][0]["text"], "tok " * 5)
        self.assertEqual((answer["instructions"], answer["temperature"],
                          answer["store"]), ("be brief", 0.5, False))
        self.assertEqual(answer["usage"]["output_tokens"], 5)
        usage = self.row_of(headers)["usage"]
        self.assertEqual(usage["completion"], 5)
        self.assertEqual(usage["prompt_missed"],
                         answer["usage"]["input_tokens"])

    def test_a_stream_has_all_its_events_in_order(self):
        status, headers, got = self.post({"model": "c1", "input": "q",
                                          "stream": True})
        self.assertEqual(status, 200, got)
        self.assertTrue(headers["content-type"].startswith("text/event-stream"))
        found = events_of(got)
        self.assertEqual(
            [n for n, _ in found if not n.endswith(".delta")],
            ["response." + n for n in (
                "created", "in_progress", "output_item.added",
                "content_part.added", "output_text.done", "content_part.done",
                "output_item.done", "completed")])
        text = "".join(d["delta"] for n, d in found if n.endswith(".delta"))
        last = found[-1][1]["response"]
        self.assertEqual(text, "tok " * 8)
        self.assertEqual(last["output"][0]["content"][0]["text"], text)
        self.assertEqual(last["usage"]["output_tokens"], 8)
        ids = {d["item_id"] for _, d in found if "item_id" in d}
        self.assertEqual(ids, {last["output"][0]["id"]})
        self.assertEqual({d["response"]["id"] for _, d in found
                          if "response" in d}, {last["id"]})
        self.assertTrue(self.asked()["stream_options"]["include_usage"])
        self.assertEqual(self.row_of(headers)["usage"]["completion"], 8)

    def test_the_builtin_provider_answers_it_as_well(self):
        for stream in (False, True):
            status, _, got = self.post({"model": "builtin/echo",
                                        "input": "say this", "stream": stream})
            self.assertEqual(status, 200, got)
            answer = events_of(got)[-1][1]["response"] if stream \
                else json.loads(got)
            self.assertEqual(answer["status"], "completed")
            self.assertIn("say this", answer["output"][0]["content"][0]["text"])

    def test_what_the_other_api_cannot_do_is_refused_and_not_sent(self):
        sent = len(self.chat_provider.requests)
        for members, param in (
                ({"previous_response_id": "resp_1"}, "previous_response_id"),
                ({"conversation": "conv_1"}, "conversation"),
                ({"tools": [{"type": "file_search",
                             "vector_store_ids": []}]}, "tools"),
                ({"input": [{"type": "item_reference", "id": "x"}]}, "input")):
            status, _, got = self.post(dict({"model": "c1", "input": "q"},
                                            **members))
            error = json.loads(got)["error"]
            self.assertEqual((status, error["code"], error["param"]),
                             (400, "unsupported_parameter", param))
        self.assertEqual(len(self.chat_provider.requests), sent)

    def test_models_and_keys_are_refused_as_everywhere(self):
        key = self.gw.create_key("narrow", "--models", "c1")
        status, _, got = self.post({"model": "m1", "input": "q"}, key)
        self.assertEqual((status, json.loads(got)["error"]["code"]),
                         (404, "model_not_found"))
        status, _, got = self.post({"model": "c1"}, key="sk-aigw-wrong")
        self.assertEqual((status, json.loads(got)["error"]["code"]),
                         (401, "invalid_api_key"))


class Scripted(ResponsesCase):
    """The chat provider says what the test wants."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.script = Native()
        cls.chat_provider.handler = cls.script

    def say(self, chunks, end=b"data: [DONE]\n\n"):
        self.script.answer = (200, "text/event-stream", b"".join(
            b"data: %s\n\n" % json.dumps(dict(
                {"id": "chatcmpl-1", "object": "chat.completion.chunk",
                 "created": 1, "model": "c1"}, **c)).encode()
            for c in chunks) + end)

    @staticmethod
    def delta(finish=None, **delta):
        return {"choices": [{"index": 0, "delta": delta,
                             "finish_reason": finish}]}

    def test_a_coding_agents_tools_go_there_and_come_back(self):
        """One turn as Codex takes it: a custom tool, a namespace's, a hosted
        one; then the next turn with all items sent back."""
        tools = [{"type": "custom", "name": "apply_patch", "description": "p",
                  "format": {"type": "grammar", "syntax": "lark",
                             "definition": "start: x"}},
                 {"type": "namespace", "name": "mcp__files__",
                  "description": "d", "tools": [
                      {"type": "function", "name": "read", "strict": False,
                       "parameters": {"type": "object", "properties": {}}}]},
                 {"type": "web_search", "external_web_access": False}]
        call = lambda i, id, name, text: self.delta(tool_calls=[{
            "index": i, "id": id, "type": "function",
            "function": {"name": name, "arguments": text}}])
        self.say([self.delta(role="assistant", content=""),
                  self.delta(reasoning_content="hm"),
                  call(0, "c1", "apply_patch", '{"input":"*** Begin\\n'),
                  self.delta(tool_calls=[{"index": 0, "function": {
                      "arguments": '+\\"x\\""}'}}]),
                  call(1, "c2", "mcp__files__read", "{}"),
                  self.delta("tool_calls"),
                  {"choices": [], "usage": {"prompt_tokens": 50,
                                            "completion_tokens": 9,
                                            "total_tokens": 59}}])
        asked = {"model": "c1", "instructions": "agent", "stream": True,
                 "store": False, "tools": tools, "tool_choice": "auto",
                 "parallel_tool_calls": True,
                 "include": ["reasoning.encrypted_content"],
                 "prompt_cache_key": "k", "reasoning": {"effort": "medium",
                                                        "summary": "auto"},
                 "input": [{"type": "message", "role": "user", "content": [
                     {"type": "input_text", "text": "go"}]}]}
        status, headers, got = self.post(asked)
        self.assertEqual(status, 200, got)
        output = events_of(got)[-1][1]["response"]["output"]
        self.assertEqual([i["type"] for i in output],
                         ["reasoning", "custom_tool_call", "function_call"])
        self.assertEqual(output[1]["input"], '*** Begin\n+"x"')
        self.assertEqual((output[2]["namespace"], output[2]["name"]),
                         ("mcp__files__", "read"))
        self.assertIn("tools.web_search", headers["x-aigw-dropped"])
        done = [d["item"] for n, d in events_of(got)
                if n == "response.output_item.done"]
        self.assertEqual(done, output)
        sent = json.loads(self.chat_provider.requests[-1][3])
        self.assertEqual([t["function"]["name"] for t in sent["tools"]],
                         ["apply_patch", "mcp__files__read"])

        self.say([self.delta(content="done"), self.delta("stop")])
        asked["input"] += output + [
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
            {"type": "function_call_output", "call_id": "c2", "output": "text"}]
        status, _, got = self.post(asked)
        self.assertEqual(status, 200, got)
        messages = json.loads(self.chat_provider.requests[-1][3])["messages"]
        self.assertEqual([m["role"] for m in messages],
                         ["system", "user", "assistant", "tool", "tool"])
        calls = messages[2]["tool_calls"]
        self.assertEqual([c["function"]["name"] for c in calls],
                         ["apply_patch", "mcp__files__read"])
        self.assertEqual(json.loads(calls[0]["function"]["arguments"]),
                         {"input": '*** Begin\n+"x"'})
        self.assertEqual([m["tool_call_id"] for m in messages[3:]],
                         ["c1", "c2"])

    def test_a_stream_is_cut_at_the_budget_and_ends_as_incomplete(self):
        self.say([self.delta(content="word")] * 3000)
        key = self.gw.create_key("cut", "--quota", "900", "--period", "total")
        status, headers, got = self.post({"model": "c1", "input": "q",
                                          "stream": True}, key)
        found = events_of(got)
        self.assertEqual((status, found[-1][0]), (200, "response.incomplete"))
        last = found[-1][1]["response"]
        text = "".join(d["delta"] for n, d in found if n.endswith(".delta"))
        item = last["output"][0]
        self.assertEqual((item["status"], item["content"][0]["text"]),
                         ("incomplete", text))
        self.assertGreater(len(text), 400)
        self.assertLessEqual(last["usage"]["total_tokens"], 900)
        self.assertEqual(self.row_of(headers)["cause"], "cut")
        while status == 200:
            status, _, got = self.post({"model": "c1", "input": "q",
                                        "stream": True}, key)
        self.assertEqual((status, json.loads(got)["error"]["code"]),
                         (429, "insufficient_quota"))

    def test_a_provider_that_breaks_off_is_told_as_an_error_event(self):
        self.say([self.delta(content="a")], end=b"")
        found = events_of(self.post_broken({"model": "c1", "input": "q",
                                            "stream": True}))
        self.assertEqual(found[-1][0], "error")
        self.assertEqual(found[-1][1]["code"], "upstream_error")
        self.assertNotIn("response.completed", [n for n, _ in found])

    def test_a_failure_told_before_any_output_is_an_error(self):
        self.script.answer = (503, "application/json", b'{"error":{"message":'
                              b'"busy","type":"x","code":null}}')
        status, _, got = self.post({"model": "c1", "input": "q"})
        self.assertEqual(status, 503)
        self.assertIn("message", json.loads(got)["error"])


class Beside(ResponsesCase):
    def ask(self, method, path, **headers):
        return self.gw.http(method, path, None, dict({
            "Authorization": "Bearer " + self.key}, **headers))

    def test_a_websocket_is_refused_so_that_clients_go_on_with_post(self):
        status, headers, got = self.ask("GET", "/v1/responses", **{
            "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        self.assertEqual((status, json.loads(got)["error"]["code"]),
                         (426, "upgrade_required"))
        status, headers, _ = self.ask("GET", "/v1/responses")
        self.assertEqual((status, headers["allow"]), (405, "POST"))

    def test_stored_responses_are_not_here(self):
        for method, path in (("GET", "/v1/responses/resp_1"),
                             ("DELETE", "/v1/responses/resp_1"),
                             ("POST", "/v1/responses/resp_1/cancel"),
                             ("GET", "/v1/responses/resp_1/input_items")):
            self.assertEqual(self.ask(method, path)[0], 501)


if __name__ == "__main__":
    unittest.main()
