"""Limits by key and model, windows, spend rules, shadow mode, revocation: by
real processes, two workers at least."""
import asyncio
import json
import os
import signal
import threading
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat


def body(model="m1", tokens=4, stream=False, **mock):
    mock["tokens"] = tokens
    return {"model": model, "stream": stream, "x_mock": mock, "max_tokens": 64,
            "messages": [{"role": "user", "content": "hi"}]}


class Models(GatewayCase):
    def setUp(self):
        self.provider = self.mock()

    def start(self, **kw):
        kw.setdefault("models", ("m1", "m2"))
        return self.gateway(provider=self.provider.base_url, **kw).start()

    def count(self, gw, key, n, model="m1"):
        """How many of n calls, on connections of their own, pass."""
        return sum(gw.call(key, body(model))[0] == 200 for _ in range(n))

    def test_requests_a_minute_with_one_model_over_all_workers(self):
        gw = self.start(workers=3)
        key = gw.create_key("k")
        other = gw.create_key("other")
        shown = gw.ctl("key", "set-limits", "k", "--model", "m1", "--rpm", "5")
        self.assertEqual(shown["model_limits"], {
            "m1": {"rpm": 5, "tpm": None, "concurrency": None}})
        self.assertEqual(self.count(gw, key, 20), 5)
        status, head, data = gw.call(key, body())
        self.assertEqual(status, 429)
        self.assertEqual(json.loads(data)["error"]["code"], "rate_limit_exceeded")
        self.assertGreaterEqual(int(head["retry-after"]), 1)
        self.assertEqual(self.count(gw, key, 5, "m2"), 5)
        self.assertEqual(self.count(gw, other, 8), 8)
        # members that are not named stay; none takes one away
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--tpm", "1000")
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"]["m1"],
                         {"rpm": 5, "tpm": 1000, "concurrency": None})
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--rpm", "none",
               "--tpm", "none")
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"], {})
        self.assertEqual(self.count(gw, key, 8), 8)
        gw.verify()

    def test_a_groups_limit_with_a_model_is_shared_by_its_keys(self):
        gw = self.start()
        gw.ctl("group", "create", "team")
        gw.ctl("group", "set-limits", "team", "--model", "m1", "--rpm", "4")
        keys = [gw.create_key("k%d" % i, "--group", "team") for i in range(2)]
        self.assertEqual(sum(self.count(gw, k, 5) for k in keys), 4)
        self.assertEqual(gw.ctl("group", "get", "team")["model_limits"]["m1"]["rpm"], 4)

    def test_defaults_of_a_model_and_their_reload(self):
        gw = self.start(extra="[model.m3]\nproviders = mock\nkey_rpm = 3\n")
        keys = [gw.create_key("k%d" % i) for i in range(2)]
        for key in keys:
            self.assertEqual(self.count(gw, key, 6, "m3"), 3)
        gw.extra = "[model.m3]\nproviders = mock\n"
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: self.count(gw, keys[0], 1, "m3") == 1, 60, "the reload")

    def test_limits_survive_a_restart_and_a_killed_accountant(self):
        gw = self.start()
        key = gw.create_key("k")
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--concurrency", "1")
        gw.stop()
        gw.start()
        self.assertEqual(gw.ctl("key", "get", "k")["model_limits"]["m1"],
                         {"rpm": None, "tpm": None, "concurrency": 1})
        self.assertEqual(self.busy(gw, key), 429)
        pid = next(iter(gw.children("accountant")))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: [p for p in gw.children("accountant") if p != pid], 30,
                 "another accountant")
        self.assertEqual(self.busy(gw, key), 429)
        self.assertEqual(self.count(gw, key, 1), 1)

    def busy(self, gw, key):
        """The status of a call while another one of the same key runs."""
        done = threading.Event()
        answers = []

        def long():
            answers.append(gw.call(key, body(tokens=40, stream=True,
                                             delay_ms=50), timeout=60)[0])
            done.set()
        before = len(self.provider.book.snapshot())
        thread = threading.Thread(target=long)
        thread.start()
        wait_for(lambda: len(self.provider.book.snapshot()) > before, 30,
                 "the long call at the provider")
        status = gw.call(key, body())[0]
        done.wait(60)
        thread.join()
        self.assertEqual(answers, [200])
        return status

    def test_requests_in_flight_do_not_leak_when_workers_are_killed(self):
        gw = self.start(workers=3)
        key = gw.create_key("k")
        gw.ctl("key", "set-limits", "k", "--model", "m1", "--concurrency", "4")

        async def storm():
            async def one():
                connection = Connection(gw.port)
                outcome = await connection.call(
                    key, chat(tokens=30, stream=True, delay_ms=20, model="m1"))
                connection.close()
                return outcome
            tasks = [asyncio.create_task(one()) for _ in range(12)]
            while len(self.provider.book.snapshot()) < 3:
                await asyncio.sleep(0.01)
            for pid in list(gw.children("worker"))[:2]:
                os.kill(pid, signal.SIGKILL)
            return await asyncio.gather(*tasks)
        for _ in range(int(os.environ.get("AIGW_ROUNDS", "2"))):
            self.provider.book.entries.clear()
            asyncio.run(storm())
            wait_for(gw.settled, 60, "nothing in flight")
            wait_for(lambda: len(gw.children("worker")) == 3, 60, "workers")
            gw.verify()
            # all four places are free: four calls run at once
            self.provider.book.entries.clear()

            async def four():
                async def one():
                    connection = Connection(gw.port)
                    outcome = await connection.call(
                        key, chat(tokens=20, stream=True, delay_ms=30,
                                  model="m1"))
                    connection.close()
                    return outcome.status
                return await asyncio.gather(*[one() for _ in range(4)])
            self.assertEqual(asyncio.run(four()), [200] * 4)

    def test_what_cannot_be_is_refused_with_the_member_named(self):
        gw = self.start()
        gw.create_key("k")
        headers = {"Authorization": "Bearer test-admin-token-1",
                   "Content-Type": "application/json"}
        key = json.loads(gw.http("GET", "/admin/v1/keys?ref=k", None, headers,
                                 port=gw.admin_port)[2])["data"][0]["id"]
        for limits, param in ((5, "model_limits"), ({"none": {"rpm": 1}}, "none"),
                              ({"m1": {"rpm": -1}}, "model_limits.m1.rpm"),
                              ({"m1": {"xyz": 1}}, "xyz"),
                              ({"m1": 7}, "model_limits.m1")):
            status, _, data = gw.http(
                "PATCH", "/admin/v1/keys/%d" % key, {"model_limits": limits},
                headers, port=gw.admin_port)
            self.assertIn(status, (400, 404), data)
            self.assertIn(param, data.decode())


if __name__ == "__main__":
    unittest.main()
