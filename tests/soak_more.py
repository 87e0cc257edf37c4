"""What the soak uses beside plain calls, while it is hurt: fallback and last
resort, cached answers, guardrails, spend rules, dynamic routes, payloads, alerts,
keys that get new values, are deleted and come back, top-ups, prices that change,
exports and searches, logins. Each has a rule that holds whatever dies meanwhile;
a rule that is broken ends the soak.
"""
import asyncio
import hashlib
import hmac
import http.client
import json
import random
import subprocess
import threading
import time

from faults import SEED, all_rows
from gateway import wait_for
from load import Connection, chat
from mock_provider import MockProvider

HOOK_SECRET = "soak-hook-secret"
PLANTED = "secret-7351" # in prompts whose payload is kept: redacted
FREE_FROM, BLOCK_FROM = 12, 50 # tokens of an answer
STATUSES = (0, 200, 400, 402, 409, 422, 429, 502, 503, 504)

CONFIG = """[provider.moody]
kind = openai
base_url = %(moody)s
api_key = sk-moody
cooldown = 300ms
cooldown_max = 2s
connect_timeout = 2s
first_byte_timeout = 2s
[model.twin]
providers = moody, mock
price_input = 1
price_output = 2
[model.sole]
providers = moody
price_input = 1
price_output = 2
[gateway.kept]
log_payload = yes
redact = secret-[0-9]{4}
[gateway.guarded]
guard_prompt = word:block:forbidden, mild:flag:mild
guard_answer = long:block:(?:tok ){50}
webhook_url = %(hook)s/may
webhook_fail = open
[gateway.prod]
spend_rules = id=user limit=0.001 window=10s partition=user
[route.prod/main]
elements = id=plan type=conditional when={"metadata.plan":"paid"} true=twin \
false=rate, id=rate type=rate key=metadata.user limit=20 window=5s success=twin \
fallback=share, id=share type=percentage to=sole:30%% else=m1, \
id=twin type=model model=twin fallback=m1, id=sole type=model model=sole \
fallback=m1, id=m1 type=model model=m1
[alert.file]
url = %(hook)s/hook
secret = %(secret)s
budget = 50, 80, 100
balance = 1000, 500
"""


