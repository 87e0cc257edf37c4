"""What is known, kept and let through of a call: metadata, header fields,
payloads, guardrails, the question before the call."""
import asyncio
import http.client
import json
import os
import socket
import threading
import unittest

from gateway import Gateway, GatewayCase, wait_for
from load import chat
from mock_provider import MockProvider


class Metadata(GatewayCase):
    """What a client says of its call is found again in the log."""

    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url).start()
        cls.key = cls.gw.create_key("tagged")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def call(self, path="/v1/chat/completions", body=None, **fields):
        headers = {"Authorization": "Bearer " + self.key,
                   "Content-Type": "application/json"}
        for name, value in fields.items():
            headers[name.replace("_", "-")] = value
        return self.gw.http("POST", path, body or chat(tokens=2), headers)

    def test_rows_have_it_and_are_found_by_it(self):
        ids = {}
        for plan, user in (("paid", 1), ("free", 1), ("paid", 2)):
            status, headers, _ = self.call(cf_aig_metadata=json.dumps(
                {"plan": plan, "user": user, "on": True}))
            self.assertEqual(status, 200)
            ids[plan, user] = headers["x-request-id"]

        def found(*entries):
            args = []
            for entry in entries:
                args += ["--metadata", entry]
            return {row["request_id"]: row["metadata"]
                    for row in self.gw.ctl("logs", *args)}

        self.assertEqual(found("plan=paid"), {
            ids["paid", 1]: {"plan": "paid", "user": 1, "on": True},
            ids["paid", 2]: {"plan": "paid", "user": 2, "on": True}})
        self.assertEqual(set(found("plan=paid", "user=2")), {ids["paid", 2]})
        self.assertEqual(set(found("on")), set(ids.values()))
        self.assertEqual(found("plan=none"), {})
        self.assertEqual(found("pla=paid"), {})
        plain = self.gw.tool("aigwctl", "-c", self.gw.config, "logs", "--metadata",
                             "a", "--metadata", "b=1", ok=False)
        self.assertNotEqual(plain.returncode, 0)
        self.assertIn("NAME=VALUE", plain.stdout + plain.stderr)

    def test_what_is_no_metadata_is_left_out_and_the_call_is_served(self):
        for text in ('{"a":null}', '{"a":{"b":1}}', "nonsense", "{", "[1]"):
            status, headers, _ = self.call(cf_aig_metadata=text)
            self.assertEqual(status, 200, text)
            rows = self.gw.ctl("logs", "--request-id", headers["x-request-id"])
            self.assertIsNone(rows[0]["metadata"], text)

    def test_cloudflare_paths_answer_with_ids(self):
        status, headers, _ = self.call(
            "/v1/acc/gw/compat/chat/completions", chat(model="mock/m1"))
        self.assertEqual(status, 200)
        self.assertEqual(headers["cf-aig-log-id"], headers["x-request-id"])
        self.assertEqual(headers["cf-aig-event-id"], headers["x-request-id"])
        status, headers, _ = self.call(
            "/v1/acc/gw/compat/chat/completions", chat(model="mock/m1"),
            cf_aig_event_id="theirs-7")
        self.assertEqual(headers["cf-aig-event-id"], "theirs-7")

    def test_every_step_of_a_universal_call_has_the_metadata(self):
        steps = [{"provider": "mock", "endpoint": "chat/completions",
                  "query": dict(chat(tokens=1), x_mock={"status": 500})},
                 {"provider": "mock", "endpoint": "chat/completions",
                  "query": chat(tokens=1)}]
        status, headers, _ = self.call("/v1/acc/gw", steps,
                                       cf_aig_metadata='{"run":"u1"}')
        self.assertEqual((status, headers["cf-aig-step"]), (200, "1"))
        rows = self.gw.ctl("logs", "--metadata", "run=u1")
        self.assertEqual(sorted(row["status"] for row in rows), [200, 500])


