"""Races for the last tokens: never over the limit, never far below it."""
import asyncio
import random
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

CLIENTS = 500
LIMIT = 10000


async def race(port, keys, seconds_hint=None, clients=CLIENTS, seed=1,
               money=False, killer=None):
    """Every client calls until it is refused; returns all outcomes."""
    outcomes = []

    async def client(i):
        rng = random.Random(seed * 100003 + i)
        connection = Connection(port)
        broken = 0
        while True:
            tokens = rng.randint(1, 40)
            body = chat(tokens=tokens, stream=rng.random() < 0.5,
                        tag="%d" % i, max_tokens=tokens + rng.randint(0, 20)
                        if rng.random() < 0.7 else None)
            outcome = await connection.call(keys[i % len(keys)], body)
            outcomes.append(outcome)
            if outcome.error is not None and outcome.status in (0, 200):
                broken += 1 # its worker was killed: goes on with another
                if killer is None or broken > 50:
                    break
                await asyncio.sleep(0)
                continue
            if outcome.status != 200 or outcome.finish == "length" and \
                    outcome.tokens < tokens:
                break
        connection.close()

    tasks = [asyncio.create_task(client(i)) for i in range(clients)]
    if killer is not None:
        stop = asyncio.Event()
        kills = asyncio.create_task(killer(stop))
        await asyncio.wait_for(asyncio.gather(*tasks), 300)
        stop.set()
        await kills
    else:
        await asyncio.wait_for(asyncio.gather(*tasks), 300)
    return outcomes


