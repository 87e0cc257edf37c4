"""HTTP as attackers write it: cases against the real gateway with a provider
behind it that records whatever is forwarded."""
import asyncio
import json
import os
import random
import unittest
from collections import Counter

import http_cases
import http_cases_own
from gateway import SHARED, Gateway, GatewayCase

MODES = ("whole", "bytes", "split")
AT_ONCE = 24


def shared_cases():
    path = os.path.join(SHARED, "http-cases.json")
    if not os.path.exists(path):
        raise unittest.SkipTest("no %s" % path)
    with open(path) as f:
        return json.load(f)["cases"]


class Run:
    """All cases in all modes against one gateway, many connections at once."""

    def __init__(self, test, cases, seed):
        self.test, self.cases, self.random = test, cases, random.Random(seed)
        self.failures = []
        self.answered = Counter()  # mark -> answers with 200

    async def one(self, case, mode, limit):
        mark = "%s/%s" % (case["id"], mode)
        words = http_cases.Words("127.0.0.1:%d" % self.gateway.port, self.key,
                                 "m1", mark)
        steps = http_cases.cut(http_cases.make_steps(case, words), mode, self.random)
        async with limit:
            seen = await http_cases.play(case, self.gateway.port, steps, words,
                                         case["prefer"])
        self.answered[mark] = sum(a.status == 200 for a in seen.answers)
        wrong = http_cases.judge(case, seen)
        if wrong:
            self.failures.append("%s: %s; got %s" % (mark, wrong, seen))
        for answer in seen.answers:
            if not (answer.field("x-request-id") or "").startswith("req_"):
                self.failures.append("%s: an answer without x-request-id" % mark)

    async def all(self):
        upstream = http_cases.StrictUpstream()
        port = await upstream.start()
        self.gateway = self.test.gateway(provider="http://127.0.0.1:%d/v1" % port)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.gateway.start)
        self.key = await loop.run_in_executor(None, self.gateway.create_key, "cases")
        limit = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self.one(case, mode, limit) for case in self.cases
                               for mode in MODES))
        upstream.stop()
        self.failures += upstream.faults
        self.check_forwarded(upstream.calls)

    def check_forwarded(self, calls):
        """Nothing reached the provider that its client got no answer to."""
        forwarded = Counter()
        for _, body in calls:
            try:
                mark = json.loads(body)["messages"][0]["content"]
            except (ValueError, KeyError, IndexError, TypeError):
                self.failures.append("forwarded: %r" % body[:200])
                continue
            if b"smuggled" in body:
                self.failures.append("smuggled: %r" % body[:200])
            forwarded[mark] += 1
        for mark, count in forwarded.items():
            if mark in self.answered and count > self.answered[mark]:
                self.failures.append("%s: %d calls forwarded, %d answered" % (
                    mark, count, self.answered[mark]))


class Cases(GatewayCase):
    def run_cases(self, cases):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))
        run = Run(self, cases, seed)
        asyncio.run(run.all())
        if run.failures:
            self.fail("AIGW_SEED=%d: %d of %d\n%s" % (
                seed, len(run.failures), len(cases) * len(MODES),
                "\n".join(run.failures[:40])))
        run.gateway.verify()
        self.assertEqual(run.gateway.stop(), 0)

    def test_every_case_of_our_own_ends_as_preferred(self):
        self.run_cases(http_cases_own.cases)

    def test_every_case_of_the_shared_file_ends_as_preferred(self):
        self.run_cases(shared_cases())


if __name__ == "__main__":
    unittest.main()
