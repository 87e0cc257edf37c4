"""kill -9 of anything, under load: the books balance afterwards."""
import asyncio
import datetime
import os
import re
import signal
import unittest

from faults import FaultCase, kill, percentiles, size
from gateway import GatewayCase

KILLS = size("AIGW_KILLS", 1000)


class Crash(FaultCase):
    def setUp(self):
        super().setUp()
        self.start(keys=8)

    def test_row_01_workers_killed_at_random_under_load(self):
        async def quiet():
            await self.answered(500)
        asyncio.run(self.under_load(quiet))
        before = percentiles([o.seconds for _, o in self.calls])

        async def kills():
            done = 0
            while done < KILLS:
                role = "accountant" if self.rng.random() < 0.2 else "worker"
                done += kill(self.gw, role, self.rng) is not None
                await asyncio.sleep(self.rng.uniform(0.005, 0.06))
        asyncio.run(self.under_load(kills))
        rows = self.audit().rows.values()
        self.assertGreater(sum(r["cause"] == "lost" for r in rows), 0)
        answered = [o.seconds for _, o in self.calls if o.status == 200 and o.clean]
        self.assertGreater(len(answered), 600)
        print("seconds of a call, median and p99: quiet %.3f %.3f, survivors of "
              "%d kills %.3f %.3f" % (before[0], before[1], KILLS,
                                      *percentiles(answered)[:2]), flush=True)
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
        print("reap ms: median %.0f p99 %.0f max %.0f of %d" % (
            *percentiles(waits), len(waits)), flush=True)

    def test_row_06_the_master_killed_and_started_again_under_load(self):
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

    def test_row_07_the_whole_process_group_killed_under_load(self):
        gw = self.gw

        async def action():
            await asyncio.sleep(0.3)
            for _ in range(5):
                gw.kill_all()
                await asyncio.get_running_loop().run_in_executor(None, gw.start)
                await asyncio.sleep(0.3)
        asyncio.run(self.under_load(action))
        rows = self.audit().rows.values()
        self.assertGreater(sum(r["cause"] == "lost" for r in rows), 0)


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