class Fields(GatewayCase):
    """Lists of a provider say which fields of a client's head it gets."""

    def fields(self, options):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=1,
                          provider_options=options).start()
        key = gw.create_key("fields")
        status, _, _ = gw.http("POST", "/v1/chat/completions", chat(tokens=1), {
            "Authorization": "Bearer " + key, "X-Team": "blue",
            "X-Team-Id": "7", "Cookie": "session=canary", "User-Agent": "me/1"})
        self.assertEqual(status, 200)
        got = provider.requests[-1][2]
        self.assertNotIn("cookie", got)
        self.assertEqual(got["authorization"],
                         "Bearer sk-upstream-secret-canary")
        return {name: got[name] for name in ("x-team", "x-team-id", "user-agent")
                if name in got}

    def test_without_lists_all_pass_but_what_never_does(self):
        self.assertEqual(self.fields(""), {
            "x-team": "blue", "x-team-id": "7", "user-agent": "me/1"})

    def test_only_those_to_be_passed_pass(self):
        self.assertEqual(self.fields(
            "pass_headers = x-team, cookie, authorization"),
            {"x-team": "blue", "user-agent": "aigw"})

    def test_those_to_be_dropped_do_not_pass(self):
        self.assertEqual(self.fields("drop_headers = X-Team-*"),
                         {"x-team": "blue", "user-agent": "me/1"})


class Guard(GatewayCase):
    """A guarded provider is not reached on this host, by whatever name."""

    def test_local_addresses_are_refused_and_no_connection_of_others_is_lent(self):
        provider = self.mock()
        port = provider.base_url.split(":")[2].split("/")[0]
        names = ("127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]")
        gw = self.gateway(
            provider=provider.base_url, workers=1, extra="".join("""
[provider.g%d]
base_url = http://%s:%s/v1
guarded = yes
models = guarded-%d
""" % (i, name, port, i) for i, name in enumerate(names))).start()
        key = gw.create_key("guard")
        # An idle connection to the same place, which is not for them.
        self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)
        for i, name in enumerate(names):
            status, _, body = gw.call(key, chat(model="guarded-%d" % i))
            self.assertEqual(status, 502, name)
            self.assertTrue(b"guarded" in body or b"no address" in body, body)
        self.assertEqual(len(provider.requests), 1)


def echo(text, stream=False, model="builtin/echo", **more):
    """A call that is answered with its own words, without any network."""
    return dict({"model": model, "stream": stream, "messages": [
        {"role": "user", "content": text}]}, **more)


def said(body):
    """The text of an answer, plain or a stream of chat chunks."""
    if not body.startswith(b"data:"):
        return json.loads(body)["choices"][0]["message"]["content"]
    text = ""
    for line in body.decode().split("\n"):
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", ()):
                text += choice["delta"].get("content") or ""
    return text


class Profile(GatewayCase):
    """Calls through a profile that the test writes."""

    def start(self, profile, log="", provider=None, **kw):
        gw = self.gateway(provider=provider, workers=1, extra="""
[log]
%s
[gateway.g]
%s
""" % (log, profile), **kw)
        self.gw = gw.start()
        self.key = gw.create_key("k")
        return self.gw

    def call(self, body, path="/v1/chat/completions", **fields):
        headers = {"Authorization": "Bearer " + self.key,
                   "Content-Type": "application/json",
                   "cf-aig-gateway-id": "g"}
        for name, value in fields.items():
            headers[name.replace("_", "-")] = value
        return self.gw.http("POST", path, body, headers)

    def shown(self, headers):
        """The row and the payload of a call: where the row says that one was
        kept, it is there as soon as the answer's last byte is."""
        data = self.gw.ctl("logs", "show", headers["x-request-id"], "--payload")
        self.assertEqual(data["log"]["payload"], data["payload"] is not None)
        return data["log"], data["payload"]


SECRET = "sk-canary-0123456789abcdef"


