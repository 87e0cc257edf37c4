"""Faults of the gateway's own processes, and races for its books.

Rows of the failure model that are here: 4, 5.
"""
import asyncio
import glob
import os
import re
import signal
import threading
import unittest

from faults import Admin, FaultCase, hit, kill, send_signal, size
from gateway import ROOT, wait_for

POINT_DEATHS = size("AIGW_POINT_DEATHS", 1)
ACCOUNTANT_KILLS = size("AIGW_ACCOUNTANT_KILLS", 60)

AT_START = ("A2", "A3", "A4")
OF_PERIODS = ("P1", "P3")
OF_NEW_SEGMENT = ("A5",)
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

    def die_at_points(self, points):
        async def all_points():
            loop = asyncio.get_running_loop()
            admin = Admin(self.gw)
            with Background(lambda: self.churn_keys(admin)):
                for point in points:
                    before = sum(o.clean for _, o in self.calls)
                    await loop.run_in_executor(
                        None, self.die_at, point, self.rng.randint(
                            1, 1 if point in AT_START else 4))
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
        self.assertEqual(found, set(AT_START + OF_PERIODS + OF_NEW_SEGMENT +
                                    NOT_HERE + UNDER_LOAD))

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
        gw = self.start(workers=1, server="ring_mib = 1\nmax_requests = 64")
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


if __name__ == "__main__":
    unittest.main()
