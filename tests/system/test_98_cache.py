"""Answers given once more: to whom, for how long, at what cost; equal calls at a
time; deaths in between."""
import asyncio
import http.client
import json
import os
import signal
import socket
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

CACHED = {"cf-aig-cache-ttl": "600"}


class CacheCase(GatewayCase):
    def ask(self, gw, key, body, path="/v1/chat/completions", fields=CACHED):
        headers = {"Authorization": "Bearer " + key,
                   "Content-Type": "application/json"}
        headers.update(fields)
        return gw.http("POST", path, body, headers)

    def state(self, *args, **kw):
        """off, miss or hit; and the two fields agree."""
        status, headers, body = self.ask(*args, **kw)
        self.assertEqual(status, 200, body)
        said = headers["x-aigw-cache"]
        self.assertEqual(headers.get("cf-aig-cache-status"),
                         {"off": None, "miss": "MISS", "hit": "HIT"}[said])
        return said


class Answers(CacheCase):
    @classmethod
    def setUpClass(cls):
        from gateway import Gateway
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url, models=("m1", "m2"),
                         model_options="price_input = 1\nprice_output = 2\n",
                         extra="[provider.claude]\nkind = anthropic\n"
                         "base_url = http://127.0.0.1:9\napi_key = x\n"
                         "[model.c1]\nproviders = claude\n"
                         "[provider.teams]\nkind = openai\nbase_url = %s\n"
                         "pass_headers = x-team, x-zone-*, x-none, cf-ray\n"
                         "drop_headers = x-none\n"
                         "[model.t1]\nproviders = teams\n" %
                         cls.provider.base_url).start()
        for group in ("red", "blue"):
            cls.gw.ctl("group", "create", group)
        cls.red = cls.gw.create_key("r1", "--group", "red")
        cls.red2 = cls.gw.create_key("r2", "--group", "red")
        cls.blue = cls.gw.create_key("b1", "--group", "blue")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    number = 0

    def body(self, **mock):
        """A call that none was like."""
        Answers.number += 1
        return chat(tag="call-%d" % Answers.number, **mock)

    def states(self, *calls):
        return [self.state(self.gw, *args, **kw) for args, kw in calls]

    def test_nothing_is_kept_where_nobody_asks_for_it(self):
        body = self.body()
        calls = len(self.provider.requests)
        self.assertEqual(self.states(((self.red, body), {"fields": {}}),
                                     ((self.red, body), {"fields": {}}),
                                     ((self.red, body), {})),
                         ["off", "off", "miss"])
        self.assertEqual(len(self.provider.requests), calls + 3)

    def test_the_second_answer_is_the_first_and_costs_nothing(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                body = self.body(tokens=7, stream=stream)
                calls = len(self.provider.requests)
                status, first, text = self.ask(self.gw, self.red, body)
                self.assertEqual((status, first["x-aigw-cache"]), (200, "miss"))
                before = self.gw.usage_of("r2")
                status, again, same = self.ask(self.gw, self.red2, body)
                self.assertEqual((status, again["x-aigw-cache"]), (200, "hit"))
                self.assertEqual(same, text)
                for name in ("content-type", "x-aigw-provider", "x-aigw-model",
                             "transfer-encoding", "content-length",
                             "x-accel-buffering"):
                    self.assertEqual(again.get(name), first.get(name), name)
                self.assertEqual(len(self.provider.requests), calls + 1)
                self.assertEqual(float(again["x-aigw-cost"]), 0)
                self.assertGreaterEqual(int(again["age"]), 0)
                self.assertEqual(self.gw.usage_of("r2"), before)
                self.assertNotEqual(again["x-request-id"], first["x-request-id"])
                rows = {}

                def logged():
                    for row in self.gw.ctl("logs"):
                        rows[row["request_id"]] = row
                    return first["x-request-id"] in rows and \
                        again["x-request-id"] in rows
                wait_for(logged, what="rows of both")
                made, given = (rows[h["x-request-id"]] for h in (first, again))
                self.assertTrue(given["cached"] and not made["cached"])
                self.assertEqual((given["tokens"], float(given["cost"])), (0, 0))
                self.assertEqual((given["status"], given["provider"]),
                                 (200, "mock"))
                self.assertEqual(given["stream"], stream)
        self.gw.verify()

    def test_groups_do_not_share(self):
        body = self.body()
        self.assertEqual(self.states(((self.red, body), {}),
                                     ((self.blue, body), {}),
                                     ((self.red2, body), {}),
                                     ((self.blue, body), {})),
                         ["miss", "miss", "hit", "hit"])

    def test_what_an_answer_depends_on_is_in_its_name(self):
        base = self.body()
        others = [dict(base, model="m2"), dict(base, stream=True),
                  dict(base, temperature=0.5), dict(base, max_tokens=6)]
        self.assertEqual(self.state(self.gw, self.red, base), "miss")
        for other in others:
            self.assertEqual(self.state(self.gw, self.red, other), "miss", other)
        spaced = json.dumps(base, indent=1).encode()
        self.assertEqual(self.state(self.gw, self.red, spaced), "miss")
        beta = dict(CACHED, **{"OpenAI-Beta": "x=2"})
        self.assertEqual(self.state(self.gw, self.red, base, fields=beta), "miss")
        for path in ("/v1/completions", "/v1/acc/default/compat/chat/completions"):
            body = dict(base, prompt="p", model="mock/m1")
            self.assertEqual(self.state(self.gw, self.red, body, path), "miss")
        more = dict(CACHED, **{"cf-aig-metadata": '{"a":1}', "traceparent": "x",
                               "User-Agent": "other"})
        self.assertEqual(self.state(self.gw, self.red, base, fields=more), "hit")

    def test_fields_that_a_provider_is_to_be_told_are_in_its_name(self):
        base = dict(self.body(), model="t1")

        def state(body=base, **fields):
            return self.state(self.gw, self.red, body, fields=dict(
                CACHED, **{n.replace("_", "-"): v for n, v in fields.items()}))
        self.assertEqual(state(x_team="a", x_zone_b="1"), "miss")
        self.assertEqual(state(x_zone_b="1", x_team="a"), "hit")
        self.assertEqual(state(x_zone_b="2", x_team="a"), "miss")
        self.assertEqual(state(x_team="b", x_zone_b="1"), "miss")
        self.assertEqual(state(x_team="a"), "miss")
        # What it does not get: listed no longer, never passed, not listed.
        self.assertEqual(state(x_team="a", x_none="1", cf_ray="2",
                               traceparent="3"), "hit")
        other = dict(base, model="m1")  # of a provider without a list
        self.assertEqual(state(other, x_team="a"), "miss")
        self.assertEqual(state(other, x_team="b"), "hit")

    def test_a_call_may_name_its_answer(self):
        one, other = self.body(), self.body()
        named = {"cf-aig-cache-key": "greeting-%d" % Answers.number}
        first = self.ask(self.gw, self.red, one, fields=named)
        again = self.ask(self.gw, self.red, other, fields=named)
        self.assertEqual([first[1]["x-aigw-cache"], again[1]["x-aigw-cache"]],
                         ["miss", "hit"])
        self.assertEqual(first[2], again[2])
        # Still of the group, the model and the form.
        self.assertEqual(self.state(self.gw, self.blue, one, fields=named), "miss")
        self.assertEqual(self.state(self.gw, self.red, dict(one, model="m2"),
                                    fields=named), "miss")
        self.assertEqual(self.state(self.gw, self.red, dict(one, stream=True),
                                    fields=named), "miss")
        self.assertEqual(self.state(self.gw, self.red, one, fields={}), "off")

    def test_a_call_may_do_without(self):
        body = self.body()
        self.assertEqual(self.state(self.gw, self.red, body), "miss")
        for name in ("cf-aig-skip-cache", "cf-skip-cache", "x-aigw-skip-cache"):
            self.assertEqual(self.state(self.gw, self.red, body,
                                        fields=dict(CACHED, **{name: "true"})),
                             "off", name)
        self.assertEqual(self.state(self.gw, self.red, body), "hit")

    def test_old_names_and_odd_times(self):
        for fields, kept in (({"cf-cache-ttl": "300"}, True),
                             ({"x-aigw-cache-ttl": "300"}, True),
                             ({"cf-aig-cache-ttl": "0"}, False),
                             ({"cf-aig-cache-ttl": "2678400"}, True)):
            body = self.body()
            with self.subTest(fields=fields):
                self.assertEqual(self.states(((self.red, body), {"fields": fields}),
                                             ((self.red, body), {"fields": fields})),
                                 ["miss", "hit"] if kept else ["off", "off"])
        for text in ("soon", "-5", "2678401", "99999999999999999999"):
            self.assertEqual(self.ask(self.gw, self.red, self.body(), fields={
                "cf-aig-cache-ttl": text})[0], 400, text)

    def test_cache_control_of_the_client(self):
        def control(text):
            return dict(CACHED, **{"Cache-Control": text})
        body = self.body(tokens=3)
        status, headers, text = self.ask(self.gw, self.red, body,
                                         fields=control("only-if-cached"))
        self.assertEqual((status, json.loads(text)["error"]["code"]),
                         (504, "not_cached"))
        self.assertEqual(self.state(self.gw, self.red, body,
                                    fields=control("no-store")), "miss")
        self.assertEqual(self.state(self.gw, self.red, body), "miss")
        self.assertEqual(self.state(self.gw, self.red, body,
                                    fields=control("only-if-cached")), "hit")
        self.assertEqual(self.state(self.gw, self.red, body,
                                    fields=control("max-age=3600")), "hit")
        calls = len(self.provider.requests)
        self.assertEqual(self.state(self.gw, self.red, body,
                                    fields=control("x=1, No-Cache")), "miss")
        self.assertEqual(len(self.provider.requests), calls + 1)
        self.assertEqual(self.state(self.gw, self.red, body), "hit")

        def too_old():
            return self.state(self.gw, self.red, body,
                              fields=control("max-age=0")) == "miss"
        wait_for(too_old, what="an answer that is older than nothing")

    def test_what_is_not_whole_and_good_is_not_kept(self):
        for mock in ({"status": 500}, {"status": 400}, {"cut_after": 3}):
            for stream in (False, True):
                body = self.body(tokens=9, stream=stream, **mock)
                for _ in range(2):
                    calls = len(self.provider.requests)
                    try:
                        headers = self.ask(self.gw, self.red, body)[1]
                        self.assertEqual(headers["x-aigw-cache"], "miss")
                    except (OSError, ValueError, http.client.HTTPException):
                        pass # broken off, as the provider's
                    self.assertGreater(len(self.provider.requests), calls)

    def test_what_is_too_long_is_not_kept(self):
        body = self.body(tokens=200000)
        self.assertEqual(self.states(((self.red, body), {}),
                                     ((self.red, body), {})), ["miss", "miss"])

    def test_a_long_answer_reaches_a_slow_client_whole(self):
        body = self.body(tokens=110000)
        _, headers, text = self.ask(self.gw, self.red, body)
        self.assertGreater(len(text), 400000)
        data = json.dumps(body).encode()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.gw.port))
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                      b"Connection: close\r\ncf-aig-cache-ttl: 600\r\n"
                      b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
                      % (self.red.encode(), len(data)) + data)
            s.settimeout(60)
            got = b""
            while True:
                piece = s.recv(8192)
                if not piece:
                    break
                got += piece
        head, same = got.split(b"\r\n\r\n", 1)
        self.assertIn(b"x-aigw-cache: hit", head)
        self.assertEqual(same, text)

    def test_an_answer_in_another_dialect(self):
        self.number += 1
        body = {"model": "m1", "max_tokens": 50, "stream": True,
                "messages": [{"role": "user", "content": "n%d" % id(self)}]}
        first = self.ask(self.gw, self.red, body, "/v1/messages")
        again = self.ask(self.gw, self.red, body, "/v1/messages")
        self.assertEqual((first[0], first[1]["x-aigw-cache"],
                          again[1]["x-aigw-cache"]), (200, "miss", "hit"), first[2])
        self.assertIn(b"event: message_stop", first[2])
        self.assertEqual(first[2], again[2])
        self.assertEqual(again[1]["content-type"], first[1]["content-type"])

    def test_what_was_purged_is_asked_for_again(self):
        body = self.body()
        calls = [((self.red, body), {}), ((self.blue, body), {})]
        self.assertEqual(self.states(*calls, *calls),
                         ["miss", "miss", "hit", "hit"])
        before = self.gw.ctl("cache", "stats")
        self.assertTrue(before["enabled"])
        self.assertGreater(before["hits"], 1)
        self.assertGreater(before["saved_tokens"], 0)
        self.assertGreater(float(before["saved_cost"]), 0)
        self.gw.ctl("cache", "purge", "--group", "red")
        self.assertEqual(self.state(self.gw, self.red, body), "miss")
        self.gw.ctl("cache", "purge")
        self.assertEqual(self.states(*calls, *calls),
                         ["miss", "miss", "hit", "hit"])
        after = self.gw.ctl("cache", "stats")
        self.assertEqual(after["purges"], before["purges"] + 1)
        none = self.gw.ctl("cache", "purge", "--group", "nobody", ok=False)
        self.assertEqual(none.returncode, 1)
        self.assertIn("does not exist", none.stdout + none.stderr)
        metrics = self.gw.http("GET", "/metrics",
                               port=self.gw.admin_port)[2].decode()
        self.assertRegex(metrics, r"aigw_cache_hits_total [1-9]")
        self.assertRegex(metrics, r'aigw_cache_saved_cost_total\{currency="USD"\}')
        rows = json.loads(self.gw.tool("aigw-shmdump", "--instance",
                                       self.gw.instance, "--json", "cache").stdout)
        self.assertEqual(sum(r["hits"] for r in rows["cache"]), after["hits"])
        blocks = json.loads(self.gw.tool("aigw-shmdump", "--instance",
                                         self.gw.instance, "--json",
                                         "blocks").stdout)["blocks"]
        self.assertEqual(sum(b["answers"] for b in blocks), after["entries"])
        self.assertEqual({b["note"] for b in blocks}, {""})

    def test_no_budget_is_asked_but_requests_count(self):
        body = self.body(tokens=4)
        self.assertEqual(self.state(self.gw, self.red, body), "miss")
        poor = self.gw.create_key("poor", "--group", "red", "--quota", "1",
                                  "--period", "total")
        self.assertEqual(self.ask(self.gw, poor, self.body())[0], 429)
        self.assertEqual(self.state(self.gw, poor, body), "hit")
        self.gw.ctl("key", "set-limits", "poor", "--rpm", "2")
        wait_for(lambda: self.ask(self.gw, poor, body)[0] == 429,
                 what="too many requests")


