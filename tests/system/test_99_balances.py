"""Balances that another service keeps: what it told bounds what a group spends,
and what was spent is charged, once, whoever fails or dies."""
import asyncio
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import random
import signal
import threading
import time
import unittest
import urllib.parse

from gateway import GatewayCase, wait_for
from mock_provider import MockProvider

SECRET = "jwt-secret-canary-0123456789"
MICRO = 1000000
TOKENS, TOKEN_NANO = 10, 1000033 # a call: 10,000.33 micro
CALL_NANO = TOKENS * TOKEN_NANO


class Service:
    """The account service. `faults` says what becomes of a group's charges:
    words that are taken one by one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.balances, self.subscriptions, self.real = {}, {}, {}
        self.charges, self.seen = [], [] # taken; all that came
        self.faults, self.down, self.asked = {}, None, 0
        self.wrong = []
        self.server = MockProvider(handler=self.answer).start()
        self.url = self.server.base_url[:-3]

    def check(self, headers):
        token = headers.get("authorization", "")
        head, claims, mark = token[len("Bearer "):].split(".")
        def decode(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        good = hmac.new(SECRET.encode(), (head + "." + claims).encode(),
                        hashlib.sha256).digest()
        claims = json.loads(decode(claims))
        if decode(mark) != good or json.loads(decode(head))["alg"] != "HS256" \
                or claims["requester"] != "sealos-admin" \
                or not claims["nbf"] <= time.time() < claims["exp"]:
            self.wrong.append(token)

    def reply(self, path, headers, body):
        """What is answered: status and an object, or a word."""
        self.check(headers)
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if self.down is not None:
            return self.down
        if url.path == "/admin/v1alpha1/account-with-workspace":
            name = query["namespace"]
            self.asked += 1
            if name not in self.balances:
                return 200, {"error": "no account of " + name}
            left = self.subscriptions.get(name)
            return 200, {"userUID": "uid-" + name, "error": "",
                         "balance": self.balances[name],
                         "workspaceSubscription": left is not None,
                         "totalAIQuota": 7 * MICRO, "remainAIQuota": left or 0}
        if url.path == "/admin/v1alpha1/real-name-info":
            return 200, {"isRealName": self.real.get(query["userUID"], True),
                         "error": ""}
        assert url.path == "/admin/v1alpha1/charge-billing", path
        charge = dict(json.loads(body), key=headers["idempotency-key"])
        assert charge["appType"] == "LLM-TOKEN" and charge["amount"] >= 1
        self.seen.append(charge)
        faults = self.faults.get(charge["namespace"])
        fault = faults.pop(0) if faults else "ok"
        if fault == "refused":
            return 200, {"error": "the account is locked"}
        if fault == "500":
            return 500, {"error": "it broke"}
        self.charges.append(charge)
        self.balances[charge["namespace"]] -= charge["amount"]
        return (200, {"error": ""}) if fault == "ok" else fault

    async def answer(self, method, path, headers, body, writer):
        try:
            with self.lock:
                said = self.reply(path, headers, body)
        except Exception as error: # the test must see it
            self.wrong.append(repr(error))
            raise
        if said == "slow":
            await asyncio.sleep(30)
        elif said == "garbage":
            writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n<html>!!!")
        elif said == "cut":
            writer.close()
            return False
        else:
            text = json.dumps(said[1]).encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (
                             said[0], len(text), text))
        await writer.drain()
        return True

    def taken(self, name):
        with self.lock:
            return sum(c["amount"] for c in self.charges
                       if c["namespace"] == name)

    def tries(self, name):
        with self.lock:
            return [c for c in self.seen if c["namespace"] == name]


class BalanceCase(GatewayCase):
    OPTIONS = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service, cls.provider = Service(), MockProvider().start()
        cls.addClassCleanup(cls.service.server.stop)
        cls.addClassCleanup(cls.provider.stop)
        cls.gw = cls().gateway(
            provider=cls.provider.base_url, models=("m1",),
            server="flush_interval = 50ms\n",
            model_options="price_input = 0\nprice_output = 1000.033\n",
            extra="[balance]\nurl = %s\njwt_secret = %s\ngroups = ns-*\n"
            "interval = 100ms\ntimeout = 2s\n%s\n" % (
                cls.service.url, SECRET, cls.OPTIONS))
        cls.addClassCleanup(cls.gw.cleanup)
        cls.gw.start()

    def tearDown(self):
        self.assertEqual(self.service.wrong, [])

    def ask(self, method, path, body=None, status=200):
        got, _, text = self.gw.admin(method, "/admin/v1/" + path, body)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def group(self, name):
        return self.ask("GET", "groups/" + name)

    def make(self, name, balance):
        """A group with a key, and so much at the service (None: unknown to it)."""
        if balance is not None:
            self.service.balances[name] = balance
        self.ask("POST", "groups", {"name": name}, 201)
        key = self.ask("POST", "keys", {"name": "k", "group": name}, 201)["key"]
        if balance is not None:
            wait_for(lambda: self.group(name)["service"] and
                     self.group(name)["service"]["state"] == "told")
        return key

    def use(self, key):
        return self.gw.call(key, {
            "model": "m1", "max_tokens": TOKENS,
            "messages": [{"role": "user", "content": "hi"}],
            "x_mock": {"tokens": TOKENS}})

    def spent(self, name):
        """Nano, by the books' rows."""
        got, _, text = self.gw.admin(
            "GET", "/admin/v1/logs/export?format=jsonl&group=" + name)
        self.assertEqual(got, 200, text)
        return sum(json.loads(row)["cost_nano"] for row in text.splitlines())

    def at_rest(self, name):
        """All is charged but what nobody knows, and what is less than a micro."""
        wait_for(self.gw.settled)
        self.spent(name) # and durable
        def done():
            service = self.group(name)["service"]
            return service if service["pending"] == 0 and not any(
                c["state"] == "sent" for c in service["charges"]) else None
        return wait_for(done, 100)

    def check_sums(self, name, service):
        """charged + unknown + pending == the books, to the micro unit."""
        known = [round(service[n] * MICRO)
                 for n in ("charged", "unknown", "pending")]
        self.assertEqual(sum(known), self.spent(name) // 1000, service)
        return known


class Balances(BalanceCase):
    OPTIONS = "max_age = 5m\n"

    def test_what_was_told_is_a_bound_for_all_calls_at_once(self):
        key = self.make("ns-bound", MICRO)
        group = self.group("ns-bound")
        self.assertEqual((group["balance_source"], group["balance"]),
                         ("service", 1))
        self.assertEqual(group["service"]["user"], "uid-ns-bound")
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            got = [f.result() for f in [pool.submit(self.use, key)
                                        for _ in range(160)]]
        self.assertEqual({g[0] for g in got}, {200, 402})
        (refusal,) = {json.loads(g[2])["error"]["code"] for g in got
                      if g[0] == 402}
        self.assertEqual(refusal, "insufficient_balance")
        service = self.at_rest("ns-bound")
        spent = self.spent("ns-bound")
        self.assertLessEqual(spent, MICRO * 1000)
        self.assertGreater(spent, MICRO * 1000 - CALL_NANO)
        self.check_sums("ns-bound", service)
        self.assertEqual(self.service.taken("ns-bound"), spent // 1000)
        self.assertEqual(service["unknown"], 0)
        # More at the service: it is asked, and calls go on.
        self.service.balances["ns-bound"] += MICRO
        wait_for(lambda: self.use(key)[0] == 200)
        got, _, text = self.gw.admin(
            "POST", "/admin/v1/groups/ns-bound/top-up", {"amount": 1})
        self.assertEqual(got, 409, text)

    def test_the_rest_of_a_micro_unit_is_carried(self):
        key = self.make("ns-rest", MICRO)
        for _ in range(4): # 40,001.32 micro
            self.assertEqual(self.use(key)[0], 200)
            self.at_rest("ns-rest")
        self.assertEqual(self.service.taken("ns-rest"), 40001)
        self.assertEqual({c["appName"] for c in self.service.tries("ns-rest")},
                         {"aigw"})

    def test_other_groups_have_their_own(self):
        group = self.group("default")
        self.assertEqual((group["balance_source"], group["service"]),
                         ("ledger", None))
        key = self.ask("POST", "keys", {"name": "plain"}, 201)["key"]
        self.assertEqual(self.use(key)[0], 200)

    def test_a_quota_replaces_the_balance(self):
        self.service.subscriptions["ns-quota"] = 25000
        key = self.make("ns-quota", 100 * MICRO)
        group = self.group("ns-quota")
        self.assertEqual((group["balance"], group["service"]["quota"],
                          group["service"]["subscription"]), (0.025, 7, True))
        wait_for(lambda: self.use(key)[0] == 402)

    def test_a_group_that_the_service_does_not_know(self):
        key = self.make("ns-stranger", None)
        wait_for(lambda: self.group("ns-stranger")["service"]["error"])
        got, headers, text = self.use(key)
        self.assertEqual((got, json.loads(text)["error"]["code"]),
                         (503, "balance_unavailable"))
        self.assertEqual(self.group("ns-stranger")["service"]["error"],
                         "no account of ns-stranger")

    def test_what_is_left_is_told_on_the_billing_pages(self):
        key = self.make("ns-pages", 3 * MICRO)
        self.assertEqual(self.use(key)[0], 200)
        got, _, text = self.gw.http(
            "GET", "/v1/dashboard/billing/subscription",
            headers={"Authorization": "Bearer " + key})
        self.assertEqual(got, 200, text)
        self.assertAlmostEqual(json.loads(text)["soft_limit_usd"], 3 - 0.01, 3)

    def test_refused_charges_are_made_again(self):
        key = self.make("ns-refused", MICRO)
        self.service.faults["ns-refused"] = ["refused", "refused"]
        self.assertEqual(self.use(key)[0], 200)
        self.assertEqual(self.at_rest("ns-refused")["unknown"], 0)
        self.assertEqual(self.service.taken("ns-refused"), 10000)
        self.assertEqual(len(self.service.tries("ns-refused")), 3)
        self.assertEqual(len({c["key"] for c in self.service.tries(
            "ns-refused")}), 3)

    def test_what_nobody_knows_is_settled_by_a_person(self):
        key = self.make("ns-unknown", MICRO)
        taken = {"500": False, "garbage": True, "cut": True, "slow": True}
        for word in taken:
            self.service.faults["ns-unknown"] = [word]
            self.assertEqual(self.use(key)[0], 200)
            wait_for(self.gw.settled)
            wait_for(lambda: len(self.group("ns-unknown")["service"]
                                 ["charges"]) > list(taken).index(word) and
                     not self.service.faults["ns-unknown"])
            wait_for(lambda: all(
                c["state"] == "unknown" for c in
                self.group("ns-unknown")["service"]["charges"]))
            self.ask("POST", "balances/ns-unknown/ask", status=202)
        service = self.at_rest("ns-unknown")
        self.check_sums("ns-unknown", service)
        self.assertEqual(len(service["charges"]), 4)
        self.assertEqual(len(self.service.tries("ns-unknown")), 4) # none again
        # As long as nobody knows, they count as not charged.
        self.assertLessEqual(
            self.group("ns-unknown")["balance"] * MICRO,
            self.service.balances["ns-unknown"])
        shown = self.gw.ctl("balance", "charges")
        self.assertEqual([(c["group"], c["id"]) for c in shown
                          if c["group"] == "ns-unknown"],
                         [("ns-unknown", c["id"]) for c in service["charges"]])
        for charge, was_taken in zip(service["charges"], taken.values()):
            self.gw.ctl("balance", "settle", "ns-unknown", str(charge["id"]),
                        "--taken" if was_taken else "--not-taken")
        service = self.at_rest("ns-unknown")
        self.assertEqual(service["unknown"], 0)
        self.check_sums("ns-unknown", service)
        self.assertEqual(self.service.taken("ns-unknown"),
                         self.spent("ns-unknown") // 1000)
        self.ask("POST", "balances/ns-unknown/settle",
                 {"charge": 1, "taken": True}, 404)
        rows = self.ask("GET", "audit?operation=balance")["data"]
        self.assertEqual([r["operation"] for r in rows
                          if r["operation"] == "balance_settle"][:4],
                         4 * ["balance_settle"])

    def test_only_workers_may_take_charges(self):
        got, _, text = self.gw.http(
            "POST", "/admin/v1/balances/work",
            json.dumps({"courier": "0-0-1", "more": True}),
            {"Authorization": "Bearer test-admin-token-1",
             "Content-Type": "application/json"}, port=self.gw.admin_port)
        self.assertEqual(got, 403, text)

    def test_figures_and_no_secrets(self):
        self.make("ns-figures", MICRO)
        got, _, text = self.gw.http("GET", "/metrics", port=self.gw.admin_port)
        text = text.decode() if isinstance(text, bytes) else text
        for name in ("aigw_balance_groups ", "aigw_balance_pending{",
                     "aigw_balance_oldest_answer_seconds ",
                     'aigw_balance_failures_total{task="charge"}'):
            self.assertIn("\n" + name, text)
        self.assertIn("ns-figures", [
            row["name"] for row in self.gw.ctl("balance", "list")])
        self.assertNotIn(SECRET, self.gw.log())
        self.assertNotIn("eyJ", self.gw.log())


class Outage(BalanceCase):
    OPTIONS = "max_age = 3s\nreal_name = yes\nreal_name_limit = 0.05\n"

    def test_while_the_service_is_down_the_last_answer_holds_for_a_while(self):
        key = self.make("ns-down", 100000 * MICRO)
        self.assertEqual(self.use(key)[0], 200)
        self.at_rest("ns-down")
        for fault in ((500, {"error": "down"}), "garbage"):
            self.service.down = fault
            self.assertEqual(self.use(key)[0], 200) # it holds
            wait_for(lambda: self.use(key)[0] == 503)
            group = self.group("ns-down")
            self.assertEqual(group["service"]["state"], "too_old")
            self.assertIsNotNone(group["service"]["failing_since"])
            self.service.down = None
            wait_for(lambda: self.use(key)[0] == 200)
        service = self.at_rest("ns-down")
        self.check_sums("ns-down", service)

    def test_who_has_not_proved_his_name_may_spend_little(self):
        self.service.real["uid-ns-nameless"] = False
        key = self.make("ns-nameless", 5 * MICRO)
        wait_for(lambda: self.group("ns-nameless")["service"]["real_name"]
                 is False)
        wait_for(lambda: self.use(key)[0] == 402)
        wait_for(self.gw.settled)
        self.assertLessEqual(self.spent("ns-nameless"), 50000000)
        self.service.real["uid-ns-nameless"] = True
        wait_for(lambda: self.use(key)[0] == 200)


class Moves(BalanceCase):
    OPTIONS = "max_age = 5m\n"

    def reload(self, was, now):
        done = self.gw.ctl("status")["config"]["reloads"]
        self.gw.extra = self.gw.extra.replace(was, now)
        self.gw.write_config()
        self.gw.signal(signal.SIGHUP)
        wait_for(lambda: self.gw.ctl("status")["config"]["reloads"] > done)
        self.assertEqual(self.gw.ctl("status")["config"]["last_reload"], "ok")

    def test_reloads_lose_nothing_and_who_leaves_is_charged_until_then(self):
        key = self.make("ns-moves", 1000 * MICRO)
        stop = threading.Event()
        def load():
            while not stop.is_set():
                self.assertIn(self.use(key)[0], (200, 503))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            loads = [pool.submit(load) for _ in range(2)]
            try:
                for _ in range(3):
                    self.reload("", "")
            finally:
                stop.set()
            for one in loads:
                one.result()
        service = self.at_rest("ns-moves")
        self.assertEqual(service["unknown"], 0) # whoever drained has told
        self.check_sums("ns-moves", service)
        self.assertEqual(self.use(key)[0], 200)
        wait_for(self.gw.settled)
        before = self.spent("ns-moves")
        self.reload("groups = ns-*", "groups = other-*")
        wait_for(lambda: self.group("ns-moves")["service"]["state"] == "ended")
        self.assertEqual(self.group("ns-moves")["balance_source"], "ledger")
        for _ in range(3):
            self.assertEqual(self.use(key)[0], 200)
        self.at_rest("ns-moves")
        self.assertEqual(self.service.taken("ns-moves"), before // 1000)
        self.reload("groups = other-*", "groups = ns-*")
        wait_for(lambda: self.group("ns-moves")["service"]["state"] == "told")
        self.assertEqual(self.use(key)[0], 200)
        self.at_rest("ns-moves")
        self.assertEqual(self.service.taken("ns-moves"),
                         (before + CALL_NANO) // 1000)


class Deaths(BalanceCase):
    OPTIONS = "max_age = 5m\n"
    ROUNDS = int(os.environ.get("AIGW_ROUNDS", "8"))

    def test_whoever_dies_no_charge_is_lost_and_none_made_twice(self):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 30)))
        print("seed %d" % seed)
        rng = random.Random(seed)
        keys = {n: self.make(n, 1000 * MICRO) for n in ("ns-d1", "ns-d2")}
        stop = threading.Event()
        def load(key):
            while not stop.is_set():
                try:
                    self.use(key)
                except OSError:
                    pass # its worker was killed
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load, key) for key in list(keys.values()) * 2]
            try:
                for i in range(self.ROUNDS):
                    role = ("accountant", "worker")[i % 2]
                    seen = len(self.service.seen)
                    wait_for(lambda: len(self.service.seen) > seen + 1, 100)
                    stop.wait(rng.random() / 20)
                    os.kill(rng.choice(list(wait_for(
                        lambda: self.gw.children(role)))), signal.SIGKILL)
            finally:
                stop.set()
            for one in loads:
                one.result()
        self.gw.wait_ready()
        for name in keys:
            service = self.at_rest(name)
            charged, unknown, _ = self.check_sums(name, service)
            taken = self.service.taken(name)
            # Each that was taken is known as such, or one of the unknown.
            self.assertLessEqual(charged, taken)
            self.assertLessEqual(taken, charged + unknown)
            got = [c["key"] for c in self.service.tries(name)]
            self.assertEqual(len(got), len(set(got)))
            amounts = {c["key"].split("-")[-1]: c["amount"]
                       for c in self.service.tries(name)}
            lost = [amounts.get(str(c["id"]), 0) for c in service["charges"]]
            self.assertEqual(taken, charged + sum(lost))
            for charge, amount in zip(service["charges"], lost):
                self.ask("POST", "balances/%s/settle" % name,
                         {"charge": charge["id"], "taken": amount > 0})
            service = self.at_rest(name)
            self.assertEqual(service["unknown"], 0)
            self.assertEqual(self.service.taken(name), self.spent(name) // 1000)


if __name__ == "__main__":
    unittest.main()