class Payloads(Profile):
    """Bodies are kept where the settings say so, without what is redacted."""

    def test_bodies_are_kept_and_shown(self):
        gw = self.start("log_payload = yes")
        for stream in (False, True):
            body = echo("say this back", stream)
            status, headers, answer = self.call(body)
            self.assertEqual(status, 200)
            row, payload = self.shown(headers)
            self.assertTrue(row["payload"])
            self.assertEqual(json.loads(payload["request"]["text"]), body)
            self.assertEqual(payload["stream"], stream)
            self.assertTrue(payload["answer"]["complete"])
            if stream:
                self.assertEqual(payload["answer"]["text"], said(answer))
            else:
                self.assertEqual(json.loads(payload["answer"]["text"]),
                                 json.loads(answer))
        # Off by a field, by default, and for whom nothing is known.
        _, headers, _ = self.call(echo("a"), cf_aig_collect_log_payload="false")
        row, payload = self.shown(headers)
        self.assertFalse(row["payload"])
        self.assertIsNone(payload)
        _, headers, _ = gw.call(self.key, echo("a"))
        self.assertIsNone(self.shown(headers)[1])
        _, headers, _ = self.call(echo("a"), cf_aig_gateway_id="other",
                                  cf_aig_collect_log_payload="true")
        self.assertIsNotNone(self.shown(headers)[1])
        self.assertNotEqual(gw.tool("aigwctl", "-c", gw.config, "logs", "show",
                                    "req_" + "0" * 32, ok=False).returncode, 0)
        gw.verify()

    def test_long_bodies_are_cut(self):
        self.start("log_payload = yes", log="payload_max = 1k")
        body = echo("x" * 5000)
        _, headers, answer = self.call(body)
        _, payload = self.shown(headers)
        for part, whole in (("request", json.dumps(body).encode()),
                            ("answer", answer)):
            kept = payload[part]["text"].encode()
            self.assertEqual(len(kept), 1024)
            self.assertEqual(kept, whole[:1024])
            self.assertEqual(payload[part]["size"], len(whole))
            self.assertFalse(payload[part]["complete"])

    def test_what_a_pattern_names_is_never_kept(self):
        gw = self.start("log_payload = yes\nredact = (?i)project x\\,? two",
                        log="redact = sk-canary-[0-9a-f]{16}, hunter[0-9]\n"
                            "payload_max = 2k")
        spelt = json.dumps(echo("key " + SECRET + " and Project X, two hunter2"))
        spelt = spelt.replace("sk-canary-0", "s\\u006b-c\\u0061nary-\\u0030")
        for stream in (False, True):
            for text in (spelt, json.dumps(echo(SECRET + " hunter2", stream)),
                         # across the end of what is kept: of the request, of
                         # a plain answer, of a stream's text
                         *(json.dumps(echo("y" * n + SECRET, stream))
                           for n in (1850, 1870, 1930, 1950, 2030, 2040))):
                status, headers, answer = self.call(text.encode())
                self.assertEqual(status, 200)
                if "yy" not in text:
                    self.assertIn(SECRET, said(answer))
                _, payload = self.shown(headers)
                for part in ("request", "answer"):
                    kept = payload[part]["text"]
                    for canary in ("canary", "hunter2", "Project X",
                                   "0123456789abcdef", "\\u0061nary"):
                        self.assertNotIn(canary, kept)
                    if "yy" not in text:
                        self.assertIn("[redacted]", kept)
        gw.stop()
        for root, _, files in os.walk(gw.dir + "/data"):
            for name in files:
                with open(os.path.join(root, name), "rb") as f:
                    data = f.read()
                self.assertNotIn(SECRET.encode(), data, name)
                self.assertNotIn(b"hunter2", data, name)

    def test_a_call_that_no_log_may_show_is_of_the_books_alone(self):
        gw = self.start("log_payload = yes")
        status, headers, _ = self.call(
            echo("unseen"), cf_aig_collect_log="false",
            cf_aig_metadata='{"a":"unseen"}')
        self.assertEqual(status, 200)
        self.call(echo("seen"))
        rows = gw.ctl("logs")
        self.assertEqual(len(rows), 1)
        self.assertEqual(gw.ctl("logs", "--metadata", "a"), [])
        shown = gw.tool("aigwctl", "-c", gw.config, "logs", "show",
                        headers["x-request-id"], "--payload", ok=False)
        self.assertNotEqual(shown.returncode, 0)
        usage = gw.ctl("usage")
        self.assertIn('"requests": 2', json.dumps(usage))
        gw.verify()

    def test_a_form_and_errors_are_kept_as_far_as_they_are_text(self):
        provider = self.mock()
        self.start("log_payload = yes", provider=provider.base_url)
        _, headers, answer = self.call(chat(status=429))
        _, payload = self.shown(headers)
        self.assertEqual(payload["answer"]["text"].encode(), answer)