class Whole(CacheCase):
    """Gateways of their own."""

    def test_workers_share_it_and_none_is_needed(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=2).start()
        key = gw.create_key("k")
        bodies = [chat(tag="n%d" % i, tokens=3) for i in range(20)]
        texts = [self.ask(gw, key, body)[2] for body in bodies]

        def all_hit():
            for body, text in zip(bodies, texts):
                _, headers, again = self.ask(gw, key, body)
                self.assertEqual((headers["x-aigw-cache"], again), ("hit", text))
        all_hit()
        for _ in range(2):
            old = set(gw.children("worker"))
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: len(set(gw.children("worker")) - old) == 2,
                     what="new workers")
            gw.wait_ready()
            all_hit()
        for sent in (signal.SIGHUP, signal.SIGUSR2):
            old = set(gw.children("worker"))
            gw.signal(sent)
            wait_for(lambda: len(set(gw.children("worker")) - old) == 2,
                     what="new workers")
            wait_for(lambda: not set(gw.children("worker")) & old,
                     what="old workers gone")
            all_hit()
        self.assertEqual(len(provider.requests), 20)
        gw.verify()

    def test_settings_of_the_server(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=1,
                          server="cache_ttl = 1s\ncache_memory = 4m\n").start()
        key = gw.create_key("k")
        body = chat()
        self.assertEqual(self.state(gw, key, body, fields={}), "miss")
        # 0 is no way around it, and asks for no other time.
        wait_for(lambda: self.state(gw, key, body, fields={
            "cf-aig-cache-ttl": "0"}) == "hit")
        # It may have expired by now: then it was stored anew.
        wait_for(lambda: self.state(gw, key, body, fields={}) == "hit")
        wait_for(lambda: self.state(gw, key, body, fields={}) == "miss",
                 what="an answer that has expired")
        none = self.gateway(provider=provider.base_url, workers=1,
                            server="cache_memory = 0k\n").start()
        key = none.create_key("k")
        self.assertEqual([self.state(none, key, body) for _ in range(2)],
                         ["off", "off"])
        self.assertFalse(os.path.exists("/dev/shm/aigw-%s.cache" % none.instance))

    def test_settings_of_gateways_and_who_shares(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=2, extra="""
[gateway.shared]
cache_ttl = 1h
cache_scope = gateway
[gateway.mine]
cache_ttl = 1h
cache_scope = key
[gateway.plain]
cache_ttl = 1h
""").start()
        for group in ("red", "blue"):
            gw.ctl("group", "create", group)
        red, red2 = (gw.create_key(n, "--group", "red") for n in ("r1", "r2"))
        blue = gw.create_key("b1", "--group", "blue")

        def states(body, gateway, *keys):
            return [self.state(gw, key, body, fields={
                "cf-aig-gateway-id": gateway}) for key in keys]
        body = chat(tag="a")
        self.assertEqual(states(body, "shared", red, red2, blue),
                         ["miss", "hit", "hit"])
        self.assertEqual(states(body, "mine", red, red2, blue, red),
                         ["miss", "miss", "miss", "hit"])
        self.assertEqual(states(body, "plain", red, red2, blue),
                         ["miss", "hit", "miss"])
        self.assertEqual(self.state(gw, red, body, fields={}), "off")
        gw.ctl("cache", "purge", "--gateway", "shared")
        self.assertEqual(states(body, "shared", blue, red), ["miss", "hit"])
        self.assertEqual(states(body, "plain", red), ["hit"])
        gw.ctl("cache", "purge", "--group", "red")
        self.assertEqual(states(body, "mine", red, blue), ["miss", "hit"])
        self.assertEqual(states(body, "plain", red, blue), ["miss", "hit"])
        self.assertEqual(states(body, "shared", red), ["hit"])

    def test_more_than_there_is_room_for(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=2,
                          server="cache_memory = 4m\n").start()
        key = gw.create_key("k")
        for i in range(300):
            body = chat(tag="n%d" % i, tokens=6000)
            self.assertEqual(self.state(gw, key, body), "miss")
        self.assertEqual(self.state(gw, key, body), "hit")
        size = os.stat("/dev/shm/aigw-%s.cache" % gw.instance).st_blocks * 512
        self.assertLess(size, 5 << 20)
        self.assertEqual(self.state(gw, key, chat(tag="n0", tokens=6000)), "miss")


