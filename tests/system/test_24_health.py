"""Cool-downs and probes: what a provider that fails is still sent, counted by the
provider. Expectations are over all workers, which know what one has learnt."""
import asyncio
import json
import time
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat

WORKERS, CLIENTS, SUSPECT_CALLS = 2, 16, 3


class Moody:
    """A mock's handler: answers as it is told, and keeps when it was asked."""

    def __init__(self, case, name):
        self.mode, self.asked, self.fields = "good", [], ""
        self.mock = case.mock(handler=self.handle)
        self.name = name

    async def handle(self, method, path, headers, body, writer):
        self.asked.append((time.monotonic(), self.mode, path))
        if self.mode == "good":
            if method == "GET":
                data, status = b'{"data":[]}', 200
            else:
                return await self.mock.answer(path, body, writer)
        elif self.mode == "hang":
            await asyncio.sleep(3600)
        else:
            status = int(self.mode)
            data = json.dumps({"error": {"message": "moody", "type": "x",
                                         "code": "moody"}}).encode()
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                      "Content-Length: %d\r\n%s\r\n" %
                      (status, len(data), self.fields)).encode() + data)
        await writer.drain()
        return True

    def count(self, mode=None):
        return sum(1 for _, m, _ in list(self.asked) if mode in (None, m))


class HealthCase(GatewayCase):
    def start(self, options="", workers=WORKERS):
        self.a, self.b = Moody(self, "a"), Moody(self, "b")
        text = ""
        for moody in (self.a, self.b):
            text += "[provider.%s]\nkind = openai\nbase_url = %s\napi_key = sk-moody\n%s\n" % (
                moody.name, moody.mock.base_url, options)
        text += "[model.m]\nproviders = a, b\n"
        self.gw = self.gateway(workers=workers, extra=text).start()
        self.key = self.gw.create_key("k")
        self.outcomes = []

    def call(self, **kw):
        return self.gw.call(self.key, chat(model="m", **kw))

    async def load(self, story, clients=CLIENTS):
        """Runs the story while clients call one after the other."""
        over = False

        async def client():
            connection = Connection(self.gw.port)
            while not over:
                self.outcomes.append(await connection.call(
                    self.key, chat(tokens=2, model="m")))
            connection.close()
        tasks = [asyncio.create_task(client()) for _ in range(clients)]
        try:
            await story
        finally:
            over = True
            await asyncio.gather(*tasks)

    async def until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            await asyncio.sleep(0.005)


