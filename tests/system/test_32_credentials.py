"""Several credentials of a provider: which one a call is sent with, a group's own
before those for all, the rule byok, what follows when one is refused or used up,
and where their names are shown."""
import asyncio
import json
import os
import re
import signal
import threading
import unittest
from collections import Counter

from gateway import GatewayCase, Gateway, wait_for
from mock_provider import MockProvider

SECRETS = {"sk-alpha-of-its-own-1": "default", "sk-alpha-second-2": "second",
           "sk-alpha-team-one-3": "team-1", "sk-alpha-team-two-4": "team-2",
           "sk-beta-team-5": "team-b", "sk-gamma-6": "gamma"}
KEYS = {name: secret for secret, name in SECRETS.items()}


class Scripted:
    """A provider that does what `script` says for the credential that it gets,
    one word a call, then "ok". Names of credentials go into one list."""

    def __init__(self, calls, script):
        self.calls, self.script, self.lock = calls, script, threading.Lock()

    async def __call__(self, method, path, headers, body, writer):
        secret = headers.get("authorization", "").partition(" ")[2]
        name = SECRETS.get(secret, "?" + secret)
        if method == "GET":
            return await self.send(writer, 200, b'{"object":"list","data":[]}')
        with self.lock:
            self.calls.append(name)
            words = self.script.get(name, [])
            word = words.pop(0) if words else "ok"
        if word == "ok":
            return await self.send(writer, 200, json.dumps({
                "id": "c", "object": "chat.completion",
                "model": json.loads(body).get("model"),
                "choices": [{"index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "by " + name}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                          "total_tokens": 7}}).encode())
        if word == "used-up":
            return await self.send(writer, 200, json.dumps({
                "id": "c", "object": "chat.completion", "choices": [{
                    "index": 0, "finish_reason": "stop", "message": {
                        "role": "assistant", "content": "the last"}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                          "total_tokens": 7}}).encode(),
                b"x-ratelimit-remaining-requests: 0\r\n"
                b"x-ratelimit-reset-requests: 300s\r\n")
        if word == "hold":  # until the test says what it is
            while self.script.get("hold"):
                await asyncio.sleep(0.005)
            word = "401"
        status, _, after = word.partition(" ")
        return await self.send(
            writer, int(status), json.dumps({"error": {
                "message": "no: %s is wrong" % secret, "type": "t",
                "code": "c"}}).encode(),
            b"Retry-After: %s\r\n" % after.encode() if after else b"")

    async def send(self, writer, status, data, fields=b""):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s"
                     b"Content-Length: %d\r\n\r\n" % (status, fields, len(data))
                     + data)
        await writer.drain()
        return True


class CredentialsCase(GatewayCase):
    """Three providers: alpha with its own api_key, one more and two of the group
    team, beta with one of team alone, gamma with its api_key alone."""

    COOL = "fails = 0\ncooldown = 10ms\ncooldown_max = 10ms\n"
    EXTRA = ""

    @classmethod
    def setUpClass(cls):
        cls.calls, cls.script = [], {}
        cls.server = MockProvider(handler=Scripted(cls.calls,
                                                   cls.script)).start()
        cls.gw = Gateway(extra=cls.config(), models=(), workers=1).start()
        cls.key = cls.gw.create_key("k")
        cls.gw.ctl("group", "create", "team")
        cls.gw.ctl("group", "create", "poor")
        cls.team = cls.gw.create_key("t", "--group", "team")
        cls.poor = cls.gw.create_key("p", "--group", "poor")

    @classmethod
    def config(cls, second=KEYS["second"]):
        text = ""
        for name in ("alpha", "beta", "gamma"):
            text += ("[provider.%s]\nkind = openai\nbase_url = %s\n"
                     "models = m1\n%s" % (name, cls.server.base_url, cls.COOL))
            if name != "beta":
                text += "api_key = %s\n" % KEYS[
                    "default" if name == "alpha" else "gamma"]
        text += "[model.m1]\nproviders = alpha, beta, gamma\n"
        text += "[model.m2]\nproviders = alpha\n"
        text += "[model.m3]\nproviders = gamma\n"
        text += "[credential.alpha/second]\napi_key = %s\nweight = 3\n" % second
        text += "[credential.alpha/off]\napi_key = sk-off\nenabled = no\n"
        for where in ("alpha/team-1", "alpha/team-2", "beta/team-b"):
            text += "[credential.%s]\napi_key = %s\ngroup = team\n" % (
                where, KEYS[where.partition("/")[2]])
        return text + cls.EXTRA

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.server.stop()

    def setUp(self):
        self.calls.clear()
        self.script.clear()

    def ask(self, key=None, model="m1", headers=None, **members):
        body = dict({"model": model, "messages": [
            {"role": "user", "content": "hi"}]}, **members)
        fields = {"Authorization": "Bearer " + (key or self.key),
                  "Content-Type": "application/json"}
        fields.update(headers or {})
        return self.gw.http("POST", "/v1/chat/completions", body, fields)

    def set(self, what, name, **settings):
        if what == "key":
            name = self.gw.ctl("key", "get", name)["id"]
        status, _, body = self.gw.admin(
            "PATCH", "/admin/v1/%ss/%s" % (what, name), {"settings": settings})
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def order(self, key=None, word="404", **kw):
        """The credentials that were asked, when each says `word`: 404 is an
        answer to a credential that puts none aside."""
        self.calls.clear()
        for name in KEYS:
            self.script[name] = [word]
        self.ask(key, **kw)
        asked = list(self.calls)
        self.setUp()
        return asked

    def orders(self, asked, *args, **kw):
        """Each time: a draw must not be what makes it so."""
        for _ in range(8):
            order = self.order(*args, **kw)
            self.assertTrue(asked(order) if callable(asked) else order == asked,
                            order)


class Choice(CredentialsCase):
    def test_a_call_uses_what_is_for_all_by_weight(self):
        got = Counter()
        for _ in range(400):
            status, headers, body = self.ask(model="m2")
            self.assertEqual(status, 200, body)
            name = headers["x-aigw-credential"]
            self.assertIn(b"by " + name.encode(), body)
            got[name] += 1
        self.assertEqual(set(got), {"default", "second"})
        # 3 of 4; seven standard deviations
        self.assertTrue(240 < got["second"] < 360, got)

    def test_a_provider_with_one_says_no_name(self):
        status, headers, _ = self.ask(model="m3")
        self.assertEqual((status, self.calls), (200, ["gamma"]))
        self.assertNotIn("x-aigw-credential", headers)

    def test_a_refused_one_leaves_the_call_to_the_next(self):
        for word in ("401", "402", "403", "404", "429", "429 1"):
            with self.subTest(word=word):  # what cools is asked, too, at last
                self.orders(lambda a: sorted(a) == ["default", "second"],
                            word=word, model="m2")

    def test_a_failure_of_the_endpoint_is_none_of_its_credential(self):
        self.orders(lambda a: len(a) == 1, word="500", model="m2")
        self.orders(lambda a: a[1:] == ["gamma"], word="503")

    def test_others_own_ones_are_used_for_nobody_else(self):
        self.orders(lambda a: sorted(a[:2]) == ["default", "second"] and
                    a[2:] == ["gamma"])
        self.orders(lambda a: sorted(a[:2]) == ["default", "second"] and
                    a[2:] == ["gamma"], self.poor)

    def test_a_groups_own_ones_come_before_those_for_all(self):
        self.orders(lambda a: sorted(a[:2]) == ["team-1", "team-2"] and
                    sorted(a[2:4]) == ["default", "second"] and
                    a[4:] == ["team-b", "gamma"], self.team)

    def test_private_keys_are_the_only_own_ones(self):
        self.set("key", "t", private_keys=["alpha/team-2"])
        self.orders(lambda a: a[0] == "team-2" and
                    sorted(a[1:3]) == ["default", "second"] and
                    a[3:] == ["gamma"], self.team)
        self.set("key", "t", private_keys=["team-2", "team-1"])
        self.orders(lambda a: a[:2] == ["team-2", "team-1"], self.team)
        self.set("key", "t", private_keys=None)

    def test_a_call_may_name_the_one_to_be_used(self):
        def named(name, key=None, field="cf-aig-byok-alias", model="m1"):
            self.calls.clear()
            status, headers, body = self.ask(key, model, {field: name})
            if status == 404:
                self.assertIn(b"no_credential", body)
                self.assertEqual(self.calls, [])
                return None
            self.assertEqual(status, 200, body)
            return [c[0] if isinstance(c, tuple) else c for c in self.calls], \
                headers.get("x-aigw-credential")
        for _ in range(5):
            self.assertEqual(named("second")[1], "second")
            self.assertEqual(named("alpha/second", field="x-aigw-credential")[1],
                             "second")
            self.assertEqual(named("default")[1], "default")
        self.assertEqual(named("team-1", self.team)[1], "team-1")
        self.assertEqual(named("team-b", self.team)[1], "team-b")
        self.assertIsNone(named("default", model="m3")[1]) # it has but one
        # Those of others, that are off, and that are not there.
        for name in ("team-1", "off", "nobody", "beta/second", "SECOND"):
            self.assertIsNone(named(name), name)
        self.assertIsNone(named("team-1", self.poor))
        self.assertIsNone(named("second", model="m3"))
        # What fails is not made up for by another one.
        self.script["second"] = ["401"]
        self.calls.clear()
        self.assertEqual(self.ask(model="m2", headers={
            "cf-aig-byok-alias": "second"})[0], 401)
        self.assertEqual(self.calls, ["second"])

    def test_the_secret_of_none_is_told(self):
        for name in KEYS:
            self.script[name] = ["401"]
        _, _, body = self.ask(self.team)
        for secret in SECRETS:
            self.assertNotIn(secret.encode(), body)
            self.assertNotIn(secret, self.gw.log())

    def test_affinity_keeps_a_session_at_one(self):
        used = set()
        for session in range(12):
            names = {self.ask(model="m2", headers={
                "x-session-id": "s%d" % session})[1]["x-aigw-credential"]
                for _ in range(6)}
            used |= names
        self.assertEqual(used, {"default", "second"})
        self.set("key", "k", affinity="session")
        for session in range(12):
            names = {self.ask(model="m2", headers={
                "x-session-id": "s%d" % session})[1]["x-aigw-credential"]
                for _ in range(6)}
            self.assertEqual(len(names), 1)
        self.set("key", "k", affinity=None)

    def test_the_log_says_which(self):
        self.script["team-1"] = ["401"]
        self.script["team-2"] = ["401"]
        status, headers, _ = self.ask(self.team, model="m2")
        self.assertEqual(status, 200)
        row = {}

        def has_row():
            _, _, body = self.gw.admin(
                "GET", "/admin/v1/logs?request_id=" + headers["x-request-id"])
            rows = json.loads(body)["data"]
            row.update(rows[0] if rows else {})
            return rows
        wait_for(has_row, 30, "the log's row")
        self.assertEqual(row["credential"], headers["x-aigw-credential"])
        self.assertEqual(row["provider"], "alpha")


class Byok(CredentialsCase):
    def tearDown(self):
        self.set("key", "t", route=None, private_keys=None,
                 byok_fallback=None, providers=None)

    def test_only_own_ones_are_used(self):
        self.set("key", "t", route="byok")
        self.orders(lambda a: sorted(a[:2]) == ["team-1", "team-2"] and
                    a[2:] == ["team-b"], self.team)
        self.orders(["team-b"], self.team, provider={"only": ["beta"]})
        self.set("key", "t", providers=["beta"])
        self.orders(lambda a: a[0] == "team-b" and
                    sorted(a[1:]) == ["team-1", "team-2"], self.team)

    def test_in_the_order_of_the_list(self):
        self.set("key", "t", route="byok",
                 private_keys=["alpha/team-2", "team-b", "team-1"])
        self.orders(["team-2", "team-b", "team-1"], self.team, word="500")
        self.orders(["team-2", "team-b", "team-1"], self.team)
        self.set("key", "t", private_keys=["team-b", "nobody's"])
        self.orders(["team-b"], self.team)

    def test_then_those_for_all_where_that_is_asked_for(self):
        self.set("key", "t", route="byok", byok_fallback=True)
        self.orders(lambda a: sorted(a[:2]) == ["team-1", "team-2"] and
                    a[2] == "team-b" and
                    sorted(a[3:5]) == ["default", "second"] and
                    a[5:] == ["gamma"], self.team)

    def test_who_has_none_is_told_so(self):
        self.set("key", "p", route="byok")
        status, headers, body = self.ask(self.poor)
        self.assertEqual(status, 404, body)
        self.assertEqual(json.loads(body)["error"]["code"], "no_credential")
        self.assertEqual(headers["x-should-retry"], "false")
        self.set("key", "p", byok_fallback=True)
        self.assertEqual(self.ask(self.poor)[0], 200)
        self.set("key", "p", route=None, byok_fallback=None)

    def test_and_so_in_every_dialect(self):
        messages = [{"role": "user", "content": "hi"}]
        chat = {"model": "m1", "messages": messages}
        gemini = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        self.set("key", "p", route="byok")
        for path, body, shape in (
                ("/v1/chat/completions", chat, "openai"),
                ("/gateway/v1/chat/completions", chat, "clickzetta"),
                ("/api/v1/chat/completions", chat, "openrouter"),
                ("/v1/completions", {"model": "m1", "prompt": "hi"}, "openai"),
                ("/v1/responses", {"model": "m1", "input": "hi"}, "openai"),
                ("/v1/embeddings", {"model": "m1", "input": "hi"}, "openai"),
                ("/v1/messages", dict(chat, max_tokens=5), "anthropic"),
                ("/v1/messages/count_tokens", chat, "anthropic"),
                ("/v1beta/models/m1:generateContent", gemini, "gemini"),
                ("/v1beta/models/m1:streamGenerateContent?alt=sse", gemini,
                 "gemini"),
                ("/client/v4/accounts/a/ai/run/m1", {"prompt": "hi"}, "rest"),
                ("/v1/a/g/compat/chat/completions", chat, "gateway"),
                ("/v1/a/g/alpha/chat/completions", chat, "gateway"),
                ("/v1/a/g", [{"provider": "alpha", "endpoint":
                              "chat/completions", "headers": {},
                              "query": chat}], "gateway")):
            for stream in (False, True):
                if isinstance(body, dict) and path.startswith("/v1/") and \
                        "embeddings" not in path and "count" not in path:
                    body = dict(body, stream=stream)
                with self.subTest(path=path, stream=stream):
                    status, headers, raw = self.gw.http(
                        "POST", path, body, {
                            "Authorization": "Bearer " + self.poor,
                            "Content-Type": "application/json"})
                    self.assertEqual(status, 400 if shape == "clickzetta" else 404, raw)
                    self.assertIn("credentials of its own group", raw.decode())
                    self.assertEqual(headers["x-should-retry"], "false")
                    self.check_shape(json.loads(raw), shape)
        self.assertEqual(self.calls, [])
        self.set("key", "p", route=None)

    def check_shape(self, answer, shape):
        if shape == "openrouter":
            self.assertEqual((answer["error"]["code"],
                              answer["error"]["metadata"]["code"]),
                             (404, "no_credential"))
        elif shape == "openai":
            self.assertEqual(answer["error"]["code"], "no_credential")
        elif shape == "clickzetta":
            self.assertEqual(answer["error"]["code"], "GATEWAY_NO_UPSTREAM_CANDIDATES")
        elif shape == "anthropic":
            self.assertEqual((answer["type"], answer["error"]["type"]),
                             ("error", "not_found_error"))
        elif shape == "gemini":
            self.assertEqual((answer["error"]["code"],
                              answer["error"]["status"]), (404, "NOT_FOUND"))
        elif shape == "rest":
            self.assertIs(answer["success"], False)
            self.assertIsNone(answer["result"])
            self.assertTrue(answer["errors"][0]["code"])
        else:
            self.assertIs(answer["success"], False)
            self.assertTrue(answer["error"][0]["code"])

    def test_when_all_fail_the_last_failure_is_told(self):
        self.set("key", "t", route="byok")
        for name in KEYS:
            self.script[name] = ["429"] * 3
        status, _, body = self.ask(self.team)
        self.assertEqual(status, 429, body)
        self.assertEqual(sorted(self.calls), ["team-1", "team-2", "team-b"])


class Words(CredentialsCase):
    """aigwctl's words for a key's route, cache, retries and log."""

    def settings(self, *args):
        self.gw.ctl(*args)
        return self.gw.ctl("key", "get", "w")["settings"]

    def refused(self, *args):
        done = self.gw.ctl(*args, ok=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        return json.loads(done.stdout)["error"]["message"]

    def test_words(self):
        made = self.gw.ctl("key", "create", "w", "--group", "team",
                           "--route-type", "provider", "--providers", "gamma",
                           "alpha", "--provider-sort", "price")
        key = made["vApiKey"]
        row = self.gw.ctl("key", "get", "w")
        self.assertEqual(row["routing"], {
            "routeType": "provider", "providerIds": ["gamma", "alpha"],
            "providerSort": "price"})
        self.orders(lambda a: a[0] == "gamma" and len(a) == 5, key)
        self.gw.ctl("key", "upsert", "w", "--group", "team", "--route-type",
                    "byok", "--private-keys", "team-b,alpha/team-1")
        row = self.gw.ctl("key", "get", "w")
        self.assertEqual(row["routing"]["privateKeyAliases"],
                         ["team-b", "alpha/team-1"])
        self.assertIs(row["routing"]["privateKeyOnly"], True)
        self.orders(["team-b", "team-1"], key)
        self.gw.ctl("key", "set-route", "w", "--private-keys", "all",
                    "--providers", "unset")
        self.orders(lambda a: sorted(a) == ["team-1", "team-2", "team-b"], key)
        self.gw.ctl("key", "set-route", "w", "--byok-fallback", "yes")
        self.orders(lambda a: len(a) == 6, key)
        self.assertEqual(
            self.settings("key", "set-route", "--key", key, "--route-type",
                          "unset", "--byok-fallback", "unset",
                          "--provider-sort", "unset", "--allow-fallbacks",
                          "no", "--affinity", "session"),
            {"allow_fallbacks": False, "affinity": "session"})
        self.assertNotIn("routing", self.gw.ctl("key", "get", "w"))
        self.settings("key", "set-route", "w", "--allow-fallbacks", "unset",
                      "--affinity", "unset")
        self.settings("key", "set-cache", "w", "--cache-ttl", "10m",
                      "--skip-cache", "yes", "--cache-scope", "key")
        self.settings("key", "set-retry", "w", "--max-attempts", "4",
                      "--retry-delay", "250ms", "--retry-backoff", "linear",
                      "--request-timeout", "20s")
        self.assertEqual(
            self.settings("key", "set-log", "w", "--log-payload", "yes",
                          "--collect-log", "yes"),
            {"cache_ttl": "10m", "skip_cache": True, "cache_scope": "key",
             "max_attempts": 4, "retry_delay": "250ms",
             "retry_backoff": "linear", "request_timeout": "20s",
             "log_payload": True, "collect_log": True})

    def test_a_group_is_given_its_own_without_a_reload(self):
        SECRETS["sk-made-here-8"] = "made"
        self.assertEqual(self.ask(self.poor)[0], 200)
        path = os.path.join(self.gw.dir, "made.txt")
        with open(path, "w") as f:
            f.write("sk-made-here-8\n")
        self.gw.ctl("credential", "add", "alpha/made", "--api-key-file", path,
                    "--group", "poor")
        self.set("key", "p", route="byok")
        status, headers, body = self.ask(self.poor)
        self.assertEqual((status, headers["x-aigw-credential"]),
                         (200, "made"), body)
        self.assertEqual(
            [(row["name"], row["api_key"][-4:], row["managed_by"])
             for row in self.gw.ctl("group", "byok", "poor")],
            [("alpha/made", "re-8", "api")])
        self.assertEqual(
            {row["name"] for row in self.gw.ctl("group", "byok", "team")},
            {"alpha/team-1", "alpha/team-2", "beta/team-b"})
        self.assertEqual(self.gw.ctl("group", "byok", "none", ok=False)
                         .returncode, 1)
        self.gw.ctl("credential", "disable", "alpha/made")
        self.assertEqual(self.ask(self.poor)[0], 404)
        self.gw.ctl("credential", "enable", "alpha/made")
        self.assertEqual(self.ask(self.poor)[0], 200)
        self.gw.ctl("credential", "delete", "alpha/made", "-y")
        self.assertEqual(self.ask(self.poor)[0], 404)
        self.set("key", "p", route=None)
        self.assertEqual(self.ask(self.poor)[0], 200)

    def test_words_that_are_none(self):
        self.gw.ctl("key", "create", "n")
        for args, says in (
                (("set-route", "n"), "needs a flag"),
                (("set-cache", "n"), "needs a flag"),
                (("set-route", "n", "--route-type", "provider"),
                 "--route-type provider requires --providers <id...>"),
                (("set-route", "n", "--route-type", "byok"),
                 "--route-type byok requires --private-keys <alias...>"),
                (("create", "n2", "--route-type", "byok"), "requires"),
                (("set-route", "n", "--cache-ttl", "5m"), "does not take"),
                (("set-route", "n", "--provider-sort", "best"),
                 "must be one of")):
            with self.subTest(args=args):
                self.assertIn(says, self.refused("key", *args))
        done = self.gw.ctl("key", "set-route", "n", "--providers", "nobody",
                           ok=False)
        self.assertEqual(done.returncode, 2)  # the server's 400
        self.assertIn("is no provider here", done.stdout)


class Health(CredentialsCase):
    """Cool-downs as long as they are."""
    COOL = "cooldown = 5m\ncooldown_max = 10m\n"

    def used(self, model="m2", calls=24):
        return {self.ask(model=model)[1]["x-aigw-credential"]
                for _ in range(calls)}

    def test_what_is_refused_or_used_up_is_left_alone(self):
        self.assertEqual(self.used(), {"default", "second"})
        self.script["second"] = ["used-up"]
        wait_for(lambda: self.used(calls=8) == {"default"}, 20, "it is used up")
        self.calls.clear()
        self.assertEqual(self.used(), {"default"})
        # its limit is of the model; at another one it may be used
        self.assertEqual(self.used("m1"), {"default", "second"})
        self.script["second"] = ["401"]
        wait_for(lambda: self.used("m1", 8) == {"default"}, 20, "it is refused")
        self.assertEqual(self.used("m1"), {"default"})
        self.assertIn("provider alpha refuses credential second",
                      self.gw.log())
        self.by_name()
        self.another_secret()

    def by_name(self):
        rows = json.loads(self.gw.tool(
            "aigw-shmdump", "--instance", self.gw.instance, "--json",
            "endpoints").stdout)["endpoints"]
        mine = [r for r in rows if r.get("credential") == "second"]
        self.assertEqual(len(mine), 1, rows)
        self.assertEqual((mine[0]["provider"], mine[0]["state"]),
                         ("alpha", "cooling"))
        text = self.gw.admin("GET", "/metrics")[2].decode()
        self.assertRegex(text, re.escape(
            'aigw_credential_cooling{provider="alpha",credential="second"}')
            + " 1\n")
        self.assertRegex(text, re.escape(
            'aigw_credential_cooling{provider="alpha",credential="default"}')
            + " 0\n")
        for secret in SECRETS:
            self.assertNotIn(secret, text)

    def another_secret(self):
        """A new secret under the name is tried at once; the slot stays."""
        SECRETS["sk-alpha-second-new"] = "second"
        self.gw.extra = self.config("sk-alpha-second-new")
        self.gw.write_config()
        self.gw.signal(signal.SIGHUP)
        wait_for(lambda: "second" in self.used(calls=8), 30,
                 "the new one is used")


class Waiting(CredentialsCase):
    """One call at a time: the others wait, with a credential that is chosen."""
    COOL = "cooldown = 5m\ncooldown_max = 10m\nmax_concurrency = 1\n"

    def test_one_that_is_put_aside_meanwhile_is_not_used(self):
        self.set("key", "k", affinity="session")
        session = {"x-session-id": "s"}
        chosen = self.ask(model="m2", headers=session)[1]["x-aigw-credential"]
        other, = {"default", "second"} - {chosen}
        self.calls.clear()
        self.script.update({"hold": [True], chosen: ["hold"]})
        answers = []

        def call():
            answers.append(self.ask(model="m2", headers=session))
        threads = [threading.Thread(target=call) for _ in range(2)]
        threads[0].start()
        wait_for(lambda: self.calls == [chosen], 30, "the first call")
        threads[1].start()
        wait_for(lambda: self.gw.ctl("status")["in_flight"] == 2, 30,
                 "the second waits")
        self.script["hold"] = []
        for thread in threads:
            thread.join(60)
        self.assertEqual(self.calls, [chosen, other, other])
        self.assertEqual(
            sorted((status, h["x-aigw-credential"], h["x-aigw-attempts"])
                   for status, h, _ in answers),
            [(200, other, "1"), (200, other, "2")])


if __name__ == "__main__":
    unittest.main()