class Guards(Profile):
    """Patterns on prompt and answer: block or flag, streams too."""

    RULES = """
guard_prompt = card:block:\\b\\d{4} \\d{4}\\b, name:flag:(?i)anna
guard_answer = word:block:for\\s?bidden, mild:flag:mild
"""

    # Each event by itself.
    SLOWLY = """
[provider.builtin]
kind = builtin
models = builtin/echo
delay = 2ms
"""

    def test_prompts_are_blocked_or_flagged_in_every_dialect(self):
        gw = self.start(self.RULES)
        status, headers, body = self.call(echo("my 1234 5678 card"))
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(body)["error"]["code"], "content_blocked")
        self.assertEqual(headers["x-aigw-guardrail"], "card")
        status, _, body = self.call(json.dumps(echo("1234 5678")).replace(
            "5678", "\\u0035678").encode())
        self.assertEqual(status, 400, body)
        status, headers, _ = self.call(echo("ANNA is here"))
        self.assertEqual((status, headers["x-aigw-guardrail"]), (200, "name"))
        row, _ = self.shown(headers)
        self.assertTrue(row["flagged"] and not row["blocked"])
        for path, body in (
                ("/v1/messages", {"model": "builtin/echo", "max_tokens": 9,
                                  "messages": [{"role": "user", "content": [
                                      {"type": "text", "text": "1234 5678"}]}]}),
                ("/v1/responses", {"model": "builtin/echo",
                                   "input": "1234 5678"}),
                ("/v1beta/models/builtin%2Fecho:generateContent",
                 {"contents": [{"parts": [{"text": "1234 5678"}]}]})):
            status, headers, _ = self.call(body, path)
            self.assertEqual(status, 400, path)
            self.assertEqual(headers["x-aigw-guardrail"], "card", path)
        status, _, body = self.call(
            echo("1234 5678"), "/v1/acc/g/compat/chat/completions")
        self.assertEqual(status, 424)
        self.assertEqual(json.loads(body)["error"][0]["code"], 2016)
        status, _, _ = gw.call(self.key, echo("1234 5678")) # of no profile
        self.assertEqual(status, 200)
        gw.verify()

    def test_all_that_a_model_may_read_is_looked_at(self):
        """Names of members, numbers, arguments of tools, whatever is escaped."""
        self.start("guard_prompt = card:block:4111[^a-z]{0\\,9}1111")

        def tool(arguments):
            return {"model": "builtin/echo", "max_tokens": 9, "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "c", "type": "function", "function": {
                        "name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "c", "content": "done"}]}

        def input_of(value):
            return {"model": "builtin/echo", "max_tokens": 9, "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "c", "name": "f",
                     "input": value}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "c",
                     "content": "done"}]}]}
        schema = echo("hi")
        schema["tools"] = [{"type": "function", "function": {
            "name": "f", "parameters": {"type": "object", "properties": {
                "4111-1111": {"type": "string"}}}}}]
        chat, messages = "/v1/chat/completions", "/v1/messages"
        for path, body in (
                (chat, schema),
                (chat, tool('{"a": "4111 1111"}')),
                (chat, tool('{"4111 1111": 0}')),
                (chat, tool('{"a": 41111111}')),
                (chat, tool('{"a": "\\u0034111 111\\u0031"}')),
                (chat, tool(' [{"\\u0034111 111\\u0031": 1}]')),
                (messages, input_of({"a": 41111111})),
                (messages, input_of({"4111 1111": [1]})),
                (messages, input_of({"a": {"b": ["4111\n1111"]}}))):
            status, headers, answer = self.call(body, path)
            self.assertEqual((status, headers.get("x-aigw-guardrail")),
                             (400, "card"), (body, answer))
        for path, body in ((chat, tool('{"a": "\\u0035111 1111"}')),
                           (chat, tool('[{"a": "x\\u0034111", "b": "1111')),
                           (messages, input_of({"a": [4111, 1111]}))):
            self.assertEqual(self.call(body, path)[0], 200, body)

    def test_a_blocked_call_is_in_the_log_and_costs_nothing(self):
        gw = self.start(self.RULES)
        _, headers, _ = self.call(echo("1234 5678"))
        row, _ = self.shown(headers)
        self.assertTrue(row["blocked"] and row["flagged"])
        self.assertEqual((row["tokens"], row["status"]), (0, 400))
        gw.verify()

    def test_a_long_prompt_is_looked_at_whole(self):
        self.start(self.RULES)
        for at in (0, 65530, 65536, 61440, 300000, 999990):
            text = "." * at + " 1234 5678 " + "." * (1000000 - at)
            self.assertEqual(self.call(echo(text))[0], 400, at)
        self.assertEqual(self.call(echo("." * 1000000, max_tokens=1))[0], 200)

    def test_answers_are_blocked_before_a_match_passes(self):
        gw = self.start(self.RULES)
        status, headers, body = self.call(echo("this is for bidden"))
        self.assertEqual(status, 400)
        self.assertNotIn(b"bidden", body)
        self.assertEqual(headers["x-aigw-guardrail"], "word")
        row, _ = self.shown(headers)
        self.assertTrue(row["blocked"] and row["tokens"] > 0)
        status, headers, _ = self.call(echo("this is mild"))
        self.assertEqual((status, headers["x-aigw-guardrail"]), (200, "mild"))
        status, _, body = self.call(
            echo("all is for bidden"), "/v1/acc/g/compat/chat/completions")
        self.assertEqual(json.loads(body)["error"][0]["code"], 2017)
        gw.verify()

    def streamed(self, *args):
        """Status and body; one that is blocked breaks off behind its error."""
        try:
            status, _, body = self.call(*args)
            return status, body
        except http.client.IncompleteRead as e:
            return 200, e.partial

    def stream_cases(self, send):
        """send(text) -> answer's text and raw bytes of a stream."""
        for text in ("a b c d e f for bidden g h", "for bidden", "x forbidden y"):
            got, raw = send(text)
            self.assertNotIn("bidden", got)
            self.assertNotIn(b"bidden", raw)
            # Nothing of the match, nor of what was behind it.
            self.assertTrue(text[:text.index("for")].startswith(got.strip()),
                            (text, got))
            self.assertIn(b"blocked", raw)
        for text in ("a b c d", "this is for all", "for", "mild for",
                     "for b", "forb idden"):
            got, raw = send(text)
            self.assertEqual(got.strip(), text)
            self.assertNotIn(b"blocked", raw)

    def test_streams_of_the_same_dialect(self):
        gw = self.start(self.RULES + self.SLOWLY)

        def send(text):
            status, body = self.streamed(echo(text, stream=True))
            return (said(body) if status == 200 else ""), body
        self.stream_cases(send)
        gw.verify()

    def test_streams_between_dialects(self):
        gw = self.start(self.RULES + self.SLOWLY)

        def send(text):
            _, body = self.streamed(
                {"model": "builtin/echo", "max_tokens": 100, "stream": True,
                 "messages": [{"role": "user", "content": text}]}, "/v1/messages")
            got = ""
            for line in body.decode().split("\n"):
                if line.startswith("data: ") and "text_delta" in line:
                    got += json.loads(line[6:])["delta"]["text"]
            return got, body
        self.stream_cases(send)
        gw.verify()

    def test_a_call_may_not_ask_for_several_streams_at_once(self):
        self.start(self.RULES)
        status, _, body = self.call(echo("x", stream=True, n=2))
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(body)["error"]["param"], "n")


