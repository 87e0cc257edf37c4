"""How requests come in: paths, credentials, forms, answers that are no JSON,
and errors in the shape of the path."""
import json
import unittest

from gateway import GatewayCase, Gateway, wait_for
from load import chat
from mock_provider import MockProvider

BOUNDARY = "x-boundary-1"


def form(fields, files=(), boundary=BOUNDARY):
    """A form as bytes: [(name, text)], [(name, file name, bytes)]."""
    out = b""
    for name, value in fields:
        out += ("--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"
                % (boundary, name, value)).encode()
    for name, file_name, data in files:
        out += ("--%s\r\nContent-Disposition: form-data; name=\"%s\"; "
                "filename=\"%s\"\r\nContent-Type: audio/wav\r\n\r\n"
                % (boundary, name, file_name)).encode() + data + b"\r\n"
    return out + ("--%s--\r\n" % boundary).encode()


class Media:
    """A provider of pictures and sound: what it answers is in `answer`."""

    def __init__(self):
        self.answer = ("application/json", b"{}")

    async def __call__(self, method, path, headers, body, writer):
        kind, data = self.answer
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: %s\r\n"
                     b"Content-Length: %d\r\n\r\n" % (kind.encode(), len(data))
                     + data)
        await writer.drain()
        return True


class Forms(GatewayCase):
    """Endpoints beside chat: what comes passes, what is stated is counted."""

    @classmethod
    def setUpClass(cls):
        cls.media = Media()
        cls.provider = MockProvider(handler=cls.media).start()
        cls.gw = Gateway(
            provider=cls.provider.base_url, models=("m1",), extra="""
[provider.wild]
kind = openai
base_url = %s
models = *
""" % cls.provider.base_url).start()
        cls.key = cls.gw.create_key("forms")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def post(self, path, body, kind="multipart/form-data; boundary=" + BOUNDARY):
        return self.gw.http("POST", path, body, {
            "Authorization": "Bearer " + self.key, "Content-Type": kind})

    def usage_of(self, headers):
        """The six classes in the row of an answered call, and their sum."""
        rid = headers["x-request-id"]
        row = wait_for(lambda: [r for r in self.gw.ctl("logs", "--limit", "100")
                                if r["request_id"] == rid], 20, "log row")[0]
        usage = row["usage"]
        return usage, sum(usage[k] for k in (
            "prompt_missed", "cached", "cache_creation", "completion",
            "reasoning", "audio"))

    def test_a_form_passes_byte_for_byte_with_its_boundary(self):
        self.media.answer = ("text/plain; charset=utf-8", "hello \u00fc\n".encode())
        body = form([("model", "m1"), ("language", "en")],
                    [("file", "a.wav", bytes(range(256)) * 300)])
        status, headers, answer = self.post("/v1/audio/transcriptions", body)
        self.assertEqual((status, answer), (200, "hello \u00fc\n".encode()))
        self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
        method, path, sent, got = self.provider.requests[-1]
        self.assertEqual((path, got), ("/v1/audio/transcriptions", body))
        self.assertEqual(sent["content-type"],
                         "multipart/form-data; boundary=" + BOUNDARY)
        self.assertEqual(sent["accept"], "*/*")

    def test_a_forms_model_is_changed_where_the_provider_names_it_otherwise(self):
        self.media.answer = ("application/json", b'{"text":"hi"}')
        sound = b"\r\n--x-boundary\r\n" * 50
        body = form([("model", "wild/other")], [("file", "a.wav", sound)])
        self.assertEqual(self.post("/v1/audio/translations", body)[0], 200)
        _, path, _, got = self.provider.requests[-1]
        self.assertEqual(path, "/v1/audio/translations")
        self.assertEqual(got, form([("model", "other")], [("file", "a.wav", sound)]))

    def test_a_form_with_two_faces_is_refused_and_nothing_is_sent(self):
        sent = len(self.provider.requests)
        good = form([("model", "m1")], [("file", "a.wav", b"noise")])
        hidden = form([("model", "m1")], [("file", "a.wav",
                      b"\n--x-boundary-1\nContent-Disposition: form-data; "
                      b"name=\"model\"\n\nexpensive\n")])
        for body, kind, code in (
                (hidden, None, "invalid_multipart"),
                (form([("model", "m1"), ("model", "m2")]), None, "duplicate_member"),
                (form([("model", "m1"), ("MODEL", "m2")]), None, "ambiguous_member"),
                (good[:-20], None, "invalid_multipart"),
                (good, "multipart/form-data; boundary=a; boundary=b",
                 "invalid_multipart"),
                (good, "multipart/form-data", "invalid_multipart"),
                (form([("prompt", "x")]), None, "model_required")):
            args = (kind,) if kind else ()
            status, _, answer = self.post("/v1/images/edits", body, *args)
            self.assertEqual((status, json.loads(answer)["error"]["code"]),
                             (400, code))
        self.assertEqual(self.post("/v1/images/edits", good,
                                   "application/json")[0], 422)
        self.assertEqual(len(self.provider.requests), sent)

    def test_speech_comes_back_as_it_is_and_is_estimated(self):
        sound = bytes(range(256)) * 2000 + b'"text":"' + b"a" * 1000
        self.media.answer = ("audio/mpeg", sound)
        text = "say this, please. " * 10
        status, headers, answer = self.post(
            "/v1/audio/speech", {"model": "m1", "input": text, "voice": "alloy"},
            "application/json")
        self.assertEqual((status, headers["content-type"], answer),
                         (200, "audio/mpeg", sound))
        usage, _ = self.usage_of(headers)
        self.assertEqual((usage["audio"], usage["completion"]), (len(text), 0))

    def test_stated_usage_of_pictures_is_counted(self):
        self.media.answer = ("application/json", json.dumps({
            "created": 1, "data": [{"b64_json": "QUJD" * 1000}],
            "usage": {"input_tokens": 13, "output_tokens": 272,
                      "total_tokens": 285, "input_tokens_details":
                      {"text_tokens": 13, "image_tokens": 0}}}).encode())
        status, headers, answer = self.post(
            "/v1/images/generations",
            {"model": "m1", "prompt": "a cat", "n": 1}, "application/json")
        self.assertEqual((status, answer), (200, self.media.answer[1]))
        usage, _ = self.usage_of(headers)
        self.assertEqual((usage["prompt_missed"], usage["completion"]), (13, 272))
        self.assertNotIn(b"max_tokens", self.provider.requests[-1][3])

    def test_a_stream_of_a_transcription_passes_and_its_usage_is_counted(self):
        events = (b'data: {"type":"transcript.text.delta","delta":"hi"}\n\n'
                  b'data: {"type":"transcript.text.done","text":"hi","usage":'
                  b'{"type":"tokens","input_tokens":14,"input_token_details":'
                  b'{"text_tokens":0,"audio_tokens":14},"output_tokens":5,'
                  b'"total_tokens":19}}\n\n')
        self.media.answer = ("text/event-stream", events)
        body = form([("model", "m1"), ("stream", "true")],
                    [("file", "a.wav", b"noise" * 100)])
        status, headers, answer = self.post("/v1/audio/transcriptions", body)
        self.assertEqual((status, answer), (200, events))
        self.assertEqual(self.provider.requests[-1][3], body)
        usage, _ = self.usage_of(headers)
        self.assertEqual((usage["audio"], usage["completion"]), (14, 5))

    def test_ranking_and_moderation_pass(self):
        self.media.answer = ("application/json",
                             b'{"results":[],"usage":{"total_tokens":7}}')
        for path, body in (("/v1/rerank", {"model": "m1", "query": "q",
                                           "documents": ["a", {"text": "b"}]}),
                           ("/v1/moderations", {"model": "m1", "input": "x"})):
            status, headers, _ = self.post(path, body, "application/json")
            self.assertEqual(status, 200)
            self.assertEqual(self.usage_of(headers)[1], 7)
            self.assertEqual(self.provider.requests[-1][1], path)

    def test_no_member_that_these_do_not_know_is_put_into_their_bodies(self):
        key = self.gw.create_key("tight", "--quota", "20000", "--period", "total",
                                 "--on-exhausted", "clamp")
        self.media.answer = ("application/json", b'{"data":[]}')
        body = {"model": "m1", "prompt": "a cat", "stream": True}
        status, _, answer = self.gw.call(key, body, "/v1/images/generations")
        self.assertEqual(status, 200, answer)
        self.assertEqual(json.loads(self.provider.requests[-1][3]), body)
        sent = len(self.provider.requests)
        body["n"] = 2  # more than the budget covers: refused, not shortened
        status, _, answer = self.gw.call(key, body, "/v1/images/generations")
        self.assertEqual((status, json.loads(answer)["error"]["code"]),
                         (429, "insufficient_quota"))
        self.assertEqual(len(self.provider.requests), sent)

    def test_a_provider_that_has_no_such_endpoint_is_told(self):
        status, _, answer = self.post(
            "/v1/images/generations", {"model": "builtin/echo", "prompt": "x"},
            "application/json")
        self.assertEqual((status, json.loads(answer)["error"]["code"]),
                         (400, "unsupported_endpoint"))


