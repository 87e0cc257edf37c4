"""Faults of the gateway's own processes, and races for its books.

Rows of the failure model that are here: 4, 5, 23, 24, 29, 31, 32.
"""
import asyncio
import collections
import glob
import json
import os
import random
import re
import signal
import socket
import threading
import unittest

from faults import (Admin, Audit, FaultCase, Script, hit, kill, send_signal, size)
from gateway import ROOT, wait_for
from load import Connection, chat

POINT_DEATHS = size("AIGW_POINT_DEATHS", 1)
ACCOUNTANT_KILLS = size("AIGW_ACCOUNTANT_KILLS", 60)
BURSTS = size("AIGW_BURSTS", 20)
DUMPS = size("AIGW_DUMPS", 10)
CHURNS = size("AIGW_CHURNS", 300)
REPEATS = size("AIGW_REPEATS", 30)

AT_START = ("A2", "A3", "A4")
OF_PERIODS = ("P1", "P3")
OF_STRICT = ("E2",) # durability = strict
OF_NEW_SEGMENT = ("A5",)
OF_CONFIGURATION = ("M1", "M2") # made by management
NOT_HERE = ("drop",) # retention begins a minute after a start: unit/test_store.c
UNDER_LOAD = ("D1", "D2", "D4", "D5", "F1", "F2", "F3", "F4", "F5")


class Background:
    """Repeats an action in a thread of its own until left."""

    def __init__(self, action):
        self.action, self.done, self.error = action, threading.Event(), None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while not self.done.is_set():
                self.action()
        except Exception as e: # told to the test, by leaving the block
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.done.set()
        self.thread.join(60)
        if exception[0] is None and self.error is not None:
            raise self.error