async def reader_gone(writer):
    """Until the other side, or the test, has gone."""
    try:
        while not writer.is_closing():
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        pass


class Hook:
    """A webhook: what it is asked is kept, what it answers is in `answer`."""

    def __init__(self):
        self.asked, self.answer = [], b'{"allow": true}'
        self.status, self.hang = 200, False

    async def __call__(self, method, path, headers, body, writer):
        self.asked.append((method, path, json.loads(body)))
        if self.hang:
            await reader_gone(writer)
            return False
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (
            self.status, len(self.answer)) + self.answer)
        await writer.drain()
        return True


class Webhook(Profile):
    """Somebody is asked before the call."""

    def ask(self, more=""):
        self.hook = Hook()
        server = self.mock(handler=self.hook)
        self.start("webhook_url = %s/ask\n%s" % (
            server.base_url.rsplit("/", 1)[0], more))

    def test_it_is_told_who_calls_and_decides(self):
        self.ask()
        status, _, _ = self.call(echo("hello"), cf_aig_metadata='{"team":"a"}')
        self.assertEqual(status, 200)
        method, path, told = self.hook.asked[0]
        self.assertEqual((method, path), ("POST", "/ask"))
        self.assertEqual(
            {name: told[name] for name in ("key", "group", "gateway", "model",
                                           "metadata")},
            {"key": "k", "group": "default", "gateway": "g",
             "model": "builtin/echo", "metadata": {"team": "a"}})
        self.assertNotIn("request", told)
        self.assertNotIn(self.key, json.dumps(told))
        self.hook.answer = b'{"reason": "not \\u0022today\\u0022", "allow": false}'
        status, headers, body = self.call(echo("hello"))
        self.assertEqual(status, 403)
        self.assertEqual(headers["x-should-retry"], "false")
        error = json.loads(body)["error"]
        self.assertEqual(error["code"], "call_not_allowed")
        self.assertIn('not "today"', error["message"])
        status, _, _ = self.call(
            echo("hello"), "/v1/acc/g/compat/chat/completions")
        self.assertEqual(status, 424)
        rows = self.gw.ctl("logs")
        self.assertEqual(len(rows), 3)
        self.assertEqual(sorted(r["blocked"] for r in rows), [False, True, True])
        for row in rows: # the others cost nothing
            self.assertEqual(row["blocked"], row["tokens"] == 0)
        self.gw.verify()

    def test_nobody_is_asked_about_a_call_that_its_limits_refuse(self):
        self.ask("guard_prompt = card:block:1234")
        self.gw.ctl("key", "set-limits", "k", "--rpm", "3")
        self.hook.answer = b'{"allow": false}'
        self.assertEqual([self.call(echo("a"))[0] for _ in range(2)], [403] * 2)
        self.assertEqual(self.call(echo("1234"))[0], 400)
        # Those that were blocked count; now nothing is looked at any more.
        for text in ("a", "1234"):
            status, headers, _ = self.call(echo(text))
            self.assertEqual(status, 429)
            self.assertNotIn("x-aigw-guardrail", headers)
        self.assertEqual(len(self.hook.asked), 2)
        self.gw.ctl("key", "set-limits", "k", "--rpm", "none")
        self.gw.ctl("key", "set-quota", "k", "--quota", "1", "--period", "daily")
        self.assertEqual(self.call(echo("a" * 100))[0], 429)
        self.assertEqual(len(self.hook.asked), 2)
        self.gw.verify()

    def test_what_the_look_ahead_takes_is_given_back(self):
        self.ask()
        self.gw.ctl("key", "set-limits", "k", "--rpm", "6")
        self.assertEqual([self.call(echo("a"))[0] for _ in range(7)],
                         [200] * 6 + [429])

    def test_it_is_told_the_request_where_that_is_asked_for(self):
        self.ask("webhook_prompt = yes")
        body = echo("hello you")
        self.assertEqual(self.call(body)[0], 200)
        self.assertEqual(self.hook.asked[0][2]["request"], body)

    def test_without_an_answer_the_policy_decides(self):
        for policy, expected in (("open", 200), ("closed", 503)):
            self.ask("webhook_timeout = 200ms\nwebhook_fail = " + policy)
            for status, answer in ((500, b"{}"), (200, b"nonsense"),
                                   (200, b'{"allow": 1}'), (200, b"x" * 100000)):
                self.hook.status, self.hook.answer = status, answer
                self.assertEqual(self.call(echo("a"))[0], expected, answer[:20])
            self.hook.hang = True
            self.assertEqual(self.call(echo("a"))[0], expected)

    def test_a_client_that_leaves_and_a_stop_end_the_question(self):
        self.ask("webhook_timeout = 60s")
        self.hook.hang = True
        gw = self.gw
        with socket.create_connection(("127.0.0.1", gw.port)) as s:
            body = json.dumps(echo("a")).encode()
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
                      b"cf-aig-gateway-id: g\r\nAuthorization: Bearer %s\r\n"
                      b"Content-Length: %d\r\n\r\n" % (
                          self.key.encode(), len(body)) + body)
            wait_for(lambda: len(self.hook.asked) == 1)
        wait_for(gw.settled)
        thread = threading.Thread(target=self.call, args=(echo("b"),))
        thread.start()
        wait_for(lambda: len(self.hook.asked) == 2)
        gw.stop()
        thread.join(60)
        self.assertFalse(thread.is_alive())


if __name__ == "__main__":
    unittest.main()
