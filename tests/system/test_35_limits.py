"""Limits by key and model, windows, spend rules, shadow mode, revocation: by
real processes, two workers at least."""
import asyncio
import http.client
import json
import os
import signal
import threading
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat


def body(model="m1", tokens=4, stream=False, **mock):
    mock["tokens"] = tokens
    return {"model": model, "stream": stream, "x_mock": mock, "max_tokens": 64,
            "messages": [{"role": "user", "content": "hi"}]}


class Models(GatewayCase):
    def setUp(self):
        self.provider = self.mock()

    def start(self, **kw):
        kw.setdefault("models", ("m1", "m2"))
        return self.gateway(provider=self.provider.base_url, **kw).start()

    def count(self, gw, key, n, model="m1"):
        """How many of n calls, on connections of their own, pass."""
        return sum(gw.call(key, body(model))[0] == 200 for _ in range(n))

    def test_requests_a_minute_with_one_model_over_all_workers(self):
        gw = self.start(workers=3)
        key = gw.create_key("k")
        other = gw.create_key("other")
        shown = gw.ctl("key", "set-limits", "k", "--model", "m1", "--rpm", "5")
        self.assertEqual(shown["model_limits"], {
            "m1": {"rpm": 5, "tpm": None, "concurrency": None}})
        self.assertEqual(self.count(gw, key, 20), 5)
        status, head, data = gw.call(key, body())
        self.assertEqual(status, 429)
        self.assertEqual(json.loads(data)["error"]["code"], "rate_limit_exceeded")
        self.assertGreaterEqual(int(head["retry-after"]), 1)
        self.assertEqual(self.count(gw, key, 5, "m2"), 5)
        self.assertEqual(self.count(gw, other, 8), 8)
        # members that are not named stay; none takes one away
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--tpm", "1000")
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"]["m1"],
                         {"rpm": 5, "tpm": 1000, "concurrency": None})
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--rpm", "none",
               "--tpm", "none")
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"], {})
        self.assertEqual(self.count(gw, key, 8), 8)
        gw.verify()

    def test_a_groups_limit_with_a_model_is_shared_by_its_keys(self):
        gw = self.start()
        gw.ctl("group", "create", "team")
        gw.ctl("group", "set-limits", "team", "--model", "m1", "--rpm", "4")
        keys = [gw.create_key("k%d" % i, "--group", "team") for i in range(2)]
        self.assertEqual(sum(self.count(gw, k, 5) for k in keys), 4)
        self.assertEqual(gw.ctl("group", "get", "team")["model_limits"]["m1"]["rpm"], 4)

    def test_defaults_of_a_model_and_their_reload(self):
        gw = self.start(extra="[model.m3]\nproviders = mock\nkey_rpm = 3\n")
        keys = [gw.create_key("k%d" % i) for i in range(2)]
        for key in keys:
            self.assertEqual(self.count(gw, key, 6, "m3"), 3)
        gw.extra = "[model.m3]\nproviders = mock\n"
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: self.count(gw, keys[0], 1, "m3") == 1, 60, "the reload")

    def test_limits_survive_a_restart_and_a_killed_accountant(self):
        gw = self.start()
        key = gw.create_key("k")
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--concurrency", "1")
        gw.stop()
        gw.start()
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"]["m1"],
                         {"rpm": None, "tpm": None, "concurrency": 1})
        self.assertEqual(self.busy(gw, key), 429)
        pid = next(iter(gw.children("accountant")))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: [p for p in gw.children("accountant") if p != pid], 30,
                 "another accountant")
        self.assertEqual(self.busy(gw, key), 429)
        self.assertEqual(self.count(gw, key, 1), 1)

    def busy(self, gw, key):
        """The status of a call while another one of the same key runs."""
        done = threading.Event()
        answers = []

        def long():
            answers.append(gw.call(key, body(tokens=40, stream=True,
                                             delay_ms=50), timeout=60)[0])
            done.set()
        before = len(self.provider.book.snapshot())
        thread = threading.Thread(target=long)
        thread.start()
        wait_for(lambda: len(self.provider.book.snapshot()) > before, 30,
                 "the long call at the provider")
        status = gw.call(key, body())[0]
        done.wait(60)
        thread.join()
        self.assertEqual(answers, [200])
        return status

    def test_requests_in_flight_do_not_leak_when_workers_are_killed(self):
        gw = self.start(workers=3)
        key = gw.create_key("k")
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--concurrency", "4")

        async def storm():
            async def one():
                connection = Connection(gw.port)
                outcome = await connection.call(
                    key, chat(tokens=30, stream=True, delay_ms=20, model="m1"))
                connection.close()
                return outcome
            tasks = [asyncio.create_task(one()) for _ in range(12)]
            while len(self.provider.book.snapshot()) < 3:
                await asyncio.sleep(0.01)
            for pid in list(gw.children("worker"))[:2]:
                os.kill(pid, signal.SIGKILL)
            return await asyncio.gather(*tasks)
        for _ in range(int(os.environ.get("AIGW_ROUNDS", "2"))):
            self.provider.book.entries.clear()
            asyncio.run(storm())
            wait_for(gw.settled, 60, "nothing in flight")
            wait_for(lambda: len(gw.children("worker")) == 3, 60, "workers")
            gw.verify()
            # all four places are free: four calls run at once
            self.provider.book.entries.clear()

            async def four():
                async def one():
                    connection = Connection(gw.port)
                    outcome = await connection.call(
                        key, chat(tokens=20, stream=True, delay_ms=30,
                                  model="m1"))
                    connection.close()
                    return outcome.status
                return await asyncio.gather(*[one() for _ in range(4)])
            self.assertEqual(asyncio.run(four()), [200] * 4)

    def test_what_cannot_be_is_refused_with_the_member_named(self):
        gw = self.start()
        gw.create_key("k")
        headers = {"Authorization": "Bearer test-admin-token-1",
                   "Content-Type": "application/json"}
        key = json.loads(gw.http("GET", "/admin/v1/keys?ref=k", None, headers,
                                 port=gw.admin_port)[2])["data"][0]["id"]
        for limits, param in ((5, "model_limits"), ({"none": {"rpm": 1}}, "none"),
                              ({"m1": {"rpm": -1}}, "model_limits.m1.rpm"),
                              ({"m1": {"xyz": 1}}, "xyz"),
                              ({"m1": 7}, "model_limits.m1")):
            status, _, data = gw.http(
                "PATCH", "/admin/v1/keys/%d" % key, {"model_limits": limits},
                headers, port=gw.admin_port)
            self.assertIn(status, (400, 404), data)
            self.assertIn(param, data.decode())