class Accountant(FaultCase):
    """The accountant dies, or stands still; the gateway goes on."""

    def churn_keys(self, admin):
        """Makes a key and deletes it; whatever becomes of the calls."""
        status, key = admin("POST", "/keys", {
            "name": "x%d" % self.rng.randrange(1 << 30), "group": "team"})
        if status == 201:
            admin("DELETE", "/keys/%d" % key["id"])

    def churn_providers(self, admin):
        """Makes a provider, changes it and deletes it, whatever becomes of it."""
        name = "x%d" % self.rng.randrange(1 << 30)
        admin("POST", "/providers", {
            "name": name, "kind": "openai", "models": ["x"],
            "base_url": "https://provider.example/v1", "api_key": "sk-x"})
        admin("PATCH", "/providers/" + name, {"enabled": False})
        admin("DELETE", "/providers/" + name)

    def die_at(self, point, passage):
        """Restarts everything; accountants then die at the point, one after
        the other. Returns when enough have."""
        self.gw.kill_all()
        self.gw.env["AIGW_CRASHPOINT"] = "%s:%d" % (point, passage)
        want = self.deaths("accountant") + POINT_DEATHS
        self.gw.launch()
        wait_for(lambda: self.deaths("accountant") >= want, 60,
                 "a death at %s" % point)

    def restart_whole(self):
        self.gw.kill_all()
        self.gw.env.pop("AIGW_CRASHPOINT", None)
        self.gw.start()

    def die_at_points(self, points, churn=None):
        async def all_points():
            loop = asyncio.get_running_loop()
            admin = Admin(self.gw)
            with Background(lambda: (churn or self.churn_keys)(admin)):
                for point in points:
                    before = sum(o.clean for _, o in self.calls)
                    first = 2 if point in OF_CONFIGURATION else 1 # not the start's
                    last = 1 if point in AT_START else 4
                    await loop.run_in_executor(
                        None, self.die_at, point, self.rng.randint(first, last))
                    if point not in AT_START: # it serves meanwhile
                        await self.until(lambda: sum(
                            o.clean for _, o in list(self.calls)) > before, 60,
                            "answers while the accountant dies at %s" % point)
                await loop.run_in_executor(None, self.restart_whole)
            admin.close()
        asyncio.run(self.under_load(all_points, clients=8))

    def test_row_04_accountant_killed_at_each_named_point(self):
        self.start()
        self.die_at_points(UNDER_LOAD + AT_START)
        self.audit()

    def test_row_04_accountant_killed_where_periods_end(self):
        self.start(env={"AIGW_TEST_CLOCK_SCALE": "43200"}) # a day is 2 seconds
        self.die_at_points(OF_PERIODS)
        self.audit()
        for name, _ in self.keys:
            used = sum(p["used"] for p in self.gw.ctl("key", "periods", name))
            total = self.gw.ctl("key", "get", name)["total"]["tokens"]
            self.assertEqual(used, total, "a token in no period, or in two")

    def test_row_04_accountant_killed_where_an_escrow_grows(self):
        self.start(server="durability = strict")
        self.die_at_points(OF_STRICT)
        self.audit()

    def test_row_04_accountant_killed_where_the_configuration_changes(self):
        self.start()
        self.die_at_points(OF_CONFIGURATION, self.churn_providers)
        self.audit()
        admin = Admin(self.gw)
        status, listed = admin("GET", "/providers")
        self.assertEqual(status, 200, listed)
        for one in listed: # each is whole: it can be changed and go
            if one["managed_by"] == "api":
                self.assertEqual((one["base_url"], one["models"]),
                                 ("https://provider.example/v1", ["x"]))
                self.assertEqual(admin("DELETE", "/providers/" + one["name"])[0], 200)
        admin.close()

    def test_row_04_accountant_killed_at_the_start_on_a_new_segment(self):
        self.start()
        asyncio.run(self.under_load(lambda: self.answered(100), clients=8))
        wait_for(self.gw.settled, 60, "settled")
        self.assertEqual(self.gw.stop(), 0)
        self.assertFalse(os.path.exists("/dev/shm/aigw-" + self.gw.instance))
        for point in OF_NEW_SEGMENT:
            self.die_at(point, 1)
        self.restart_whole()
        asyncio.run(self.under_load(lambda: self.answered(50), clients=8))
        self.audit()

    def test_row_04_every_point_of_the_source_is_killed_at(self):
        found = set()
        for path in glob.glob(os.path.join(ROOT, "accountant", "**", "*.c"),
                              recursive=True):
            with open(path) as f:
                found.update(re.findall(r'crash_point\("([^"]+)"\)', f.read()))
        self.assertEqual(found, set(AT_START + OF_PERIODS + OF_STRICT + OF_NEW_SEGMENT +
                                    OF_CONFIGURATION + NOT_HERE + UNDER_LOAD))

    def test_row_04_accountant_killed_at_random(self):
        self.start()

        async def kills():
            done = 0
            while done < ACCOUNTANT_KILLS:
                done += kill(self.gw, "accountant", self.rng) is not None
                await asyncio.sleep(self.rng.uniform(0.001, 0.1))
        asyncio.run(self.under_load(kills))
        self.assertEqual(self.deaths("worker"), 0)
        self.assertEqual([o.error for _, o in self.calls if o.error], [],
                         "a client noticed")
        self.audit()

    def test_row_05_accountant_stopped_until_the_rings_are_full(self):
        gw = self.start(workers=1, server="ring_mib = 1\nmax_requests = 64\n"
                        "watchdog_timeout = 1h")
        seen = {}

        async def stopped():
            pid = hit(gw, "accountant", signal.SIGSTOP, self.rng)
            try:
                before = sum(o.clean and o.status == 200 for _, o in self.calls)
                await self.until(lambda: any(o.status == 503 for _, o in self.calls[-50:]), 300,
                                 "the ring is full")
                await self.until(lambda: b"degraded" in gw.http(
                    "GET", "/readyz")[2], 60, "degraded")
                self.assertEqual(gw.http("GET", "/healthz")[0], 200)
                seen["served"] = sum(
                    o.clean and o.status == 200 for _, o in self.calls) - before
            finally:
                send_signal(pid, signal.SIGCONT)
            await self.until(lambda: gw.http("GET", "/readyz")[0] == 200, 60,
                             "ready again")
            await self.answered(100)
        asyncio.run(self.under_load(stopped))
        print("%d calls served while the accountant stood still" %
              seen["served"], flush=True)
        self.assertGreater(seen["served"], 500)
        refused = [o for _, o in self.calls if o.status == 503]
        self.assertTrue(all("retry-after" in o.headers for o in refused))
        self.audit()


