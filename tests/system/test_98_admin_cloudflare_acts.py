"""What Cloudflare's clients set acts on the data plane: dynamic routes deployed,
exchanged, renamed, deleted, by whose token; zdr and dlp of a gateway. One server."""
import json
import unittest

from fleet import NAMES, Fleet
from gateway import Gateway
from mock_provider import MockProvider

TOKEN = "test-admin-token-1"
BASE = {"cache_invalidate_on_update": True, "cache_ttl": None, "collect_logs": True,
        "rate_limiting_interval": None, "rate_limiting_limit": None}


def way(provider, model="m1", **properties):
    """start -> model -> end, in Cloudflare's objects"""
    return [{"id": "s", "type": "start", "outputs": {"next": {"elementId": "m"}}},
            {"id": "m", "type": "model",
             "properties": dict({"provider": provider, "model": model,
                                 "retries": 0, "timeout": 20000}, **properties),
             "outputs": {"success": {"elementId": "e"}, "fallback": {"elementId": "e"}}},
            {"id": "e", "type": "end", "outputs": {}}]


class Acts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet()
        cls.mock = MockProvider(handler=cls.fleet).start()
        cls.addClassCleanup(cls.mock.stop)
        text = "".join("""[provider.%s]
kind = openai
base_url = http://127.0.0.1:%d/0/%s/v1
data_policy = %s
""" % (name, cls.mock.port, name, "zero" if name == "beta" else "collects")
                       for name in NAMES)
        text += "[model.m1]\nproviders = alpha, beta\n[model.m2]\nproviders = gamma\n"
        text += """[provider.delta]
kind = openai
base_url = http://127.0.0.1:%d/0/delta/v1
[model.m3]
providers = delta
""" % cls.mock.port
        cls.gw = Gateway(extra=text, models=(), workers=2).start()
        cls.addClassCleanup(cls.gw.cleanup)
        for group in ("acme", "other"):
            cls.gw.ctl("group", "create", group)
        cls.key = cls.gw.create_key("k", "--group", "acme")

    def send(self, method, path, body=None, token=TOKEN):
        status, _, data = self.gw.http(
            method, "/client/v4/accounts" + path, body,
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
            port=self.gw.admin_port)
        return status, json.loads(data)

    def result(self, *args, **kw):
        status, answer = self.send(*args, **kw)
        self.assertEqual((status, answer["success"]), (200, True), answer)
        return answer["result"]

    def faults(self, *args, status=400, **kw):
        got, answer = self.send(*args, **kw)
        self.assertEqual((got, answer["success"]), (status, False), answer)
        return [(e["code"], ".".join(e.get("path", []))) for e in answer["errors"]]

    def make(self, name, group="acme", **settings):
        self.result("POST", "/%s/ai-gateway/gateways" % group,
                    dict(BASE, id=name, **settings))
        return "/%s/ai-gateway/gateways/%s" % (group, name)

    def call(self, gateway, model, text="", group="acme"):
        """(status, places asked, body)"""
        plan = json.dumps({"tokens": 3, "words": {}})
        status, head, body = self.gw.http(
            "POST", "/v1/%s/%s/compat/chat/completions" % (group, gateway),
            {"model": model, "messages": [{"role": "system", "content": text},
                                          {"role": "user", "content": plan}]},
            {"Authorization": "Bearer " + self.key, "Content-Type": "application/json"})
        return status, [a["place"] for a in
                        self.fleet.book.get(head.get("x-request-id"), [])], json.loads(body)

    def test_a_provider_config_is_picked_by_its_alias_on_its_gateway(self):
        first, second = self.make("byok-1"), self.make("byok-2")
        for gateway, secret in ((first, "k1"), (second, "k2")):
            self.result("POST", gateway + "/provider_configs", {
                "alias": "mine", "default_config": False, "provider_slug": "delta",
                "secret": secret * 8})
        def picked(gateway, alias):
            status, head, body = self.gw.http(
                "POST", "/v1/acme/%s/compat/chat/completions" % gateway,
                {"model": "m3", "messages": [{"role": "user", "content":
                                              json.dumps({"tokens": 3, "words": {}})}]},
                {"Authorization": "Bearer " + self.key, "cf-aig-byok-alias": alias,
                 "Content-Type": "application/json"})
            return status, head.get("x-aigw-credential") if status == 200 else \
                json.loads(body)["error"][0]["code"]
        for _ in range(3):
            self.assertEqual(picked("byok-1", "mine"), (200, "acme.byok-1.mine"))
            self.assertEqual(picked("byok-2", "mine"), (200, "acme.byok-2.mine"))
        self.assertEqual(picked("byok-1", "acme.byok-2.mine"), (200, "acme.byok-2.mine"))
        self.assertEqual(picked("byok-1", "other"), (400, 2040))

    def given(self, key, gateway=None, alias=None):
        """(status, credential or code): of a call of m3 through that gateway."""
        path = "/v1/acme/%s/compat/chat/completions" % gateway if gateway else \
            "/v1/chat/completions"
        fields = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
        if alias:
            fields["cf-aig-byok-alias"] = alias
        status, head, body = self.gw.http("POST", path, {
            "model": "m3", "messages": [
                {"role": "user", "content": json.dumps({"tokens": 3, "words": {}})}]}, fields)
        if status == 200:
            return status, head.get("x-aigw-credential")
        error = json.loads(body)["error"]
        return status, error[0]["code"] if gateway else error["code"]

    def test_the_default_config_of_a_gateway_is_for_its_calls(self):
        first, second = self.make("default-1"), self.make("default-2")
        for gateway, alias, default in ((first, "house", True), (first, "extra", False),
                                        (second, "extra", False)):
            self.result("POST", gateway + "/provider_configs", {
                "alias": alias, "default_config": default, "provider_slug": "delta",
                "secret": "sk-%s-0123456789" % alias})
        for _ in range(4):
            self.assertEqual(self.given(self.key, "default-1"), (200, "acme.default-1.house"))
        self.assertEqual(self.given(self.key, "default-1", "extra"),
                         (200, "acme.default-1.extra"))
        for gateway in ("default-2", None):
            self.assertEqual(self.given(self.key, gateway)[0], 404, gateway)
        self.assertEqual(self.given(self.key, "default-2", "extra"),
                         (200, "acme.default-2.extra"))

    def test_a_provider_config_has_no_more_calls_than_its_rate(self):
        gateway = self.make("rated")
        day = 86400
        for alias, more in (("three", {"rate_limit": 3, "rate_limit_period": 31 * day}),
                            ("two", {"rate_limit": 2, "rate_limit_period": 31 * day})):
            made = self.result("POST", gateway + "/provider_configs", dict(more, **{
                "alias": alias, "default_config": True, "provider_slug": "delta",
                "secret": "sk-%s-0123456789" % alias}))
            self.assertEqual({k: made[k] for k in more}, more)
        self.assertEqual(self.given(self.key, "rated", "two"), (200, "acme.rated.two"))
        got = [self.given(self.key, "rated") for _ in range(6)] # two workers, one count
        self.assertEqual(sorted(c for s, c in got if s == 200),
                         ["acme.rated.three"] * 3 + ["acme.rated.two"])
        self.assertEqual([s for s, _ in got].count(429), 2)
        self.assertEqual(self.given(self.key, "rated", "three"), (429, 2003))
        self.faults("POST", gateway + "/provider_configs", {
            "alias": "much", "default_config": True, "provider_slug": "delta",
            "secret": "sk-much", "rate_limit": 4194304})

    def asked(self, gateway, route):
        status, places, body = self.call(gateway, "dynamic/" + route)
        self.assertIn(status, (200, 404), body)
        self.assertEqual(status == 200, bool(places), body)
        return places

    def native(self, name):
        status, _, data = self.gw.admin("GET", "/admin/v1/routes/" + name.replace("/", "%2F"))
        return status, json.loads(data)

    def test_what_is_deployed_is_what_the_next_call_takes(self):
        routes = self.make("g1") + "/routes"
        made = self.result("POST", routes, {"name": "way", "elements": way("alpha")})
        one = routes + "/" + made["id"]
        self.assertTrue(made["version"]["is_valid"])
        first = made["version"]["version_id"]
        self.assertEqual(self.asked("g1", "way"), ["alpha/m1"])
        second = self.result("POST", one + "/versions", {"elements": way("beta")})
        self.assertEqual(self.asked("g1", "way"), ["alpha/m1"])
        for version, place in ((second["version"]["version_id"], "beta/m1"),
                               (first, "alpha/m1"),
                               (second["version"]["version_id"], "beta/m1")):
            self.result("POST", one + "/deployments", {"version_id": version})
            self.assertEqual(self.asked("g1", "way"), [place])
        status, native = self.native("acme/g1/way")
        self.assertEqual((status, native["managed_by"], native["elements"]),
                         (200, "api", way("beta")))
        self.assertEqual(self.send("PATCH", one, {"name": "away"})[0], 200)
        self.assertEqual(self.asked("g1", "way"), [])
        self.assertEqual(self.asked("g1", "away"), ["beta/m1"])
        self.assertEqual(self.native("acme/g1/way")[0], 404)
        # A route of a gateway is that gateway's alone.
        self.make("g1b")
        self.assertEqual(self.asked("g1b", "away"), [])
        # A version that asks nobody takes the route out of force.
        empty = self.result("POST", one + "/versions", {"elements": []})
        self.result("POST", one + "/deployments",
                    {"version_id": empty["version"]["version_id"]})
        self.assertEqual(self.asked("g1", "away"), [])
        self.result("POST", one + "/deployments", {"version_id": first})
        self.gw.stop()
        self.gw.start()
        self.assertEqual(self.asked("g1", "away"), ["alpha/m1"])
        self.result("DELETE", one)
        self.assertEqual(self.asked("g1", "away"), [])
        self.assertEqual(self.native("acme/g1/away")[0], 404)

    def test_a_gateway_goes_with_its_routes(self):
        path = self.make("g2")
        for name in ("a", "b"):
            self.result("POST", path + "/routes", {"name": name, "elements": way("beta")})
        status, _, data = self.gw.admin("DELETE", "/admin/v1/gateways/acme%2Fg2")
        self.assertEqual((status, json.loads(data)["error"]["code"]), (409, "in_use"))
        self.assertEqual(self.asked("g2", "a"), ["beta/m1"])
        self.result("DELETE", path)
        self.assertEqual([self.native("acme/g2/" + n)[0] for n in "ab"], [404, 404])
        self.assertEqual(self.asked("g2", "a"), [])

    def test_what_is_not_there_is_not_in_force(self):
        routes = self.make("g3") + "/routes"
        status, answer = self.send("POST", routes, {"name": "r", "elements": way("nobody")})
        self.assertEqual((status, len(answer["messages"])), (200, 1), answer)
        self.assertFalse(answer["result"]["version"]["is_valid"])
        one = routes + "/" + answer["result"]["id"]
        self.assertEqual(self.asked("g3", "r"), [])
        good = self.result("POST", one + "/versions", {"elements": way("gamma", "m2")})
        self.result("POST", one + "/deployments",
                    {"version_id": good["version"]["version_id"]})
        self.assertEqual(self.asked("g3", "r"), ["gamma/m2"])
        self.assertEqual(self.faults("POST", one + "/deployments", {
            "version_id": answer["result"]["version"]["version_id"]}),
            [(7001, "body.version_id")])
        self.assertEqual(self.asked("g3", "r"), ["gamma/m2"])
        loop = way("alpha")
        loop[1]["outputs"]["fallback"]["elementId"] = "m"
        self.assertEqual(self.faults("POST", routes, {"name": "x", "elements": loop}),
                         [(7001, "body.elements")])
        self.assertEqual(self.faults("POST", one + "/versions", {"elements": loop}),
                         [(7001, "body.elements")])
        for name in ("a/b", "a@1", "x" * 101):
            self.assertEqual(self.faults("POST", routes, {"name": name, "elements": []}),
                             [(7001, "body.name")])
            self.assertEqual(self.faults("PATCH", one, {"name": name}),
                             [(7001, "body.name")])
        self.assertEqual(len(self.send("GET", routes)[1]["data"]["routes"]), 1)

    def test_a_bound_token_does_it_for_its_own_group(self):
        _, _, data = self.gw.admin("POST", "/admin/v1/tokens", {
            "name": "bound", "role": "operator", "groups": ["acme"]})
        token = json.loads(data)["token"]
        mine, theirs = self.make("g4"), self.make("g4", group="other")
        foreign = self.result("POST", theirs + "/routes",
                              {"name": "secret-way", "elements": way("beta")})
        made = self.result("POST", mine + "/routes",
                           {"name": "r", "elements": way("beta")}, token=token)
        self.assertEqual(self.asked("g4", "r"), ["beta/m1"])
        for method, path, body in (
                ("GET", theirs + "/routes", None),
                ("POST", theirs + "/routes", {"name": "x", "elements": way("alpha")}),
                ("GET", theirs + "/routes/" + foreign["id"], None),
                ("DELETE", theirs + "/routes/" + foreign["id"], None),
                ("PATCH", theirs + "/routes/" + foreign["id"], {"name": "y"}),
                ("POST", theirs + "/routes/%s/deployments" % foreign["id"],
                 {"version_id": foreign["version"]["version_id"]})):
            status, answer = self.send(method, path, body, token=token)
            self.assertEqual(status, 404, (method, path, answer))
            self.assertNotIn("secret-way", json.dumps(answer))
        # The native operations, too.
        def ask(method, path, body=None):
            status, _, data = self.gw.http(
                method, "/admin/v1/routes" + path, body,
                {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
                port=self.gw.admin_port)
            return status, json.loads(data)
        self.assertEqual(ask("GET", "")[0], 403)
        self.assertEqual(ask("GET", "?group=other")[0], 403)
        status, listed = ask("GET", "?group=acme&limit=1000")
        self.assertIn("acme/g4/r", [r["name"] for r in listed["data"]])
        self.assertEqual({r["name"].split("/")[0] for r in listed["data"]}, {"acme"})
        self.assertEqual(ask("GET", "/acme%2Fg4%2Fr")[0], 200)
        self.assertEqual(ask("GET", "/other%2Fg4%2Fsecret-way")[0], 404)
        self.assertEqual(ask("DELETE", "/other%2Fg4%2Fsecret-way")[0], 404)
        self.assertEqual(ask("POST", "", {"name": "other/g4/z", "elements": way("beta")})[0],
                         404)
        self.assertEqual(ask("POST", "", {"name": "acme/g4/z", "elements": way("beta")})[0],
                         201)
        self.assertEqual(self.asked("g4", "z"), ["beta/m1"])
        self.result("DELETE", mine + "/routes/" + made["id"], token=token)
        self.assertEqual(self.asked("g4", "r"), [])
        self.assertEqual(self.native("other/g4/secret-way")[0], 200)

    def test_zdr_leaves_only_who_keeps_nothing(self):
        path = self.make("g5", zdr=True)
        for _ in range(6):
            self.assertEqual(self.call("g5", "m1")[:2], (200, ["beta/m1"]))
        status, places, body = self.call("g5", "m2")
        self.assertEqual((status >= 400, places), (True, []), body)
        self.result("PUT", path, dict(BASE, zdr=False))
        self.assertEqual(self.call("g5", "m2")[:2], (200, ["gamma/m2"]))

    def test_dlp_by_patterns(self):
        path = self.make("g6")
        secret = "my key is AKIAABCDEFGHIJKLMNOP"
        self.assertEqual(self.call("g6", "m1", secret)[0], 200)
        self.result("PUT", path, dict(BASE, dlp={
            "enabled": True, "action": "BLOCK",
            "profiles": ["credentials", "7e0f-not-known-here"]}))
        status, places, body = self.call("g6", "m1", secret)
        self.assertEqual((status, places, body["error"][0]["code"]), (424, [], 2016), body)
        self.assertEqual(self.call("g6", "m1", "card 4111 1111 1111 1111")[0], 200)
        self.result("PUT", path, dict(BASE, dlp={"enabled": True, "policies": [
            {"id": "p", "enabled": True, "action": "BLOCK", "check": ["REQUEST"],
             "profiles": ["payment_cards", "pattern:blue (whale|moon), twice"]},
            {"id": "q", "enabled": False, "action": "BLOCK", "check": ["REQUEST"],
             "profiles": ["credentials"]},
            {"id": "r", "enabled": True, "action": "BLOCK", "check": ["RESPONSE"],
             "profiles": ["credentials"]}]}))
        self.assertEqual(self.call("g6", "m1", "card 4111 1111 1111 1111")[0], 424)
        self.assertEqual(self.call("g6", "m1", "a blue moon, twice")[0], 424)
        self.assertEqual(self.call("g6", "m1", secret)[0], 200)
        native = json.loads(self.gw.admin("GET", "/admin/v1/gateways/acme%2Fg6")[2])
        self.assertEqual((len(native["guard_prompt"]), len(native["guard_answer"])), (2, 1))
        self.assertEqual(self.faults("PUT", path, dict(BASE, dlp={
            "enabled": True, "action": "FLAG", "profiles": ["pattern:("]})),
            [(7001, "body.dlp")])
        self.result("PUT", path, dict(BASE, dlp={
            "enabled": False, "action": "BLOCK", "profiles": ["credentials"]}))
        self.assertEqual(self.call("g6", "m1", secret)[0], 200)


if __name__ == "__main__":
    unittest.main()