class Death(HealthCase):
    def test_one_that_dies_is_sent_few_calls_more_and_single_probes(self):
        self.start("cooldown = 500ms\ncooldown_max = 500ms")

        async def story():
            await self.until(lambda: self.a.count() > 200, "load")
            self.a.mode = "500"
            await self.until(lambda: self.b.count() > 200, "the other has it")
            first = self.a.count("500")
            await self.until(lambda: self.a.count("500") >= first + 3, "probes")
            self.a.mode = "good"
            back = self.a.count("good")
            await self.until(lambda: self.a.count("good") > back + 200, "back")
        asyncio.run(self.load(story()))
        bad = [t for t, mode, _ in self.a.asked if mode == "500"]
        # Those that were under way when the first had failed, and so many more.
        burst = [t for t in bad if t < bad[0] + 0.4]
        print("%d calls in all, %d to the dead one before it cooled, %d probes" %
              (len(self.outcomes), len(burst), len(bad) - len(burst)), flush=True)
        self.assertLessEqual(len(burst), 1 + SUSPECT_CALLS * WORKERS + CLIENTS)
        # Half a second apart, each alone.
        probes = bad[len(burst):]
        for before, after in zip(probes, probes[1:]):
            self.assertGreater(after - before, 0.45)
        self.assertEqual({o.status for o in self.outcomes} - {200, 500}, set())
        failed = sum(1 for o in self.outcomes if o.status == 500)
        self.assertLessEqual(failed, len(bad))
        self.gw.verify()

    def test_behind_a_known_failure_each_worker_sends_three_and_each_once(self):
        """Counted exactly: all that is sent waits at the provider, so nothing
        but the first failure is known. Connections of before are there to be
        used, and every one of them closes without an answer."""
        self.start("fails = 100")
        gate, sent, outcomes = asyncio.Event(), [], []

        async def held(method, path, headers, body, writer):
            sent.append(time.monotonic())
            if outcomes:
                await gate.wait()
            return False # closes it

        async def one():
            connection = Connection(self.gw.port)
            outcomes.append(await connection.call(
                self.key, chat(tokens=2, model="m", delay_ms=50)))
            connection.close()

        async def story():
            await asyncio.gather(*(one() for _ in range(60)))
            self.assertEqual({o.status for o in outcomes}, {200})
            outcomes.clear()
            self.a.mock.handler = held
            await one()
            self.assertEqual(outcomes[0].status, 200)
            # Twice where it met a connection of before: the first failure is
            # the connection's end, and the second call one of the three.
            first = 1
            tasks = [asyncio.create_task(one()) for _ in range(60)]
            # Each is answered by the other one, or waits at this one.
            before = len(sent)
            await self.until(lambda: len(outcomes) + len(sent) - before >= 61,
                             "all are somewhere")
            waiting = len(sent)
            self.a.mock.loop.call_soon_threadsafe(gate.set)
            await asyncio.gather(*tasks)
            return first, waiting
        first, waiting = asyncio.run(story())
        self.assertEqual({o.status for o in outcomes}, {200})
        self.assertEqual(len(sent), waiting, "one was sent twice")
        # A run is watched for its first second; what came later is another rule.
        soon = sum(t < sent[0] + 0.9 for t in sent[first:])
        print("%d behind the first failure, %d of them soon" %
              (waiting - first, soon), flush=True)
        self.assertLessEqual(soon, SUSPECT_CALLS * WORKERS)
        self.assertGreater(waiting, first)

    def test_calls_whose_connections_all_end_are_sent_again_three_times(self):
        """It dies with calls in progress on kept connections. No client may
        notice, and what is sent again counts as what is sent anew."""
        self.start("fails = 100")
        gate, sent, outcomes = asyncio.Event(), [], []

        async def held(method, path, headers, body, writer):
            sent.append(time.monotonic())
            await gate.wait()
            return False # closes it

        async def one():
            connection = Connection(self.gw.port)
            outcomes.append(await connection.call(
                self.key, chat(tokens=2, model="m", delay_ms=50)))
            connection.close()

        async def story():
            # Connections to keep, of both workers.
            await asyncio.gather(*(one() for _ in range(80)))
            outcomes.clear()
            self.a.mock.handler = held
            tasks = [asyncio.create_task(one()) for _ in range(60)]
            await self.until(lambda: len(sent) + len(outcomes) >= 60,
                             "calls in progress")
            waiting = len(sent)
            self.a.mock.loop.call_soon_threadsafe(gate.set)
            await asyncio.gather(*tasks)
            return waiting
        waiting = asyncio.run(story())
        self.assertEqual({o.status for o in outcomes}, {200})
        self.assertGreater(waiting, 20)
        again = [t for t in sent[waiting:] if t < sent[waiting] + 0.9]
        print("%d of %d that were cut were sent again" %
              (len(again), waiting), flush=True)
        self.assertLessEqual(len(again), SUSPECT_CALLS * WORKERS)

    def test_a_probe_whose_worker_dies_keeps_nobody_from_trying_again(self):
        self.start("cooldown = 300ms\ncooldown_max = 300ms")
        self.a.mode = "500"
        for _ in range(4):
            self.call()
        self.a.mode = "hang"

        def asked():
            asyncio.run(self.brief())
            return self.a.count("hang") >= 1
        wait_for(asked, 60, "a probe hangs")
        import os
        import signal
        for pid in self.gw.children("worker"):
            os.kill(pid, signal.SIGKILL)
        self.a.mode = "good"
        self.gw.wait_ready()

        def back():
            before = self.a.count("good")
            self.call()
            return self.a.count("good") > before
        wait_for(back, 60, "another probe")

    async def brief(self):
        connection = Connection(self.gw.port)
        try:
            await asyncio.wait_for(connection.call(
                self.key, chat(tokens=2, model="m")), 0.5)
        except asyncio.TimeoutError:
            pass
        connection.close()


