"""Zenlayer's API: every action by its signed form and by token, envelopes,
error codes, what a change does to calls, usage and cost by series."""
import datetime
import hashlib
import hmac
import json
import os
import signal
import time
import unittest

from gateway import GatewayCase, wait_for

TOKEN = "test-admin-token-1"
ACTIONS = """CreateAiGateway DescribeAiGateways ModifyAiGatewayName
StartAiGateway StopAiGateway DeleteAiGateway DescribeAiGatewayModels
ModifyAiGatewayModels DescribeAiGatewayIpAcl ModifyAiGatewayIpAcl
DescribeAiGatewayExpireTime ModifyAiGatewayExpireTime
DescribeAiGatewayTokenLimit ModifyAiGatewayTokenLimit DescribeAiModels
DescribeAiUsageData DescribeAiUsageDetailData DescribeAiMonthlyTotalCost
DescribeAiModelDailyCost DescribeAiModelDailyCacheHitRate
DescribeAiModelDailyUsage""".split()
# Of each required parameter: a value that is good, and one of a wrong type.
GOOD = {"gatewayName": "good-name", "tokenLimit": 5, "expireType": "LONG_LIVED",
        "modelAccess": "UNLIMITED", "ipAclType": "WHITE", "start": 1, "end": 2,
        "month": "2026-02"}
REQUIRED = {
    "CreateAiGateway": ["gatewayName", "expireType", "modelAccess"],
    "ModifyAiGatewayName": ["gatewayUuid", "gatewayName"],
    "StartAiGateway": ["gatewayUuid"], "StopAiGateway": ["gatewayUuid"],
    "DeleteAiGateway": ["gatewayUuid"],
    "DescribeAiGatewayModels": ["gatewayUuid"],
    "ModifyAiGatewayModels": ["gatewayUuid", "modelAccess"],
    "DescribeAiGatewayIpAcl": ["gatewayUuid"],
    "ModifyAiGatewayIpAcl": ["gatewayUuid", "ipAclType"],
    "DescribeAiGatewayExpireTime": ["gatewayUuid"],
    "ModifyAiGatewayExpireTime": ["gatewayUuid", "expireType"],
    "DescribeAiGatewayTokenLimit": ["gatewayUuid"],
    "ModifyAiGatewayTokenLimit": ["gatewayUuid"],
    "DescribeAiUsageData": ["start", "end"],
    "DescribeAiUsageDetailData": ["start", "end"],
    "DescribeAiMonthlyTotalCost": ["month"],
    "DescribeAiModelDailyCost": ["month"],
    "DescribeAiModelDailyCacheHitRate": ["month"],
    "DescribeAiModelDailyUsage": ["month"],
}