class Flight(CacheCase):
    def at_once(self, gw, key, body, count):
        async def run():
            connections = [Connection(gw.port) for _ in range(count)]
            outcomes = await asyncio.gather(*[
                c.call(key, body, fields="cf-aig-cache-ttl: 600\r\n")
                for c in connections])
            for c in connections:
                c.close()
            return outcomes
        return asyncio.run(run())

    def test_a_thousand_equal_calls_are_one_for_each_worker(self):
        count = int(os.environ.get("AIGW_CALLS", "1000"))
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=2).start()
        key = gw.create_key("k")
        for stream in (False, True):
            before = len(provider.requests)
            body = chat(tokens=10, stream=stream, delay_ms=100 if stream else 1000)
            outcomes = self.at_once(gw, key, body, count)
            self.assertEqual({o.status for o in outcomes}, {200})
            self.assertEqual({o.body for o in outcomes}, {outcomes[0].body} |
                             {o.body for o in outcomes
                              if o.headers["x-aigw-cache"] == "miss"})
            self.assertTrue(all(o.clean and o.tokens == 10 for o in outcomes))
            calls = len(provider.requests) - before
            self.assertIn(calls, (1, 2))
            hits = [o for o in outcomes if o.headers["x-aigw-cache"] == "hit"]
            self.assertEqual(len(hits), count - calls)
        wait_for(gw.settled)
        gw.verify()

    def gated(self, first):
        """A provider whose first call is answered by `first`, after go()."""
        from mock_provider import MockProvider
        provider = MockProvider()
        gate, calls = asyncio.Event(), []

        async def handler(method, path, headers, body, writer):
            calls.append(body)
            if len(calls) > 1:
                return await provider.answer(path, body, writer)
            await gate.wait()
            return await first(provider, path, body, writer)
        provider.handler = handler
        provider.start()
        self.addCleanup(provider.stop)
        provider.go = lambda: provider.loop.call_soon_threadsafe(gate.set)
        return provider

    def waiting(self, gw, body, provider, count, during):
        """Outcomes of so many equal calls; `during` runs when all but the first
        wait. True: the first client leaves then."""
        gw.start()
        key = gw.create_key("k")

        async def run():
            loop = asyncio.get_running_loop()
            connections = [Connection(gw.port) for _ in range(count)]

            def start(c):
                return asyncio.create_task(
                    c.call(key, body, fields="cf-aig-cache-ttl: 600\r\n"))

            def other_thread(what):
                return loop.run_in_executor(None, what)
            calls = [start(connections[0])]
            await other_thread(lambda: wait_for(lambda: provider.requests))
            calls += [start(c) for c in connections[1:]]
            await other_thread(lambda: wait_for(
                lambda: gw.ctl("cache", "stats")["waited"] == count - 1))
            leaves = await other_thread(lambda: during(calls))
            if leaves is True:
                calls[0].cancel()
                connections[0].close()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            for c in connections:
                c.close()
            return outcomes
        return asyncio.run(run())

    def flight_after(self, first, during=None, count=20, server=""):
        provider = self.gated(first)
        gw = self.gateway(provider=provider.base_url, workers=1, server=server)
        outcomes = self.waiting(gw, chat(tokens=5), provider, count,
                                during or (lambda _: provider.go()))
        return outcomes, provider, gw

    def test_when_the_first_fails_the_next_one_asks(self):
        async def fails(provider, path, body, writer):
            return await provider._error({"status": 500}, writer)
        outcomes, provider, gw = self.flight_after(fails)
        self.assertEqual(sorted(o.status for o in outcomes), [200] * 19 + [500])
        self.assertEqual(len(provider.requests), 2)
        self.assertEqual(sorted(o.headers["x-aigw-cache"] for o in outcomes),
                         ["hit"] * 18 + ["miss"] * 2)

    def test_when_all_fail_each_asks_once(self):
        async def fails(provider, path, body, writer):
            return await provider._error({"status": 500}, writer)
        provider = self.gated(fails)
        provider.answer = lambda path, body, writer: fails(
            provider, path, body, writer)
        gw = self.gateway(provider=provider.base_url, workers=1,
                          provider_options="fails = 0",
                          server="cache_wait = 5m\n")
        outcomes = self.waiting(gw, chat(tokens=5), provider, 200,
                                lambda _: provider.go())
        self.assertEqual({o.status for o in outcomes}, {500})
        self.assertEqual(len(provider.requests), 200)
        wait_for(gw.settled)

    def test_when_the_first_client_leaves_the_next_one_asks(self):
        async def answers(provider, path, body, writer):
            return await provider.answer(path, body, writer)

        outcomes, provider, gw = self.flight_after(
            answers, lambda _: True, server="cache_wait = 5m\n")
        self.assertIsInstance(outcomes[0], asyncio.CancelledError)
        self.assertEqual([o.status for o in outcomes[1:]], [200] * 19)
        self.assertEqual(len(provider.requests), 2)

    def test_what_cannot_be_kept_is_not_waited_for_by_turns(self):
        async def answers(provider, path, body, writer):
            long = dict(json.loads(body), x_mock={"tokens": 100000})
            return await provider.answer(path, json.dumps(long).encode(), writer)
        outcomes, provider, gw = self.flight_after(
            answers, server="cache_item_max = 2k\n")
        self.assertEqual([o.status for o in outcomes], [200] * 20)
        self.assertEqual(len(provider.requests), 20)

    def test_who_has_waited_long_goes_alone(self):
        async def answers(provider, path, body, writer):
            return await provider.answer(path, body, writer)
        provider = self.gated(answers)
        gw = self.gateway(provider=provider.base_url, workers=1,
                          server="cache_wait = 200ms\n")

        def others_first(calls):
            # Only the first is held at the provider: they end before it.
            wait_for(lambda: sum(t.done() for t in calls) == 19)
            self.assertFalse(calls[0].done())
            provider.go()
        outcomes = self.waiting(gw, chat(tokens=5), provider, 20, others_first)
        self.assertEqual([o.status for o in outcomes], [200] * 20)

    def test_a_dead_worker_keeps_nobody_elses_calls_waiting(self):
        async def hangs(provider, path, body, writer):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return False
        provider = self.gated(hangs)
        provider.go()
        gw = self.gateway(provider=provider.base_url, workers=2).start()
        key, body = gw.create_key("k"), chat(tokens=5)
        data = json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", gw.port)) as held:
            held.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                         b"cf-aig-cache-ttl: 600\r\nAuthorization: Bearer %s\r\n"
                         b"Content-Length: %d\r\n\r\n"
                         % (key.encode(), len(data)) + data)
            wait_for(lambda: provider.requests, what="the leader's call")
            leader = wait_for(lambda: [
                w["pid"] for w in json.loads(gw.tool(
                    "aigw-shmdump", "--instance", gw.instance, "--json",
                    "workers").stdout)["workers"] if w["in_flight"] > 0])
            os.kill(leader[0], signal.SIGKILL)
            outcomes = self.at_once(gw, key, body, 40)
        good = [o for o in outcomes if o.status == 200]
        self.assertGreater(len(good), 0)
        broken = [o for o in outcomes if o.status == 0]
        self.assertEqual(len(good) + len(broken), 40)
        # The provider hangs for the first call only: nobody waited for that one.
        self.assertTrue(all(o.seconds < 30 for o in good))
        self.assertLessEqual(len(provider.requests), 4)


if __name__ == "__main__":
    unittest.main()