class Holding(Script):
    """Answers when it may."""

    def __init__(self):
        super().__init__()
        self.may = threading.Event()
        self.may.set()

    async def answer(self, path, body, writer, request_id=None):
        while not self.may.is_set():
            await asyncio.sleep(0.01)
        return await super().answer(path, body, writer, request_id)


class BurstClient:
    """Sends the same request on many connections before it reads an answer."""

    def __init__(self, port, count, secret, body):
        data = json.dumps(body).encode()
        self.request = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n" % (secret, len(data))).encode() + data
        self.sockets = [socket.create_connection(("127.0.0.1", port), 60)
                        for _ in range(count)]

    def burst(self):
        """The statuses of one round."""
        for s in self.sockets:
            s.sendall(self.request)
        return [self.status(s) for s in self.sockets]

    @staticmethod
    def status(s):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = s.recv(65536)
            if not piece:
                raise AssertionError("a connection was closed: %r" % data)
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(rest)
        while left > 0:
            left -= len(s.recv(65536))
        return int(head.split(b" ")[1])

    def close(self):
        for s in self.sockets:
            s.close()


class Limits(FaultCase):
    """Budgets when many come at once, and when a provider passes its bound."""

    CALLERS, ROOM = 200, 7

    def setUp(self):
        super().setUp()
        self.provider = Holding().start()
        self.addCleanup(self.provider.stop)

    def one(self, body, key=0):
        return asyncio.run(self.call(body, key))

    def lease_of(self, key, body):
        """What the gateway sets aside for one call of `body`."""
        self.provider.may.clear()
        caller = threading.Thread(target=self.one, args=(body, key))
        caller.start()
        name = self.keys[key][0]
        reserved = wait_for(lambda: self.gw.usage_of(name)[0]["reserved"], 30,
                            "a reservation")
        self.provider.may.set()
        caller.join(60)
        return reserved

    def test_row_23_two_hundred_calls_with_room_for_exactly_seven(self):
        self.start(keys=1, key_args=("--quota", "1000000", "--period", "total",
                                     "--on-exhausted", "reject"))
        name, secret = self.keys[0]

        def body(prompt):
            return chat(max_tokens=20, usage={
                "prompt_tokens": prompt, "completion_tokens": 20,
                "total_tokens": prompt + 20})
        lease = self.lease_of(0, body(100)) # numbers of as many digits
        self.assertEqual(self.lease_of(0, body(lease - 20)), lease)
        used = wait_for(lambda: self.gw.settled() and
                        self.gw.usage_of(name)[0]["usage"], 30)
        before, granted = used, collections.Counter()
        admin = Admin(self.gw)
        client = BurstClient(self.gw.port, self.CALLERS, secret, body(lease - 20))
        for _ in range(BURSTS):
            status, _ = admin("PATCH", "/keys/%d" % self.key_ids[name], {
                "budgets": [{"unit": "tokens", "period": "total",
                             "limit": used + self.ROOM * lease}]})
            self.assertEqual(status, 200)
            statuses = collections.Counter(client.burst())
            self.assertEqual(statuses[200] + statuses[429], self.CALLERS)
            self.assertLessEqual(statuses[200], self.ROOM)
            granted[statuses[200]] += 1
            used += statuses[200] * lease
        client.close()
        admin.close()
        self.assertGreater(max(granted), 0)
        print("granted of %d, in %d bursts of %d: %s" % (
            self.ROOM, BURSTS, self.CALLERS, dict(granted)), flush=True)
        audit = Audit(self, self.gw).clients(self.calls).tables()
        self.assertEqual(self.gw.usage_of(name)[0]["usage"], used)
        self.assertEqual(sum(r["tokens"] == lease for r in audit.rows.values()),
                         (used - before) // lease + 1)

    def test_row_24_a_provider_that_serves_more_than_was_reserved(self):
        self.start(keys=2, key_args=("--quota", "400", "--period", "total"))
        greedy = chat(tokens=900, max_tokens=30, greedy=True)
        first = self.one(greedy)
        self.assertEqual((first.status, first.tokens), (200, 900))
        used = first.usage["total_tokens"]

        def quota(limit):
            self.gw.ctl("key", "set-quota", "k0", "--quota", str(limit),
                        "--period", "total")
        for limit in (400, used, used + 1):
            quota(limit)
            self.assertEqual(self.gw.usage_of("k0")[0]["usage"], used)
            self.assertEqual(self.one(greedy).status, 429, "the debt is seen")
        quota(used + 1000)
        self.assertEqual(self.one(chat(tokens=4, max_tokens=4)).status, 200)
        # A stream is not asked for its word: it ends where the budget does.
        stream = dict(chat(tokens=900, max_tokens=30, greedy=True, stream=True),
                      stream_options={"include_usage": True})
        cut = self.one(stream, key=1)
        self.assertEqual((cut.status, cut.finish, cut.clean), (200, "length", True))
        self.assertLessEqual(self.gw.usage_of("k1")[0]["usage"], 400)
        self.audit(allowed=(200, 429))

    def test_row_24_many_at_once_overshoot_by_no_more_than_they_took(self):
        calls = 20
        self.start(keys=1, key_args=("--quota", "100000", "--period", "total",
                                     "--on-exhausted", "reject"))
        body = chat(tokens=500, max_tokens=20, greedy=True)
        lease = self.lease_of(0, body)
        used = wait_for(lambda: self.gw.settled() and
                        self.gw.usage_of("k0")[0]["usage"], 30)
        limit = used + lease * calls // 2
        self.gw.ctl("key", "set-quota", "k0", "--quota", str(limit), "--period",
                    "total")

        async def burst():
            return await asyncio.gather(*[self.call(body) for _ in range(calls)])
        done = [o for o in asyncio.run(burst()) if o.status == 200]
        wait_for(self.gw.settled, 30, "settled")
        after = self.gw.usage_of("k0")[0]["usage"]
        beyond = sum(o.usage["total_tokens"] - lease for o in done)
        self.assertTrue(0 < len(done) <= calls // 2, len(done))
        self.assertLessEqual(after, limit + beyond)
        self.assertEqual(self.one(body).status, 429)
        self.audit(allowed=(200, 429))


class Dumps(FaultCase):
    PARTS = ("header", "keys", "models", "workers", "rings", "slots", "catalogue")

    def dump(self):
        for part in self.PARTS:
            text = self.gw.tool("aigw-shmdump", "--instance", self.gw.instance,
                                "--json", part, timeout=20).stdout
            for key in json.loads(text).get("keys", ()):
                self.last = max(self.last, key["tokens"])
                self.assertGreaterEqual(key["tokens"], 0)
                self.assertTrue(0 <= key["tokens_reserved"] < 1 << 40, key)
            self.gw.tool("aigw-shmdump", "--instance", self.gw.instance, part,
                         timeout=20)
        self.gw.tool("aigw-shmdump", "--instance", self.gw.instance, "--verify",
                     timeout=20)
        self.dumps += 1

    def test_row_29_the_segment_is_dumped_in_a_loop_while_all_around_dies(self):
        self.dumps = self.last = 0
        self.start()

        async def hurt():
            with Background(self.dump) as dumping:
                while self.dumps < DUMPS and dumping.error is None:
                    kill(self.gw, self.rng.choice(("worker", "accountant")),
                         self.rng)
                    if self.rng.random() < 0.2:
                        self.gw.signal(signal.SIGHUP)
                    await asyncio.sleep(self.rng.uniform(0.01, 0.2))
        asyncio.run(self.under_load(hurt))
        self.audit()
        # What a dump printed, the books reached.
        self.assertLessEqual(self.last, self.gw.ctl(
            "group", "get", "team")["total"]["tokens"])


class ChurnedKey:
    def __init__(self, name, key):
        self.name, self.id, self.secret = name, key["id"], key["key"]
        self.is_dead = False # its deletion was acknowledged


class Churn(FaultCase):
    """Row 31: keys come and go, few entries are used again and again."""

    SEATS = 8

    def make(self):
        self.made += 1
        name = "c%d" % self.made
        body = {"name": name, "group": "team", "budgets": [
            {"unit": "tokens", "period": "daily", "limit": 1000000}]}

        def try_once():
            status, key = self.admin("POST", "/keys", body)
            self.assertIn(status, (201, 503, 507), key)
            return key if status == 201 else None
        key = ChurnedKey(name, wait_for(try_once, 30, "room for a key"))
        self.key_ids[name] = key.id
        return key

    def churn(self):
        """Deletes and makes again, or takes the budget away and gives it back."""
        if self.churned >= CHURNS:
            self.over.set()
            return
        self.churned += 1
        seat = self.rng.randrange(self.SEATS)
        key, what = self.seats[seat], self.rng.random()
        path = "/keys/%d" % key.id
        if what < 0.7:
            self.assertEqual(self.admin("DELETE", path)[0], 200)
            key.is_dead = True
            self.graves.append(key)
            self.seats[seat] = self.make()
            return
        hurt, heal = ({"enabled": False}, {"enabled": True}) if what < 0.85 else [
            {"budgets": [{"unit": "tokens", "period": "daily", "limit": n}]}
            for n in (1, 1000000)]
        status = 401 if what < 0.85 else 429
        self.assertEqual(self.admin("PATCH", path, hurt)[0], 200)
        outcome = asyncio.run(Connection(self.gw.port).call(
            key.secret, chat(tokens=1)))
        self.assertIn(outcome.status, (status, 403), "in force at once")
        self.assertEqual(self.admin("PATCH", path, heal)[0], 200)

    async def caller(self, i):
        rng = random.Random(self.rng.random() + i)
        connection = Connection(self.gw.port)
        while not self.over.is_set():
            dead = self.graves and rng.random() < 0.1
            key = rng.choice(self.graves if dead else self.seats)
            was_dead = key.is_dead
            outcome = await connection.call(key.secret, chat(
                tokens=rng.randint(1, 20), stream=rng.random() < 0.6,
                delay_ms=rng.choice((0, 1, 5))))
            self.calls.append((key.name, outcome))
            if was_dead:
                self.assertEqual(outcome.status, 401, "a deleted key was served")
        connection.close()

    def test_row_31_keys_are_deleted_lowered_and_made_while_they_are_used(self):
        self.start(keys=0, server="max_keys = 20")
        self.admin, self.made, self.churned = Admin(self.gw), 0, 0
        self.graves, self.over = [], threading.Event()
        self.seats = [self.make() for _ in range(self.SEATS)]

        async def go():
            with Background(self.churn) as churning:
                callers = [asyncio.create_task(self.caller(i)) for i in range(16)]
                await self.until(lambda: self.over.is_set() or churning.error, 600,
                                 "all churned")
                self.over.set()
                await asyncio.gather(*callers)
        asyncio.run(go())
        self.admin.close()
        self.assertGreater(self.made, CHURNS // 2)
        self.assertEqual([o.error for _, o in self.calls if o.error], [])
        audit = self.audit(allowed=(200, 401, 403, 429))
        charged = {r["key_id"] for r in audit.rows.values()}
        self.assertLessEqual(charged, set(self.key_ids.values()))
        self.assertGreater(len(charged), CHURNS // 4)


class Repeats(FaultCase):
    """Row 32: the same Idempotency-Key is charged once."""

    ON = "idempotency = yes\n"

    def once(self, name, body, key=0):
        return asyncio.run(self.call(body, key,
                                     fields="Idempotency-Key: %s\r\n" % name))

    def code(self, outcome):
        return outcome.status, json.loads(outcome.body)["error"]["code"]

    def test_row_32_parallel_repeats_are_sent_and_charged_once(self):
        self.start(server=self.ON, workers=3)

        async def burst(n):
            body = chat(tokens=n % 5 + 1, stream=n % 2 == 0, delay_ms=n % 3)
            return await asyncio.gather(*[
                self.call(body, 0, fields="Idempotency-Key: n%d\r\n" % n)
                for _ in range(24)])
        for n in range(REPEATS):
            outcomes = asyncio.run(burst(n))
            served = [o for o in outcomes if o.status == 200]
            self.assertEqual(len(served), 1, "one of them is the first")
            for outcome in outcomes:
                if outcome.status != 200:
                    self.assertEqual(self.code(outcome),
                                     (409, "idempotency_conflict"))
            again = self.once("n%d" % n, chat(
                tokens=n % 5 + 1, stream=n % 2 == 0, delay_ms=n % 3))
            self.assertEqual(self.code(again), (409, "idempotency_conflict"))
            self.assertIn(served[0].id.encode(), again.body)
            self.assertEqual(again.headers["x-should-retry"], "false")
        self.assertEqual(len(self.provider.book.snapshot()), REPEATS)
        self.assertEqual(len(self.audit(allowed=(200, 409)).rows), REPEATS)

    def test_row_32_other_bodies_other_keys_and_calls_that_cost_nothing(self):
        self.start(server=self.ON)
        self.assertEqual(self.once("a", chat(tokens=3)).status, 200)
        self.assertEqual(self.code(self.once("a", chat(tokens=4))),
                         (422, "idempotency_key_reused"))
        self.assertEqual(self.once("a", chat(tokens=3), key=1).status, 200)
        self.assertEqual(self.once("b", chat(status=500)).status, 500)
        self.assertEqual(self.once("b", chat(tokens=2)).status, 200)
        self.assertEqual(self.code(self.once("c" * 256, chat())),
                         (400, "invalid_request"))
        self.assertEqual(self.once("d", chat(model="nobody")).status, 404)
        self.assertEqual(self.once("d", chat()).status, 200)
        self.audit(allowed=(200, 400, 404, 409, 422, 500))

    def test_row_32_a_call_whose_worker_died_is_not_sent_again_until_it_expires(self):
        self.start(server=self.ON + "idempotency_ttl = 6s")
        body = chat(tokens=400, stream=True, delay_ms=20)

        async def killed():
            call = asyncio.create_task(self.call(
                body, 0, fields="Idempotency-Key: k\r\n"))
            await self.until(lambda: any(
                e["served"] > 3 for e in self.provider.book.snapshot()), 30)
            for pid in self.gw.children("worker"):
                send_signal(pid, signal.SIGKILL)
            return await call
        self.assertTrue(asyncio.run(killed()).error)
        wait_for(lambda: self.gw.ctl("status")["in_flight"] == 0, 30, "reaped")
        answers = []

        def expired():
            outcome = self.once("k", chat(tokens=400, stream=True, delay_ms=20,
                                          cut_after=1))
            answers.append(outcome)
            return outcome.status not in (409, 422)
        self.assertEqual(self.once("k", body).status, 409)
        wait_for(expired, 30, "the dead call is forgotten")
        self.audit(allowed=(0, 200, 409, 422))

    def test_row_32_what_was_charged_is_known_after_reloads_and_kills(self):
        gw = self.start(server=self.ON)
        self.assertEqual(self.once("a", chat()).status, 200)
        old = set(gw.children("worker"))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.children("worker") and
                 not old & set(gw.children("worker")), 30, "new workers")
        self.assertEqual(self.once("a", chat()).status, 409)
        gw.kill_all()
        gw.start()
        self.assertEqual(self.once("a", chat()).status, 409)
        self.audit(allowed=(200, 409))
        self.assertEqual(gw.stop(), 0) # ends the segment, and the table with it
        self.assertEqual(glob.glob("/dev/shm/aigw-%s*" % gw.instance), [])
        gw.start()
        self.assertEqual(self.once("a", chat()).status, 200)

    def test_row_32_off_by_default(self):
        self.start()
        for _ in range(2):
            self.assertEqual(self.once("a", chat()).status, 200)
        self.assertFalse(glob.glob("/dev/shm/aigw-%s.idem" % self.gw.instance))
        self.audit()


if __name__ == "__main__":
    unittest.main()
