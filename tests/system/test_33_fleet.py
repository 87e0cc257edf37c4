"""A fleet of providers on bad days: each rule of choice and each failure in one
table, with the sequence of providers, the outcome and the charge that follow.

RULES says who may be asked, in which order; FAILURES what the first ones do;
fleet.WORDS what a word does and what is made of it. walk() is the table's meaning:
candidates are asked in order until one succeeds or its failure is the call's own.
AIGW_ROUNDS=10000 makes as many calls; AIGW_SEED repeats a run.
"""
import asyncio
import json
import os
import random
import time
import unittest

from fleet import FOR_PLAIN, FOR_STREAMS, GUESSED, NAMES, NOTHING, PRICES, \
    STATED, WORDS, Fleet
from gateway import Gateway, GatewayCase, wait_for
from load import Connection
from mock_provider import MockProvider

ROUNDS = int(os.environ.get("AIGW_ROUNDS", "1000"))
SEED = int(os.environ.get("AIGW_SEED", random.SystemRandom().randrange(1 << 32)))
FLEETS = 12
HANG_MS = 1500


class Rule:
    """order: providers/models as they may be asked. body, fields: what says so;
    {alpha} is that fleet's name of it."""

    def __init__(self, order, body=None, fields=None, model="m1", most=None):
        self.order = [o if "/" in o else o + "/m1" for o in order.split()]
        self.body, self.fields, self.model = body or {}, fields or {}, model
        self.most = most or len(self.order)


RULES = {
    "as configured": Rule("alpha beta gamma"),
    "by price": Rule("beta gamma alpha", fields={"x-aigw-sort": "price"}),
    "sort of the body": Rule("beta gamma alpha", {"provider": {"sort": "price"}}),
    ":floor": Rule("beta gamma alpha", model="m1-{fleet}:floor"),
    "order": Rule("gamma alpha beta", {"provider": {"order": ["{gamma}"]}}),
    "order alone": Rule("gamma beta", {"provider": {
        "order": ["{gamma}", "{beta}"], "allow_fallbacks": False}}),
    "no fallbacks": Rule("alpha", {"provider": {"allow_fallbacks": False}}),
    "only": Rule("beta gamma", {"provider": {"only": ["{beta}", "{gamma}"]}}),
    "ignore": Rule("alpha gamma", {"provider": {"ignore": ["{beta}"]}}),
    "max_price": Rule("beta gamma", {"provider": {"max_price": {"prompt": 2}}}),
    "list": Rule("gamma alpha beta",
                 fields={"x-aigw-providers": "{gamma},{alpha}"}),
    "profile": Rule("gamma alpha", fields={"cf-aig-gateway-id": "fixed-{fleet}"}),
    "chain of models": Rule("alpha beta gamma gamma/m2",
                            {"models": ["m2-{fleet}"]}),
    "two attempts": Rule("alpha beta", fields={"cf-aig-max-attempts": "2"}),
    "path of a provider": Rule("alpha", fields={"path": "/v1/acc/gw/{alpha}/v1/"
                                                  "chat/completions"}),
}
# What the candidates do, from the first one on; those behind are well.
FAILURES = [
    [], [], ["slow"], ["lie"], ["cut"],
    ["400"], ["413"], ["422"], ["451"],
    ["401"], ["403"], ["404"], ["408"], ["409"], ["429"], ["500"], ["503"],
    ["529"], ["500 billed"], ["torn"], ["half"], ["half billed"], ["hang"],
    ["error"], ["coded"], ["error", "500 billed"], ["coded", "error", "hang"],
    ["error"] * 4, ["500", "503"], ["429", "half"], ["torn", "500"], ["500", "429", "404"],
    ["500 billed", "500 billed"], ["half billed", "500 billed", "cut"],
    ["500", "400"], ["503", "cut"], ["429", "lie"], ["401", "500 billed"],
    ["500", "500", "500", "500"], ["500 billed"] * 4, ["half billed"] * 4,
    ["torn", "half", "torn", "half"], ["429"] * 4, ["500", "hang"],
]
SHAPES = ("plain", "stream", "messages", "messages stream")