class Settings(GatewayCase):
    def setUp(self):
        self.provider = self.mock()

    def start(self, extra="", **kw):
        kw.setdefault("workers", 3)
        return self.gateway(provider=self.provider.base_url, extra=extra,
                            models=("m1", "m2"), **kw).start()

    def statuses(self, gw, key, n, **kw):
        return [gw.call(key, body(), **kw)[0] for _ in range(n)]

    def settings(self, gw, kind, name, **settings):
        headers = {"Authorization": "Bearer test-admin-token-1",
                   "Content-Type": "application/json"}
        path = "/admin/v1/groups/" + name
        if kind == "key":
            found = gw.http("GET", "/admin/v1/keys?ref=" + name, None, headers,
                            port=gw.admin_port)[2]
            path = "/admin/v1/keys/%d" % json.loads(found)["data"][0]["id"]
        status, _, data = gw.http("PATCH", path, {"settings": settings}, headers,
                                  port=gw.admin_port)
        self.assertEqual(status, 200, data)


class Windows(Settings):
    """`rate_limit` of each layer; windows are so long that none ends in a test,
    but where that is what is looked for."""

    def test_a_keys_window_counts_over_all_workers_and_is_logged(self):
        gw = self.start()
        key, other = gw.create_key("k"), gw.create_key("other")
        self.settings(gw, "key", "k", rate_limit=4, rate_interval="10d")
        got = self.statuses(gw, key, 9)
        self.assertEqual(got, [200] * 4 + [429] * 5)
        self.assertEqual(self.statuses(gw, other, 6), [200] * 6)
        status, head, data = gw.call(key, body())
        error = json.loads(data)["error"]
        self.assertEqual(error["code"], "rate_limit_exceeded")
        self.assertIn("4 requests in 864000 s", error["message"])
        self.assertGreater(int(head["retry-after"]), 0)
        wait_for(gw.settled, 60, "rings are empty")
        rows = gw.ctl("logs", "--status", "429", "--refused-by", "rate_limit")
        self.assertEqual(len(rows), 6)
        self.assertEqual({(r["cause"], r["limit"], r["tokens"], r["cost"])
                          for r in rows}, {("refused", "rate_limit", 0, 0)})
        self.assertEqual(len(gw.ctl("logs", "--status", "ok")), 10)
        metrics = gw.http("GET", "/metrics", None, {
            "Authorization": "Bearer test-admin-token-1"},
            port=gw.admin_port)[2].decode()
        self.assertIn('aigw_limit_refusals_total{limit="rate_limit"} 6', metrics)
        gw.verify()

    def test_a_profiles_window_is_of_all_its_calls_and_says_2003(self):
        gw = self.start("""[gateway.main]
rate_limit = 5
rate_interval = 10d
rate_technique = sliding
[gateway.free]
""")
        keys = [gw.create_key("k%d" % i) for i in range(2)]
        path = "/v1/acc/main/compat/chat/completions"
        got = [gw.call(k, body("mock/m1"), path=path)[0] for k in keys * 4]
        self.assertEqual(sorted(got), [200] * 5 + [429] * 3)
        status, head, data = gw.call(keys[0], body("mock/m1"), path=path)
        told = json.loads(data)
        self.assertEqual((status, told["error"][0], told["internalCode"]), (
            429, {"code": 2003, "message": "Rate limited"}, 2003))
        self.assertNotIn("retry-after", head)
        self.assertEqual(gw.call(keys[0], body("mock/m1"),
                                 path=path.replace("main", "free"))[0], 200)
        self.assertEqual(self.statuses(gw, keys[0], 3), [200] * 3)
        # by the field, and by the key's setting
        self.assertEqual(gw.http("POST", "/v1/chat/completions", body(), {
            "Authorization": "Bearer " + keys[0], "cf-aig-gateway-id": "main",
            "Content-Type": "application/json"})[0], 429)
        self.settings(gw, "key", "k1", gateway="main")
        self.assertEqual(self.statuses(gw, keys[1], 1), [429])

    def test_every_layers_window_applies_and_none_counts_what_another_refused(self):
        gw = self.start(server="rate_limit = 6\nrate_interval = 10d\n")
        gw.ctl("group", "create", "team")
        key = gw.create_key("k", "--group", "team")
        other = gw.create_key("other")
        self.settings(gw, "group", "team", rate_limit=3, rate_interval="10d")
        self.assertEqual(self.statuses(gw, key, 8), [200] * 3 + [429] * 5)
        self.assertEqual(self.statuses(gw, other, 8), [200] * 3 + [429] * 5)

    def test_a_window_ends(self):
        gw = self.start()
        key = gw.create_key("k")
        self.settings(gw, "key", "k", rate_limit=1, rate_interval="1s")
        self.assertIn(200, self.statuses(gw, key, 1))
        wait_for(lambda: gw.call(key, body())[0] == 200, 30, "the next window")


