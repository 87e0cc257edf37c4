"""Alerts: a webhook is told once of each level that is crossed, and again until
it has answered, whoever dies meanwhile."""
import asyncio
import hashlib
import hmac
import json
import os
import signal
import threading
import unittest

from gateway import GatewayCase, wait_for
from mock_provider import MockProvider


class Hook:
    """Where events go: what came, and how it is answered."""

    def __init__(self):
        self.events, self.status, self.lock = [], 200, threading.Lock()
        self.server = MockProvider(handler=self.answer).start()
        self.url = self.server.base_url[:-3] + "/hook"

    async def answer(self, method, path, headers, body, writer):
        with self.lock:
            self.events.append((path, headers, json.loads(body), body))
            status = self.status
        if path == "/hangs":
            await asyncio.sleep(3600)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()
        return True

    def of(self, kind, alert=None):
        with self.lock:
            return [e[2] for e in self.events if e[2]["type"] == kind and
                    alert in (None, e[2]["alert"])]


class Alerts(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hook, cls.provider = Hook(), MockProvider().start()
        cls.addClassCleanup(cls.hook.server.stop)
        cls.addClassCleanup(cls.provider.stop)
        cls.gw = cls().gateway(
            provider=cls.provider.base_url, models=("m1",),
            model_options="price_input = 1000000\nprice_output = 1000000\n",
            extra="[alert.file]\nurl = %s\nsecret = hook-secret-canary\n"
            "budget = 50, 80%%, 100\nbalance = 1000, 500\n"
            "[alert.hangs]\nurl = %ss\nbudget = 100\nkey = nobody\n"
            "timeout = 500ms\n" % (cls.hook.url, cls.hook.url.replace("hook", "hang")))
        cls.addClassCleanup(cls.gw.cleanup)
        cls.gw.start()

    def ask(self, method, path, body=None, status=200):
        got, _, text = self.gw.admin(method, "/admin/v1/" + path, body)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def use(self, key, tokens):
        """One call that is charged so many tokens, and as much money."""
        got, _, text = self.gw.call(key, {
            "model": "m1", "max_tokens": 1,
            "messages": [{"role": "user", "content": "hi"}],
            "x_mock": {"tokens": 1, "usage": {
                "prompt_tokens": tokens, "completion_tokens": 0,
                "total_tokens": tokens}}})
        self.assertEqual(got, 200, text)

    def make(self, name, group=None, **more):
        made = self.ask("POST", "keys", dict(
            {"name": name, "on_exhausted": "finish"}, **(
                {"group": group} if group else {}), **more), 201)
        return made["id"], made["key"]

    def levels(self, key):
        return [e["percent"] for e in self.hook.of("budget", "file")
                if e["key"] == key]

    def test_levels_are_told_once_and_signed(self):
        ident, key = self.make("once", set_budget={"unit": "tokens",
                                                    "period": "daily",
                                                    "limit": 100000})
        self.use(key, 49000)
        self.use(key, 2000)
        wait_for(lambda: self.levels("once") == [50])
        self.use(key, 30000) # 81 %
        wait_for(lambda: self.levels("once") == [50, 80])
        self.use(key, 1000)
        # A limit that is lowered, and raised again, and what follows.
        self.ask("PATCH", "keys/%d" % ident, {"set_budget": {
            "unit": "tokens", "period": "daily", "limit": 80000}})
        wait_for(lambda: self.levels("once") == [50, 80, 100])
        self.ask("PATCH", "keys/%d" % ident, {"set_budget": {
            "unit": "tokens", "period": "daily", "limit": 163000}})
        self.use(key, 1000)
        self.use(key, 60000)
        wait_for(lambda: self.levels("once") == [50, 80, 100, 80])
        for path, headers, event, body in list(self.hook.events):
            if event.get("key") != "once":
                continue
            self.assertEqual(path, "/hook")
            signed = headers["x-aigw-timestamp"].encode() + b"." + body
            self.assertEqual(
                headers["x-aigw-signature"], "sha256=" + hmac.new(
                    b"hook-secret-canary", signed, hashlib.sha256).hexdigest())
        (last,) = [e for e in self.hook.of("budget") if e["key"] == "once"][-1:]
        self.assertEqual(
            (last["group"], last["key_id"], last["unit"], last["period"],
             last["limit"], last["used"]),
            ("default", ident, "tokens", "daily", 163000, 143000))
        self.assertNotIn("hook-secret-canary", self.gw.log())

    def test_balances(self):
        self.ask("POST", "groups", {"name": "paid"}, 201)
        _, key = self.make("payer", "paid")
        def told():
            return [(e["below"], e["key"]) for e in self.hook.of("balance")
                    if e["group"] == "paid"]
        self.ask("POST", "groups/paid/top-up", {"amount": 1200})
        self.use(key, 10)
        self.use(key, 250) # 940
        wait_for(lambda: told() == [(1000, None)])
        self.ask("POST", "groups/paid/top-up", {"amount": 200}) # 1140
        self.ask("POST", "groups/paid/top-up", {"amount": -700}) # 440
        wait_for(lambda: sorted(told()) == [
            (500, None), (1000, None), (1000, None)])
        self.assertEqual([e["balance"] for e in self.hook.of("balance")
                          if e["group"] == "paid"][-1], 440)

    def test_budgets_of_one_period_are_told_of_apart(self):
        _, key = self.make("both", budgets=[
            {"unit": "currency", "period": "daily", "limit": 1500},
            {"unit": "tokens", "period": "daily", "limit": 1000}])

        def told():
            return sorted((e["unit"], e["percent"]) for e in self.hook.of("budget")
                          if e["key"] == "both")
        self.use(key, 600)
        wait_for(told) # so that the next one is of another batch
        self.use(key, 210)
        wait_for(lambda: len(told()) >= 3)
        self.assertEqual(told(), [("currency", 50), ("tokens", 50), ("tokens", 80)])

    def test_a_first_top_up_may_be_little(self):
        self.ask("POST", "groups", {"name": "thin"}, 201)
        self.ask("POST", "groups/thin/top-up", {"amount": 700})
        wait_for(lambda: [(e["below"], e["balance"]) for e in
                          self.hook.of("balance") if e["group"] == "thin"] ==
                 [(1000, 700)])

    def test_a_balance_that_the_group_names_itself(self):
        self.ask("POST", "groups", {"name": "named", "balance_alert": 800}, 201)
        _, key = self.make("payer", "named")
        def told():
            return [e["below"] for e in self.hook.of("balance") if e["group"] == "named"]
        self.ask("POST", "groups/named/top-up", {"amount": 900})
        self.use(key, 50) # 850; it began below 1000, which a rule has
        self.use(key, 100) # 750
        wait_for(lambda: told() == [1000, 800])
        self.use(key, 50) # 700
        # It was below its level before; one that a rule has, too, is told once.
        self.ask("PATCH", "groups/named", {"balance_alert": 720})
        self.ask("PATCH", "groups/named", {"balance_alert": 500})
        self.use(key, 250) # 450
        wait_for(lambda: told() == [1000, 800, 500])
        self.assertIsNone(self.ask("PATCH", "groups/named", {"balance_alert": None})[
            "balance_alert"])
        self.ask("PATCH", "groups/named", {"balance_alert": "460.5"})
        wait_for(lambda: told() == [1000, 800, 500, 460.5])
        self.ask("PATCH", "groups/named", {"balance_alert": 0}, 400)

    def test_rules_of_management_and_what_they_concern(self):
        got = self.ask("POST", "alerts", {"name": "bad", "url": "http://x/"}, 400)
        self.assertEqual(got["error"]["field"], "url")
        for more in ({"budget": ["0"]}, {"budget": ["80.5"]}, {"balance": ["x"]},
                     {"budget": [], "balance": []}, {"url": None},
                     {"url": "https://x:99999/"}, {"url": "https://x:y/"}):
            self.ask("POST", "alerts", dict(
                {"name": "bad", "url": "https://hooks.example.com/"}, **more),
                400)
        self.ask("POST", "alerts", {
            "name": "own", "url": "https://127.0.0.1:1/x", "secret": "s" * 20,
            "group": "other", "budget": [10]}, 400) # percents are texts
        made = self.ask("POST", "alerts", {
            "name": "own", "url": "https://127.0.0.1:1/x", "secret": "s" * 20,
            "group": "other", "budget": ["10"]}, 201)
        self.assertEqual((made["secret"], made["budget"], made["managed_by"]),
                         ("****ssss", ["10"], "api"))
        self.ask("POST", "groups", {"name": "other"}, 201)
        budget = {"unit": "tokens", "period": "total", "limit": 1000}
        _, key = self.make("theirs", "other", set_budget=budget)
        _, none = self.make("not-theirs", set_budget=budget)
        self.use(none, 200)
        self.use(key, 200)
        # A guarded address is not asked: it fails, is kept and tried again.
        def pending():
            return self.gw.ctl("alert", "deliveries", "own", "--state", "pending")
        wait_for(lambda: [p["attempts"] > 0 for p in pending()] == [True], 60)
        self.assertEqual(pending()[0]["event"]["key"], "theirs")
        self.assertEqual(pending()[0]["status"], None)
        # Without its alert an event is given up.
        self.gw.ctl("alert", "delete", "own", "-y")
        wait_for(lambda: pending() == [], 60)
        self.assertEqual(self.gw.ctl("alert", "deliveries", "own")[0]["state"],
                         "failed")

    def test_a_webhook_that_hangs_does_not_stand_before_others(self):
        def hung():
            return len(self.hook.of("test", "hangs"))
        for _ in range(30):
            self.gw.ctl("alert", "test", "hangs")
        wait_for(hung, 60)
        ids = {self.gw.ctl("alert", "test", "file")["id"] for _ in range(6)}
        before = hung()
        wait_for(lambda: ids <= {e[1]["x-aigw-event"] for e in
                                 list(self.hook.events)}, 60)
        self.assertLess(hung() - before, 10)

    def test_nothing_is_lost_when_processes_die(self):
        self.hook.status = 500
        before = len(self.hook.of("test"))
        try:
            ids = [self.gw.ctl("alert", "test", "file")["id"] for _ in range(3)]
            wait_for(lambda: len(self.hook.of("test")) > before, 60)
            for role in ("accountant", "worker"):
                for pid in self.gw.children(role):
                    os.kill(pid, signal.SIGKILL)
                wait_for(lambda: self.gw.http("GET", "/readyz")[0] == 200, 60)
        finally:
            self.hook.status = 200
        def states():
            return {d["id"]: d["state"] for d in self.ask(
                "GET", "deliveries?alert=file&limit=1000")["data"]}
        wait_for(lambda: [states().get(i) for i in ids] == 3 * ["delivered"], 100)
        told = {e[1]["x-aigw-event"] for e in self.hook.events
                if e[2]["type"] == "test"}
        self.assertLessEqual(set(ids), told)
        self.gw.verify()


if __name__ == "__main__":
    unittest.main()