def walk(order, most, words):
    """The row of the table: [(place, word)] as they are asked."""
    asked = []
    for place, word in zip(order[:most], words + ["ok"] * len(order)):
        asked.append((place, word))
        if not WORDS[word].goes_on:
            break
    return asked


class Case:
    """One call: what it is, what is expected, what came of it."""

    def __init__(self, fleet, rule, words, shape, rng):
        self.fleet, self.rule, self.words, self.shape = fleet, rule, words, shape
        self.tokens = rng.randrange(4, 40)
        self.asked = walk(RULES[rule].order, RULES[rule].most, words)
        self.outcome = None

    def __repr__(self):
        return "fleet %d, %s, %s, %s: expected %s" % (
            self.fleet, self.rule, self.words, self.shape, self.asked)

    def fill(self, value):
        """Placeholders of a rule, as this fleet has them."""
        names = {n: "%s%d" % (n, self.fleet) for n in NAMES}
        text = json.dumps(value)
        for name in NAMES:
            text = text.replace("{%s}" % name, names[name])
        return json.loads(text.replace("{fleet}", str(self.fleet)))

    def body(self):
        rule = RULES[self.rule]
        plan = {"tokens": self.tokens, "words": {}}
        for place, word in zip(rule.order, self.words):
            plan["words"].setdefault(place, []).append(word)
        model = rule.model if "{" in rule.model else rule.model + "-{fleet}"
        body = self.fill(dict({"model": model}, **rule.body))
        body["messages"] = [{"role": "user", "content": json.dumps(plan)}]
        if self.shape.startswith("messages"):
            body["max_tokens"] = 1000
        if self.shape.endswith("stream"):
            body["stream"] = True
        return body

    def fields(self):
        fields = self.fill(RULES[self.rule].fields)
        path = fields.pop("path", "/v1/messages" if self.shape.startswith(
            "messages") else "/v1/chat/completions")
        if any(w == "hang" for _, w in self.asked):
            fields["cf-aig-request-timeout"] = str(HANG_MS)
        return path, "".join("%s: %s\r\n" % f for f in fields.items())

    @property
    def last(self):
        return self.asked[-1][1]


def possible(rule, words, shape):
    if shape.startswith("messages") and (RULES[rule].body or
                                         rule == "path of a provider"):
        return False  # both are of chat
    stream = shape.endswith("stream")
    return not any(w in (FOR_PLAIN if stream else FOR_STREAMS)
                   for _, w in walk(RULES[rule].order, RULES[rule].most, words))


def cases(count, rng):
    """Every row of the table in each shape, then again, mixed."""
    table = [(r, w, s) for r in RULES for w in FAILURES for s in SHAPES
             if possible(r, w, s) and ("hang" not in w or rng.random() < 0.2)]
    rng.shuffle(table)
    for i in range(count):
        rule, words, shape = table[i % len(table)]
        yield Case(i % FLEETS, rule, words, shape, rng)


class FleetCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        print("seed %d" % SEED, flush=True)
        cls.fleet = Fleet()
        cls.mock = MockProvider(handler=cls.fleet).start()
        cls.gw = Gateway(extra="".join(
            cls.config(f) for f in range(FLEETS)), models=(), workers=2).start()
        cls.key = cls.gw.create_key("k")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.mock.stop()

    @classmethod
    def config(cls, fleet):
        text = ""
        for name in NAMES:
            text += """[provider.%s%d]
kind = openai
base_url = http://127.0.0.1:%d/%d/%s/v1
api_key = sk-fleet
fails = 0
cooldown = 10ms
cooldown_max = 10ms
[endpoint.%s%d/m1-%d]
price_input = %d
price_output = %d
""" % (name, fleet, cls.mock.port, fleet, name, name, fleet, fleet, PRICES[name],
       PRICES[name])
        return text + """[model.m1-%d]
providers = alpha%d, beta%d, gamma%d
[model.m2-%d]
providers = gamma%d
price_input = 4
price_output = 4
[gateway.fixed-%d]
route = provider
providers = gamma%d, alpha%d
""" % ((fleet,) * 9)

    # ---- one call ----

    async def ask(self, connection, case):
        path, fields = case.fields()
        case.outcome = await connection.call(self.key, case.body(), path=path,
                                             fields=fields)
        return case

    async def heal(self, connection, case):
        """Until each provider that cools is asked again."""
        for place, word in case.asked:
            end = time.monotonic() + 30
            while WORDS[word].cools:
                name, model = place.split("/")
                outcome = await connection.call(self.key, {
                    "model": "%s-%d" % (model, case.fleet),
                    "messages": [{"role": "user", "content": json.dumps(
                        {"tokens": 1, "words": {}})}],
                    "provider": {"order": ["%s%d" % (name, case.fleet)]}})
                if self.fleet.book[outcome.id][0]["place"] == place:
                    break
                self.assertLess(time.monotonic(), end, "%s cools" % place)

    async def drive(self, todo):
        """Each fleet has one call at a time: what one cools is no other's."""
        done, queues = [], {f: [] for f in range(FLEETS)}
        for case in todo:
            queues[case.fleet].append(case)

        async def fleet(queue):
            connection = Connection(self.gw.port)
            for case in queue:
                done.append(await self.ask(connection, case))
                await self.heal(connection, case)
            connection.close()
        await asyncio.gather(*(fleet(q) for q in queues.values()))
        return done

    # ---- the books ----

    def rows(self):
        """{request id: row} of the log."""
        wait_for(self.gw.settled, 60, "settled")
        rows, cursor = {}, ""
        while True:
            status, _, body = self.gw.admin(
                "GET", "/admin/v1/logs?order=asc&limit=1000&cursor=" + cursor)
            self.assertEqual(status, 200, body)
            page = json.loads(body)
            for row in page["data"]:
                self.assertNotIn(row["request_id"], rows)
                rows[row["request_id"]] = row
            if not page["more"]:
                return rows
            cursor = page["cursor"]


def price_of(place):
    return 4 if place.endswith("/m2") else PRICES[place.split("/")[0]]


class Table(FleetCase):
    def test_every_rule_and_failure(self):
        rng = random.Random(SEED)
        done = asyncio.run(self.drive(list(cases(ROUNDS, rng))))
        rows, wrong = self.rows(), []
        for case in done:
            try:
                self.check_case(case, rows)
            except AssertionError as error:
                wrong.append("%r\n  got %r\n  %s" % (case, case.outcome, error))
        self.assertEqual(wrong, [], "%d of %d wrong, the first:\n%s" % (
            len(wrong), len(done), "\n".join(wrong[:int(os.environ.get("AIGW_SHOWN", "3"))])))
        self.check_books(rows)
        failed = sum(c.outcome.status != 200 for c in done)
        print("%d calls over %d rows of the table, %d attempts, %d told to the "
              "client as errors" % (len(done), len(RULES) * len(FAILURES),
                                    sum(len(c.asked) for c in done), failed),
              flush=True)

    def check_case(self, case, rows):
        truth = self.fleet.book.get(case.outcome.id, [])
        self.assertEqual([(a["place"], a["word"]) for a in truth], case.asked)
        self.check_outcome(case)
        row = rows[case.outcome.id]
        self.check_attempts(case, row)
        self.check_charge(case, truth, row)

    def check_outcome(self, case):
        outcome, last = case.outcome, WORDS[case.last]
        told = last.translated if case.shape.startswith("messages") else last.told
        self.assertEqual(outcome.status, told)
        self.assertEqual(outcome.headers["x-aigw-attempts"],
                         str(len(case.asked)))
        body = outcome.body.decode()
        if told != 200 or case.last == "error":
            self.assertIn("error", body)
        elif case.last == "cut":
            self.assertFalse(outcome.clean, "a cut stream has no clean end")
        else:
            self.assertTrue(outcome.clean, outcome.error)
            self.assertEqual(body.count("tok "), case.tokens)
        # What a healthy candidate could have prevented.
        if last.goes_on:
            rule = RULES[case.rule]
            self.assertEqual(len(case.asked), rule.most)

    def check_attempts(self, case, row):
        self.assertEqual(row["attempt_count"], len(case.asked))
        names = [(p.split("/")[0] + str(case.fleet),
                  p.split("/")[1] + "-%d" % case.fleet, WORDS[w].status)
                 for p, w in case.asked]
        if len(case.asked) == 1 and row["cause"] == "ok":
            self.assertEqual(row["attempts"], [])
        else:
            self.assertEqual([(a["provider"], a["model"], a["status"])
                              for a in row["attempts"]], names)
            self.assertEqual({a["credential"] for a in row["attempts"]}, {None})
            self.assertLessEqual(max(a["duration_ms"] for a in row["attempts"]),
                                 row["duration_ms"])
            self.assertEqual(row["attempts"][-1]["cause"], row["cause"])
            self.assertEqual(sum(a["cost_nano"] for a in row["attempts"]),
                             row["cost_nano"])
        self.assertEqual((row["provider"], row["model"]), names[-1][:2])

    def check_charge(self, case, truth, row):
        tokens = nano = 0
        for attempt in truth[:-1]:
            if WORDS[attempt["word"]].charge is STATED:
                tokens += attempt["stated"]
                nano += attempt["stated"] * price_of(attempt["place"]) * 1000
        last, charge = truth[-1], WORDS[case.last].last_charge
        if charge is STATED:
            tokens += last["stated"]
            nano += last["stated"] * price_of(last["place"]) * 1000
        if charge is GUESSED:
            # The prompt by its bytes, and no more than was served.
            self.assertGreater(row["tokens"], tokens)
            self.assertLessEqual(row["tokens"] - tokens,
                                 2 * last["prompt"] + 20 + last["output"])
            self.assertTrue(row["estimated"])
            self.assertEqual(row["cost_nano"] - nano, (row["tokens"] - tokens) *
                             price_of(last["place"]) * 1000)
        else:
            self.assertEqual((row["tokens"], row["cost_nano"]), (tokens, nano))
            self.assertFalse(row["estimated"] and tokens > 0)

    def check_books(self, rows):
        """Each request of the providers' book has one row, and the key's total
        is their sum."""
        self.assertEqual(set(self.fleet.book) - set(rows), set())
        totals = json.loads(self.gw.admin("GET", "/admin/v1/keys/%s" % self.gw.ctl(
            "key", "get", "k")["id"])[2])
        self.assertEqual(totals["total"]["tokens"],
                         sum(r["tokens"] for r in rows.values()))
        self.gw.verify()