class Race(GatewayCase):
    def run_race(self, workers, key_args=(), group=None, keys=1, limit=LIMIT,
                 killed=False, money=False):
        provider = self.mock()
        gw = self.gateway(
            provider=provider.base_url, workers=workers,
            model_options="price_input = 1000\nprice_output = 1000"
            if money else "").start()
        names = ["k%d" % i for i in range(keys)]
        args = list(key_args)
        if group:
            gw.ctl("group", "create", group)
            gw.ctl("group", "set-quota", group, "--quota", str(limit),
                   "--period", "total")
            args += ["--group", group]
        elif money:
            args += ["--quota", "%g" % (limit / 1000), "--unit", "currency",
                     "--period", "total"]
        else:
            args += ["--quota", str(limit), "--period", "daily"]
        if killed:
            args += ["--crash-charge", "reserved"]
        plain = [gw.create_key(n, *args) for n in names]

        async def kill(stop):
            rng = random.Random(7)
            import os
            import signal
            while not stop.is_set():
                victims = list(gw.children("worker"))
                if victims:
                    try:
                        os.kill(rng.choice(victims), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                await asyncio.sleep(0.05)

        outcomes = asyncio.run(race(gw.port, plain, money=money,
                                    killer=kill if killed else None))
        statuses = {o.status for o in outcomes}
        allowed = {200, 429, 0} if killed else {200, 429}
        self.assertTrue(statuses <= allowed, statuses)
        self.assertIn(429, statuses)
        if not killed:
            broken = [o.error for o in outcomes if o.error and o.status == 200]
            self.assertEqual(broken, [])
        wait_for(gw.settled, 30, "settled")
        served = provider.book.served()
        self.assertLessEqual(served, limit)
        if not killed:
            self.assertGreaterEqual(served, 0.7 * limit)
        cut = [r for r in gw.ctl("logs", "--limit", "2000") if r["cause"] == "cut"]
        self.check_books(gw, names, group, limit, served, killed, money, cut)

    def check_books(self, gw, names, group, limit, served, killed, money, cut):
        if group:
            quotas = gw.ctl("group", "get", group)["quotas"]
        else:
            quotas = gw.usage_of(names[0])
        used, reserved = quotas[0]["usage"], quotas[0]["reserved"]
        scale = 1000 if money else 1
        self.assertEqual(reserved, 0)
        self.assertLessEqual(float(used) * scale, limit + 1e-6)
        if killed: # a cut stream, whose usage nobody stated, is estimated
            if not cut:
                self.assertGreaterEqual(float(used) * scale, served)
        else:
            self.assertLessEqual(float(used) * scale, served + 1e-6)
            if not cut: # of a cut stream the provider may have sent more
                self.assertAlmostEqual(float(used) * scale, served)
        self.assertEqual(gw.ctl("status")["in_flight"], 0)
        gw.verify()

    def test_500_clients_race_on_2_workers(self):
        self.run_race(2)

    def test_500_clients_race_on_4_workers(self):
        self.run_race(4)

    def test_500_clients_race_for_a_group_of_50_keys(self):
        self.run_race(2, group="team", keys=50)

    def test_500_clients_race_for_money(self):
        self.run_race(2, money=True)

    def test_the_race_with_workers_killed_meanwhile(self):
        self.run_race(2, killed=True)

    def test_the_race_with_workers_killed_on_4_workers(self):
        self.run_race(4, killed=True)


class OnExhausted(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url,
                               server="stream_slice = 16").start()

    def one(self, key, body):
        return asyncio.run(Connection(self.gw.port).call(key, body))

    def test_a_plain_call_is_clamped_to_what_fits(self):
        key = self.gw.create_key("c", "--quota", "600", "--period", "daily")
        outcome = self.one(key, chat(tokens=5000, max_tokens=5000))
        self.assertEqual(outcome.status, 200)
        self.assertEqual(outcome.finish, "length")
        self.assertLess(outcome.tokens, 600)

    def test_reject_refuses_what_does_not_fit_and_alters_nothing(self):
        key = self.gw.create_key("r", "--quota", "600", "--period", "daily",
                                 "--on-exhausted", "reject")
        self.assertEqual(self.one(key, chat(tokens=5, max_tokens=5000)).status, 429)
        body = chat(tokens=5, max_tokens=50)
        self.assertEqual(self.one(key, body).status, 200)
        import json
        self.assertEqual(json.loads(self.provider.requests[-1][3])["max_tokens"], 50)

    def test_a_stream_is_cut_cleanly_with_its_usage(self):
        key = self.gw.create_key("s", "--quota", "500", "--period", "daily")
        body = chat(tokens=5000, stream=True, delay_ms=1)
        body["stream_options"] = {"include_usage": True}
        outcome = self.one(key, body)
        self.assertEqual((outcome.status, outcome.finish, outcome.error,
                          outcome.clean), (200, "length", None, True))
        self.assertTrue(outcome.body.endswith(b"data: [DONE]\n\n"))
        self.assertLessEqual(outcome.usage["total_tokens"], 500)
        self.assertGreater(outcome.tokens, 50)
        left = [self.one(key, chat(tokens=500)).status for _ in range(8)]
        self.assertEqual(left[-1], 429)

    def test_finish_lets_the_stream_end_and_then_refuses(self):
        key = self.gw.create_key("f", "--quota", "500", "--period", "daily",
                                 "--on-exhausted", "finish")
        outcome = self.one(key, chat(tokens=900, stream=True))
        self.assertEqual((outcome.status, outcome.tokens), (200, 900))
        self.assertEqual(self.one(key, chat()).status, 429)

    def test_a_refusal_names_the_budget_and_when_it_resets(self):
        key = self.gw.create_key("n", "--quota", "1", "--period", "daily")
        outcome = self.one(key, chat())
        self.assertEqual(outcome.status, 429)
        self.assertIn(b"insufficient_quota", outcome.body)
        self.assertIn(b"daily", outcome.body)
        self.assertEqual(outcome.headers["x-should-retry"], "false")

    def test_raising_an_exhausted_budget_resumes_the_key_at_once(self):
        key = self.gw.create_key("u", "--quota", "1", "--period", "daily")
        self.assertEqual(self.one(key, chat()).status, 429)
        self.gw.ctl("key", "set-quota", "u", "--quota", "100000", "--period", "daily")
        self.assertEqual(self.one(key, chat()).status, 200)

    def test_requests_per_minute_and_concurrency_refuse_with_hints(self):
        key = self.gw.create_key("rpm", "--rpm", "2")
        statuses = [self.one(key, chat()).status for _ in range(3)]
        self.assertEqual(statuses, [200, 200, 429])
        outcome = self.one(key, chat())
        self.assertIn(b"rate_limit_exceeded", outcome.body)
        self.assertGreaterEqual(int(outcome.headers["retry-after"]), 1)
        self.assertEqual(outcome.headers["x-ratelimit-limit-requests"], "2")

    def test_a_groups_rate_holds_all_its_keys_together(self):
        self.gw.ctl("group", "create", "slow", "--rpm", "2")
        keys = [self.gw.create_key(n, "--group", "slow", "--rpm", "100")
                for n in ("g1", "g2")]
        statuses = [self.one(keys[i % 2], chat()).status for i in range(3)]
        self.assertEqual(statuses, [200, 200, 429])

    def test_never_more_in_flight_than_the_key_may_have(self):
        key = self.gw.create_key("conc", "--concurrency", "3")

        async def many():
            return await asyncio.gather(*[
                Connection(self.gw.port).call(key, chat(tokens=2, delay_ms=300))
                for _ in range(12)])
        statuses = sorted(o.status for o in asyncio.run(many()))
        self.assertEqual(statuses.count(200) + statuses.count(429), 12)
        self.assertLessEqual(statuses.count(200), 3)
        self.assertGreaterEqual(statuses.count(200), 1)
        self.assertEqual(self.one(key, chat()).status, 200)

    def test_prepaid_groups_stop_at_zero_and_go_on_after_a_top_up(self):
        gw = self.gateway(provider=self.provider.base_url,
                          model_options="price_input = 1000000\n"
                                        "price_output = 1000000").start()
        gw.ctl("group", "create", "paid")
        gw.ctl("group", "top-up", "paid", "--amount", "1000")
        key = gw.create_key("p", "--group", "paid")
        connection = Connection(gw.port)
        statuses = set()
        for _ in range(200):
            outcome = asyncio.run(Connection(gw.port).call(key, chat(tokens=40)))
            statuses.add(outcome.status)
            if outcome.status != 200:
                break
        connection.close()
        self.assertEqual(statuses, {200, 402})
        self.assertIn(b"insufficient_balance", outcome.body)
        gw.ctl("group", "top-up", "paid", "--amount", "5000")
        self.assertEqual(asyncio.run(
            Connection(gw.port).call(key, chat(tokens=4))).status, 200)


if __name__ == "__main__":
    unittest.main()