class Shadow(Settings):
    def test_what_would_be_refused_passes_and_is_told(self):
        gw = self.start()
        for name, args, limit in (
                ("budget", ("--quota", "1", "--period", "daily"), "budget"),
                ("rpm", ("--rpm", "1"), "requests_per_minute"),
                ("tpm", ("--tpm", "1"), "tokens_per_minute")):
            key = gw.create_key(name, *args)
            self.settings(gw, "key", name, shadow=True)
            answers = [gw.call(key, body(tokens=20)) for _ in range(3)]
            self.assertEqual([a[0] for a in answers], [200] * 3, answers[-1])
            self.assertEqual(answers[-1][1].get("x-aigw-shadow"), limit)
            wait_for(gw.settled, 60, "rings are empty")
            rows = gw.ctl("logs", name, "--shadow")
            self.assertIn(len(rows), (2, 3))
            self.assertEqual({(r["limit"], r["would_refuse"]) for r in rows},
                             {(limit, True)})
        self.settings(gw, "key", "budget", shadow=False)
        self.assertEqual(gw.call(gw.ctl("key", "reveal", "budget")["vApiKey"],
                                 body())[0], 429)
        metrics = gw.http("GET", "/metrics", None, {
            "Authorization": "Bearer test-admin-token-1"},
            port=gw.admin_port)[2].decode()
        self.assertIn('aigw_would_refuse_total{limit="budget"} 3', metrics)
        gw.verify()

    def test_who_calls_cannot_lift_limits_by_naming_a_profile(self):
        gw = self.start(extra="[gateway.loose]\nshadow = yes\n")
        key = gw.create_key("k", "--quota", "1", "--period", "daily")
        head = {"Authorization": "Bearer " + key, "cf-aig-gateway-id": "loose",
                "Content-Type": "application/json"}
        answers = [gw.http("POST", "/v1/chat/completions", body(), head)[0],
                   gw.call(key, body("mock/m1"),
                           path="/v1/acc/loose/compat/chat/completions")[0]]
        self.assertEqual(answers, [429, 429])
        self.settings(gw, "key", "k", gateway="loose")
        self.assertEqual(gw.call(key, body())[0], 200)

    def test_a_shadows_stream_is_not_cut_and_a_window_counts(self):
        gw = self.start(server="stream_slice = 8\n")
        key = gw.create_key("k", "--quota", "250", "--period", "total",
                            "--concurrency", "1")
        self.settings(gw, "key", "k", shadow=True, rate_limit=1,
                      rate_interval="10d")
        for _ in range(2):
            status, head, data = gw.call(key, dict(
                body(tokens=300, stream=True), max_tokens=300))
            self.assertEqual(status, 200)
            self.assertEqual(data.count(b'"tok '), 300, data[-500:])
        # the first one may have been over before its head was sent, or after
        self.assertEqual(head.get("x-aigw-shadow"), "budget")
        wait_for(gw.settled, 60, "rings are empty")
        self.assertEqual(len(gw.ctl("logs", "k", "--shadow")), 2)
        self.assertGreater(gw.usage_of("k")[0]["usage"], 250)
        gw.verify()


