"""kill -9 of anything, under load: the books balance afterwards."""
import asyncio
import datetime
import json
import os
import random
import re
import signal
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

KILLS = int(os.environ.get("AIGW_KILLS", "1000"))
SEED = int(os.environ.get("AIGW_SEED", "0")) or random.randrange(1 << 30)


def all_rows(gw):
    """Every log row of the ledger."""
    done = gw.tool("aigwctl", "-c", gw.config, "--format", "jsonl", "logs",
                   "--limit", "0", timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Crash(GatewayCase):
    def setUp(self):
        print("seed %d" % SEED, flush=True)
        self.rng = random.Random(SEED)
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url, workers=2,
                               server="flush_interval = 100ms").start()
        self.gw.ctl("group", "create", "team")
        self.keys = [self.gw.create_key("k%d" % i, "--group", "team", "--quota",
                                        "1000000000", "--period", "daily")
                     for i in range(8)]
        self.outcomes = []

    async def client(self, i, stop):
        rng = random.Random(SEED + i)
        connection = Connection(self.gw.port)
        while not stop.is_set():
            outcome = await connection.call(
                self.keys[i % len(self.keys)],
                chat(tokens=rng.randint(1, 12), stream=rng.random() < 0.5,
                     delay_ms=rng.choice((0, 0, 1, 3)), tag="%d" % i))
            self.outcomes.append(outcome)
            if outcome.error:
                await asyncio.sleep(0.005)
        connection.close()

    def kill_one(self, role):
        victims = list(self.gw.children(role))
        if not victims:
            return False
        try:
            os.kill(self.rng.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def under_load(self, action):
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.client(i, stop)) for i in range(24)]
        try:
            await action()
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 120)

    def audit(self):
        """acknowledged <= settled <= served; each request counted once."""
        gw = self.gw
        wait_for(gw.settled, 60, "settled")
        rows = all_rows(gw)
        by_id = {}
        for row in rows:
            self.assertNotIn(row["request_id"], by_id, "booked twice")
            by_id[row["request_id"]] = row
        acknowledged = 0
        for o in self.outcomes:
            self.assertIn(o.status, (0, 200, 503), o.body[:300])
            rid = o.headers.get("x-request-id")
            if o.status == 200 and o.clean:
                self.assertIn(rid, by_id, "an answered request was lost")
                row = by_id[rid]
                self.assertNotEqual(row["cause"], "lost")
                if o.usage: # plain: equal to what the client was told
                    self.assertEqual(row["tokens"], o.usage["total_tokens"])
            if o.status == 200:
                acknowledged += o.tokens
        settled = sum(r["tokens"] for r in rows)
        served = self.provider.book.served()
        self.assertLessEqual(acknowledged, settled)
        self.assertLessEqual(settled, served)
        team = gw.ctl("group", "get", "team")
        self.assertEqual(team["total"]["tokens"], settled)
        gw.verify()
        return rows

    def test_random_kills_of_workers_and_accountant(self):
        async def kills():
            done = 0
            while done < KILLS:
                role = "accountant" if self.rng.random() < 0.2 else "worker"
                done += self.kill_one(role)
                await asyncio.sleep(self.rng.uniform(0.005, 0.06))
        asyncio.run(self.under_load(kills))
        rows = self.audit()
        lost = [r for r in rows if r["cause"] == "lost"]
        self.assertGreater(len(lost), 0)
        answered = sum(o.status == 200 and o.clean for o in self.outcomes)
        self.assertGreater(answered, 100)
        self.check_reap_times()

    def check_reap_times(self):
        """Time from the death seen to the column reaped, by the log's clock."""
        died, waits = None, []
        for line in self.gw.log().splitlines():
            at = re.match(r"(\S+Z)", line)
            if not at:
                continue
            when = datetime.datetime.strptime(at[1], "%Y-%m-%dT%H:%M:%S.%fZ")
            if "is dying" in line:
                died = when
            elif "reaped columns" in line and died is not None:
                waits.append((when - died).total_seconds() * 1000)
                died = None
        self.assertGreater(len(waits), 3)
        waits.sort()
        print("reap ms: median %.0f p99 %.0f max %.0f of %d" % (
            waits[len(waits) // 2], waits[int(len(waits) * 0.99)], waits[-1],
            len(waits)), flush=True)

    def test_the_master_killed_and_started_again(self):
        gw = self.gw

        async def action():
            await asyncio.sleep(0.5)
            for _ in range(3):
                os.kill(gw.process.pid, signal.SIGKILL)
                gw.process.wait(10)
                await asyncio.get_running_loop().run_in_executor(None, gw.start)
                await asyncio.sleep(0.5)
        asyncio.run(self.under_load(action))
        self.audit()

    def test_the_whole_process_group_killed_and_started_again(self):
        gw = self.gw

        async def action():
            await asyncio.sleep(0.3)
            for _ in range(5):
                gw.kill_all()
                await asyncio.get_running_loop().run_in_executor(None, gw.start)
                await asyncio.sleep(0.3)
        asyncio.run(self.under_load(action))
        rows = self.audit()
        self.assertGreater(len([r for r in rows if r["cause"] == "lost"]), 0)


class Rights(GatewayCase):
    @unittest.skipIf(os.geteuid() != 0, "dropping rights is tested as root")
    def test_workers_drop_rights_and_a_restart_keeps_what_was_settled(self):
        gw = self.gateway(provider=None, server="user = nobody\n"
                          "flush_interval = 60s")
        os.chmod(gw.dir, 0o755)
        gw.start()
        key = gw.create_key("k", "--quota", "100000", "--period", "total")
        uids = {os.stat("/proc/%d" % pid).st_uid for pid in gw.children()}
        self.assertNotIn(0, uids)
        body = {"model": "builtin/echo", "messages": [
            {"role": "user", "content": "one two three"}]}
        for _ in range(5):
            self.assertEqual(gw.call(key, body)[0], 200)
        gw.kill_all() # nothing was flushed: it is in the segment alone
        gw.start()
        self.assertEqual(gw.usage_of("k")[0]["usage"], 30)
        gw.verify()
        self.assertEqual(gw.stop(), 0)


if __name__ == "__main__":
    unittest.main()
