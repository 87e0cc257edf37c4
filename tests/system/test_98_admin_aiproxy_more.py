"""aiproxy's other routes: many objects at a time, limits of a group for a model as
calls meet them, error rates and what cools down, logs deleted, options; and each
route of its tables there, or refused in words. One server."""
import os
import re
import time
import unittest

from gateway import SHARED, Gateway, wait_for
from mock_provider import MockProvider
from test_98_admin_aiproxy import AiProxy
from test_98_admin_dialects import read_routes

# As its documents list them, in the notation of the dialects' tables.
ROUTES = """GET /status
GET /models/builtin /models/builtin/channel /models/builtin/channel/{} /models/enabled
GET /models/enabled/{} /models/sets /models/default /models/default/{}
GET /dashboard/ /dashboard/{} /dashboard/{}/models /dashboardv2/ /dashboardv2/{}
GET /dashboardv3/ /dashboardv3/{}
GET /groups/ /groups/search /groups/ip_groups /groups/consumption_ranking /groups/ranking
POST /groups/batch_delete /groups/batch_status
GET /group/{} /group/{}/model_configs/ /group/{}/model_config/{*}
POST /group/{} /group/{}/status /group/{}/rpm_ratio /group/{}/tpm_ratio
POST /group/{}/model_configs/ /group/{}/model_config/{*}
PUT /group/{} /group/{}/model_config/{*}
DELETE /group/{} /group/{}/model_configs/ /group/{}/model_config/{*}
GET /option/ /option/{}
PUT /option/ /option/{}
POST /option/ /option/batch
GET /channels/ /channels/all /channels/type_metas /channels/search
GET /channels/update_balance /channels/test
POST /channels/ /channels/batch_delete /channels/batch_info /channels/import/oneapi
POST /channel/ /channel/{}/status /channel/test-preview /channel/test-preview-all
GET /channel/{} /channel/{}/test /channel/{}/test/{*} /channel/{}/update_balance
PUT /channel/{}
DELETE /channel/{}
GET /tokens/ /tokens/search /tokens/{} /token/{} /token/{}/search /token/{}/{}
POST /tokens/{}/status /tokens/{}/name /tokens/batch_delete /token/{} /token/{}/batch_delete
POST /token/{}/{}/status /token/{}/{}/name
PUT /tokens/{} /token/{}/{}
DELETE /tokens/{} /token/{}/{}
GET /logs/ /logs/search /logs/consume_error /logs/detail/{} /logs/export
DELETE /logs/
GET /log/{} /log/{}/search /log/{}/detail/{} /log/{}/export
GET /model_configs/ /model_configs/search /model_configs/all /model_config/{*}
POST /model_configs/ /model_configs/contains /model_configs/batch_delete /model_config/{*}
DELETE /model_config/{*}
GET /monitor/ /monitor/{} /monitor/models /monitor/banned_channels /monitor/runtime_metrics
GET /monitor/group_summary_metrics /monitor/group_token_metrics/{}
GET /monitor/group_model_metrics/{} /monitor/group_tokenname_model_metrics/{}
POST /monitor/batch_group_token_metrics
DELETE /monitor/ /monitor/{} /monitor/{}/{*}"""