class Sole(HealthCase):
    """Nobody else can take the calls: refusing them is the last thing to do, and
    hammering a dead one is of no use."""
    FREE, PAUSE = 5, 0.2

    def start_one(self, options="", providers="a"):
        self.a, self.b = Moody(self, "a"), Moody(self, "b")
        text = ""
        for moody in (self.a, self.b):
            text += "[provider.%s]\nkind = openai\nbase_url = %s\napi_key = sk-moody\n%s\n" % (
                moody.name, moody.mock.base_url, options)
        text += "[model.m]\nproviders = %s\n" % providers
        self.gw = self.gateway(workers=WORKERS, extra=text).start()
        self.key = self.gw.create_key("k")
        self.outcomes = []

    def test_a_dead_one_is_asked_now_and_then_and_back_at_once(self):
        self.start_one("cooldown = 100s\ncooldown_max = 100s")

        async def story():
            await self.until(lambda: self.a.count() > 200, "load")
            self.a.mode = "500"
            await self.until(lambda: sum(o.status == 503 for o in self.outcomes)
                             > 500, "refused")
            self.refused = next(o for o in self.outcomes if o.status == 503)
            self.dead = [t for t, mode, _ in list(self.a.asked) if mode == "500"]
            count = self.a.count("500")
            await self.until(lambda: self.a.count("500") >= count + 3, "asked")
            self.a.mode = "good"
            back = self.a.count("good")
            await self.until(lambda: self.a.count("good") > back + 200, "back")
            self.again = len(self.outcomes)
            await self.until(lambda: len(self.outcomes) > self.again + 500,
                             "goes on")
        asyncio.run(self.load(story()))
        bad = [t for t, mode, _ in self.a.asked if mode == "500"]
        soon = [t for t in bad if t < bad[0] + self.PAUSE * 0.9]
        print("%d calls refused, %d sent in %.1f s, %d of them at first" %
              (sum(o.status == 503 for o in self.outcomes), len(bad),
               bad[-1] - bad[0], len(soon)), flush=True)
        # Three until it cools, five more, and those in progress at each time.
        self.assertLessEqual(len(soon), 3 + self.FREE + 2 * CLIENTS)
        later = bad[len(soon):]
        for before, after in zip(later, later[1:]):
            self.assertGreater(after - before, self.PAUSE * 0.8)
        self.assertEqual(self.refused.headers["retry-after"], "1")
        self.assertEqual({o.status for o in self.outcomes}, {200, 500, 503})
        self.assertEqual({o.status for o in self.outcomes[self.again:]}, {200})
        self.gw.verify()

    def test_one_failure_or_every_other_one_keeps_nobody_from_it(self):
        self.start_one("cooldown = 100s")
        for mode in ("500", "good") * 30 + ("500", "500", "good") * 20:
            self.a.mode = mode
            self.assertEqual(self.call()[0], 200 if mode == "good" else 500)

    def test_of_several_that_all_failed_the_one_that_is_back_is_found(self):
        self.start_one("cooldown = 100s\ncooldown_max = 100s", "a, b")
        self.a.mode = self.b.mode = "500"
        wait_for(lambda: self.call()[0] == 503, 60, "both are given up")
        for moody, other in ((self.a, self.b), (self.b, self.a)):
            moody.mode, other.mode = "good", "500"
            count = moody.count("good")
            wait_for(lambda: self.call()[0] == 200, 60, "%s is back" % moody.name)
            self.assertGreater(moody.count("good"), count)
            for _ in range(20):
                self.assertEqual(self.call()[0], 200)
            moody.mode = "500"
            wait_for(lambda: self.call()[0] == 503, 60, "given up again")

    def test_one_that_has_no_calls_left_is_told_as_such(self):
        self.start_one("")
        self.a.mode, self.a.fields = "429", "retry-after: 30\r\n"
        for _ in range(self.FREE + 1):
            status, headers, _ = self.call()
            self.assertEqual(status, 429)
        count = self.a.count()

        def ours():
            status, headers, body = self.call()
            self.assertEqual(status, 429)
            self.assertIn(int(headers["retry-after"]), range(20, 31))
            return "takes no more calls" in str(body)
        wait_for(ours, 60, "the gateway's own answer")
        self.assertLess(self.a.count(), count + 20)


