"""aiproxy's management API and Sealos' tokens over it: every route of the tables,
what changes do to calls, logs in pages and as CSV, charts, ranking."""
import csv
import io
import json
import time
import unittest

from gateway import GatewayCase, wait_for

TOKEN = "test-admin-token-1"


class AiProxy(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(
            provider=self.provider.base_url, models=("m1", "org/m2"),
            model_options="price_input = 1000\nprice_output = 2000\n",
            extra="[gateway.default]\n").start()

    def send(self, method, path, body=None, token=TOKEN, prefix="/api"):
        data = None if body is None else json.dumps(body).encode()
        head = {"Content-Type": "application/json"}
        if token is not None:
            head["Authorization"] = token
        status, head, text = self.gw.http(method, prefix + path, data, head,
                                          port=self.gw.admin_port)
        self.head = head
        return status, text

    def ask(self, method, path, body=None, **kw):
        status, text = self.send(method, path, body, **kw)
        answer = json.loads(text)
        self.assertEqual((status, answer["success"]), (200, True), (path, answer))
        return answer.get("data")

    def refused(self, method, path, body, status, message, **kw):
        got, text = self.send(method, path, body, **kw)
        answer = json.loads(text)
        self.assertEqual((got, answer["success"]), (status, False), (path, answer))
        self.assertIn(message, answer["message"])
        self.assertEqual(sorted(answer), ["message", "success"])

    def call(self, key, model="m1", **more):
        return self.gw.call(key, {"model": model, "max_tokens": 16, "messages": [
            {"role": "user", "content": "hi"}], **more})[0]

    def test_who_may(self):
        for token in (TOKEN, "Bearer " + TOKEN, "sk-" + TOKEN, "Bearer sk-" + TOKEN):
            self.ask("GET", "/tokens/", token=token)
        self.ask("GET", "/tokens/?key=" + TOKEN, token=None)
        for token in (None, "wrong", "Bearer wrong"):
            self.refused("GET", "/tokens/", None, 401,
                         "unauthorized, no access token provided", token=token)
            self.refused("GET", "/nothing", None, 401, "unauthorized", token=token)
        self.assertGreater(self.ask("GET", "/status", token=None)["startTime"], 0)
        self.refused("GET", "/nothing", None, 404, "no such route")
        self.refused("POST", "/status", {}, 405, "does not take POST")

    def test_tokens(self):
        self.refused("POST", "/token/team", {"name": "a"}, 500,
                     "group record not found")
        made = self.ask("POST", "/token/team?auto_create_group=true", {
            "name": "a", "quota": 5.5, "period_quota": 1.25, "period_type": "daily",
            "subnets": ["127.0.0.0/8"], "models": ["m1"]})
        self.assertEqual(
            {k: made[k] for k in ("name", "group", "subnets", "models", "status",
                                  "quota", "period_quota", "period_type",
                                  "request_count", "accessed_at")},
            {"name": "a", "group": "team", "subnets": ["127.0.0.0/8"],
             "models": ["m1"], "status": 1, "quota": 5.5, "period_quota": 1.25,
             "period_type": "daily", "request_count": 0, "accessed_at": 0})
        midnight = int(time.time()) // 86400 * 86400000
        self.assertIn(made["period_last_update_time"],
                      (midnight, midnight + 86400000))
        self.assertEqual(self.call(made["key"]), 200)
        self.assertEqual(self.call("sk-" + made["key"]), 200)
        self.assertEqual(self.call(made["key"], "org/m2"), 404)
        self.refused("POST", "/token/team", {"name": "a"}, 500,
                     "token name already exists in this group")
        again = self.ask("POST", "/token/team?ignore_exist=true",
                         {"name": "a", "quota": 1})
        self.assertEqual((again["id"], again["key"], again["quota"]),
                         (made["id"], made["key"], 5.5))
        self.refused("POST", "/token/team", {"name": "x" * 33}, 400,
                     "token name is too long")
        self.refused("POST", "/token/team", {"name": "b", "period_type": "hourly",
                                             "period_quota": 1}, 400, "period_type")
        self.refused("POST", "/token/team", {"name": "b", "quota": "x"}, 400, "quota")
        number = made["id"]
        for path in ("/tokens/%d" % number, "/token/team/%d" % number):
            shown = wait_for(lambda: (lambda d: d["request_count"] >= 2 and d)(
                self.ask("GET", path)), 60, "two calls")
            self.assertGreater(shown["used_amount"], 0)
            self.assertEqual(shown["key"], made["key"])
            self.assertTrue(0 <= shown["period_last_update_amount"] <=
                            shown["used_amount"])
            self.ask("PUT", path, {"models": [], "subnets": [], "quota": 0,
                                   "period_quota": 2, "period_type": "weekly"})
            shown = self.ask("GET", path)
            self.assertEqual((shown["models"], shown["subnets"], shown["quota"],
                              shown["period_quota"], shown["period_type"]),
                             (None, None, 0, 2, "weekly"))
            self.refused("PUT", path, {}, 400, "empty update request")
            for status, wanted in ((2, 401), (1, 200)):
                self.ask("POST", path + "/status", {"status": status})
                self.assertEqual(self.call(made["key"], "org/m2"), wanted)
            self.refused("POST", path + "/status", {"status": 3}, 400, "status must be")
            self.ask("POST", path + "/name", {"name": "renamed"})
            self.assertEqual(self.ask("GET", path)["name"], "renamed")
        for path in ("/tokens/4711", "/tokens/x", "/token/default/%d" % number):
            for method in ("GET", "DELETE"):
                self.refused(method, path, None, 500, "token record not found")
        others = [self.ask("POST", "/token/team", {"name": "t%d" % i})["id"]
                  for i in range(4)]
        page = self.ask("GET", "/tokens/?page=2&per_page=2")
        self.assertEqual((page["total"], [t["id"] for t in page["tokens"]]),
                         (5, others[1:3]))
        self.assertEqual(self.ask("GET", "/token/team?p=1")["total"], 5)
        self.assertEqual(self.ask("GET", "/token/nobody"), {"tokens": [], "total": 0})
        self.assertEqual(self.ask("GET", "/tokens/search?keyword=T3")["total"], 1)
        self.assertEqual(self.ask("GET", "/token/team/search?name=renamed")["total"], 1)
        self.ask("POST", "/tokens/batch_delete", others[:2] + [4711])
        self.ask("POST", "/token/default/batch_delete", others[2:])
        self.assertEqual(self.ask("GET", "/tokens/")["total"], 3)
        self.ask("POST", "/token/team/batch_delete", others[2:])
        self.ask("DELETE", "/tokens/%d" % number)
        self.assertEqual(self.ask("GET", "/tokens/")["total"], 0)
        self.assertEqual(self.call(made["key"]), 401)
        self.refused("POST", "/tokens/batch_delete", {"a": 1}, 400, "list")
        self.gw.verify()

    def test_groups_channels_and_models(self):
        made = self.ask("POST", "/group/g1", {"rpm_ratio": 2, "tpm_ratio": 0,
                                              "balance_alert_enabled": True,
                                              "balance_alert_threshold": 2.5})
        fields = ("status", "rpm_ratio", "tpm_ratio", "balance_alert_enabled",
                  "balance_alert_threshold")
        of = lambda group: tuple(group[f] for f in fields)
        self.assertEqual(of(made), (1, 2, 1, True, 2.5))
        for what in ("status", "rpm_ratio", "tpm_ratio"):
            self.refused("POST", "/group/g1/" + what, {}, 400, what + " is missing")
        self.refused("POST", "/group/g1/status", {"status": 3}, 400, "status must be")
        self.refused("POST", "/group/g1/rpm_ratio", {"rpm_ratio": 5000}, 400, "rpm_ratio")
        self.refused("PUT", "/group/g1", {"balance_alert_enabled": True}, 400, "threshold")
        self.ask("POST", "/group/g1/status", {"status": 2})
        self.ask("POST", "/group/g1/rpm_ratio", {"rpm_ratio": 0.5})
        self.ask("POST", "/group/g1/tpm_ratio", {"tpm_ratio": 3})
        self.assertEqual(of(self.ask("PUT", "/group/g1", {"balance_alert_threshold": 7})),
                         (2, 0.5, 3, True, 7))
        self.assertEqual(of(self.ask("PUT", "/group/g1", {
            "status": 1, "balance_alert_enabled": False})), (1, 0.5, 3, False, 0))
        self.assertEqual(self.ask("GET", "/group/g1")["id"], "g1")
        self.refused("GET", "/group/nobody", None, 500, "group record not found")
        self.assertEqual([g["id"] for g in self.ask("GET", "/groups/")["groups"]],
                         ["default", "g1"])
        self.assertEqual(self.ask("GET", "/groups/search?keyword=G1")["total"], 1)

        channels = {c["name"]: c for c in self.ask("GET", "/channels/all")}
        mock = channels["mock"]
        self.assertEqual((mock["type"], mock["status"]), (1, 1))
        self.assertEqual(sorted(mock["models"]), ["m1", "org/m2"])
        self.assertNotIn("canary", json.dumps(channels))
        self.assertEqual(self.ask("GET", "/channel/%d" % mock["id"]), mock)
        self.refused("GET", "/channel/4711", None, 500, "channel record not found")
        self.assertEqual(self.ask("GET", "/channels/search?keyword=mock")["total"], 1)
        self.assertEqual(self.ask("GET", "/channels/?per_page=1")["total"],
                         len(channels))
        self.assertEqual(self.ask("GET", "/channels/type_metas")["14"]["name"],
                         "anthropic")
        # one of the file is not changed here; one of management is
        got, text = self.send("PUT", "/channel/%d" % mock["id"], {"base_url": "x"})
        self.assertIn(got, (400, 500), text)
        self.ask("POST", "/channel/", {
            "name": "made", "type": 36, "key": "sk-secret-of-made-1234",
            "base_url": "https://api.example.com", "models": ["made-1"]})
        made = {c["name"]: c for c in self.ask("GET", "/channels/all")}["made"]
        self.assertEqual((made["status"], made["base_url"]),
                         (1, "https://api.example.com"))
        self.ask("POST", "/channel/%d/status" % made["id"], {"status": 2})
        self.assertEqual(self.ask("GET", "/channel/%d" % made["id"])["status"], 2)
        self.ask("DELETE", "/channel/%d" % made["id"])
        self.assertEqual(len(self.ask("GET", "/channels/all")), len(channels))

        enabled = self.ask("GET", "/models/enabled")["default"]
        model = {m["model"]: m for m in enabled}["org/m2"]
        self.assertEqual((model["type"], model["owner"]), (1, "openai"))
        self.assertEqual(model["price"], {
            "input_price": 1, "input_price_unit": 1000, "output_price": 2,
            "output_price_unit": 1000})
        self.assertEqual(self.ask("GET", "/models/enabled/default"), enabled)
        self.assertEqual(self.ask("GET", "/models/enabled/other"), [])
        for path in ("/models/builtin", "/model_configs/all",
                     "/dashboard/default/models"):
            self.assertEqual(self.ask("GET", path), enabled)
        sets = self.ask("GET", "/models/sets")["m1"]["default"]
        self.assertEqual([(c["name"], c["weight"]) for c in sets], [("mock", 100)])
        self.assertEqual(self.ask("GET", "/model_config/org/m2"), model)
        self.refused("GET", "/model_config/nobody", None, 500, "not found")
        self.assertEqual(self.ask("GET", "/model_configs/?per_page=1")["total"],
                         len(enabled))
        self.assertEqual(self.ask("GET", "/model_configs/search?keyword=org")["total"],
                         1)
        self.assertEqual([m["model"] for m in self.ask(
            "POST", "/model_configs/contains", {"models": ["m1", "x", 5]})], ["m1"])
        self.refused("POST", "/model_configs/contains", {"models": 1001 * ["m1"]}, 400,
                     "more than 1000 names")
        for condition, fault in (({"resolution": ["1K"]}, "resolution"),
                                 ({"input_video": True}, "input_video"),
                                 ({"service_tier": "auto"}, "auto"),
                                 ({}, "does not exist")):
            self.refused("POST", "/model_config/own", {"price": {
                "conditional_prices": [{"condition": condition, "price": {}}]}},
                400 if condition else 500, fault)
        self.assertIsInstance(self.ask("GET", "/monitor/"), dict)

    def test_prices_of_a_model_of_management(self):
        status, _, data = self.gw.admin("POST", "/admin/v1/models", {
            "name": "mine", "providers": ["mock"]})
        self.assertEqual(status, 201, data)
        self.ask("POST", "/model_config/mine", {"model": "mine", "price": {
            "input_price": 0.002, "output_price": 4, "output_price_unit": 1000000,
            "per_request_price": 0.5}, "config": {"max_context_tokens": 8192}})
        shown = self.ask("GET", "/model_config/mine")
        self.assertEqual(shown["price"], {
            "input_price": 0.002, "input_price_unit": 1000, "output_price": 0.004,
            "output_price_unit": 1000, "per_request_price": 0.5})
        self.assertEqual(shown["config"], {"max_context_tokens": 8192})
        self.ask("DELETE", "/model_config/mine")
        self.refused("GET", "/model_config/mine", None, 500, "not found")

    def test_logs_charts_and_ranking(self):
        keys = {}
        for group, name in (("g1", "a"), ("g1", "b"), ("g2", "c")):
            keys[name] = self.ask("POST", "/token/%s?auto_create_group=true" % group,
                                  {"name": name})
        calls = [("a", "m1")] * 3 + [("a", "org/m2"), ("b", "m1"), ("c", "org/m2")]
        for name, model in calls:
            self.assertEqual(self.call(keys[name]["key"], model), 200)
        self.assertEqual(self.call(keys["c"]["key"], x_mock={"status": 422}), 422)
        logs = lambda path="/logs/": self.ask("GET", path)
        wait_for(lambda: logs()["total"] == 7, 60, "seven rows")
        found = logs()
        self.assertEqual(sorted(found["models"])[-2:], ["m1", "org/m2"])
        self.assertEqual(len(found["logs"]), 7)
        row = logs("/logs/?token_name=b")["logs"][0]
        self.assertEqual((row["group"], row["token_name"], row["token_id"],
                          row["model"], row["code"], row["mode"], row["retry_times"]),
                         ("g1", "b", keys["b"]["id"], "m1", 200, 1, 0))
        self.assertEqual(row["usage"]["input_tokens"] + row["usage"]["output_tokens"],
                         row["usage"]["total_tokens"])
        self.assertGreater(row["used_amount"], 0)
        channel = {c["name"]: c["id"] for c in self.ask("GET", "/channels/all")}["mock"]
        self.assertEqual(row["channel"], channel)
        for path, count in (
                ("/logs/?model_name=org/m2", 2), ("/logs/?code_type=error", 1),
                ("/logs/?code_type=success", 6), ("/logs/?code=422", 1),
                ("/logs/?token_id=%d" % keys["a"]["id"], 4), ("/log/g1", 5),
                ("/log/g1?token_name=a", 4), ("/log/g1?model_name=m1", 4),
                ("/log/g2/search?keyword=%s" % row["request_id"], 0),
                ("/log/g1/search?keyword=%s" % row["request_id"], 1),
                ("/log/nobody", 0),
                ("/logs/?token_name=nobody", 0), ("/logs/?channel=%d" % channel, 7),
                ("/logs/?group=g2", 2),
                ("/logs/?request_id=" + row["request_id"], 1),
                ("/logs/?end_timestamp=%d" % (time.time() - 3600), 0),
                ("/logs/?start_timestamp=%d" % ((time.time() + 86400) * 1000), 0)):
            found = logs(path)
            self.assertEqual((len(found["logs"]), found["total"]), (count, count), path)
        self.assertEqual(sorted(logs("/log/g1")["token_names"]), ["a", "b"])
        self.assertEqual(logs("/log/nobody")["token_names"], [])
        self.assertIn("channels", logs())
        seen = []
        for page in (1, 2, 3, 4):
            found = logs("/logs/?per_page=3&page=%d" % page)
            self.assertEqual(found["total"], 7)
            seen += [r["id"] for r in found["logs"]]
        self.assertEqual(len(set(seen)), 7)
        self.assertEqual([r["id"] for r in logs("/logs/?order=created_at-asc")["logs"]],
                         seen[::-1])
        self.assertEqual(logs("/logs/detail/" + row["id"])["request_id"], row["id"])
        self.assertEqual(logs("/log/g1/detail/" + row["id"])["id"], row["id"])
        self.refused("GET", "/log/g2/detail/" + row["id"], None, 500, "not found")
        self.refused("GET", "/logs/detail/nobody", None, 500, "")
        self.refused("GET", "/logs/?ip=1.2.3.4", None, 400, "ip")
        self.refused("GET", "/logs/?page=99999", None, 400, "shorter time")
        for path, count in (("/logs/export", 7), ("/log/g1/export", 5)):
            status, text = self.send("GET", path)
            self.assertEqual(status, 200)
            self.assertTrue(self.head["content-type"].startswith("text/csv"))
            self.assertIn("attachment", self.head["content-disposition"])
            rows = list(csv.DictReader(io.StringIO(text.decode())))
            self.assertEqual(len(rows), count)
            self.assertIn("used_amount", rows[0])

        for kind, least in (("day", 24), ("week", 7), ("two_week", 15), ("month", 30)):
            chart = self.ask("GET", "/dashboard/?type=" + kind)
            self.assertGreaterEqual(len(chart["chart_data"]), least)
            self.assertEqual(chart["total_count"], 7, kind)
            self.assertEqual(sum(p["request_count"] for p in chart["chart_data"]), 7)
            self.assertEqual(chart["exception_count"], 1)
            times = [p["timestamp"] for p in chart["chart_data"]]
            self.assertEqual(len({b - a for a, b in zip(times, times[1:])}), 1)
        group = self.ask("GET", "/dashboard/g1?type=day")
        self.assertEqual((group["total_count"], sorted(group["token_names"])),
                         (5, ["a", "b"]))
        self.assertEqual(self.ask("GET", "/dashboard/g1?type=day&token_name=a"
                                  "&model=m1")["total_count"], 3)
        self.assertEqual(self.ask("GET", "/dashboard/nobody")["total_count"], 0)
        series = self.ask("GET", "/dashboardv2/g1?type=day")["time_series"]
        count = {}
        for point in series:
            for item in point["summary"]:
                count[item["model"]] = (count.get(item["model"], 0) +
                                        item["request_count"])
        self.assertEqual(count, {"m1": 4, "org/m2": 1})
        self.ask("GET", "/dashboardv2/")
        self.refused("GET", "/dashboard/?timespan=minute&start_timestamp=1", None, 400,
                     "steps")

        rank = self.ask("GET", "/groups/consumption_ranking")
        self.assertEqual([(i["rank"], i["group_id"]) for i in rank["items"]],
                         [(1, "g1"), (2, "g2")])
        self.assertEqual(rank["items"][0]["request_count"], 5)
        self.assertEqual(self.ask("GET", "/groups/ranking?order=group_id_desc"
                                  "&per_page=1&page=2")["items"][0]["group_id"], "g1")
        models = self.ask("GET", "/groups/ranking?type=model")["items"]
        self.assertEqual(models[0]["model"], "m1")
        self.assertEqual(self.ask("GET", "/groups/ranking?type=channel")["items"][0][
            "channel_id"], channel)
        self.refused("GET", "/groups/ranking?type=x", None, 400, "type")
        self.refused("GET", "/groups/ranking?order=x", None, 400, "order")
        self.gw.verify()

    def sealos(self, method, path, body=None, token="Bearer " + TOKEN):
        status, text = self.send(method, path, body, token, "/api/v2alpha")
        return status, json.loads(text) if text else None

    def test_tokens_of_sealos(self):
        status, made = self.sealos("POST", "/tokens", {"name": "my key"})
        self.assertEqual(status, 201)
        self.assertEqual((made["subnet"], made["models"], made["status"], made["quota"],
                          made["expired_at"]), ("0.0.0.0/0", None, 1, 0, -1))
        self.assertEqual(self.call(made["key"]), 200)
        status, again = self.sealos("POST", "/tokens", {"name": "my key"})
        self.assertEqual((status, again["id"], again["key"]),
                         (201, made["id"], made["key"]))
        status, shown = self.sealos("GET", "/tokens/my%20key")
        self.assertEqual((status, shown["id"]), (200, made["id"]))
        self.assertIn("****", shown["key"])
        status, listed = self.sealos("GET", "/tokens?name=KEY&page=1&perPage=10")
        self.assertEqual((status, listed["total"], len(listed["tokens"])), (200, 1, 1))
        for word, wanted in (("disable", 401), ("disable", 401), ("enable", 200)):
            self.assertEqual(self.sealos("POST", "/tokens/my%20key/" + word),
                             (204, None))
            self.assertNotIn("content-length", self.head)
            self.assertEqual(self.call(made["key"]), wanted)
        for method, path, body, status, kind, message in (
                ("GET", "/tokens/My%20key", None, 404, "resource_error",
                 "The specified token does not exist."),
                ("GET", "/tokens/%d" % made["id"], None, 404, "resource_error",
                 "The specified token does not exist."),
                ("POST", "/tokens/x/enable", None, 404, "resource_error",
                 "The specified token does not exist."),
                ("POST", "/tokens", {"name": ""}, 400, "validation_error",
                 "Invalid request body."),
                ("GET", "/tokens?perPage=101", None, 400, "validation_error",
                 "Invalid query parameters."),
                ("GET", "/nothing", None, 404, "resource_error", "no such route")):
            got, answer = self.sealos(method, path, body)
            self.assertEqual((got, answer["error"]["type"]), (status, kind), path)
            self.assertIn(message, answer["error"]["message"])
        status, answer = self.sealos("GET", "/tokens", token="Bearer wrong")
        self.assertEqual((status, answer["error"]), (401, {
            "type": "authentication_error", "code": "AUTHENTICATION_REQUIRED",
            "message": "Unauthorized, please login again."}))
        self.assertEqual(self.sealos("DELETE", "/tokens/my%20key"), (204, None))
        self.assertEqual(self.sealos("DELETE", "/tokens/my%20key"), (204, None))
        self.assertEqual(self.call(made["key"]), 401)


if __name__ == "__main__":
    unittest.main()
