"""The accountant is killed between any two steps of what the dialects change: each
request is sent again until it is answered, and then its object is whole. Accountants
die at their N-th passage of a crash point, one after the other, so deaths wander
through the requests. Every point: AIGW_POINTS=all; the same again: AIGW_SEED=N."""
import json
import os
import random
import time

from gateway import GatewayCase, wait_for
from test_98_admin_cloudflare_acts import BASE, way

ROOT = "test-admin-token-1"
SECONDS = 120
# Where a change of the configuration passes, and one of a key or group; a start passes
# M1 and M2 once. (The rest is passed by flushes and restarts: test_80_faults.)
OF_CONFIGURATION, OF_OBJECTS = ("M1", "M2"), ("D5", "F1", "F2", "F4", "F5")


class Killed(GatewayCase):
    def setUp(self):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))
        print("seed %d" % seed)
        self.random = random.Random(seed)
        self.again = 0

    def send(self, method, path, body=None, head=None):
        """(status, JSON), of an accountant that lives; None: none answered."""
        try:
            status, _, data = self.gw.http(
                method, path, None if body is None else json.dumps(body).encode(),
                dict({"Authorization": "Bearer " + ROOT,
                      "Content-Type": "application/json"}, **(head or {})),
                port=self.gw.admin_port)
            answer = json.loads(data) if data else {}
        except (OSError, ValueError):
            return None
        if status in (502, 503, 504) or (status == 500 and "exist" not in str(answer)
                                         and "not found" not in str(answer)):
            return None
        return status, answer

    def until(self, method, path, body=None, good=(200, 201, 204), **kw):
        """Sent until it is answered. What an earlier one did that nobody was told of
        is said by a status in `good`, too."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            got = self.send(method, path, body, **kw)
            if got is not None:
                self.assertIn(got[0], good, (method, path, got[1]))
                return got
            self.again += 1
        self.fail("not answered in %d s: %s %s\n%s" % (
            SECONDS, method, path, self.gw.log()[-3000:]))

    def native(self, path):
        return self.until("GET", "/admin/v1" + path, good=(200, 404))

    # -- the dialects --

    def cloudflare(self, name):
        base = "/client/v4/accounts/acme/ai-gateway/gateways"
        one = base + "/" + name
        self.until("POST", base, dict(BASE, id=name), good=(200, 409))
        self.until("PUT", one, dict(BASE, zdr=True))
        shown = self.until("GET", one)[1]["result"]
        self.assertTrue(shown["zdr"] and self.native(
            "/gateways/acme%2F" + name)[1]["zdr"])
        self.until("POST", one + "/routes", {"name": "r", "elements": way("mock")},
                   good=(200, 400))
        route, = self.until("GET", one + "/routes")[1]["data"]["routes"]
        self.check_route(name, "r", way("mock"))
        path = one + "/routes/" + route["id"]
        self.until("POST", path + "/versions", {"elements": way("mock", "m2")})
        versions = self.until("GET", path + "/versions")[1]["data"]["versions"]
        self.until("POST", path + "/deployments",
                   {"version_id": versions[-1]["version_id"]})
        self.check_route(name, "r", way("mock", "m2"))
        self.until("PATCH", path, {"name": "s"})
        self.check_route(name, "s", way("mock", "m2"))
        self.assertEqual(self.native("/routes/acme%%2F%s%%2Fr" % name)[0], 404)
        self.until("POST", one + "/datasets", {"name": "d", "enable": True,
                                               "filters": []}, good=(200, 400, 409))
        self.assertIn("d", [d["name"] for d in
                            self.until("GET", one + "/datasets")[1]["result"]])
        self.until("DELETE", one, good=(200, 404))
        for what in ("/gateways/acme%2F" + name, "/routes/acme%%2F%s%%2Fs" % name):
            self.assertEqual(self.native(what)[0], 404, what)

    def check_route(self, gateway, name, elements):
        """What is kept and what is in force are one."""
        kept, = self.until("GET", "/client/v4/accounts/acme/ai-gateway/gateways/%s/routes"
                           % gateway)[1]["data"]["routes"]
        status, native = self.native("/routes/acme%%2F%s%%2F%s" % (gateway, name))
        self.assertEqual((status, kept["name"], kept["elements"], native["elements"]),
                         (200, name, elements, elements))

    def zenlayer(self, name):
        def act(action, body, good=(200,)):
            return self.until("POST", "/api/v2/aigw", body, good, head={
                "x-zc-version": "2026-04-14", "x-zc-action": action})[1]
        act("CreateAiGateway", {"gatewayName": name, "tokenLimit": 5, "modelAccess":
                                "UNLIMITED", "expireType": "LONG_LIVED"}, (200, 400, 409))
        found, = [g for g in act("DescribeAiGateways", {"gatewayName": name})[
            "response"]["dataSet"] if g["gatewayName"] == name]
        uuid = {"gatewayUuid": found["gatewayUuid"]}
        act("ModifyAiGatewayTokenLimit", dict(uuid, tokenLimit=77))
        act("ModifyAiGatewayIpAcl", dict(uuid, ipAclType="BLACK", enabled=True,
                                         ipAddresses=["10.0.0.0/8"]))
        act("StopAiGateway", uuid)
        self.assertEqual(act("DescribeAiGatewayTokenLimit", uuid)["response"][
            "tokenLimit"], 77)
        self.assertEqual(act("DescribeAiGatewayIpAcl", uuid)["response"]["ipAddresses"],
                         ["10.0.0.0/8"])
        act("DeleteAiGateway", uuid, (200, 404))
        self.assertEqual(act("DescribeAiGateways", {"gatewayName": name})["response"][
            "totalCount"], 0)

    def aiproxy(self, name):
        made = self.until("POST", "/api/token/%s?auto_create_group=true&ignore_exist=true"
                          % name, {"name": name, "quota": 3})[1]["data"]
        self.assertEqual((made["group"], made["quota"], made["status"]), (name, 3, 1))
        path = "/api/token/%s/%d" % (name, made["id"])
        self.until("POST", path + "/status", {"status": 2})
        self.until("PUT", path, {"quota": 4})
        shown = self.until("GET", path)[1]["data"]
        self.assertEqual((shown["status"], shown["quota"]), (2, 4))
        self.until("POST", "/api/group/%s/model_config/m1" % name,
                   {"override_limit": True, "rpm": 5})
        self.assertEqual(self.until("GET", "/api/group/%s/model_configs/" % name)[1][
            "data"][0]["rpm"], 5)
        body = {"name": "ch-" + name, "type": 1, "models": ["m1"], "key": "k" * 20,
                "base_url": "https://example.com/v1"}
        self.until("POST", "/api/channel/", body, good=(200, 500))
        found, = [c for c in self.until("GET", "/api/channels/all")[1]["data"]
                  if c["name"] == body["name"]]
        self.until("DELETE", "/api/channel/%d" % found["id"], good=(200, 500))
        self.until("DELETE", path, good=(200, 500))
        self.assertEqual(self.until("GET", "/api/token/" + name)[1]["data"]["total"], 0)

    def sealos(self, name):
        path = "/api/v2alpha/tokens"
        made = self.until("POST", path, {"name": name})[1]
        self.assertEqual(made["name"], name)
        self.until("POST", "%s/%s/disable" % (path, name), {})
        self.assertEqual(self.until("GET", "%s/%s" % (path, name))[1]["status"], 2)
        self.until("DELETE", "%s/%s" % (path, name))
        self.until("GET", "%s/%s" % (path, name), good=(404,))

    def clickzetta(self, name):
        path = "/llm-gateway-admin/v2/virtual-key/"
        ask = lambda what, body: self.until("POST", path + what, body)[1]
        number = ask("save", {"vApiKeyAlias": name, "rateLimitConfigs": {
            "quota_pdo": 100}})["data"]
        self.assertEqual(ask("save", {"vApiKeyAlias": name, "rateLimitConfigs": {
            "quota_pmo": 900}})["data"], number)
        ask("updateStatus?id=%d&status=0" % number, {})
        one, = ask("listWithAuth", {"vApiKeyAlias": name})["data"]
        self.assertEqual((one["status"], sorted(
            (c["rateLimitType"], c["rateLimitValue"]) for c in one["rateLimitConfigs"])),
            (0, [("quota_pdo", 100), ("quota_pmo", 900)]))
        ask("delete?id=%d" % number, {})
        self.assertEqual(ask("listWithAuth", {"vApiKeyAlias": name})["data"], [])

    # -- deaths --

    def deaths_so_far(self):
        """At least: workers ask the next accountant by themselves where they can."""
        return self.gw.log().count("was killed by signal 9")

    def die_through(self, point, parts):
        """All parts, while accountants die at the point."""
        before = self.deaths_so_far()
        self.gw.stop()
        # Each lives long enough for one request: it may flush a few times.
        least = 6 if point[0] == "F" else 3
        self.gw.env["AIGW_CRASHPOINT"] = "%s:%d" % (
            point, self.random.randrange(least, least + 3))
        self.gw.start()
        for part in parts:
            part("%s-%s" % (part.__name__, point.lower()))
        self.assertGreater(self.deaths_so_far(), before, point)

    def test_between_any_two_steps(self):
        provider = self.mock()
        self.gw = self.gateway(provider=provider.base_url, models=("m1", "m2")).start()
        self.gw.ctl("group", "create", "acme")
        points = list(OF_OBJECTS)
        if os.environ.get("AIGW_POINTS") != "all":
            points = self.random.sample(points, 2)
        for point in OF_CONFIGURATION:
            self.die_through(point, (self.cloudflare, self.aiproxy))
        for point in points:
            self.die_through(point, (self.zenlayer, self.aiproxy, self.sealos,
                                     self.clickzetta))
        print("%d deaths, %d requests sent again" % (self.deaths_so_far(), self.again))
        self.gw.env.pop("AIGW_CRASHPOINT")
        self.gw.kill_all()
        self.gw.start()
        wait_for(self.gw.settled, 60, "settled")
        self.gw.verify()


if __name__ == "__main__":
    import unittest
    unittest.main()