class Draw(FleetCase):
    def test_shares_of_the_weighted_draw_and_of_who_follows(self):
        """1/price^2, and again among those left when the first has failed."""
        count, firsts, seconds = max(900, ROUNDS // 4), {}, {}

        async def drive():
            async def one(fleet, calls):
                connection = Connection(self.gw.port)
                for i in range(calls):
                    words = {"%s/m1" % n: ["500"] for n in NAMES} \
                        if i % 2 else {}
                    outcome = await connection.call(self.key, {
                        "model": "m1-%d" % fleet, "messages": [{
                            "role": "user", "content": json.dumps({
                                "tokens": 1, "words": words})}]},
                        fields="x-aigw-sort: draw\r\n"
                               "cf-aig-max-attempts: 2\r\n")
                    asked = [a["name"] for a in self.fleet.book[outcome.id]]
                    firsts[asked[0]] = firsts.get(asked[0], 0) + 1
                    if words:
                        self.assertEqual(len(set(asked)), 2)
                        pair = tuple(asked)
                        seconds[pair] = seconds.get(pair, 0) + 1
                connection.close()
            await asyncio.gather(*(one(f, count // FLEETS)
                                   for f in range(FLEETS)))
        asyncio.run(drive())
        weights = {n: 1 / PRICES[n] ** 2 for n in NAMES}
        total = sum(weights.values())
        wanted = {n: weights[n] / total for n in NAMES}
        # Bounds: 1 in 100,000 by chance, 2 and 5 degrees of freedom.
        self.assertLess(chi_square(firsts, wanted), 23.0, firsts)
        wanted = {(a, b): weights[a] / total * weights[b] / (total - weights[a])
                  for a in NAMES for b in NAMES if a != b}
        self.assertLess(chi_square(seconds, wanted), 30.9, seconds)


def chi_square(seen, shares):
    count = sum(seen.values())
    return sum((seen.get(k, 0) - count * share) ** 2 / (count * share)
               for k, share in shares.items())


if __name__ == "__main__":
    unittest.main()
