"""Errors under /gateway/v1/, as ClickZetta's clients know them: codes, statuses, the
words that name path, request, key and quota, what was tried."""
import json
import re
import unittest

from gateway import Gateway, GatewayCase, free_port
from mock_provider import MockProvider

CHAT = {"model": "m1", "max_tokens": 8,
        "messages": [{"role": "user", "content": "hi"}]}
PATH = "/gateway/v1/chat/completions"


class Errors(GatewayCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        extra = "[provider.second]\nkind = openai\nbase_url = %s\n" \
                "[model.both]\nproviders = mock, second\n" \
                "[provider.nobody]\nkind = openai\nbase_url = " \
                "http://127.0.0.1:%d/v1\n[model.lost]\nproviders = nobody\n" % (
                    cls.provider.base_url, free_port())
        cls.gw = Gateway(provider=cls.provider.base_url, extra=extra, workers=1,
                         provider_options="fails = 0\n", model_options=
                         "price_input = 1\nprice_output = 1\n").start()
        cls.key = cls.gw.create_key("good")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def fails(self, status, code, key=None, path=PATH, body=CHAT, method="POST",
              source="gateway", alias="good"):
        """The error and its detail, or all of its message."""
        headers = {"Content-Type": "application/json"}
        if key != "":
            headers["Authorization"] = "Bearer " + (key or self.key)
        got, head, raw = self.gw.http(method, path, body, headers)
        self.assertEqual(got, status, raw)
        answer = json.loads(raw)
        self.assertEqual(list(answer), ["error"])
        error = answer["error"]
        self.assertEqual(sorted(error), ["code", "message", "retry_history", "source"])
        self.assertEqual((error["code"], error["source"]), (code, source))
        self.assertFalse([name for name in head if name.startswith("x-czgw-")])
        if not error["message"].startswith("[G2] "):
            return error, error["message"]
        who = ", virtualApiKeyAlias=%s, tenantId=1" % alias if alias else ""
        found = re.fullmatch(r"\[G2\] [A-Z][a-z ]+\. path=%s, requestId=%s%s, "
                             r"detail=(.+)" % (re.escape(path), head["x-request-id"],
                                               re.escape(who)), error["message"])
        self.assertTrue(found, error["message"])
        return error, found[1]

    def make(self, name, **options):
        status, _, data = self.gw.admin("POST", "/admin/v1/keys", {"name": name, **options})
        self.assertEqual(status, 201, data)
        return json.loads(data)["key"]

    def test_a_group_that_is_switched_off(self):
        self.gw.ctl("group", "create", "off")
        key = self.make("of off", group="off")
        self.gw.ctl("group", "disable", "off")
        _, detail = self.fails(401, "GATEWAY_VIRTUAL_KEY_DISABLED", key=key, alias="of off")
        self.assertIn("group is disabled", detail)

    def test_of_the_key(self):
        self.fails(401, "GATEWAY_MISSING_VIRTUAL_KEY", key="", alias=None)
        self.fails(401, "GATEWAY_INVALID_VIRTUAL_KEY", key="sk-aigw-" + "x" * 43,
                   alias=None)
        off = self.make("off", enabled=False)
        self.fails(401, "GATEWAY_VIRTUAL_KEY_DISABLED", key=off, alias="off")
        far = self.make("far", ip_acl={"enabled": True, "type": "allow",
                                       "addresses": ["192.0.2.1"]})
        self.fails(401, "GATEWAY_INVALID_VIRTUAL_KEY", key=far, alias="far")

    def test_of_the_request(self):
        for path in ("/gateway/v1/nothing", "/gateway/v1/" + "x" * 100):
            self.fails(400, "GATEWAY_MISSING_ACTUAL_PATH", path=path, alias=None)
        self.fails(400, "GATEWAY_MODEL_NOT_RESOLVED", body=dict(CHAT, model="none"))
        self.fails(400, "GATEWAY_MODEL_NOT_RESOLVED", method="GET", body=None,
                   path="/gateway/v1/models/none")
        self.fails(400, "GATEWAY_INTERNAL_ENDPOINTS_BAD_REQUEST", body=b"{")
        self.fails(400, "GATEWAY_INTERNAL_ENDPOINTS_BAD_REQUEST", body=b"{",
                   path="/gateway/v1/messages")
        self.fails(405, "GATEWAY_INTERNAL_ENDPOINTS_BAD_REQUEST", method="GET",
                   body=None, alias=None)
        byok = self.make("byok", settings={"route": "byok"})
        self.fails(400, "GATEWAY_NO_UPSTREAM_CANDIDATES", key=byok, alias="byok")
        status, _, raw = self.gw.call(self.key, dict(CHAT, model="none"))
        self.assertEqual((status, json.loads(raw)["error"]["code"]),
                         (404, "model_not_found")) # elsewhere all is as it was

    def test_of_quotas(self):
        for period in ("daily", "weekly", "monthly", "total"):
            name = "q'\"\\ " + period
            key = self.make(name, budgets=[{"unit": "tokens", "period": period, "limit": 2}])
            error, detail = self.fails(429, "GATEWAY_TOO_MANY_REQUESTS", key=key, alias=name)
            self.assertEqual(detail, "Virtual key %s quota exceeded: limit is 2 tokens for "
                             "virtual key '%s', current usage: 0 tokens" % (period, name))
            # as the reference client looks for it
            self.assertTrue(re.search(r"virtual key\s+\w+\s+quota exceeded",
                                      error["message"], re.I))
        self.assertEqual(re.search(r"virtual key\s+['\"]([^'\"]+)['\"]", error["message"],
                                   re.I)[1], "q")
        slow = self.make("slow", rpm=1)
        self.assertEqual(self.gw.call(slow, CHAT, PATH)[0], 200)
        self.fails(429, "GATEWAY_TOO_MANY_REQUESTS", key=slow, alias="slow")
        for group, code in (({"name": "small", "budgets": [
                {"unit": "tokens", "period": "daily", "limit": 2}]},
                             "GATEWAY_TENANT_OVER_QUOTA"),
                            ({"name": "owes", "prepaid": True}, "GATEWAY_TENANT_OVERDUE")):
            self.assertEqual(self.gw.admin("POST", "/admin/v1/groups", group)[0], 201)
            key = self.make("its", group=group["name"])
            self.fails(403, code, key=key, alias="its")

    def test_of_providers(self):
        error, text = self.fails(400, "mock", body=dict(CHAT, x_mock={"status": 400}),
                                 source="upstream")
        self.assertEqual(text, "mock says 400")
        self.assertEqual(error["retry_history"], [{
            "endpoint_id": None, "slug_name": "mock@m1@open_ai", "base_url": None,
            "api_key_alias": None, "provider": "mock", "model": "m1", "status": 400,
            "body": None}])
        error, text = self.fails(429, "mock", body=dict(CHAT, x_mock={"status": 429}),
                                 source="upstream")
        self.assertEqual(text, "mock says 429")
        error, _ = self.fails(502, "UPSTREAM_ALL_FAILED", source="upstream",
                              body=dict(CHAT, model="both", x_mock={"status": 503}))
        self.assertEqual(sorted((a["provider"], a["status"]) for a in error["retry_history"]),
                         [("mock", 503), ("second", 503)])
        error, _ = self.fails(502, "UPSTREAM_ALL_FAILED", body=dict(CHAT, model="lost"),
                              source="upstream")
        self.assertEqual([(a["provider"], a["status"]) for a in error["retry_history"]],
                         [("nobody", None)])
        rows = json.loads(self.gw.admin("GET", "/admin/v1/logs?model=lost")[2])["data"]
        self.assertTrue(all(row["status"] == 502 for row in rows), rows)


if __name__ == "__main__":
    unittest.main()
