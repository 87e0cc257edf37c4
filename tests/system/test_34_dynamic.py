"""Dynamic routes: which models a call is led to, by its metadata, head and body, by
chance, by rate; what follows a failure; versions; configurations that are none."""
import json
import os
import unittest

from fleet import NAMES, Fleet
from gateway import Gateway, GatewayCase, wait_for
from mock_provider import MockProvider

ROUTES = r"""
[gateway.prod]
[gateway.other]
[route.prod/support]
elements = id=start type=start next=plan, \
 id=plan type=conditional when={"metadata.plan":"paid"} true=big false=share, \
 id=share type=percentage to=small:30% else=middle, \
 id=big type=model provider=alpha model=m1 retries=1 fallback=middle, \
 id=middle type=model provider=beta model=m1 fallback=small, \
 id=small type=model provider=gamma model=m2 timeout=1500ms
[route.prod/limited]
elements = id=r type=rate key=metadata.user limit=3 window=1h success=a fallback=b, \
 id=a type=model provider=alpha model=m1, id=b type=model provider=beta model=m1
[route.prod/closed]
elements = id=r type=rate limit=2 window=1h success=a, id=a type=model model=m2
[route.prod/costly]
elements = id=r type=rate limitType=cost limit=0.0005 window=10d key=headers.x-user success=a fallback=b, \
 id=a type=model provider=alpha model=m1, id=b type=model provider=beta model=m1
[route.prod/tests]
elements = id=c type=conditional when={"$or":[{"headers.x-team":{"$in":["red"\,"blue"]}}\,{"body.temperature":{"$gte":1}}]} true=a false=b, \
 id=a type=model provider=alpha model=m1, id=b type=model provider=beta model=m1
[route.prod/json]
elements = {"id":"s"\,"type":"start"\,"outputs":{"next":{"elementId":"p"}}}, {"id":"p"\,"type":"percentage"\,"outputs":{"100%":{"elementId":"m"}}}, {"id":"m"\,"type":"model"\,"properties":{"provider":"gamma"\,"model":"m2"\,"retries":0\,"timeout":5000}\,"outputs":{"success":{"elementId":"e"}\,"fallback":{"elementId":"e"}}}, {"id":"e"\,"type":"end"\,"outputs":{}}
[route.prod/versioned]
version = 2
[route.prod/versioned@1]
elements = id=a type=model provider=alpha model=m1
[route.prod/versioned@2]
elements = id=a type=model provider=beta model=m1
[route.prod/off]
enabled = no
elements = id=a type=model provider=beta model=m1
""".replace(" \\\n", "")


def config(mock):
    text = ""
    for name in NAMES:
        text += """[provider.%s]
kind = openai
base_url = http://127.0.0.1:%d/0/%s/v1
fails = 0
cooldown = 10ms
cooldown_max = 10ms
""" % (name, mock.port, name)
    return text + """[model.m1]
providers = alpha, beta
price_input = 1
price_output = 1
[model.m2]
providers = gamma
"""