def sign(secret, host, body, stamp, kind="application/json"):
    """As the SDKs do."""
    canonical = "POST\n/\n\ncontent-type:%s\nhost:%s\n\ncontent-type;host\n%s" % (
        kind, host, hashlib.sha256(body).hexdigest())
    text = "ZC2-HMAC-SHA256\n%s\n%s" % (
        stamp, hashlib.sha256(canonical.encode()).hexdigest())
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Zenlayer(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(
            provider=self.provider.base_url, models=("m1", "m2"),
            model_options="price_input = 1000\nprice_output = 2000\n").start()

    def send(self, action, body, headers, path="/api/v2/aigw", **kw):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {"Content-Type": "application/json", "x-zc-version": "2026-04-14",
                "x-zc-service": "aigw", "x-zc-action": action}
        head.update(headers)
        head = {k: v for k, v in head.items() if v is not None}
        status, _, text = self.gw.http(kw.get("method", "POST"), path, data, head,
                                       port=self.gw.admin_port)
        return status, json.loads(text)

    def ask(self, action, body=None, **kw):
        """By token: what stands in `response`."""
        status, answer = self.send(action, body or {},
                                   {"Authorization": "Bearer " + TOKEN}, **kw)
        self.assertEqual(status, 200, (action, answer))
        self.assertEqual(answer["requestId"], answer["response"]["requestId"])
        return answer["response"]

    def refused(self, action, body, status, code):
        got, answer = self.send(action, body, {"Authorization": "Bearer " + TOKEN})
        self.assertEqual((got, answer.get("code")), (status, code), (body, answer))
        self.assertEqual(sorted(answer), ["code", "message", "requestId"])

    def signed(self, action, body, secret=TOKEN, key="admin", skew=0,
               kind="application/json", signed_kind=None):
        data = json.dumps(body).encode()
        stamp = str(int(time.time()) + skew)
        host = "127.0.0.1:%d" % self.gw.admin_port
        signature = sign(secret, host, data, stamp, signed_kind or kind)
        return self.send(action, data, {
            "Content-Type": kind,
            "x-zc-signature-method": "ZC2-HMAC-SHA256", "x-zc-timestamp": stamp,
            "Authorization": "ZC2-HMAC-SHA256 Credential=%s, "
            "SignedHeaders=content-type;host, Signature=%s" % (key, signature)})

    def create(self, name="gw-1", **more):
        body = {"gatewayName": name, "tokenLimit": -1, "expireType": "LONG_LIVED",
                "modelAccess": "UNLIMITED"}
        body.update(more)
        return self.ask("CreateAiGateway", body)

    def call(self, token, model="m1", tokens=4):
        return self.gw.call(token, {
            "model": model, "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 32, "x_mock": {"tokens": tokens}})[0]

    def test_signatures(self):
        status, answer = self.signed("DescribeAiGateways", {"pageSize": 10})
        self.assertEqual(status, 200, answer)
        status, answer = self.signed(
            "DescribeAiGateways", {}, kind="application/json; charset=utf-8")
        self.assertEqual(status, 200, answer)
        status, answer = self.signed(
            "DescribeAiGateways", {}, kind="Application/JSON",
            signed_kind="application/json")
        self.assertEqual(status, 200, answer)
        for kw, code in (({"secret": "x"}, "AUTHFAILURE_SIGNATURE_FAILURE"),
                         ({"key": "x"}, "AUTHFAILURE_INVALID_AUTHORIZATION"),
                         ({"skew": -400}, "AUTHFAILURE_SIGNATURE_EXPIRED"),
                         ({"skew": 400}, "AUTHFAILURE_SIGNATURE_EXPIRED")):
            status, answer = self.signed("DescribeAiGateways", {}, **kw)
            self.assertEqual((status, answer["code"]), (401, code), kw)
        for value in (None, "Bearer wrong", "ZC2-HMAC-SHA256 nonsense", "Basic eA=="):
            status, answer = self.send("DescribeAiGateways", {},
                                       {"Authorization": value})
            self.assertEqual((status, answer["code"]),
                             (401, "AUTHFAILURE_INVALID_AUTHORIZATION"), value)

    def test_a_signed_request_is_taken_once(self):
        sent = []
        plain = self.send
        self.send = lambda *args, **kw: sent.append((args, kw)) or plain(*args, **kw)
        body = {"gatewayName": "once", "tokenLimit": -1, "expireType": "LONG_LIVED",
                "modelAccess": "UNLIMITED"}
        self.assertEqual(self.signed("CreateAiGateway", body, skew=-290)[0], 200)
        self.send = plain
        (args, kw), = sent
        again = lambda action=args[0]: plain(action, *args[1:], **kw)
        def refused(status, answer):
            self.assertEqual((status, answer["code"]),
                             (401, "AUTHFAILURE_SIGNATURE_EXPIRED"))
        refused(*again())
        self.assertEqual(again("DescribeAiGateways")[0], 200) # the same second's other
        rows = lambda: self.ask("DescribeAiGateways")["totalCount"]
        self.assertEqual(rows(), 1)
        self.assertEqual(self.signed("CreateAiGateway", dict(body, gatewayName="other"),
                                     skew=-289)[0], 200)
        self.assertEqual(rows(), 2)
        # also by the next accountant, which remembers none: not of before it began
        pid = list(self.gw.children("accountant"))[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: [p for p in self.gw.children("accountant") if p != pid] and
                 self.gw.admin("GET", "/admin/v1/status")[0] == 200, 60,
                 "the next accountant")
        refused(*again())
        refused(*self.signed("DescribeAiGateways", {}, skew=-200))
        self.assertEqual(rows(), 2)
        self.assertEqual(self.signed("DescribeAiGateways", {}, skew=1)[0], 200)

    def test_a_members_token_signs_and_sees_its_own_groups(self):
        self.gw.ctl("group", "create", "team")
        mine = self.create("mine", resourceGroupId="team")["gatewayUuid"]
        other = self.create("other")["gatewayUuid"]
        status, _, data = self.gw.admin("POST", "/admin/v1/tokens", {
            "name": "ops", "role": "operator", "groups": ["team"]})
        self.assertEqual(status, 201, data)
        made = json.loads(data)
        token = made["token"]
        ask = lambda action, body: self.signed(action, body, secret=token, key="ops")
        status, answer = ask("DescribeAiGateways", {})
        self.assertEqual(status, 200, answer)
        self.assertEqual([g["gatewayUuid"] for g in answer["response"]["dataSet"]],
                         [mine])
        self.assertEqual(ask("StopAiGateway", {"gatewayUuid": mine})[0], 200)
        for action in sorted(REQUIRED):
            body = {"gatewayUuid": other, **GOOD}
            if "gatewayUuid" in REQUIRED[action]:
                status, answer = ask(action, body)
                self.assertEqual(
                    (status, answer["code"]),
                    (404, "OPERATION_FAILED_RESOURCE_NOT_FOUND"), action)
        status, answer = ask("CreateAiGateway", GOOD)
        self.assertEqual(status, 200, answer)
        self.assertEqual(self.gw.ctl("key", "list", "--alias", "good-name")[0]["alias"],
                         "good-name")
        self.assertEqual(ask("DescribeAiGateways", {})[1]["response"]["totalCount"], 2)
        status, answer = ask("CreateAiGateway", {**GOOD, "resourceGroupId": "default"})
        self.assertEqual((status, answer["code"]), (
            404, "OPERATION_FAILED_RESOURCE_GROUP_NOT_FOUND"))
        self.assertEqual(self.gw.admin("DELETE", "/admin/v1/tokens/%d" % made["id"])[0],
                         200)
        status, answer = ask("DescribeAiGateways", {})
        self.assertEqual((status, answer["code"]),
                         (401, "AUTHFAILURE_INVALID_AUTHORIZATION"))

    def test_every_action_is_there_and_says_what_is_missing(self):
        uuid = self.create()["gatewayUuid"]
        self.assertEqual(len(ACTIONS), 21)
        for action in ACTIONS:
            good = {"gatewayUuid": uuid, **GOOD}
            if action == "CreateAiGateway":
                good["gatewayName"] = "another"
            if action in ("DeleteAiGateway", "DescribeAiGateways"):
                continue
            for path in ("/api/v2/aigw", "/api/v2/aig"):
                if action == "CreateAiGateway" and path.endswith("aig"):
                    good["gatewayName"] = "a.third"
                self.ask(action, good, path=path)
            for name in REQUIRED.get(action, []):
                self.refused(action, {k: v for k, v in good.items() if k != name},
                             400, "MISSING_PARAMETER")
                self.refused(action, {**good, name: None}, 400, "MISSING_PARAMETER")
                self.refused(action, {**good, name: [1]}, 400,
                             "INVALID_PARAMETER_TYPE")
            if "gatewayUuid" in REQUIRED.get(action, []):
                for missing in ("4711", "nobody", "", "7/8"):
                    self.refused(action, {**good, "gatewayUuid": missing}, 404,
                                 "OPERATION_FAILED_RESOURCE_NOT_FOUND")
        self.ask("DeleteAiGateway", {"gatewayUuid": uuid})
        self.refused("DeleteAiGateway", {"gatewayUuid": uuid}, 404,
                     "OPERATION_FAILED_RESOURCE_NOT_FOUND")
        self.refused("CopyAiGateway", {}, 403, "AUTHFAILURE_UNAUTHORIZED_OPERATION")
        token = {"Authorization": "Bearer " + TOKEN}
        for headers, wanted in (
                ({"x-zc-version": None}, (400, "MISSING_PARAMETER")),
                ({"x-zc-action": None}, (400, "MISSING_PARAMETER")),
                ({"x-zc-version": "2020-01-01"}, (400, "INVALID_PARAMETER_VALUE"))):
            status, answer = self.send("DescribeAiModels", {}, {**token, **headers})
            self.assertEqual((status, answer["code"]), wanted)
        status, answer = self.send("DescribeAiModels", b"{not json", token)
        self.assertEqual((status, answer["code"]), (400, "INVALID_PARAMETER_TYPE"))
        status, answer = self.send("DescribeAiModels", {}, token, method="PUT")
        self.assertEqual((status, sorted(answer)),
                         (405, ["code", "message", "requestId"]))

    def test_names_tags_and_lists(self):
        for name, code in (("a", "LESS_LENGTH"), ("a" * 64, "EXCEED_LENGTH"),
                           ("-ab", "PATTERN_ERROR"), ("ab.", "PATTERN_ERROR"),
                           ("a b", "PATTERN_ERROR"), ("a_b", "PATTERN_ERROR")):
            self.refused("CreateAiGateway", {**GOOD, "gatewayName": name}, 400,
                         "INVALID_PARAMETER_" + code)
        tag = [{"key": "env", "value": "prod"}, {"key": "team"}]
        self.refused("CreateAiGateway", {**GOOD, "tags": {"tags": tag + tag[:1]}},
                     400, "INVALID_PARAMETER_VALUE")
        self.refused("CreateAiGateway", {**GOOD, "tags": {"tags": [
            {"key": "k" * 65}]}}, 400, "INVALID_PARAMETER_EXCEED_LENGTH")
        many = [{"key": "k%d" % i} for i in range(50000)]
        for action, tags in (("CreateAiGateway", {"tags": many}), ("DescribeAiGateways", many)):
            self.refused(action, {**GOOD, "tags": tags}, 400,
                         "INVALID_PARAMETER_EXCEED_LENGTH")
        self.refused("CreateAiGateway", {**GOOD, "tags": {"tags": [{"value": "v"}]}},
                     400, "MISSING_PARAMETER")
        self.gw.ctl("group", "create", "team")
        one = self.create("Prod-1", tags={"tags": tag[:1]})
        two = self.create("prod-2", tags={"tags": [
            {"key": "env", "value": "prod"}, {"key": "x", "value": "y"}]},
            resourceGroupId="team")
        three = self.create("other", tokenLimit=1000, expireType="CUSTOM",
                            expireTime="2099-12-31T23:59:59Z")

        def names(**filters):
            found = self.ask("DescribeAiGateways", filters)
            return (found["totalCount"],
                    [row["gatewayName"] for row in found["dataSet"]])

        self.assertEqual(names(), (3, ["Prod-1", "prod-2", "other"]))
        self.assertEqual(names(gatewayName="PROD"), (2, ["Prod-1", "prod-2"]))
        self.assertEqual(names(pageSize=2, pageNum=2), (3, ["other"]))
        self.assertEqual(names(pageSize=2, pageNum=3), (3, []))
        self.assertEqual(names(gatewayUuids=[three["gatewayUuid"], "nobody"]),
                         (1, ["other"]))
        self.assertEqual(names(gatewayUuids=["nobody"]), (0, []))
        self.assertEqual(names(tags=[{"key": "env", "value": "prod"}]),
                         (2, ["Prod-1", "prod-2"]))
        self.assertEqual(names(tagKeys=["env", "x"]), (1, ["prod-2"]))
        self.assertEqual(names(status="SUCCEED")[0], 3)
        self.assertEqual(names(status="FAILED"), (0, []))
        rows = self.ask("DescribeAiGateways")["dataSet"]
        group = rows[1]["resourceGroupId"]
        self.assertEqual(names(resourceGroupId=group), (1, ["prod-2"]))
        self.assertEqual(rows[0]["tags"], {"tags": tag[:1]})
        self.assertEqual(sorted(rows[0]), [
            "accessLimit", "createdAt", "enabled", "expireTime", "expireType",
            "gatewayName", "gatewayUuid", "modelAccess", "resourceGroupId", "tags",
            "updatedAt"])
        self.assertEqual([rows[i]["accessLimit"] for i in (0, 2)], [-1, 1000])
        self.assertEqual(rows[2]["expireTime"], "2099-12-31T23:59:59Z")
        self.assertRegex(rows[0]["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(one["gatewayUuid"], rows[0]["gatewayUuid"])
        self.assertTrue(two["token"].startswith("sk-aigw-"))
        for filters, code in (({"pageSize": 0}, "LESS_MINIMUM"),
                              ({"pageSize": 1001}, "EXCEED_MAXIMUM"),
                              ({"pageNum": "1"}, "TYPE"),
                              ({"status": "X"}, "VALUE"),
                              ({"tagKeys": ["k"] * 21}, "EXCEED_LENGTH")):
            self.refused("DescribeAiGateways", filters, 400,
                         "INVALID_PARAMETER_" + code)
        for group in ("nobody", "00000000-0000-4000-8000-000000000fff"):
            self.refused("DescribeAiGateways", {"resourceGroupId": group}, 404,
                         "OPERATION_FAILED_RESOURCE_GROUP_NOT_FOUND")
        self.refused("CreateAiGateway", {**GOOD, "gatewayName": "other"}, 400,
                     "INVALID_PARAMETER_VALUE")

    def test_what_is_set_acts_on_the_next_call(self):
        made = self.create()
        uuid, token = {"gatewayUuid": made["gatewayUuid"]}, made["token"]
        self.assertEqual(self.call(token), 200)
        self.ask("StopAiGateway", uuid)
        self.ask("StopAiGateway", uuid)
        self.assertEqual(self.call(token), 401)
        self.ask("StartAiGateway", uuid)
        self.assertEqual(self.call(token), 200)

        models = {m["modelName"]: m["modelUuid"] for m in
                  self.ask("DescribeAiModels")["modelSet"]}
        self.assertRegex(models["m2"], r"^[0-9a-z]{10}$")
        self.refused("ModifyAiGatewayModels", {**uuid, "modelAccess": "LIMITED"},
                     400, "MISSING_PARAMETER")
        self.refused("ModifyAiGatewayModels", {
            **uuid, "modelAccess": "LIMITED", "modelUuids": ["nobody"]},
            400, "INVALID_PARAMETER_VALUE")
        self.ask("ModifyAiGatewayModels", {
            **uuid, "modelAccess": "LIMITED", "modelUuids": [models["m2"]]})
        self.assertEqual(self.ask("DescribeAiGatewayModels", uuid)["models"],
                         [{"modelUuid": models["m2"], "modelName": "m2"}])
        self.assertEqual(self.call(token), 404)
        self.assertEqual(self.call(token, "m2"), 200)
        self.ask("ModifyAiGatewayModels", {**uuid, "modelAccess": "UNLIMITED"})
        self.assertEqual(self.call(token), 200)

        self.ask("ModifyAiGatewayIpAcl", {**uuid, "ipAclType": "BLACK", "enabled":
                                          True, "ipAddresses": ["127.0.0.0/8"]})
        self.assertEqual(self.call(token), 403)
        acl = self.ask("DescribeAiGatewayIpAcl", uuid)
        self.assertEqual((acl["ipAclType"], acl["ipAddresses"], acl["enabled"]),
                         ("BLACK", ["127.0.0.0/8"], True))
        self.ask("ModifyAiGatewayIpAcl", {**uuid, "ipAclType": "WHITE",
                                          "enabled": True})
        self.assertEqual(self.call(token), 200)
        self.ask("ModifyAiGatewayIpAcl", {**uuid, "ipAclType": "BLACK",
                                          "enabled": False})
        self.assertEqual(self.call(token), 200)
        self.refused("ModifyAiGatewayIpAcl", {**uuid, "ipAclType": "WHITE",
                                              "ipAddresses": ["300.1.1.1"]},
                     400, "INVALID_PARAMETER_VALUE")

        for body, code in (
                ({"expireType": "CUSTOM"}, "MISSING_PARAMETER"),
                ({"expireType": "CUSTOM", "expireTime": "tomorrow"},
                 "INVALID_PARAMETER_DATE_FORMAT_ERROR"),
                ({"expireType": "CUSTOM", "expireTime": "2020-01-01T00:00:00Z"},
                 "INVALID_PARAMETER_VALUE")):
            self.refused("ModifyAiGatewayExpireTime", {**uuid, **body}, 400, code)
        when = "2098-01-02T03:04:05Z"
        self.ask("ModifyAiGatewayExpireTime", {**uuid, "expireType": "CUSTOM",
                                               "expireTime": when})
        shown = self.ask("DescribeAiGatewayExpireTime", uuid)
        self.assertEqual((shown["expireType"], shown["expireTime"]), ("CUSTOM", when))
        self.ask("ModifyAiGatewayExpireTime", {**uuid, "expireType": "LONG_LIVED"})
        shown = self.ask("DescribeAiGatewayExpireTime", uuid)
        self.assertEqual(shown["expireType"], "LONG_LIVED")

        self.ask("ModifyAiGatewayName", {**uuid, "gatewayName": "renamed"})
        self.assertEqual(self.ask("DescribeAiGateways")["dataSet"][0]["gatewayName"],
                         "renamed")
        self.ask("DeleteAiGateway", uuid)
        self.assertEqual(self.call(token), 401)
        self.gw.verify()

    def test_suspended_at_the_limit_and_resumed_by_a_raise(self):
        made = self.create(tokenLimit=300)
        uuid, token = {"gatewayUuid": made["gatewayUuid"]}, made["token"]
        limit = lambda: self.ask("DescribeAiGatewayTokenLimit", uuid)["tokenLimit"]
        enabled = lambda: self.ask("DescribeAiGateways")["dataSet"][0]["enabled"]
        self.assertEqual((limit(), enabled()), (300, True))
        self.assertEqual(self.call(token, tokens=20), 200)
        wait_for(lambda: self.call(token, tokens=20) != 200, 60, "the limit")
        self.assertEqual(self.call(token), 429)
        # what is used is at the limit, not only too near to it
        self.ask("ModifyAiGatewayTokenLimit", {**uuid, "tokenLimit": 5})
        wait_for(lambda: not enabled(), 60, "the suspension to be shown")
        self.assertEqual(self.call(token), 429)
        self.ask("ModifyAiGatewayTokenLimit", {**uuid, "tokenLimit": 100000})
        self.assertEqual(self.call(token), 200)
        self.assertEqual((limit(), enabled()), (100000, True))
        for none in (-1, 0, None):
            self.ask("ModifyAiGatewayTokenLimit", {**uuid, "tokenLimit": none})
            self.assertEqual(limit(), -1)
        self.refused("ModifyAiGatewayTokenLimit", {**uuid, "tokenLimit": -2}, 400,
                     "INVALID_PARAMETER_LESS_MINIMUM")
        self.refused("ModifyAiGatewayTokenLimit", {**uuid, "tokenLimit": 1.5}, 400,
                     "INVALID_PARAMETER_TYPE")
        self.gw.verify()

    def test_usage_and_cost(self):
        first, second = self.create("first"), self.create("second")
        calls = ((first, "m1"), (first, "m1"), (first, "m2"), (second, "m1"))
        for made, model in calls:
            self.assertEqual(self.call(made["token"], model), 200)
        now = int(time.time())
        span = {"start": now - 3600, "end": now + 60}
        both = ",".join([first["gatewayUuid"], second["gatewayUuid"]])

        def data(**more):
            return self.ask("DescribeAiUsageData", {**span, **more})

        wait_for(lambda: sum(m["totalRequests"] for m in
                             data()["instanceModelToken"]) == 4, 60, "four calls")
        alone = data(instanceIds=first["gatewayUuid"])
        requests = {m["modelName"]: m["totalRequests"]
                    for m in alone["instanceModelToken"]}
        self.assertEqual(requests, {"m1": 2, "m2": 1})
        models = {m["modelName"]: m["modelUuid"] for m in
                  self.ask("DescribeAiModels")["modelSet"]}
        for m in alone["instanceModelToken"]:
            self.assertEqual(m["modelUuid"], models[m["modelName"]])
        total = data(instanceIds=both)
        self.assertEqual({k: v for k, v in total.items() if k != "requestId"},
                         {k: v for k, v in data().items() if k != "requestId"})
        self.assertEqual(
            total["totalInputTokens"] + total["totalOutputTokens"],
            sum(m["totalTokens"] for m in total["instanceModelToken"]))
        self.assertEqual(data(resourceGroupId="default")["totalInputTokens"],
                         total["totalInputTokens"])

        for seconds, step in ((3600, 60), (20 * 3600, 300), (20 * 86400, 3600),
                              (40 * 86400, 86400)):
            shown = self.ask("DescribeAiUsageDetailData", {
                "start": now - seconds, "end": now + 60})
            for name in ("request", "token", "inputToken", "outToken"):
                times = [p["time"] for p in shown[name]]
                self.assertEqual({b - a for a, b in zip(times, times[1:])},
                                 {step * 1000}, (seconds, name))
                self.assertLessEqual(times[0], (now - seconds) * 1000)
            count = {}
            for point in shown["request"]:
                for item in point["data"]:
                    count[item["model"]] = count.get(item["model"], 0) + item["value"]
            self.assertEqual(count, {"m1": 3, "m2": 1})
            tokens = lambda name: sum(i["value"] for p in shown[name]
                                      for i in p["data"])
            self.assertEqual(tokens("token"),
                             tokens("inputToken") + tokens("outToken"))
            self.assertEqual(tokens("inputToken"), total["totalInputTokens"])

        today = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
        month = {"month": "%d-%d" % (today.year, today.month)}
        cost = self.ask("DescribeAiMonthlyTotalCost", month)["totalCost"]
        self.assertAlmostEqual(cost, (total["totalInputTokens"] * 1000 +
                                      total["totalOutputTokens"] * 2000) / 1e6)
        daily = self.ask("DescribeAiModelDailyCost", month)
        self.assertEqual(len(daily["dates"]), today.day)
        self.assertEqual(daily["dates"][-1], today.strftime("%Y-%m-%d"))
        self.assertEqual({len(s["data"]) for s in daily["series"]}, {today.day})
        self.assertAlmostEqual(sum(sum(s["data"]) for s in daily["series"]), cost)
        hits = self.ask("DescribeAiModelDailyCacheHitRate", month)
        for series in hits["cacheHit"]:
            self.assertEqual(len(series["data"]), today.day)
            for rate in series["data"]:
                self.assertRegex(rate, r"^\d+%$")
        metric = self.ask("DescribeAiModelDailyUsage", month)["metric"]
        self.assertEqual([m["date"] for m in metric], daily["dates"])
        self.assertEqual(sum(u["completionTokens"] + u["reasoningTokens"]
                             for m in metric for u in m["model_usage"]),
                         total["totalOutputTokens"])
        one = self.ask("DescribeAiMonthlyTotalCost",
                       {**month, "instanceIds": second["gatewayUuid"]})["totalCost"]
        self.assertTrue(0 < one < cost)
        old = self.ask("DescribeAiModelDailyCost", {"month": "2024-02"})
        self.assertEqual((len(old["dates"]), old["series"]), (29, []))
        self.assertEqual(self.ask("DescribeAiModelDailyCost",
                                  {"month": "2999-01"})["dates"], [])
        for month in ("2026-13", "2026", "x", "2026-1-1"):
            self.refused("DescribeAiModelDailyCost", {"month": month}, 400,
                         "INVALID_PARAMETER_DATE_FORMAT_ERROR")
        self.refused("DescribeAiUsageData", {"start": 9, "end": 8}, 400,
                     "INVALID_PARAMETER_VALUE")
        self.refused("DescribeAiUsageData", {"start": 1, "end": 2,
                                             "instanceIds": "x"}, 400,
                     "INVALID_PARAMETER_VALUE")


if __name__ == "__main__":
    unittest.main()