class Revoke(Settings):
    def stream(self, gw, key):
        """A stream that is under way: its status, and its text when it ends."""
        answers = []
        before = len(self.provider.book.snapshot())


        def call():
            asked = dict(body(tokens=400, stream=True, delay_ms=50),
                         max_tokens=500)
            try:
                answers.append(gw.call(key, asked, timeout=120))
            except http.client.IncompleteRead as error: # without its end
                answers.append((200, {}, error.partial))
        thread = threading.Thread(target=call)
        thread.start()
        wait_for(lambda: any(e["served"] > 2 for e in
                             self.provider.book.snapshot()[before:]), 60,
                 "tokens that were served")
        return thread, answers

    def test_a_revoked_keys_streams_end_with_an_error_where_it_is_set(self):
        gw = self.start()
        for name, end in (("a", ("key", "disable", "a")),
                          ("b", ("key", "delete", "b", "-y")),
                          ("c", ("key", "rotate", "c", "--grace", "0"))):
            key = gw.create_key(name)
            self.settings(gw, "key", name, cut_on_revoke=True)
            thread, answers = self.stream(gw, key)
            gw.ctl(*end)
            thread.join(60)
            status, _, data = answers[0]
            self.assertEqual(status, 200)
            self.assertIn(b"key_disabled", data)
            self.assertLess(data.count(b'"tok '), 400)
            self.assertNotIn(b"[DONE]", data)
            self.assertEqual(gw.call(key, body())[0], 401)
        wait_for(gw.settled, 60, "rings are empty")
        rows = gw.ctl("logs", "--cause", "revoked")
        self.assertEqual(len(rows), 3)
        self.assertTrue(all(r["tokens"] > 0 for r in rows))
        gw.verify()

    def test_others_go_on(self):
        gw = self.start()
        key, other = gw.create_key("k"), gw.create_key("other")
        self.settings(gw, "key", "other", cut_on_revoke=True)
        mine, mine_answers = self.stream(gw, key)
        theirs, their_answers = self.stream(gw, other)
        gw.ctl("key", "disable", "k")
        self.assertEqual(gw.call(key, body())[0], 401)
        mine.join(120)
        theirs.join(120)
        for answers in (mine_answers, their_answers):
            self.assertIn(b"[DONE]", answers[0][2])