class Dynamic(GatewayCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.mock_provider = MockProvider(handler=cls.fleet).start()
        cls.gw = Gateway(extra=config(cls.mock_provider) + ROUTES, models=(),
                         workers=2).start()
        cls.key = cls.gw.create_key("k")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.mock_provider.stop()

    def ask(self, route, words=None, headers=None, key=None, gateway="prod",
            path=None, **members):
        """(status, places asked, headers, body)"""
        plan = {"tokens": 3, "words": words or {}}
        fields = {"Authorization": "Bearer " + (key or self.key),
                  "Content-Type": "application/json"}
        if gateway and not path:
            fields["cf-aig-gateway-id"] = gateway
        fields.update(headers or {})
        status, answer, body = self.gw.http(
            "POST", path or "/v1/chat/completions",
            dict({"model": "dynamic/" + route, "messages": [
                {"role": "user", "content": json.dumps(plan)}]}, **members),
            fields)
        asked = [a["place"] for a in
                 self.fleet.book.get(answer.get("x-request-id"), [])]
        return status, asked, answer, body

    def meta(self, **tags):
        return {"cf-aig-metadata": json.dumps(tags)}

    def test_a_condition_on_metadata(self):
        status, asked, headers, body = self.ask(
            "support", headers=self.meta(plan="paid"))
        self.assertEqual((status, asked), (200, ["alpha/m1"]), body)
        self.assertEqual(headers["x-aigw-model"], "m1")
        self.assertEqual(json.loads(body)["model"], "m1")
        for tags in ({}, {"plan": "free"}, {"plan": True}):
            status, asked, _, _ = self.ask("support", headers=self.meta(**tags))
            self.assertIn(asked, (["gamma/m2"], ["beta/m1"]))

    def test_cloudflares_path(self):
        status, asked, _, body = self.ask(
            "support", headers=self.meta(plan="paid"),
            path="/v1/acc/prod/compat/chat/completions")
        self.assertEqual((status, asked), (200, ["alpha/m1"]), body)

    def test_what_follows_a_failure(self):
        status, asked, headers, _ = self.ask(
            "support", {"alpha/m1": ["500", "500"], "beta/m1": ["503"]},
            headers=self.meta(plan="paid"))
        self.assertEqual((status, asked), (200, [
            "alpha/m1", "alpha/m1", "beta/m1", "gamma/m2"]))
        self.assertEqual(headers["x-aigw-model"], "m2")
        wait_for(self.gw.settled, 30, "settled")
        row = json.loads(self.gw.admin("GET", "/admin/v1/logs?request_id=" +
                                       headers["x-request-id"])[2])["data"][0]
        self.assertEqual(row["model_asked"], "dynamic/support")
        self.assertEqual([(a["provider"], a["status"]) for a in row["attempts"]],
                         [("alpha", 500), ("alpha", 500), ("beta", 503),
                          ("gamma", 200)])

    def test_a_models_own_time(self):
        status, asked, _, body = self.ask(
            "support", {"alpha/m1": ["500"] * 2, "beta/m1": ["500"],
                        "gamma/m2": ["hang"]}, headers=self.meta(plan="paid"))
        self.assertEqual((status, asked[-1]), (504, "gamma/m2"), body)

    def test_shares(self):
        count, small = 600, 0
        for _ in range(count):
            status, asked, _, _ = self.ask("support")
            self.assertEqual(status, 200)
            small += asked == ["gamma/m2"]
        # 30% of them; five standard deviations either way.
        self.assertLess(abs(small - 180), 5 * (count * 0.3 * 0.7) ** 0.5)

    def test_a_rate_by_a_field_of_metadata(self):
        for user in ("ann", "bob"):
            asked = [self.ask("limited", headers=self.meta(user=user))[1][0]
                     for _ in range(5)]
            self.assertEqual(asked, ["alpha/m1"] * 3 + ["beta/m1"] * 2)

    def test_a_rate_that_leads_nowhere_is_a_refusal(self):
        got = [self.ask("closed")[0] for _ in range(4)]
        self.assertEqual(got, [200, 200, 429, 429])

    def test_a_limit_of_cost(self):
        """Within it as long as what has ended has cost less, for each user."""
        for user in ("ann", "bob"):
            self.spend(user)

    def place_of(self, user):
        status, place, headers, _ = self.ask("costly",
                                             headers={"x-user": user})
        self.assertEqual(status, 200)
        return place[0], float(headers["x-aigw-cost"])

    def spend(self, user):
        """Until it is used up; counted when the accountant has the record."""
        cost = 0.0
        while cost < 0.0005:
            place, more = self.place_of(user)
            self.assertEqual(place, "alpha/m1")
            cost += more
        wait_for(lambda: self.place_of(user)[0] == "beta/m1", 30, "used up")
        for _ in range(5):
            self.assertEqual(self.place_of(user)[0], "beta/m1")

    def test_a_limit_of_cost_outlives_all_processes_and_the_segment(self):
        gw = self.gw
        self.spend("eve")
        wait_for(gw.settled, 30, "in the books")
        for lost in (False, True):
            gw.kill_all()
            if lost: # as after a start of the machine
                os.unlink("/dev/shm/aigw-" + gw.instance)
            gw.start()
            self.assertEqual(self.place_of("eve")[0], "beta/m1")
            self.assertEqual(self.place_of("new-%s" % lost)[0], "alpha/m1")
        gw.verify()

    def test_fields_of_head_and_body(self):
        for headers, members, place in (
                ({"x-team": "red"}, {}, "alpha/m1"),
                ({"X-Team": "green"}, {}, "beta/m1"),
                ({}, {"temperature": 1.5}, "alpha/m1"),
                ({}, {"temperature": 0.5}, "beta/m1"),
                ({}, {}, "beta/m1")):
            self.assertEqual(self.ask("tests", headers=headers, **members)[1],
                             [place])

    def test_cloudflares_json(self):
        self.assertEqual(self.ask("json")[1], ["gamma/m2"])

    def test_versions(self):
        self.assertEqual(self.ask("versioned")[1], ["beta/m1"])
        self.assertEqual(self.ask("versioned@1")[1], ["alpha/m1"])

    def test_names_that_are_none(self):
        for route, gateway in (("nobody", "prod"), ("off", "prod"),
                               ("support", "other"), ("support", None)):
            status, asked, _, body = self.ask(route, gateway=gateway)
            self.assertEqual((status, asked), (404, []), body)
            self.assertIn(b"model_not_found", body)
        status, asked, _, body = self.ask( # that path is of one provider
            "support", path="/v1/acc/prod/alpha/v1/chat/completions")
        self.assertEqual((status, asked), (404, []), body)

    def test_models_that_a_key_may_not_use_are_passed_over(self):
        key = self.gw.create_key("narrow", "--models", "m2")
        status, asked, _, _ = self.ask("support", key=key,
                                       headers=self.meta(plan="paid"))
        self.assertEqual((status, asked), (200, ["gamma/m2"]))
        status, asked, _, body = self.ask("limited", key=key)
        self.assertEqual((status, asked), (404, []), body)

    def test_made_and_changed_by_management(self):
        def call(method, path, body=None, expected=200):
            status, _, answer = self.gw.admin(method, "/admin/v1/" + path, body)
            self.assertEqual(status, expected, answer)
            return json.loads(answer) if answer else None
        call("POST", "gateways", {"name": "made"}, 201)
        first = [{"id": "c", "type": "conditional", "properties": {
            "conditions": {"$or": [{"metadata.a": "x, y"}, {"body.n": 2}]}},
            "outputs": {"true": {"elementId": "m"},
                        "false": {"elementId": "n"}}},
            "id=m type=model provider=beta model=m1",
            "id=n type=model provider=alpha model=m1"]
        call("POST", "routes", {"name": "made/way@1", "elements": first}, 201)
        call("POST", "routes", {"name": "made/way@2", "elements": [
            "id=m type=model model=m2"]}, 201)
        call("POST", "routes", {"name": "made/way", "version": "1"}, 201)
        shown = call("GET", "routes/made%2Fway@1")
        self.assertEqual(shown["elements"], first)
        self.assertEqual(shown["managed_by"], "api")
        wait_for(lambda: self.ask("way", gateway="made")[0] == 200, 30, "made")
        self.assertEqual(self.ask("way", gateway="made")[1], ["alpha/m1"])
        self.assertEqual(self.ask("way", gateway="made", headers=self.meta(
            a="x, y"))[1], ["beta/m1"])
        call("PATCH", "routes/made%2Fway", {"version": "2"})
        wait_for(lambda: self.ask("way", gateway="made")[1] == ["gamma/m2"], 30,
                 "the other version")
        status, _, body = self.gw.admin(
            "PATCH", "/admin/v1/routes/made%2Fway@2",
            {"elements": ["id=m type=model model=m2 fallback=m"]})
        self.assertEqual(status, 400, body)
        self.assertIn(b"leads back", body)
        status, _, body = self.gw.admin("DELETE",
                                        "/admin/v1/routes/made%2Fway@2")
        self.assertGreaterEqual(status, 400, body)  # it is deployed
        call("DELETE", "routes/made%2Fway")
        self.assertEqual(self.ask("way", gateway="made")[0], 404)
        names = [r["name"] for r in call("GET", "routes?limit=100")["data"]]
        self.assertIn("made/way@1", names)
        self.assertIn("prod/support", names)

    def test_configurations_that_are_none(self):
        for text, reason in (
                ("id=a type=model", "`model` is missing"),
                ("id=a type=jump", "none of start"),
                ("type=model model=m", "no id"),
                ("model=m type=model", "come first"),
                ("id=a type=model model=m fallback=b", "leads to no element"),
                ("id=a type=model model=m fallback=a", "leads back"),
                ("id=a type=model model=m, id=a type=end", "two of that id"),
                ("id=a type=model model=m, id=b type=end", "nothing leads"),
                ("id=a type=end", "no way leads to a model"),
                ("id=a type=percentage to=m:60%, id=m type=model model=m",
                 "not 100%"),
                ("id=a type=percentage to=m:60% to=m:50%, id=m type=model "
                 "model=m", "not 100%"),
                ("id=a type=rate limit=1 success=m, id=m type=model model=m",
                 "`window`"),
                ("id=a type=rate limit=1 window=1m limitType=size success=m, "
                 "id=m type=model model=m", "limitType"),
                ("id=a type=rate limit=1.5 window=1m success=m, "
                 "id=m type=model model=m", "`limit`"),
                ("id=a type=rate limit=x window=1m limitType=cost success=m, "
                 "id=m type=model model=m", "`limit`"),
                ('id=a type=conditional when={"plan":1} true=m false=m, '
                 "id=m type=model model=m", "metadata.NAME"),
                ('id=a type=conditional when={"metadata.a":{"$like":1}} true=m '
                 "false=m, id=m type=model model=m", "no test"),
                ("id=a type=model model=m provider=nobody", "no provider"),
                ("id=a type=model model=m retries=5 fallback=b, "
                 "id=b type=model model=m retries=5", "more than 8"),
                ("", "1 to 32 elements")):
            with self.subTest(text=text):
                path = self.gw.config + ".bad"
                with open(self.gw.config) as f:
                    good = f.read()
                with open(path, "w") as f:
                    f.write(good + "\n[route.prod/bad]\nelements = %s\n" % text)
                done = self.gw.tool("aigw", "-t", "-c", path, ok=False)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn(reason, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