class Hook(MockProvider):
    """A receiver of events, and the webhook that is asked before calls."""

    def __init__(self):
        super().__init__(handler=self.take)
        self.status, self.asked, self.events = 200, 0, {}
        self.wrong, self.lock = [], threading.Lock()

    async def take(self, method, path, headers, body, writer):
        self.requests.clear() # an hour of them is not kept
        status, answer = self.status, b"{}"
        if path == "/may":
            self.asked += 1
            answer = b'{"allow": true}'
        else:
            self.check(headers, body, status == 200)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % (status, len(answer)) + answer)
        await writer.drain()
        return True

    def check(self, headers, body, taken):
        signed = headers["x-aigw-timestamp"].encode() + b"." + body
        wanted = hmac.new(HOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
        ident = headers["x-aigw-event"]
        with self.lock:
            times, first, good = self.events.get(ident, (0, body, False))
            if headers["x-aigw-signature"] != "sha256=" + wanted or first != body:
                self.wrong.append((ident, first, body))
            self.events[ident] = (times + 1, first, good or taken)


class Manager:
    """Management that asks until it is answered, once by its key of idempotency."""

    made = 0

    def __init__(self, soak):
        self.soak = soak

    def once(self, method, path, body=None, fields=None):
        """(status, headers, data); status 0: no answer."""
        sent = {"Content-Type": "application/json"}
        if not (fields and "Cookie" in fields) and path != "/session":
            sent["Authorization"] = "Bearer test-admin-token-1"
        try:
            return self.soak.gw.http(
                method, "/admin/v1" + path, body, dict(sent, **(fields or {})),
                port=self.soak.gw.admin_port, timeout=30)
        except (OSError, http.client.HTTPException):
            return 0, {}, b""

    def ask(self, method, path, body=None, repeated=False, want=(200, 201, 202)):
        """The data of the answer, however often the accountant dies."""
        fields = {}
        if repeated:
            Manager.made += 1
            fields["Idempotency-Key"] = "soak-%d" % Manager.made
        seen = []

        def answered():
            status, _, data = self.once(method, path, body, fields)
            in_use = status == 409 and b"idempotency_key_in_use" in data
            if status in (0, 503) or in_use or status == 409 and \
                    b"changed_meanwhile" in data:
                return None
            seen[:] = [status, data]
            return True
        wait_for(answered, 120, "an answer to %s %s" % (method, path))
        status, data = seen
        if status not in want:
            raise AssertionError("%s %s: %d %r" % (method, path, status, data[:500]))
        return status, json.loads(data or b"{}")


class More:
    """Mixed into the soak: stage, load, management, faults, audit."""

    def more_start(self, make_provider):
        self.moody = make_provider().start()
        self.moody.book, self.mood = self.provider.book, "good"
        self.moody.answer = self.moody_answer
        self.hook = Hook().start()
        self.manager = Manager(self)
        self.counts = {name: 0 for name in (
            "hits", "blocked prompts", "blocked answers", "spend refusals",
            "dynamic", "fallback", "old value", "deleted", "top-ups", "prices",
            "exports", "searches", "logins", "rotations", "restorations")}
        self.hits, self.unsent, self.paid_in = set(), set(), 0
        self.values, self.life = [], ["alive", 0]

    def more_text(self):
        base = self.hook.base_url[:-3]
        return CONFIG % {"moody": self.moody.base_url, "hook": base,
                         "secret": HOOK_SECRET}

    def more_stop(self):
        for server in (self.moody, self.hook):
            server.stop()

    async def moody_answer(self, path, body, writer, request_id=None):
        plain = type(self.moody).answer
        if self.mood == "good":
            return await plain(self.moody, path, body, writer, request_id)
        if self.mood == "hang":
            await asyncio.sleep(4)
            return False
        if self.mood == "cut":
            request = json.loads(body)
            request["x_mock"]["cut_after"] = 1
            return await plain(self.moody, path, json.dumps(request).encode(),
                               writer, request_id)
        after = b"Retry-After: 1\r\n" if self.mood == "429" else b""
        text = b'{"error": {"message": "moody", "type": "x", "code": "x"}}'
        writer.write(b"HTTP/1.1 %s X\r\nContent-Type: application/json\r\n%s"
                     b"Content-Length: %d\r\n\r\n" % (
                         self.mood.encode(), after, len(text)) + text)
        await writer.drain()
        return True

    # -- stage --

    def more_prepare(self):
        ask = self.manager.ask
        ask("POST", "/models", {"name": "m3", "providers": ["mock"],
                                "price_input": 1, "price_output": 2})
        self.prices = {1: (1, 2)}
        ask("POST", "/groups", {"name": "paid"})
        ask("POST", "/groups/paid/top-up", {"amount": 1200}, repeated=True)
        self.paid_in = 1200
        for name, group, settings in (
                ("cached", "team", {"cache_ttl": "20s"}),
                ("guarded", "team", {"gateway": "guarded"}),
                ("prod", "team", {"gateway": "prod"}),
                ("kept", "team", {"gateway": "kept"}),
                ("turning", "team", {}), ("phoenix", "team", {}),
                ("belled", "team", {}), ("payer", "paid", {})):
            _, made = ask("POST", "/keys", {"name": name, "group": group,
                                            "settings": settings})
            self.keys[name] = (made["key"], made["id"])
            self.special.append(name)
        self.values = [self.keys["turning"][0]]
        ask("PATCH", "/keys/%d" % self.keys["belled"][1], {
            "on_exhausted": "finish", "set_budget": {
                "unit": "tokens", "period": "total", "limit": 4000}})

    # -- load --

    def more_clients(self):
        callers = [self.watched(f) for f in (
            self.twin, self.twin, self.sole, self.cached, self.cached,
            self.guarded, self.spender, self.dynamic, self.keeper, self.belled,
            self.turning, self.phoenix, self.phoenix, self.payer)]
        managers = [self.managing(f) for f in (
            self.treasurer, self.rotator, self.gravedigger, self.pricer,
            self.searcher, self.exporter, self.visitor, self.ringer)]
        return callers + managers

    async def watched(self, make):
        connection = Connection(self.gw.port)
        while not self.stop.is_set():
            outcome = await make(connection)
            # Or a provider's own error, where nobody else was left to ask.
            if outcome.status not in STATUSES and b"moody" not in outcome.body:
                raise AssertionError("%s: %r %r" % (make.__name__, outcome,
                                                    outcome.body[:300]))
            await self.pause_after(outcome)
        connection.close()

    async def say(self, connection, name, model="m1", fields="", words="hello you",
                  value=None, keep=True, **mock):
        body = chat(tokens=mock.pop("tokens", self.rng.randint(1, 30)),
                    stream=mock.pop("stream", self.rng.random() < 0.5),
                    model=model, **mock)
        body["messages"][0]["content"] = words
        outcome = await connection.call(value or self.keys[name][0], body,
                                        fields=fields)
        if keep:
            self.note(name, outcome)
        if outcome.status == 401 and name not in ("turning", "phoenix"):
            raise AssertionError("%s: %r" % (name, outcome))
        return outcome

    async def twin(self, connection):
        outcome = await self.say(connection, "k1", "twin")
        self.counts["fallback"] += outcome.status == 200 and self.mood != "good"
        return outcome

    async def sole(self, connection):
        return await self.say(connection, "k2", "sole")

    async def cached(self, connection):
        kind = self.rng.randrange(8)
        outcome = await self.say(
            connection, "cached", tokens=5 + kind, stream=kind % 2 == 0,
            words="kind %d" % kind, keep=False)
        if outcome.headers.get("x-aigw-cache") != "hit":
            self.note("cached", outcome)
        elif outcome.status == 200:
            self.statuses[200] += 1
            self.counts["hits"] += 1
            self.hits.add(outcome.id)
            if outcome.clean and outcome.tokens != 5 + kind:
                raise AssertionError("another answer: %r" % outcome)
        return outcome

    async def guarded(self, connection):
        bad = self.rng.random() < 0.3
        tokens = self.rng.choice((FREE_FROM, BLOCK_FROM + 20))
        outcome = await self.say(
            connection, "guarded", words="it is %s" % (
                "forbidden" if bad else "mild"), tokens=tokens)
        if outcome.status == 200 and (bad or outcome.tokens >= BLOCK_FROM):
            raise AssertionError("it went past the guard: %r" % outcome)
        if outcome.status == 400 and bad:
            self.counts["blocked prompts"] += 1
            self.unsent.add(outcome.id)
        self.counts["blocked answers"] += not bad and (
            outcome.status == 400 or b"content_blocked" in outcome.body)
        return outcome

    def user(self):
        return 'cf-aig-metadata: {"user": "u%d", "plan": "%s"}\r\n' % (
            self.rng.randrange(4), self.rng.choice(("paid", "free")))

    async def spender(self, connection):
        outcome = await self.say(connection, "prod", fields=self.user())
        if outcome.status == 429:
            self.counts["spend refusals"] += 1
            self.unsent.add(outcome.id)
        return outcome

    async def dynamic(self, connection):
        outcome = await self.say(connection, "prod", "dynamic/main",
                                 fields=self.user())
        self.counts["dynamic"] += outcome.status == 200
        return outcome

    async def keeper(self, connection):
        return await self.say(connection, "kept", words="mind " + PLANTED)

    async def belled(self, connection):
        return await self.say(connection, "belled")

    async def payer(self, connection):
        return await self.say(connection, "payer", "m3")

    async def turning(self, connection):
        value = self.rng.choice(self.values)
        outcome = await self.say(connection, "turning", value=value)
        self.counts["old value"] += value != self.values[-1]
        if outcome.status == 401 and value in self.values:
            raise AssertionError("a good value was refused: %r" % outcome)
        return outcome if outcome.status != 401 else self.nobody(outcome)

    async def phoenix(self, connection):
        before = list(self.life)
        outcome = await self.say(connection, "phoenix")
        if before == self.life and (outcome.status == 401, before[0]) in (
                (True, "alive"), (False, "dead")) and outcome.status:
            # 503: who asks while a worker knows no keys yet is told nothing.
            if outcome.status != 503:
                raise AssertionError("%s: %r" % (before, outcome))
        self.counts["deleted"] += outcome.status == 401
        return outcome if outcome.status != 401 else self.nobody(outcome)

    @staticmethod
    def nobody(outcome):
        outcome.status = 0 # counted already; what follows waits a little
        return outcome

    # -- management --

    async def managing(self, act):
        rng = random.Random("%d %s" % (SEED, act.__name__))
        while not self.stop.is_set():
            await self.run_blocking(act, rng)
            end = asyncio.get_running_loop().time() + rng.uniform(1, 5)
            while not self.stop.is_set() and \
                    asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.1)

    def treasurer(self, rng):
        # The sum of all may not be less than nothing.
        amount = max(rng.randint(-400, 400) + (750 - self.paid_in) // 4,
                     -self.paid_in) or 1
        self.manager.ask("POST", "/groups/paid/top-up", {"amount": amount},
                         repeated=True)
        self.paid_in += amount
        self.counts["top-ups"] += 1

    def rotator(self, rng):
        path = "/keys/%d" % self.keys["turning"][1]
        self.values = self.values[-1:]
        self.manager.ask("DELETE", path + "/former", want=(200, 404))
        _, turned = self.manager.ask("POST", path + "/rotate",
                                     {"grace_seconds": 3600}, repeated=True)
        self.values = self.values + [turned["key"]]
        self.counts["rotations"] += 1

    def gravedigger(self, rng):
        path = "/keys/%d" % self.keys["phoenix"][1]
        for state, method, end, after in (
                ("dying", "DELETE", path, "dead"),
                ("rising", "POST", path + "/restore", "alive")):
            self.life = [state, self.life[1] + 1]
            # 404: it was done by one whose answer was lost.
            self.manager.ask(method, end, {} if method == "POST" else None,
                             want=(200, 404))
            self.life = [after, self.life[1] + 1]
            time.sleep(rng.uniform(0.5, 2))
        self.counts["restorations"] += 1

    def pricer(self, rng):
        price = rng.randint(1, 50)
        self.manager.ask("PATCH", "/models/m3", {"price_input": price,
                                                 "price_output": 2 * price})
        self.counts["prices"] += 1

    def searcher(self, rng):
        path = rng.choice((
            "/logs?limit=50", "/logs?text=kept&limit=20", "/logs?status=429",
            "/logs?metadata=user%3Du1&limit=10", "/logs?group=paid&order=asc",
            "/usage?by=model,minute", "/usage?by=key", "/audit?limit=20",
            "/deliveries?limit=10", "/status", "/health", "/prices", "/keys?limit=5",
            "/groups/paid/top-ups?limit=5", "/cache", "/keys?status=deleted"))
        status, _, data = self.manager.once("GET", path)
        self.expect(status, data, path)
        if rng.random() < 0.3:
            status, _, data = self.manager.once("POST", "/logs/search", {
                "where": [{"field": "cost", "operator": "gt", "values": [0]}],
                "order_by": "cost", "statistics": True, "limit": 5})
            self.expect(status, data, "search")
        self.counts["searches"] += status == 200

    @staticmethod
    def expect(status, data, what):
        if status not in (0, 200, 503):
            raise AssertionError("%s: %d %r" % (what, status, data[:500]))
        if status == 200 and HOOK_SECRET.encode() in data:
            raise AssertionError("%s shows a secret" % what)

    def exporter(self, rng):
        path = "/logs/export?format=jsonl&limit=%d" % rng.choice((10, 3000))
        status, _, data = self.manager.once("GET", path)
        self.expect(status, data, path)
        if status == 200: # it is whole
            for line in data.splitlines():
                json.loads(line)
            self.counts["exports"] += 1

    def visitor(self, rng):
        once = self.manager.once
        status, head, data = once("POST", "/session", {"token": "test-admin-token-1"})
        if status != 201:
            return self.expect(status, data, "login")
        who = json.loads(data)
        cookie = {"Cookie": head["set-cookie"].split(";")[0],
                  "X-Csrf-Token": who["csrf_token"]}
        # Logins end with the accountant that knows them.
        for method, path in (("GET", "/keys?limit=3"), ("GET", "/session"),
                             ("DELETE", "/session")):
            status, _, data = once(method, path, None, cookie)
            if status not in (0, 200, 401, 503):
                raise AssertionError("%s: %d %r" % (path, status, data[:300]))
        self.counts["logins"] += status == 200

    def ringer(self, rng):
        """Raises the budget that was spent: its levels are crossed again."""
        path = "/keys/%d" % self.keys["belled"][1]
        _, key = self.manager.ask("GET", path)
        budget = key["budgets"][0]
        if budget["used"] > budget["limit"]:
            self.manager.ask("PATCH", path, {"set_budget": {
                "unit": "tokens", "period": "total",
                "limit": budget["used"] + 4000}})

    # -- faults --

    async def upstream_moody(self):
        self.mood = self.rng.choice(("500", "503", "429", "cut", "hang"))
        await asyncio.sleep(self.rng.uniform(1, 4))
        self.mood = "good"

    async def hook_fails(self):
        self.hook.status = 500
        await asyncio.sleep(self.rng.uniform(0.5, 3))
        self.hook.status = 200

    async def cache_purged(self):
        await self.run_blocking(self.manager.ask, "POST", "/cache/purge", {})

    async def reload_by_api(self):
        await self.run_blocking(self.manager.once, "POST", "/reload", {})

    # -- the end --

    def more_audit(self):
        case, gw = self.case, self.gw
        case.assertEqual(self.hook.wrong[:3], [], "signatures")
        spent, cached, kept, self.priced = 0, 0, None, 0
        versions = self.price_versions()
        for row in all_rows(gw):
            ident = row["request_id"]
            case.assertFalse(ident in self.unsent and row["tokens"], row)
            if ident in self.hits:
                cached += 1
                case.assertEqual((row["tokens"], row["cost_nano"]), (0, 0), row)
            if row["group"] == "paid":
                spent += row["cost_nano"]
                if row["tokens"] and row["price_version"] in versions:
                    self.check_price(row, versions[row["price_version"]])
            if row["key_id"] == self.keys["kept"][1] and row["tokens"]:
                kept = kept or row
        case.assertEqual(cached, len(self.hits), "answers of the cache were lost")
        for ident in self.unsent:
            case.assertEqual(self.provider.book.served(ident), 0, ident)
        balance = round(self.manager.ask("GET", "/groups/paid")[1]["balance"] * 1e9)
        case.assertEqual(balance, self.paid_in * 10 ** 9 - spent, "the balance")
        case.assertGreater(self.priced, 0)
        self.audit_alerts()
        self.audit_payload(kept)
        print("beside: %s, %d events told, webhook asked %d times, %d prices" % (
            self.counts, len(self.hook.events), self.hook.asked, len(versions)))
        if self.minutes >= 2:
            case.assertEqual([n for n, c in self.counts.items() if c == 0], [],
                             "never happened")

    def price_versions(self):
        versions, page = {}, 1
        while True:
            _, prices = self.manager.ask(
                "GET", "/prices?model=m3&limit=1000&page=%d" % page)
            versions.update((p["version"], p["prices"]) for p in prices["data"]
                            if p["provider"] is None)
            if page * 1000 >= prices["total"]:
                return versions
            page += 1

    def check_price(self, row, prices):
        """By the version that the row names, whichever was in force by then."""
        used = row["usage"]
        cost = used["prompt_missed"] * prices["input"] + \
            used["completion"] * prices["output"]
        if row["cause"] != "lost" and used["prompt_missed"] + \
                used["completion"] == row["tokens"]:
            self.priced += 1
            self.case.assertEqual(row["cost_nano"], round(cost * 1000), row)

    def audit_alerts(self):
        def pending():
            return self.manager.ask("GET", "/deliveries?state=pending")[1]["data"]
        wait_for(lambda: pending() == [], 120, "deliveries")
        _, listed = self.manager.ask("GET", "/deliveries?limit=1000")
        for event in listed["data"]:
            self.case.assertEqual(event["state"], "delivered", event)
            self.case.assertTrue(self.hook.events[event["id"]][2], event)
        kinds = {json.loads(e[1])["type"] for e in self.hook.events.values()}
        self.case.assertEqual(kinds, {"budget", "balance"})
        once = set() # of a budget that never changes each level is told once
        for ident, (_, body, _) in self.hook.events.items():
            event = json.loads(body)
            if event.get("key") == "tight":
                self.case.assertNotIn(event["percent"], once, event)
                once.add(event["percent"])

    def audit_payload(self, row):
        _, shown = self.manager.ask("GET", "/logs/%s?payload=yes" % row["request_id"])
        if shown["payload"]: # the ring drops when it is full, and with a worker
            self.case.assertIn("[redacted]", shown["payload"]["request"]["text"])
        found = subprocess.run(["grep", "-rlE", "%s|%s" % (PLANTED, HOOK_SECRET),
                                self.gw.dir + "/data", self.gw.log_path],
                               capture_output=True, text=True)
        self.case.assertEqual(found.stdout, "", "planted secrets were kept")
