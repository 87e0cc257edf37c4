"""Alerts: a webhook is told once of each level that is crossed, and again until
it has answered, whoever dies meanwhile."""
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
            "budget = 50, 80%%, 100\nbalance = 1000, 500\n" % cls.hook.url)
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
            return [(e["below"], e["key"]) for e in self.hook.of("balance")]
        self.ask("POST", "groups/paid/top-up", {"amount": 1200})
        self.use(key, 10)
        self.use(key, 250) # 940
        wait_for(lambda: told() == [(1000, None)])
        self.ask("POST", "groups/paid/top-up", {"amount": 200}) # 1140
        self.ask("POST", "groups/paid/top-up", {"amount": -700}) # 440
        wait_for(lambda: sorted(told()) == [
            (500, None), (1000, None), (1000, None)])
        self.assertEqual(self.hook.of("balance")[-1]["balance"], 440)

    def test_rules_of_management_and_what_they_concern(self):
        got = self.ask("POST", "alerts", {"name": "bad", "url": "http://x/"}, 400)
        self.assertEqual(got["error"]["field"], "url")
        for more in ({"budget": ["0"]}, {"budget": ["80.5"]}, {"balance": ["x"]},
                     {"budget": [], "balance": []}, {"url": None}):
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
