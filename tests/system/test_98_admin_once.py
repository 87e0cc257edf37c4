"""Idempotency-Key on what other systems' clients create: done once, also by the next
accountant, and each object of a list by itself."""
import json
import os
import signal
import unittest

from gateway import GatewayCase, wait_for

CF = "/client/v4/accounts/default/ai-gateway/gateways"


class Once(GatewayCase):
    def setUp(self):
        self.gw = self.gateway(provider="http://127.0.0.1:9/v1", workers=1).start()

    def send(self, path, body, key=None, **headers):
        head = {"Authorization": "Bearer test-admin-token-1",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key is not None:
            head["Idempotency-Key"] = key
        status, fields, raw = self.gw.http("POST", path, json.dumps(body).encode(), head,
                                           port=self.gw.admin_port)
        return status, json.loads(raw), fields.get("idempotency-replayed")

    def zenlayer(self, name, key):
        status, answer, replayed = self.send(
            "/api/v2/aigw", {"gatewayName": name, "tokenLimit": -1,
                             "expireType": "LONG_LIVED", "modelAccess": "UNLIMITED"}, key,
            x_zc_version="2026-04-14", x_zc_action="CreateAiGateway")
        return status, answer.get("response", {}).get("gatewayUuid"), replayed

    def aiproxy(self, name, key):
        status, answer, replayed = self.send(
            "/api/token/made?auto_create_group=true", {"name": name}, key)
        return status, (answer.get("data") or {}).get("id"), replayed

    def cloudflare(self, name, key):
        status, answer, replayed = self.send(CF, {
            "id": name, "cache_ttl": None, "collect_logs": True, "rate_limiting_limit": 5,
            "rate_limiting_interval": 60, "rate_limiting_technique": "fixed",
            "cache_invalidate_on_update": False}, key)
        return status, (answer.get("result") or {}).get("created_at"), replayed

    def count(self, what):
        return json.loads(self.gw.admin("GET", "/admin/v1/" + what)[2])["total"]

    def test_a_repetition_makes_nothing_more(self):
        creators = (self.zenlayer, self.aiproxy, self.cloudflare)
        made = [create("one", "k") for create in creators]
        for status, ref, replayed in made:
            self.assertEqual((status in (200, 201), replayed), (True, None))
            self.assertTrue(ref)
        counts = [self.count(what) for what in ("keys", "groups", "gateways")]
        pid = list(self.gw.children("accountant"))[0]
        for again in range(2):
            for create, (status, ref, _) in zip(creators, made):
                self.assertEqual(create("one", "k"), (status, ref, "true"), create)
            self.assertEqual([self.count(what) for what in ("keys", "groups", "gateways")],
                             counts)
            if again == 0:
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: pid not in self.gw.children("accountant") and
                         self.gw.admin("GET", "/admin/v1/status")[0] == 200, 60,
                         "the next accountant")
        # another request with that key, and this request with another key
        for create in creators:
            self.assertGreaterEqual(create("two", "k")[0], 400, create)
            self.assertIn(create("two", "l")[0], (200, 201), create)
            self.assertIsNone(create("three", None)[2])
        self.assertEqual(self.send(CF, {"id": "x"}, "k" * 256)[0], 400)
        self.assertEqual(self.send(CF, {"id": "x"}, "")[0], 400)

    def test_each_of_a_list_is_made_once(self):
        rows = [{"name": name, "type": 1, "key": "k" * 20,
                 "models": ["bulk"], "base_url": "https://example.com/v1"} for name in ("a", "b", "c")]
        before = self.count("providers")
        for replayed in (None, "true"):
            status, answer, told = self.send("/api/channels/", rows, "list")
            self.assertEqual((status, answer["success"], told), (200, True, replayed))
            self.assertEqual(self.count("providers"), before + 3)


if __name__ == "__main__":
    unittest.main()
