"""ClickZetta's management calls as its command line makes them: the eleven in
their order, upsert by alias, quotas that add up, routing, the data plane's fields."""
import base64
import json
import os
import signal
import time
import unittest
import uuid

from gateway import GatewayCase, wait_for

TOKEN = "test-admin-token-1"


def claims(token):
    """As a client reads them: the middle of three parts."""
    head, body, signature = token.split(".")
    part = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert json.loads(part(head)) == {"alg": "HS256", "typ": "JWT"}, head
    assert len(part(signature)) == 32, signature
    return json.loads(part(body))



class ClickZetta(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url,
                               models=("m1", "org/m2")).start()

    def send(self, method, path, body=None, headers=None):
        trace = "tssdk-v0.1.0-" + uuid.uuid4().hex[:12]
        head = {"Content-Type": "application/json", "Accept": "application/json",
                "User-Agent": "tssdk/0.1.0", "requestId": trace, "X-Request-ID": trace,
                "instanceName": "inst", "instanceid": "1", "userId": "1",
                "accountId": "1", "tenantId": "1", "workspaceName": "ws",
                "env": "prod", "X-Clickzetta-Token": TOKEN}
        head.update(headers or {})
        data = None if body is None else json.dumps(body).encode()
        status, _, text = self.gw.http(
            method, path, data, {k: v for k, v in head.items() if v is not None},
            port=self.gw.admin_port)
        return status, json.loads(text)

    def ask(self, path, body=None, method="POST", **kw):
        status, answer = self.send(method, path, body, **kw)
        self.assertEqual((status, answer["code"]), (200, 0), (path, answer))
        return answer

    def admin_ask(self, path, body, **kw):
        return self.ask("/llm-gateway-admin/v2" + path, body, **kw)

    def save(self, **body):
        return self.admin_ask("/virtual-key/save", body)["data"]

    def listed(self, **body):
        return self.admin_ask("/virtual-key/listWithAuth",
                              {"pageIndex": 1, "pageSize": 200, **body})

    def call(self, key, model="m1"):
        return self.gw.call(key, {"model": model, "max_tokens": 8, "messages": [
            {"role": "user", "content": "hi"}]}, path="/gateway/v1/chat/completions")

    def test_the_eleven_calls_in_their_order(self):
        anonymous = {"X-Clickzetta-Token": None}
        answer = self.ask("/clickzetta-portal/user/loginSingle",
                          {"accessToken": TOKEN, "instanceName": "inst"},
                          headers=anonymous)["data"]
        self.assertIsInstance(answer["instanceId"], int)
        self.assertIsInstance(answer["userId"], int)
        self.assertGreater(answer["expireTime"], 0)
        token = {"X-Clickzetta-Token": answer["token"]}
        self.assertEqual(claims(answer["token"])["userId"], answer["userId"])
        password = self.ask("/clickzetta-portal/user/loginSingle", {
            "username": "u", "password": TOKEN, "instanceName": "inst"},
            headers=anonymous)["data"]
        self.assertEqual(password["instanceId"], answer["instanceId"])
        user = self.ask("/clickzetta-portal/user/getCurrentUser", {},
                        headers=token)["data"]
        self.assertEqual(user["id"], answer["userId"])
        instances = self.ask("/clickzetta-portal/service/serviceInstanceList?"
                             "accountId=%d" % user["accountId"], method="GET",
                             headers=token)["data"]
        self.assertEqual([(i["id"], i["name"], i["serviceId"]) for i in instances],
                         [(answer["instanceId"], self.gw.instance, 1)])
        self.assertEqual(self.listed(vApiKeyAlias="my_key")["data"], [])
        number = self.save(vApiKeyAlias="my_key",
                           rateLimitConfigs={"quota_total": 10000000})
        self.assertIsInstance(number, int)
        key = self.admin_ask("/virtual-key/getApiKey?id=%d" % number, {})["data"]
        self.assertEqual(self.call(key)[0], 200)
        for status, wanted in ((0, 401), (1, 200)):
            self.admin_ask("/virtual-key/updateStatus?id=%d&status=%d" % (
                number, status), {})
            self.assertEqual(self.call(key)[0], wanted)
            self.assertEqual(self.listed()["data"][0]["status"], status)
        models = self.admin_ask("/model/list", {
            "virtualKey": key, "pageIndex": 1, "pageSize": 1})
        self.assertEqual(models["count"], 3)
        self.assertEqual(len(models["data"]), 1)
        all_models = self.admin_ask("/model/list", {
            "virtualKey": key, "pageIndex": 1, "pageSize": 200})["data"]
        self.assertIn("org/m2", [m["modelIdentifier"] for m in all_models])
        for model in all_models:
            self.assertEqual(model["modelInvokeStatus"], 1)
        for unknown in ("sk-aigw-" + "x" * 43, "50db****7f61", ""):
            self.assertEqual(self.admin_ask("/model/list", {
                "virtualKey": unknown, "pageIndex": 1, "pageSize": 20})["data"], [])
        portal = self.ask("/clickzetta-portal/user/listApiKeys?userName=u",
                          method="GET")["data"]
        self.assertEqual(portal[0]["vapiKeyAlias"], "my_key")
        self.assertEqual(portal[0]["rateLimitValue"], 10000000)
        self.assertEqual(self.ask("/clickzetta-portal/user/getApiKey?userName=u&id=%d"
                                  % number, method="GET")["data"], key)
        account = self.ask("/clickzetta-portal/hornhub/account/billing/account/1",
                           method="GET")["data"]
        self.assertEqual((account["cashAmount"], account["oweAmount"]), (0, 0))
        self.gw.ctl("group", "top-up", "default", "12.5")
        account = self.ask("/clickzetta-portal/hornhub/account/billing/account/1",
                           method="GET")["data"]
        self.assertEqual(account["cashAmount"], 12.5)
        self.assertIs(self.admin_ask("/virtual-key/delete?id=%d" % number,
                                     {})["data"], True)
        self.assertEqual(self.call(key)[0], 401)

    def test_upsert_and_quotas_that_add_up(self):
        number = self.save(vApiKeyAlias="dev_alice",
                           rateLimitConfigs={"quota_pdo": 100000},
                           routingRule={"routeType": "default",
                                        "providerSort": "price"})
        self.assertEqual(self.save(vApiKeyAlias="dev_alice",
                                   rateLimitConfigs={"quota_pmo": 5000000}), number)
        self.assertEqual(self.save(id=str(number),
                                   rateLimitConfigs={"quota_pdo": 200000}), number)
        row = self.listed(vApiKeyAlias="dev_alice")["data"][0]
        self.assertEqual({c["rateLimitType"]: c["rateLimitValue"]
                          for c in row["rateLimitConfigs"]},
                         {"quota_pdo": 200000, "quota_pmo": 5000000})
        self.assertEqual(row["routingRule"], {"routeType": "default",
                                              "providerSort": "price"})
        self.assertRegex(row["vApiKeyMasked"], r"^.{4}\*{4}.{4}$")
        self.save(id=number, routingRule={"routeType": "provider",
                                          "providerIds": ["mock", "builtin"]})
        row = self.listed()["data"][0]
        self.assertEqual(row["routingRule"], {"routeType": "provider", "providerIds":
                                              ["mock", "builtin"]})
        self.assertEqual(len(row["rateLimitConfigs"]), 2)
        self.save(id=number, routingRule={
            "routeType": "byok", "privateKeyOnly": True,
            "privateKeyAliases": ["mine"]})
        self.assertEqual(self.listed()["data"][0]["routingRule"], {
            "routeType": "byok", "privateKeyOnly": True,
            "privateKeyAliases": ["mine"]})
        self.save(id=number, vApiKeyAlias="renamed", routingRule={
            "routeType": "default"})
        self.assertEqual(self.listed()["data"][0]["vApiKeyAlias"], "renamed")
        # at once, without a restart; the fields say what was used before
        key = self.admin_ask("/virtual-key/getApiKey?id=%d" % number, {})["data"]
        status, head, _ = self.call(key)
        self.assertEqual(status, 200)
        self.assertEqual(head["x-czgw-ratelimit-api-key-token-period"], "PDO, PMO")
        self.save(id=number, rateLimitConfigs={"quota_pdo": 1})
        self.assertEqual(self.call(key)[0], 429)
        used = lambda: max(c["currentUsage"] for c in
                           self.listed()["data"][0]["rateLimitConfigs"])
        wait_for(lambda: used() > 0, 60, "the use to be shown")
        self.gw.verify()

    def test_a_login_is_a_token_that_clients_read_and_carry_in_a_cookie(self):
        made = self.gw.ctl("token", "create", "ops", "--role", "operator")
        login = lambda token: self.ask("/clickzetta-portal/user/loginSingle", {
            "accessToken": token, "instanceName": "i"}, headers={
                "X-Clickzetta-Token": None})["data"]
        user = lambda **headers: self.send(
            "POST", "/clickzetta-portal/user/getCurrentUser", {},
            {"X-Clickzetta-Token": None, **headers})[1]
        for token, name in ((TOKEN, "admin"), (made["token"], "ops")):
            data = login(token)
            told = claims(data["token"])
            self.assertEqual((told["userId"], told["userName"], told["instanceId"]),
                             (data["userId"], name, data["instanceId"]))
            self.assertEqual((told["accountId"], told["tenantId"]), (1, 1))
            self.assertEqual(told["exp"] - told["iat"], data["expireTime"] // 1000)
            self.assertLess(abs(told["iat"] - time.time()), 600)
            self.assertNotIn(token, data["token"])
            me = user(Cookie="a=b; X-ClickZetta-Token=%s; c" % data["token"])["data"]
            self.assertEqual((me["id"], me["name"], me["accountId"]),
                             (told["userId"], name, told["accountId"]))
            head, body, signature = data["token"].split(".")
            for bad in (".".join((head, body, signature[::-1])),
                        ".".join((head, body, "")), head + "." + body,
                        ".".join((head, body[:-4] + "AAAA", signature))):
                self.assertEqual(user(Cookie="X-ClickZetta-Token=" + bad)["code"], 401)
        # it goes with its token, and outlives the accountant
        mine = {"X-Clickzetta-Token": data["token"]}
        self.assertEqual(user(**mine)["code"], 0)
        pid = list(self.gw.children("accountant"))[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in self.gw.children("accountant") and
                 self.gw.admin("GET", "/admin/v1/status")[0] == 200, 60,
                 "the next accountant")
        self.assertEqual(user(**mine)["code"], 0)
        self.gw.ctl("token", "disable", "ops")
        self.assertEqual(user(**mine)["code"], 401)
        self.gw.ctl("token", "enable", "ops")
        self.assertEqual(user(**mine)["code"], 0)
        self.gw.ctl("token", "revoke", "ops", "--yes")
        self.assertEqual(user(**mine)["code"], 401)

    def test_lists(self):
        numbers = [self.save(vApiKeyAlias="k_%d" % i) for i in range(5)]
        page = self.listed(pageSize=2, pageIndex=3)
        self.assertEqual((page["count"], page["pageIndex"]), (5, 3))
        self.assertEqual([r["id"] for r in page["data"]], numbers[4:])
        self.admin_ask("/virtual-key/updateStatus?id=%d&status=0" % numbers[0], {})
        self.assertEqual(self.listed(status=0)["count"], 1)
        self.assertEqual(self.listed(status=1)["count"], 4)
        self.assertEqual(self.listed(vApiKeyAlias="K_3")["count"], 1)
        key = self.admin_ask("/virtual-key/getApiKey?id=%d" % numbers[2], {})["data"]
        self.assertEqual([r["id"] for r in self.listed(vApiKey=key)["data"]],
                         numbers[2:3])
        self.assertEqual(self.listed(vApiKey="sk-aigw-" + "x" * 43)["data"], [])

    def test_errors_are_codes_that_no_retry_follows(self):
        for path, body in (("/virtual-key/getApiKey?id=4711", {}),
                           ("/virtual-key/delete?id=x", {}),
                           ("/virtual-key/delete", {}),
                           ("/virtual-key/updateStatus?id=1&status=7", {}),
                           ("/virtual-key/save", {"vApiKeyAlias": "a b\n"}),
                           ("/virtual-key/save", {"vApiKeyAlias": "ok",
                                                  "rateLimitConfigs": {"x": 1}}),
                           ("/virtual-key/save", {"vApiKeyAlias": "ok", "routingRule":
                                                  {"routeType": "nowhere"}}),
                           ("/virtual-key/save", {"vApiKeyAlias": "ok",
                                                  "rateLimitConfigs":
                                                  {"quota_pdo": "many"}}),
                           ("/virtual-key/save", [])):
            status, answer = self.send("POST", "/llm-gateway-admin/v2" + path, body)
            self.assertEqual(status, 200, (path, answer))
            self.assertNotIn(answer["code"], (0, "0", 200, "200"))
            self.assertTrue(answer["message"])
        self.assertEqual(self.listed()["count"], 0)
        for token in ("wrong", None):
            status, answer = self.send("POST", "/llm-gateway-admin/v2/model/list", {},
                                       {"X-Clickzetta-Token": token})
            self.assertEqual((status, answer["code"]), (200, 401))
        cookie = {"X-Clickzetta-Token": None,
                  "Cookie": "a=b; X-ClickZetta-Token=" + TOKEN}
        self.assertEqual(self.send("POST", "/clickzetta-portal/user/getCurrentUser",
                                   {}, cookie)[1]["code"], 0)
        status, answer = self.send("POST", "/clickzetta-portal/user/loginSingle",
                                   {"accessToken": "wrong"})
        self.assertEqual((status, answer["code"]), (200, 401))
        for method, path, wanted in (("GET", "/v2/nothing", 404),
                                     ("GET", "/v2/model/list", 405)):
            status, answer = self.send(method, "/llm-gateway-admin" + path)
            self.assertEqual((status, answer["code"]), (wanted, wanted))


if __name__ == "__main__":
    unittest.main()