class Spend(Settings):
    RULES = """[gateway.main]
spend_rules = %s
[gateway.other]
""" % ", ".join((
        "id=user limit=0.02 window=10d partition=user",
        "id=team limit=0.04 window=10d filter=team:blue|red technique=sliding",
        "id=m2 limit=0.01 window=10d model=m2"))

    def start(self, **kw):
        kw.setdefault("model_options", "price_input = 0\nprice_output = 1000")
        return super().start(self.RULES, **kw)

    def spend(self, gw, key, metadata, model="m1", tokens=8, gateway="main",
              fields=()):
        """One call that costs 0.008; waits until its cost is counted."""
        head = {"Authorization": "Bearer " + key,
                "Content-Type": "application/json"}
        head.update(fields)
        if metadata is not None:
            head["cf-aig-metadata"] = json.dumps(metadata)
        answer = gw.http("POST", "/v1/acc/%s/compat/chat/completions" % gateway,
                         body("mock/" + model, tokens=tokens), head)
        if answer[0] == 200:
            wait_for(gw.settled, 60, "the cost is counted")
        return answer

    def test_each_partition_has_its_own_counter(self):
        gw = self.start()
        key = gw.create_key("k")
        for user in ("ann", 7, None):
            tags = None if user is None else {"user": user}
            got = [self.spend(gw, key, tags)[0] for _ in range(4)]
            self.assertEqual(got, [200] * 3 + [429], user)
        status, head, data = self.spend(gw, key, {"user": "ann"})
        told = json.loads(data)
        self.assertEqual((status, told["internalCode"], told["message"]), (
            429, 2045, "Spend limit exceeded: rule 'user' (cost limit 0.02 per "
            "864000s, fixed) for mock m1"))
        self.assertEqual(self.spend(gw, key, {"user": "bob"})[0], 200)
        self.assertEqual(self.spend(gw, key, {"user": "ann"},
                                    gateway="other")[0], 200)
        rows = gw.ctl("logs", "--refused-by", "spend")
        self.assertEqual({(r["status"], r["tokens"]) for r in rows}, {(429, 0)})
        gw.verify()

    def test_calls_that_no_log_shows_count_too(self):
        gw = self.start()
        key = gw.create_key("k")
        hidden = {"cf-aig-collect-log": "false"}
        got = [self.spend(gw, key, {"user": "ann"}, fields=hidden)[0]
               for _ in range(4)]
        self.assertEqual(got, [200] * 3 + [429])
        self.assertEqual(gw.ctl("logs"), [])

    def test_filters_and_models(self):
        gw = self.start()
        key = gw.create_key("k")
        users = iter(range(100))
        def call(**tags):
            model = tags.pop("model", "m1")
            return self.spend(gw, key, dict(tags, user=next(users)), model)[0]
        self.assertEqual([call(team=t) for t in ("blue", "red") * 2], [200] * 4)
        self.assertEqual(call(team="green"), 200)
        self.assertEqual(call(team="red"), 200) # 0.032 of 0.04
        self.assertEqual(call(team="blue"), 429)
        self.assertEqual(call(), 200)
        self.assertEqual([call(model="m2") for _ in range(3)], [200, 200, 429])

    def test_counters_are_exact_over_kills_and_restarts(self):
        gw = self.start()
        key = gw.create_key("k")
        self.assertEqual(self.spend(gw, key, {"user": "ann"})[0], 200)
        for how in ("accountant", "all", "segment"):
            before = gw.children("accountant")
            if how == "accountant":
                os.kill(next(iter(before)), signal.SIGKILL)
                wait_for(lambda: gw.children("accountant") and
                         not set(gw.children("accountant")) & set(before), 60,
                         "another accountant")
                wait_for(gw.settled, 60, "it serves")
            elif how == "all":
                gw.kill_all()
                gw.start()
            else:
                gw.stop() # the segment goes with it
                gw.start()
            # 0.008 was counted once: two more calls fit, not one, not three
            if how == "segment":
                got = [self.spend(gw, key, {"user": "ann"})[0] for _ in range(3)]
                self.assertEqual(got, [200, 200, 429])
        gw.verify()

    def test_a_shadow_counts_and_refuses_nothing(self):
        gw = self.start()
        key = gw.create_key("k")
        self.settings(gw, "key", "k", shadow=True)
        answers = [self.spend(gw, key, {"user": "ann"}) for _ in range(5)]
        self.assertEqual([a[0] for a in answers], [200] * 5)
        self.assertEqual([a[1].get("x-aigw-shadow") for a in answers],
                         [None] * 3 + ["spend"] * 2)


if __name__ == "__main__":
    unittest.main()