class Cloudflare(GatewayCase):
    """Paths of Cloudflare's gateway and API."""

    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url, models=("m1",), extra="""
[provider.xai]
kind = openai
base_url = %s
models = *
[provider.other]
kind = openai
base_url = %s
models = *
""" % (cls.provider.base_url + "/xai", cls.provider.base_url + "/other")).start()
        cls.key = cls.gw.create_key("cloudflare")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def post(self, path, body, headers=None):
        return self.gw.http("POST", path, body, headers if headers is not None else {
            "cf-aig-authorization": "Bearer " + self.key,
            "Authorization": "Bearer sk-of-a-provider"})

    def check_gateway_error(self, answer, status, number):
        body = json.loads(answer[2])
        self.assertEqual(answer[0], status, body)
        self.assertEqual((body["success"], body["result"], body["messages"]),
                         (False, [], []))
        self.assertEqual(body["error"][0]["code"], number)
        self.assertEqual((body["httpCode"], body["internalCode"], body["name"]),
                         (status, number, "AiGatewayError"))
        self.assertEqual(body["message"], body["error"][0]["message"])

    def test_the_provider_in_the_path_gets_the_call(self):
        for provider, base in (("mock", "/v1"), ("xai", "/v1/xai"),
                               ("grok", "/v1/xai"), ("custom-other", "/v1/other")):
            path = "/v1/acct/gw/%s/chat/completions" % provider
            status, headers, body = self.post(path, chat())
            self.assertEqual(status, 200, body)
            self.assertEqual(self.provider.requests[-1][1],
                             base + "/chat/completions")
            sent = self.provider.requests[-1][2]
            self.assertNotIn("cf-aig-authorization", sent)
            self.assertNotIn("sk-of-a-provider", json.dumps(sent))

    def test_a_model_of_another_provider_is_not_found_there(self):
        answer = self.post("/v1/acct/gw/mock/chat/completions", chat(model="m9"))
        self.check_gateway_error(answer, 404, 7003)

    def test_a_name_that_leads_elsewhere_is_no_model_of_the_paths_provider(self):
        sent = len(self.provider.requests)
        for name in ("../../user/tokens", "a/../../b", "a/./b", "a//b", ".."):
            self.check_gateway_error(self.post(
                "/v1/acct/gw/xai/chat/completions", chat(model=name)), 404, 7003)
            self.check_gateway_error(self.post(
                "/v1/acct/gw", [self.step("xai", model=name)]), 404, 7003)
        self.assertEqual(len(self.provider.requests), sent)

    def test_compat_takes_the_provider_from_the_model(self):
        status, _, body = self.post("/v1/acct/gw/compat/chat/completions",
                                    chat(model="grok/grok-4"))
        self.assertEqual(status, 200, body)
        _, path, _, sent = self.provider.requests[-1]
        self.assertEqual((path, json.loads(sent)["model"]),
                         ("/v1/xai/chat/completions", "grok-4"))

    def test_errors_of_the_gateway_have_its_envelope_and_numbers(self):
        path = "/v1/acct/gw/mock/chat/completions"
        self.check_gateway_error(self.post(path, chat(), {}), 401, 2009)
        self.check_gateway_error(
            self.post("/v1/acct/gw/nobody/chat/completions", chat()), 400, 2008)
        self.check_gateway_error(
            self.post("/v1/acct/gw/mock/nothing", chat()), 404, 7003)
        self.check_gateway_error(
            self.post("/v1/acct/ai/run/@cf/meta/llama", chat()), 400, 2001)
        self.check_gateway_error(self.post(path, b"{"), 400, 5006)

    def test_a_providers_own_error_passes_unchanged(self):
        status, _, body = self.post("/v1/acct/gw/mock/chat/completions",
                                    chat(status=418))
        self.assertEqual(status, 418)
        self.assertEqual(json.loads(body)["error"]["message"], "mock says 418")

    def step(self, provider="mock", endpoint="chat/completions", **kw):
        return {"provider": provider, "endpoint": endpoint,
                "headers": {"authorization": "Bearer theirs"}, "query": chat(**kw)}

    def check_step(self, answer, step):
        self.assertEqual((answer[0], answer[1].get("cf-aig-step")), (200, str(step)),
                         answer[2])
        return json.loads(answer[2])

    def test_of_several_calls_the_first_that_succeeds_is_the_answer(self):
        sent = len(self.provider.requests)
        self.check_step(self.post("/v1/acct/gw", [self.step(tokens=3)]), 0)
        self.check_step(self.post("/v1/acct/gw/", self.step()), 0)
        self.assertEqual(len(self.provider.requests), sent + 2)
        answer = self.check_step(self.post("/v1/acct/gw", [
            self.step(status=500), self.step("nobody"), self.step(model="none"),
            self.step(endpoint="no/thing"), self.step("xai", status=429),
            self.step("other", "v1/chat/completions", model="free", tokens=2),
            self.step()]), 5)
        self.assertEqual(answer["choices"][0]["message"]["content"], "tok " * 2)
        paths = [r[1] for r in self.provider.requests[sent + 2:]]
        self.assertEqual(paths, ["/v1/chat/completions", "/v1/xai/chat/completions",
                                 "/v1/other/chat/completions"])

    def test_when_all_fail_the_last_error_is_told(self):
        status, headers, body = self.post("/v1/acct/gw", [
            self.step(status=500), self.step(status=418)])
        self.assertEqual((status, headers["cf-aig-step"]), (418, "1"))
        self.assertEqual(json.loads(body)["error"]["message"], "mock says 418")
        self.check_gateway_error(self.post("/v1/acct/gw", [
            self.step(status=500), self.step("nobody")]), 400, 2008)

    def test_each_step_is_a_call_with_a_row_and_nothing_stays_held(self):
        key = self.gw.create_key("steps", "--quota", "100000", "--period", "total")
        for _ in range(3):
            answer = self.post("/v1/acct/gw", [
                self.step(status=500), self.step(tokens=4),
                self.step()], {"Authorization": "Bearer " + key})
            self.check_step(answer, 1)
        wait_for(self.gw.settled, 20, "all settled")
        rows = [r for r in self.gw.ctl("logs", "--limit", "200")
                if r["key"] == "steps"]
        self.assertEqual(sorted(r["status"] for r in rows), [200] * 3 + [500] * 3)
        quota = self.gw.usage_of("steps")[0]
        self.assertEqual(quota["reserved"], 0)
        self.assertEqual(quota["usage"], sum(
            e["prompt"] + e["served"] for e in self.provider.book.snapshot()
            if e["id"] in {r["request_id"] for r in rows}))
        self.gw.verify()

    def test_a_stream_may_be_the_answer_and_other_dialects_steps(self):
        body = [self.step(status=503), self.step(stream=True, tokens=3)]
        answer = self.post("/v1/acct/gw", body)
        self.assertEqual((answer[0], answer[1]["cf-aig-step"]), (200, "1"))
        self.assertTrue(answer[2].endswith(b"data: [DONE]\n\n"))
        messages = {"model": "m1", "max_tokens": 9, "messages": [
            {"role": "user", "content": "hi"}]}
        contents = {"contents": [{"parts": [{"text": "hi"}]}]}
        answer = self.check_step(self.post("/v1/acct/gw", [
            {"provider": "mock", "endpoint": "v1/messages", "query": messages}]), 0)
        self.assertEqual(answer["type"], "message")
        answer = self.check_step(self.post("/v1/acct/gw", [
            {"provider": "mock", "endpoint": "v1beta/models/m1:generateContent",
             "query": contents}]), 0)
        self.assertIn("candidates", answer)

    def test_a_steps_headers_reach_its_provider_but_for_what_stays_here(self):
        self.check_step(self.gw.http("POST", "/v1/acct/gw", [dict(self.step(status=500), headers={
            "X-Step": "first", "X-First": "1"}), dict(self.step("xai"), headers={
                "x-step": "second \u00e9", "User-Agent": "step/1",
                "Authorization": "Bearer theirs", "x-api-key": "theirs",
                "cf-aig-metadata": "theirs", "Host": "theirs", "Cookie": "theirs",
                "Connection": "x-kept", "Transfer-Encoding": "chunked",
                "Content-Length": "3", "X-Amz-Target": "theirs", "gone": None})],
            {"Authorization": "Bearer " + self.key, "X-Step": "client",
             "X-Kept": "yes", "User-Agent": "client/1"}), 1)
        (_, _, first, _), (_, _, second, _) = self.provider.requests[-2:]
        self.assertEqual((first["x-step"], first["x-first"], first["user-agent"]),
                         ("first", "1", "client/1"))
        self.assertEqual(second["x-step"].encode("latin-1").decode(), "second \u00e9")
        self.assertEqual((second["x-kept"], second["user-agent"]), ("yes", "step/1"))
        self.assertNotIn("x-first", second)
        self.assertNotIn("transfer-encoding", second)
        self.assertNotIn("theirs", json.dumps(second))

    def test_a_steps_time_is_kept_and_the_next_one_has_its_own(self):
        slow = dict(self.step(hang=True), config={
            "requestTimeout": 300, "maxAttempts": 1, "retryDelay": 0,
            "backoff": "constant"})
        answer = self.post("/v1/acct/gw", [slow, self.step("xai")])
        self.check_step(answer, 1)
        status, headers, body = self.post("/v1/acct/gw", [slow])
        self.assertEqual((status, headers["cf-aig-step"]), (504, "0"), body)
        self.assertIn(b"in the time that the call allows", body)

    def test_headers_and_configs_of_other_forms_are_refused_before_any_step(self):
        sent = len(self.provider.requests)
        for part in ({"headers": []}, {"headers": {"a": 1}},
                     {"headers": {"a": "b\r\nc: d"}}, {"config": 7},
                     {"config": {"requestTimeout": "500"}},
                     {"config": {"maxAttempts": 6}}, {"config": {"retryDelay": 5001}},
                     {"config": {"backoff": "random"}}):
            self.check_gateway_error(self.post("/v1/acct/gw", [
                self.step(), dict(self.step(), **part)]), 400, 5006)
        self.assertEqual(len(self.provider.requests), sent)

    def test_bodies_that_are_no_list_of_calls_are_refused(self):
        good = self.step()
        for body in (b"", b"[]", b"{}", b"[1]", b"7", b"[[]]", b"nonsense",
                     json.dumps([good]).encode()[:-1],
                     json.dumps([good]).encode() + b"x",
                     [dict(good, query="x")], [dict(good, provider="")],
                     [dict(good, provider="a/b")], [dict(good, provider=1)],
                     [dict(good, endpoint="e" * 300)], [good] * 17):
            self.check_gateway_error(self.post("/v1/acct/gw", body), 400, 5006)
        self.check_gateway_error(self.post("/v1/acct/gw", [good], {}), 401, 2009)

    def test_the_catalogue_of_the_api_comes_in_pages_until_an_empty_one(self):
        auth = {"Authorization": "Bearer " + self.key}
        path = "/client/v4/accounts/acct/ai/models/search"
        seen, page = [], 1
        while True:
            status, _, body = self.gw.http(
                "GET", path + "?per_page=1&page=%d" % page, headers=auth)
            answer = json.loads(body)
            self.assertEqual((status, answer["success"], answer["errors"]),
                             (200, True, []))
            if not answer["result"]:
                break
            seen += [m["name"] for m in answer["result"]]
            page += 1
        self.assertEqual(answer["result_info"], {
            "page": page, "per_page": 1, "count": 0, "total_count": len(seen)})
        listed = json.loads(self.gw.http("GET", "/v1/models", headers=auth)[2])
        self.assertEqual(seen, [m["id"] for m in listed["data"]])
        find = lambda query: [m["name"] for m in json.loads(self.gw.http(
            "GET", path + query, headers=auth)[2])["result"]]
        self.assertEqual(find("?search=M1"), ["m1"])
        self.assertEqual(find("?task=Text+Embeddings"), [])
        self.assertIn("m1", find("?task=Text%20Generation"))
        for bad in ("?page=0", "?per_page=x", "?search=%ff"):
            self.assertEqual(self.gw.http("GET", path + bad, headers=auth)[0], 400)

    def test_the_api_serves_openais_form_and_has_its_own_errors(self):
        path = "/client/v4/accounts/acct/ai/v1/chat/completions"
        auth = {"Authorization": "Bearer " + self.key}
        status, _, body = self.post(path, chat(), auth)
        self.assertEqual(status, 200, body)
        for answer, status, numbers in (
                (self.post(path, chat(), {}), 401, [10000]),
                (self.post("/client/v4/accounts/a/ai/gateways", chat(), auth), 404,
                 [7003, 7000])):
            body = json.loads(answer[2])
            self.assertEqual((answer[0], body["success"], body["result"]),
                             (status, False, None), body)
            self.assertEqual([e["code"] for e in body["errors"]], numbers)


if __name__ == "__main__":
    unittest.main()
