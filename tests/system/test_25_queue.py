"""Calls at once at a provider, and who waits for it: the provider counts how many
it has, and how many each key got."""
import asyncio
import json
import os
import signal
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

AT_ONCE, SECONDS = 8, 4


class Counting:
    """A mock's handler: keeps how many calls it has at once, and of whom."""

    def __init__(self, case, seconds):
        self.seconds, self.now, self.most, self.served = seconds, 0, 0, {}
        self.hold = False
        self.mock = case.mock(handler=self.handle)

    async def handle(self, method, path, headers, body, writer):
        tag = json.loads(body).get("x_mock", {}).get("tag")
        self.now += 1
        self.most = max(self.most, self.now)
        self.served[tag] = self.served.get(tag, 0) + 1
        try:
            await asyncio.sleep(self.seconds)
            while self.hold:
                await asyncio.sleep(0.005)
        finally:
            # Before the answer: the next call may come as soon as it is out.
            self.now -= 1
        return await self.mock.answer(path, body, writer)


class QueueCase(GatewayCase):
    def start(self, seconds=0.1, options="", model_options="", workers=2):
        self.provider = Counting(self, seconds)
        self.gw = self.gateway(
            provider=self.provider.mock.base_url, workers=workers,
            provider_options=options, model_options=model_options).start()
        self.keys = {name: self.gw.create_key(name) for name in "ab"}

    async def offer(self, name, per_second, seconds, outcomes):
        """An open load: calls come whether or not the earlier ones have ended."""
        loop = asyncio.get_running_loop()
        began, calls, spare = loop.time(), [], []

        async def one():
            connection = spare.pop() if spare else Connection(self.gw.port)
            outcomes.append(await connection.call(
                self.keys[name], chat(tokens=1, tag=name)))
            spare.append(connection)
        for i in range(int(per_second * seconds)):
            wait = began + i / per_second - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            calls.append(asyncio.create_task(one()))
        await asyncio.gather(*calls)
        for connection in spare:
            connection.close()

    def nothing_is_held(self):
        wait_for(self.gw.settled, 60, "all settled")
        self.gw.verify()
        for row in self.endpoints():
            self.assertEqual((row["busy"], row["waiting"]), (0, 0), row)

    def endpoints(self):
        done = self.gw.tool("aigw-shmdump", "--instance", self.gw.instance,
                            "--json", "endpoints")
        return json.loads(done.stdout)["endpoints"]


class Fair(QueueCase):
    def test_a_key_with_ten_times_the_load_does_not_keep_the_other_out(self):
        self.start(options="max_concurrency = %d\nmax_queue = 50\n"
                           "queue_timeout = 60s" % AT_ONCE)
        admits = AT_ONCE / self.provider.seconds
        outcomes = {"a": [], "b": []}

        async def story():
            await asyncio.gather(*(
                self.offer(name, 2 * admits * share / 11, SECONDS, outcomes[name])
                for name, share in (("a", 10), ("b", 1))))
        asyncio.run(story())
        good = {n: sum(1 for o in all_ if o.status == 200)
                for n, all_ in outcomes.items()}
        print("served: a %d of %d, b %d of %d; at once %d" % (
            good["a"], len(outcomes["a"]), good["b"], len(outcomes["b"]),
            self.provider.most), flush=True)
        self.assertGreaterEqual(good["b"], 0.9 * len(outcomes["b"]))
        self.assertGreater(good["a"], good["b"])
        self.assertEqual(self.provider.most, AT_ONCE)
        for o in outcomes["a"] + outcomes["b"]:
            self.assertIn(o.status, (200, 503))
            if o.status == 503:
                self.assertIn("retry-after", o.headers)
        self.nothing_is_held()

    def test_the_limit_is_kept_for_a_model_at_its_provider_too(self):
        self.start(seconds=0.02, model_options="max_concurrency = 3")
        outcomes = []
        asyncio.run(self.offer("a", 100, 2, outcomes))
        self.assertEqual({o.status for o in outcomes}, {200})
        self.assertLessEqual(self.provider.most, 3)
        self.nothing_is_held()

    def test_an_endpoint_has_a_limit_of_its_own(self):
        self.start(seconds=0.02, model_options="max_concurrency = 9\n"
                   "[endpoint.mock/m1]\nmax_concurrency = 2")
        outcomes = []
        asyncio.run(self.offer("a", 100, 1, outcomes))
        self.assertEqual({o.status for o in outcomes}, {200})
        self.assertLessEqual(self.provider.most, 2)
        self.nothing_is_held()


class Ends(QueueCase):
    def test_who_waits_too_long_is_told_so(self):
        self.start(options="max_concurrency = 1\nqueue_timeout = 300ms")
        self.provider.hold = True
        outcomes = []

        async def story():
            task = asyncio.create_task(self.offer("a", 50, 0.2, outcomes))
            while len(outcomes) < 9:
                await asyncio.sleep(0.01)
            self.provider.hold = False
            await task
        asyncio.run(asyncio.wait_for(story(), 60))
        self.assertEqual(sorted(o.status for o in outcomes), [200] + [503] * 9)
        self.nothing_is_held()

    def test_who_leaves_does_not_wait_any_more(self):
        self.start(options="max_concurrency = 1")
        self.provider.hold = True

        async def story():
            connections = [Connection(self.gw.port) for _ in range(6)]
            tasks = [asyncio.create_task(c.call(self.keys["a"], chat()))
                     for c in connections]
            while not self.waiting(5):
                await asyncio.sleep(0.01)
            for connection in connections:
                connection.writer.transport.abort()
            await asyncio.gather(*tasks)
        asyncio.run(asyncio.wait_for(story(), 60))
        self.provider.hold = False
        self.assertEqual(sum(self.provider.served.values()), 1)
        self.nothing_is_held()

    def waiting(self, count):
        return self.gw.ctl("status")["in_flight"] >= count + 1

    def test_a_worker_that_dies_gives_its_places_back(self):
        self.start(options="max_concurrency = 4")
        self.provider.hold = True

        async def story():
            tasks = [asyncio.create_task(Connection(self.gw.port).call(
                self.keys["a"], chat())) for _ in range(12)]
            while self.provider.now < 4 or not self.waiting(11):
                await asyncio.sleep(0.01)
            for pid in self.gw.children("worker"):
                os.kill(pid, signal.SIGKILL)
            await asyncio.gather(*tasks)
        asyncio.run(asyncio.wait_for(story(), 60))
        self.provider.hold = False
        self.gw.wait_ready()
        outcomes = []
        asyncio.run(self.offer("a", 40, 1, outcomes))
        self.assertEqual({o.status for o in outcomes}, {200})
        self.nothing_is_held()

    def test_a_stop_ends_those_who_wait(self):
        self.start(options="max_concurrency = 1")
        self.provider.hold = True

        async def story():
            tasks = [asyncio.create_task(Connection(self.gw.port).call(
                self.keys["a"], chat())) for _ in range(6)]
            while not self.waiting(5):
                await asyncio.sleep(0.01)
            self.gw.signal(signal.SIGTERM)
            return await asyncio.gather(*tasks)
        outcomes = asyncio.run(asyncio.wait_for(story(), 60))
        self.provider.hold = False
        self.assertEqual(self.gw.process.wait(60), 0)
        self.assertEqual({o.status for o in outcomes} - {503, 502}, set())


if __name__ == "__main__":
    unittest.main()
