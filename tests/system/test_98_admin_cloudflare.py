"""Cloudflare's API /client/v4: the token test with both outcomes, gateways that act
on the next call, logs, routes, sets, providers, billing; each route of its tables."""
import glob
import json
import os
import re
import time
import unittest

from gateway import GatewayCase, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "..", "..", "accountant", "admin", "dialect")
TOKEN = "test-admin-token-1"
A = "/accounts/acme/ai-gateway"
BASE = {"cache_invalidate_on_update": True, "cache_ttl": 600, "collect_logs": True,
        "rate_limiting_interval": 3600, "rate_limiting_limit": 0}
ELEMENTS = [{"id": "a", "type": "start", "outputs": {"next": {"elementId": "b"}}},
            {"id": "b", "type": "end", "outputs": {}}]


class Cloudflare(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(
            provider=self.provider.base_url, models=("m1", "org/m2"),
            model_options="price_input = 1\nprice_output = 2\n").start()
        self.gw.ctl("group", "create", "acme")
        self.key = self.gw.create_key("k1", "--group", "acme")

    def send(self, method, path, body=None, token=TOKEN):
        head = {"Content-Type": "application/json"}
        if token is not None:
            head["Authorization"] = "Bearer " + token
        status, _, data = self.gw.http(method, "/client/v4" + path, body, head,
                                       port=self.gw.admin_port)
        return status, data

    def ask(self, method, path, body=None, token=TOKEN):
        status, data = self.send(method, path, body, token)
        return status, json.loads(data)

    def result(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        self.assertEqual((status, answer["success"]), (200, True), answer)
        return answer["result"]

    def codes(self, method, path, body=None, token=TOKEN):
        status, answer = self.ask(method, path, body, token)
        self.assertEqual((answer["success"], answer["result"], answer["messages"]),
                         (False, None, []))
        return status, [e["code"] for e in answer["errors"]]

    def chat(self, key=None, text="hello", path="/v1/acme/g1/compat/chat/completions"):
        return self.gw.http("POST", path, {
            "model": "mock/m1", "messages": [{"role": "user", "content": text}]},
            {"Authorization": "Bearer " + (key or self.key),
             "cf-aig-metadata": '{"user": "ann"}'})

    def make(self, **more):
        return self.result("POST", A + "/gateways", dict(BASE, id="g1", **more))

    def rows(self, query=""):
        return self.result("GET", A + "/gateways/g1/logs" + query)

    # -- the token test --

    def test_the_three_calls_of_the_token_test(self):
        for token in (TOKEN, self.key):
            status, answer = self.ask("GET", "/user/tokens/verify", token=token)
            self.assertEqual(status, 200)
            self.assertRegex(answer["result"]["id"], "^[0-9a-f]{32}$")
            self.assertEqual(answer["result"]["status"], "active")
            self.assertEqual(answer["messages"], [{
                "code": 10000, "message": "This API Token is valid and active"}])
        self.assertEqual(self.codes("GET", "/user/tokens/verify", token="nope"),
                         (401, [1000]))
        self.assertEqual(self.codes("GET", "/user/tokens/verify", token=None),
                         (400, [6003]))
        # A token that is valid, and may not call models.
        run = "/accounts/acme/ai/run/m1"
        self.assertEqual(self.codes("POST", run, {"prompt": "x"}), (401, [10000]))
        self.assertEqual(self.ask("POST", run, {"prompt": "x"})[1]["errors"], [
            {"code": 10000, "message": "Authentication error"}])
        status, answer = self.ask("POST", run, {"prompt": "x"}, token=self.key)
        self.assertEqual((status, answer["success"]), (200, True), answer)
        # The other host's path, and one that does not exist.
        status, _, data = self.gw.http(
            "POST", "/v1/acme/ai/run/m1", {"prompt": "x"},
            {"Authorization": "Bearer " + self.key})
        answer = json.loads(data)
        self.assertEqual((status, answer["result"], answer["error"][0]["code"]),
                         (400, [], 2001))
        self.assertEqual(self.codes("GET", "/accounts/acme/ai/gateways"),
                         (404, [7003, 7000]))

    def test_a_valid_token_without_the_permission(self):
        made = self.gw.admin("POST", "/admin/v1/tokens", {
            "name": "reader", "role": "read-only", "scopes": ["AI Gateway Read"]})
        token = json.loads(made[2])["token"]
        self.make()
        self.assertEqual(self.ask("GET", A + "/gateways/g1", token=token)[0], 200)
        self.assertEqual(self.codes("DELETE", A + "/gateways/g1", token=token),
                         (403, [10000]))
        self.assertEqual(self.codes("GET", A + "/gateways/g1", token="nope"),
                         (401, [10000]))

    def test_a_token_of_another_group_sees_nothing(self):
        self.gw.ctl("group", "create", "other")
        made = self.gw.admin("POST", "/admin/v1/tokens", {
            "name": "bound", "role": "operator", "groups": ["other"]})
        token = json.loads(made[2])["token"]
        self.make()
        for path in ("/gateways", "/gateways/g1", "/gateways/g1/logs"):
            status, answer = self.ask("GET", A + path, token=token)
            self.assertGreaterEqual(status, 400, answer)
            self.assertNotIn("cache_ttl", json.dumps(answer))
        mine = "/accounts/other/ai-gateway/gateways"
        status, answer = self.ask("POST", mine, dict(BASE, id="g2"), token=token)
        self.assertEqual(status, 200, answer)
        self.assertEqual([g["id"] for g in self.ask("GET", mine, token=token)[1]
                          ["result"]], ["g2"])

    # -- gateways --

    def test_what_is_set_acts_on_the_next_call(self):
        made = self.result("POST", A + "/gateways",
                           dict(BASE, id="g1", rate_limiting_limit=3))
        self.assertEqual((made["id"], made["account_id"], made["authentication"]),
                         ("g1", "acme", True))
        seen = [self.chat(text="hi %d" % (i // 2)) for i in range(4)]
        self.assertEqual([s for s, _, _ in seen], [200, 200, 200, 429])
        self.assertEqual([h.get("cf-aig-cache-status") for _, h, _ in seen[:3]],
                         ["MISS", "HIT", "MISS"])
        self.assertEqual(json.loads(seen[3][2])["error"][0]["code"], 2003)
        other = self.gw.create_key("k2")
        status, _, data = self.chat(other)
        self.assertEqual((status, json.loads(data)["error"][0]["code"]), (401, 2009))
        self.result("PUT", A + "/gateways/g1", dict(
            BASE, authentication=False, rate_limiting_limit=None))
        self.assertEqual(self.chat(text="hi 0")[1]["cf-aig-cache-status"], "MISS")
        self.assertEqual(self.chat(other)[0], 200)
        self.result("PUT", A + "/gateways/g1", dict(BASE, collect_logs=False,
                                                    cache_ttl=None))
        status, head, _ = self.chat(text="not logged")
        self.assertEqual((status, head.get("cf-aig-cache-status")), (200, None))
        self.assertNotIn(head["cf-aig-log-id"], [r["id"] for r in self.rows()])
        self.gw.verify()

    def test_gateways_are_kept_whole(self):
        limits = {"enabled": True, "rules": [{
            "id": "r", "limit": 0.5, "limitType": "cost", "window": 3600,
            "technique": "sliding", "metadata": {"user": {"mode": "partition"}}}]}
        more = {"retry_delay": 100, "retry_max_attempts": 2, "zdr": True,
                "retry_backoff": "linear", "log_management": 10000,
                "log_management_strategy": "DELETE_OLDEST", "spend_limits": limits,
                "guardrails": {"prompt": {"S1": "BLOCK"}, "response": {}},
                "dlp": {"enabled": False, "action": "FLAG", "profiles": []},
                "otel": [{"url": "https://example.com", "headers": {}}]}
        self.make(**more)
        got = self.result("GET", A + "/gateways/g1")
        for name, value in dict(BASE, **more).items():
            self.assertEqual(got[name], value, name)
        native = json.loads(self.gw.admin("GET", "/admin/v1/gateways/acme%2Fg1")[2])
        self.assertEqual((native["retry_delay"], native["max_attempts"]), ("100ms", 2))
        self.assertIn("partition=user", native["spend_rules"][0])
        self.gw.stop()
        self.gw.start()
        self.assertEqual(self.result("GET", A + "/gateways/g1"), got)
        self.assertEqual(self.codes("POST", A + "/gateways", dict(BASE, id="g1")),
                         (409, [7001]))
        self.assertEqual(self.result("DELETE", A + "/gateways/g1")["id"], "g1")
        self.assertEqual(self.codes("GET", A + "/gateways/g1"), (404, [7002]))

    def test_every_wrong_field_is_named(self):
        good = dict(BASE, id="g1")
        for name, value in (
                ("id", "a b"), ("id", ""), ("cache_ttl", "x"), ("cache_ttl", -1),
                ("collect_logs", 1), ("rate_limiting_technique", "x"),
                ("retry_max_attempts", 6), ("retry_delay", 5001), ("zdr", None),
                ("retry_backoff", "x"), ("log_management", 1), ("otel", {}),
                ("spend_limits", {"enabled": True, "rules": [{"limit": 1}]}),
                ("guardrails", {"prompt": {"S1": "X"}, "response": {}})):
            status, answer = self.ask("POST", A + "/gateways", dict(good, **{name: value}))
            self.assertEqual(status, 400, (name, value))
            self.assertEqual({e["path"][1] for e in answer["errors"]}, {name})
        for name in BASE:
            body = {k: v for k, v in good.items() if k != name}
            _, answer = self.ask("POST", A + "/gateways", body)
            self.assertEqual([e["path"] for e in answer["errors"]], [["body", name]])
        self.assertEqual(self.codes("POST", "/accounts/none/ai-gateway/gateways", good),
                         (404, [7003, 7000]))
        self.assertEqual(self.result("GET", A + "/gateways"), [])

    def test_pages_end(self):
        for i in range(5):
            self.result("POST", A + "/gateways", dict(BASE, id="g%d" % i))
        seen = []
        for page in (1, 2, 3, 4):
            _, answer = self.ask("GET", A + "/gateways?per_page=2&page=%d" % page)
            self.assertEqual(answer["result_info"]["total_count"], 5)
            seen.append([g["id"] for g in answer["result"]])
        self.assertEqual(seen, [["g0", "g1"], ["g2", "g3"], ["g4"], []])
        self.assertEqual([g["id"] for g in self.result(
            "GET", A + "/gateways?search=3")], ["g3"])
        self.assertEqual(self.codes("GET", A + "/gateways?page=x"), (400, [7001]))

    # -- logs --

    def test_logs(self):
        self.make()
        for i in range(3):
            self.assertEqual(self.chat(text="hi %d" % (i // 2))[0], 200)
            answered = time.time() # rows of one millisecond have no order of time
            wait_for(lambda: time.time() > answered + 0.002, what="another time")
        _, answer = self.ask("GET", A + "/gateways/g1/logs?meta_info=true")
        rows, info = answer["result"], answer["result_info"]
        self.assertEqual((len(rows), info["total_count"], info["min_cost"]), (3, 3, 0))
        self.assertGreater(info["max_total_tokens"], 0)
        self.assertEqual([r["cached"] for r in rows], [False, True, False])
        self.assertEqual(rows[0]["metadata"], {"user": "ann"})
        for query, count in (
                ("filters.key=cost&filters.operator=gt&filters.value=0", 2),
                ("filters.key=cached&filters.operator=eq&filters.value=true", 1),
                ("filters.key=model&filters.operator=neq&filters.value=m1", 0),
                ("filters.key=model&filters.operator=eq&filters.value=x"
                 "&filters.value=m1", 3),
                ("filters.key=cached&filters.operator=eq&filters.value=false"
                 "&filters.key=cost&filters.operator=lt&filters.value=0.0001", 2),
                ("filters.key=metadata.value&filters.operator=contains"
                 "&filters.value=an", 3),
                ('filters=[{"key":"provider","operator":"eq","value":["mock"]}]'
                 .replace('"', "%22").replace("[", "%5B").replace("]", "%5D")
                 .replace("{", "%7B").replace("}", "%7D"), 3),
                ("cached=true", 1), ("min_cost=0.000001", 2), ("search=mock", 3),
                ("filters.key=user_agent&filters.operator=eq&filters.value=x", 0)):
            self.assertEqual(len(self.rows("?" + query)), count, query)
        self.assertEqual([r["cached"] for r in self.rows(
            "?order_by=cached&order_by_direction=asc")], [False, False, True])
        self.assertEqual([len(self.rows("?per_page=2&page=%d" % p)) for p in (1, 2, 3)],
                         [2, 1, 0])
        self.assertEqual(self.codes("GET", A + "/gateways/g1/logs?filters.key=x"),
                         (400, [7001]))
        one = A + "/gateways/g1/logs/" + rows[2]["id"]
        detail = wait_for(lambda: (lambda d: d["request_size"] and d)(
            self.result("GET", one)), what="payload")
        self.assertIn("hi 0", detail["request_head"])
        self.assertTrue(detail["response_head_complete"])
        self.assertIn("hi 0", json.loads(self.send("GET", one + "/request")[1])
                      ["messages"][0]["content"])
        self.assertIn("choices", json.loads(self.send("GET", one + "/response")[1]))
        self.result("PATCH", one, {"feedback": 1, "score": 50})
        judged = self.rows("?filters.key=feedback&filters.operator=eq&filters.value=1")
        self.assertEqual([(r["id"], r["score"], r["metadata"]) for r in judged],
                         [(rows[2]["id"], 50, {"user": "ann"})])
        status, raw = self.send("DELETE", A + "/gateways/g1/logs?filters.key=cached"
                                "&filters.operator=eq&filters.value=true")
        self.assertEqual((status, json.loads(raw)), (200, {"success": True}))
        self.assertEqual(len(self.rows()), 2)
        self.send("DELETE", A + "/gateways/g1/logs?limit=1&order_by=created_at"
                  "&order_by_direction=asc")
        self.assertEqual([r["id"] for r in self.rows()], [rows[0]["id"]])
        self.assertEqual(self.codes("GET", one), (404, [7002]))
        self.gw.verify()

    # -- what hangs on a gateway --

    def test_routes(self):
        self.make()
        routes = A + "/gateways/g1/routes"
        made = self.result("POST", routes, {"name": "r", "elements": ELEMENTS})
        one = routes + "/" + made["id"]
        self.assertEqual(made["version"]["active"], "true")
        self.assertEqual(self.result("GET", A + "/gateways/g1/url/openai"),
                         "http://127.0.0.1:%d/v1/acme/g1/openai" % self.gw.port)
        _, raw = self.ask("GET", routes)
        self.assertEqual(raw["data"]["routes"], [made])
        more = self.result("POST", one + "/versions", {"elements": ELEMENTS[:0]})
        version = more["version"]["version_id"]
        self.assertEqual(more["version"]["active"], "false")
        self.result("POST", one + "/deployments", {"version_id": version})
        self.assertEqual(self.result("GET", one)["version"]["version_id"], version)
        _, raw = self.ask("GET", one + "/versions")
        self.assertEqual([v["active"] for v in raw["data"]["versions"]],
                         ["false", "true"])
        self.assertEqual(self.result("GET", one + "/versions/" + version)["data"], "[]")
        self.assertEqual(len(self.ask("GET", one + "/deployments")[1]["data"]
                             ["deployments"]), 2)
        self.assertEqual(self.ask("PATCH", one, {"name": "r2"})[1]["route"]["name"], "r2")
        bad = [dict(ELEMENTS[0], outputs={"next": {"elementId": "nowhere"}})]
        self.assertEqual(self.codes("POST", routes, {"name": "x", "elements": bad}),
                         (400, [7001]))
        self.assertEqual(self.result("DELETE", one)["name"], "r2")
        self.assertEqual(self.codes("GET", one), (404, [7002]))

    def test_sets_providers_and_billing(self):
        self.make()
        sets = A + "/gateways/g1/datasets"
        made = self.result("POST", sets, {"name": "d", "enable": True, "filters": []})
        changed = self.result("PUT", sets + "/" + made["id"], {
            "name": "e", "enable": False, "filters": []})
        self.assertEqual((changed["id"], changed["name"]), (made["id"], "e"))
        judged = self.result("POST", A + "/gateways/g1/evaluations", {
            "name": "v", "dataset_ids": [made["id"]], "evaluation_type_ids": []})
        self.assertEqual(self.result("GET", A + "/gateways/g1/evaluations"), [judged])
        self.assertEqual(len(self.result("GET", A + "/evaluation-types")), 3)
        config = self.result("POST", A + "/gateways/g1/provider_configs", {
            "alias": "default", "default_config": True, "provider_slug": "mock",
            "secret": "sk-very-secret-1234"})
        self.assertTrue(config["secret_preview"].endswith("1234"))
        text = self.send("GET", A + "/gateways/g1/provider_configs")[1].decode()
        self.assertNotIn("very-secret", text)
        custom = self.result("POST", A + "/custom-providers", {
            "name": "X", "slug": "xx", "base_url": "https://example.com/v1"})
        self.assertEqual(self.result("GET", A + "/custom-providers"), [custom])
        self.result("DELETE", A + "/custom-providers/" + custom["id"])
        self.assertEqual(self.result("GET", A + "/custom-providers"), [])
        self.result("POST", A + "/billing/topup", {"amount": 25})
        self.assertEqual(self.result("GET", A + "/billing/credit-balance")["balance"], 25)
        limit = {"amount": 5, "duration": "daily", "strategy": "fixed"}
        self.result("POST", A + "/billing/spending-limit", limit)
        self.assertEqual(self.result("GET", A + "/billing/spending-limit"),
                         {"enabled": True, "config": limit})
        self.result("DELETE", A + "/billing/spending-limit")
        self.assertFalse(self.result("GET", A + "/billing/spending-limit")["enabled"])
        names = {m["name"] for m in self.result(
            "GET", "/accounts/acme/ai/models/search?per_page=100")}
        self.assertLessEqual({"m1", "org/m2"}, names)

    # -- the tables --

    def test_every_route_of_the_tables_is_there(self):
        rows = []
        for path in glob.glob(os.path.join(SOURCES, "cloudflare*.c")):
            with open(path) as f:
                rows += re.findall(r'\{HTTP_([A-Z]+),\s*"([^"]+)",', f.read())
        self.assertGreater(len(rows), 50)
        for method, pattern in rows:
            path = pattern.replace("{}", "acme", 1).replace("{}", "nope")
            status, answer = self.ask(method, path, {} if method != "GET" else None)
            codes = [e["code"] for e in answer["errors"]]
            self.assertIn(status, (200, 400, 404), (pattern, answer))
            self.assertNotEqual(codes, [7003, 7000], pattern)
            self.assertEqual(self.codes(method, path + "/no/such/route"),
                             (404, [7003, 7000]), pattern)


if __name__ == "__main__":
    unittest.main()