class More(AiProxy):
    """Asks as AiProxy does, of one server for all."""

    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        cls.addClassCleanup(cls.provider.stop)
        cls.gw = Gateway(
            provider=cls.provider.base_url, models=("m1", "m2", "org/m3"),
            provider_options="fails = 2\ncooldown = 60s\ncooldown_max = 60s\n",
            model_options="price_input = 1000\nprice_output = 2000\n").start()
        cls.addClassCleanup(cls.gw.cleanup)

    def setUp(self):
        pass

    def token(self, group, name):
        return self.ask("POST", "/token/%s?auto_create_group=true" % group,
                        {"name": name})["key"]

    def test_every_route_is_there(self):
        wanted = [(line.split()[0], path) for line in ROUTES.splitlines()
                  for path in line.split()[1:]]
        have = {(r[1], r[3]) for r in read_routes()[0] if r[0] == "aiproxy"}
        self.assertEqual(sorted(set(wanted) - have), [])
        self.assertEqual(sorted(have - set(wanted)), [])

    def test_the_list_is_the_whole_of_the_document(self):
        path = os.path.join(SHARED, "spec", "wire.md")
        if not os.path.exists(path):
            self.skipTest("no specification beside the repository")
        with open(path) as f:
            table = f.read().split("### 3.3 Admin routes")[1].split("### 3.4")[0]
        segments = {part for path in ROUTES.split() for part in path.split("/")}
        for row in table.splitlines():
            cells = [c for c in row.split("|") if c.strip()]
            if not row.startswith("| `/") or "mcp" in row:
                continue
            for text in re.findall(r"`([^`]+)`", " ".join(cells)):
                if re.search(r"[{(=]\w+_ratio|^\{|^\[|=|→", text):
                    continue
                for word in re.findall(r"(?<![:*\w{])[a-z_0-9-]{3,}",
                                       text.split("?")[0]):
                    self.assertIn(word, segments, (word, row))

    def test_limits_of_a_group_for_a_model_act(self):
        key, other = self.token("lim", "a"), self.token("lim2", "a")
        self.ask("POST", "/group/lim/model_config/m1",
                 {"override_limit": True, "rpm": 1, "tpm": 0})
        one = self.ask("GET", "/group/lim/model_config/m1")
        self.assertEqual((one["group_id"], one["model"], one["rpm"], one["tpm"]),
                         ("lim", "m1", 1, 0))
        self.assertEqual(self.ask("GET", "/group/lim/model_configs/"), [one])
        self.assertEqual([self.call(key) for _ in range(2)], [200, 429])
        self.assertEqual(self.call(key, "m2"), 200)
        self.assertEqual([self.call(other) for _ in range(2)], [200, 200])
        self.ask("DELETE", "/group/lim/model_config/m1")
        self.assertEqual([self.call(key) for _ in range(2)], [200, 200])
        self.refused("GET", "/group/lim/model_config/m1", None, 500, "not found")
        self.ask("POST", "/group/lim/model_configs/", [
            {"model": "m1", "override_limit": True, "rpm": 7},
            {"model": "org/m3", "override_limit": True, "tpm": 9}])
        self.assertEqual(self.ask("GET", "/group/lim/model_config/org/m3")["tpm"], 9)
        self.ask("DELETE", "/group/lim/model_configs/", ["m1", "org/m3"])
        self.assertEqual(self.ask("GET", "/group/lim/model_configs/"), [])
        self.refused("PUT", "/group/lim/model_config/m1", {"override_price": True},
                     400, "override_price")
        self.refused("POST", "/group/lim/model_configs/", {"model": "m1"}, 400, "list")

    def test_many_at_a_time(self):
        names = ["bulk-%d" % i for i in range(5)]
        self.ask("POST", "/channels/", [
            {"name": n, "type": 1, "base_url": "https://example.com/v1",
             "key": "k" * 20, "models": ["bulk-model"]} for n in names])
        found = {c["name"]: c["id"] for c in self.ask("GET", "/channels/all")}
        self.assertLessEqual(set(names), set(found))
        ids = [found[n] for n in names]
        self.assertEqual([c["name"] for c in self.ask(
            "POST", "/channels/batch_info", ids[:2] + [1])], names[:2])
        self.refused("POST", "/channels/batch_delete", ids[:1] + [1], 500, "not found")
        self.ask("POST", "/channels/batch_delete", ids[1:])
        left = {c["name"] for c in self.ask("GET", "/channels/all")}
        self.assertEqual(left & set(names), set())
        for n in ("one", "two"):
            self.assertEqual(self.gw.admin("POST", "/admin/v1/models", {
                "name": n, "providers": ["mock"]})[0], 201)
        self.ask("POST", "/model_configs/", [
            {"model": "one", "price": {"input_price": 1}},
            {"model": "two", "price": {"input_price": 2}}])
        self.assertEqual(self.ask("GET", "/model_config/two")["price"]["input_price"], 2)
        self.ask("POST", "/model_configs/batch_delete", ["one", "two"])
        self.refused("GET", "/model_config/one", None, 500, "not found")
        for path in ("/channels/", "/model_configs/", "/channels/batch_delete"):
            self.refused("POST", path, {}, 400, "list")
        key, other = self.token("status", "a"), self.token("status2", "a")
        for status, said in ((2, 403), (1, 200)):
            self.ask("POST", "/groups/batch_status", {
                "groups": ["status", "status2"], "status": status})
            self.assertEqual([self.call(k, "org/m3") for k in (key, other)], [said] * 2)
        self.refused("POST", "/groups/batch_status", {"groups": ["status"], "status": 3},
                     400, "status")
        self.refused("POST", "/groups/batch_status", {"groups": ["none"], "status": 1},
                     500, "group record not found")
        self.ask("POST", "/groups/batch_delete", ["status", "none"])
        self.ask("DELETE", "/group/status2")
        self.refused("DELETE", "/group/status2", None, 500, "group record not found")
        self.refused("DELETE", "/group/default", None, 500, "default")
        self.assertEqual([self.call(k, "org/m3") for k in (key, other)], [401] * 2)

    def test_error_rates_and_what_cools_down(self):
        key = self.token("mon", "a")
        channel = str({c["name"]: c["id"] for c in self.ask("GET", "/channels/all")}["mock"])
        self.assertEqual(self.call(key, "org/m3"), 200)
        rate = lambda: self.ask("GET", "/monitor/" + channel).get("org/m3")
        wait_for(lambda: rate() == 0, what="one call, no error")
        self.assertEqual(self.ask("GET", "/monitor/banned_channels"), {})
        for _ in range(2):
            self.assertEqual(self.call(key, "org/m3", x_mock={"status": 500}), 500)
        wait_for(lambda: abs(rate() - 2 / 3) < 0.01, what="two of three")
        self.assertEqual(self.ask("GET", "/monitor/")[channel]["org/m3"], rate())
        self.assertEqual(self.ask("GET", "/monitor/models")["org/m3"], rate())
        self.assertEqual(self.ask("GET", "/monitor/banned_channels"),
                         {"org/m3": [int(channel)]})
        metrics = self.ask("GET", "/monitor/runtime_metrics")
        self.assertIs(metrics["channels"][channel]["models"]["org/m3"]["banned"], True)
        self.assertIs(metrics["channels"][channel]["models"]["m1"]["banned"], False)
        for path in ("/monitor/group_token_metrics/mon", "/monitor/group_model_metrics/mon",
                     "/monitor/group_tokenname_model_metrics/mon"):
            self.assertIsInstance(self.ask("GET", path), dict)
        self.assertEqual(sorted(self.ask(
            "GET", "/monitor/group_summary_metrics?groups=mon,none")), ["mon", "none"])
        one, = self.ask("POST", "/monitor/batch_group_token_metrics", {
            "items": [{"group": "mon", "token_name": "a"}]})
        self.assertEqual((one["group"], one["token_name"], one["rps"]),
                         ("mon", "a", one["rpm"] / 60))
        self.refused("GET", "/monitor/1", None, 500, "not found")

    def test_logs_before_a_time_are_deleted(self):
        key = self.token("del", "a")
        self.assertEqual(self.call(key), 200)
        wait_for(lambda: self.ask("GET", "/log/del")["total"] == 1, 60, "the row")
        self.refused("DELETE", "/logs/", None, 400, "timestamp")
        self.assertEqual(self.ask("DELETE", "/logs/?timestamp=%d" % (
            time.time() - 86400)) or 0, 0)
        self.assertEqual(len(self.ask("GET", "/log/del")["logs"]), 1)
        wait_for(lambda: self.ask("DELETE", "/logs/?timestamp=%d" % (
            time.time() * 1000 - 1)) or not self.ask("GET", "/log/del")["logs"],
            60, "deleted")
        self.assertEqual(self.ask("GET", "/log/del")["logs"], [])
        self.assertEqual(self.ask("GET", "/logs/consume_error"), {"logs": [], "total": 0})

    def test_what_is_told_and_not_set(self):
        self.assertEqual(self.ask("GET", "/option/")["DisableServe"], "false")
        self.assertEqual(self.ask("GET", "/option/GroupMaxTokenNum"),
                         {"key": "GroupMaxTokenNum", "value": "0"})
        self.refused("GET", "/option/Nothing", None, 500, "not found")
        self.refused("PUT", "/option/", {"key": "RetryTimes", "value": "3"}, 400,
                     "aigw.ini")
        self.refused("POST", "/channel/test-preview", {}, 400, "saved")
        models = self.ask("GET", "/models/default")["models"]
        self.assertIn("org/m3", models["1"])
        self.assertEqual(self.ask("GET", "/models/default/1")["models"], models["1"])
        self.assertEqual([m["model"] for m in self.ask(
            "GET", "/models/builtin/channel/1")], models["1"])
        self.assertEqual(self.ask("GET", "/dashboardv3/")["models"],
                         self.ask("GET", "/dashboardv2/")["models"])


def load_tests(loader, tests, pattern):
    """Not what AiProxy tests, which has a server of its own."""
    names = [n for n in loader.getTestCaseNames(More) if n in vars(More)]
    return unittest.TestSuite(More(n) for n in names)


if __name__ == "__main__":
    unittest.main()
