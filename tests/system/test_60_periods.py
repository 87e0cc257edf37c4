"""A daily reset under load, with kills: every token in exactly one period."""
import asyncio
import os
import random
import signal
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

SCALE = 43200 # a day is two seconds


class Periods(GatewayCase):
    def test_a_daily_budget_resets_under_load_and_kills(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url,
                          server="flush_interval = 50ms",
                          env={"AIGW_TEST_CLOCK_SCALE": str(SCALE)}).start()
        limit = 3000
        key = gw.create_key("d", "--quota", str(limit), "--period", "daily",
                            "--crash-charge", "reserved")
        rng = random.Random(3)
        granted = {200: 0, 429: 0}

        async def client(stop):
            connection = Connection(gw.port)
            while not stop.is_set():
                outcome = await connection.call(key, chat(
                    tokens=rng.randint(1, 20), stream=rng.random() < 0.5))
                granted[outcome.status] = granted.get(outcome.status, 0) + 1
                if outcome.status != 200:
                    await asyncio.sleep(0.01)
            connection.close()

        async def run():
            stop = asyncio.Event()
            tasks = [asyncio.create_task(client(stop)) for _ in range(16)]
            for _ in range(40):
                await asyncio.sleep(0.25)
                role = rng.choice(("worker", "accountant"))
                for pid in list(gw.children(role))[:1]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            stop.set()
            await asyncio.gather(*tasks)
        asyncio.run(run())
        wait_for(gw.settled, 60)
        self.assertGreater(granted[200], 10)
        self.assertGreater(granted[429], 10)
        periods = gw.ctl("key", "periods", "d")
        self.assertGreaterEqual(len(periods), 3)
        total = gw.ctl("key", "get", "d")["total"]["tokens"]
        self.assertEqual(sum(p["used"] for p in periods), total)
        for period in periods:
            self.assertLessEqual(period["used"], limit)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