class Check(HealthCase):
    def test_a_provider_that_is_checked_is_probed_by_no_client(self):
        self.start("cooldown = 100ms\nhealth_check = /models\n"
                   "health_check_interval = 1s")
        self.a.mode = "500"

        async def story():
            await self.until(lambda: self.checks() >= 3, "checks")
            self.a.mode = "good"
            await self.until(lambda: self.a.count("good") > 20, "it is back")
        asyncio.run(self.load(story(), clients=4))
        first = [i for i, (_, _, path) in enumerate(self.a.asked)
                 if path == "/v1/models"]
        good = [i for i in first if self.a.asked[i][1] == "good"]
        # From the first check to the one that succeeded, nothing else came.
        between = self.a.asked[first[0]:good[0] + 1]
        self.assertEqual({path for _, _, path in between}, {"/v1/models"})
        for before, after in zip(between, between[1:]):
            self.assertGreater(after[0] - before[0], 0.9)
        self.assertEqual({o.status for o in self.outcomes}, {200})
        headers = [h for m, p, h, _ in self.a.mock.requests
                   if m == "GET" and p == "/v1/models"]
        self.assertEqual({h["authorization"] for h in headers},
                         {"Bearer sk-moody"})

    def checks(self):
        return sum(path == "/v1/models" for _, _, path in list(self.a.asked))


class Credential(HealthCase):
    def test_429_with_retry_after_is_kept_for_as_long(self):
        self.start()
        self.a.mode, self.a.fields = "429", "retry-after: 2\r\n"
        self.assertEqual(self.call()[0], 200) # the other one's
        began = self.a.asked[-1][0]
        for _ in range(20):
            self.assertEqual(self.call()[0], 200)
        self.a.mode, self.a.fields = "good", ""

        def again():
            self.call()
            return self.a.count() > 1
        wait_for(again, 60, "after two seconds")
        self.assertGreater(self.a.asked[1][0] - began, 1.9)

    def test_one_that_has_none_left_is_left_alone_until_its_reset(self):
        self.start()
        self.a.mode = "400"
        self.a.fields = ("x-ratelimit-remaining-requests: 0\r\n"
                         "x-ratelimit-reset-requests: 2s\r\n")
        self.assertEqual(self.call()[0], 400)
        began = self.a.asked[-1][0]
        for _ in range(20):
            self.assertEqual(self.call()[0], 200)
        self.assertEqual(self.a.count(), 1)
        self.a.mode, self.a.fields = "good", ""

        def again():
            self.call()
            return self.a.count() > 1
        wait_for(again, 60, "after the reset")
        self.assertGreater(self.a.asked[1][0] - began, 1.9)

    def test_a_credential_that_is_refused_is_not_used_with_any_model(self):
        self.start()
        self.a.mode = "401"
        self.call()
        for _ in range(20):
            self.assertEqual(self.call()[0], 200)
        self.assertEqual(self.a.count(), 1)
        wait_for(lambda: "refuses credential default" in self.gw.log(), 30, "the log")

    def test_what_a_client_did_wrong_is_no_failure_of_the_provider(self):
        self.start()
        self.a.mode = "400"
        for _ in range(20):
            self.assertEqual(self.call()[0], 400)
        self.assertEqual(self.a.count(), 20)


if __name__ == "__main__":
    unittest.main()
