"""A key copied: the same configuration under another name and value, its use not."""
import json
import unittest

from gateway import GatewayCase, wait_for


class Copy(GatewayCase):
    def test_a_copy_has_the_configuration_and_nothing_else(self):
        gw = self.gateway(provider=self.mock().base_url, models=("m1", "m2")).start()
        first = gw.create_key("first", "--quota", "100000", "--period", "daily",
                              "--models", "m1", "--rpm", "60", "--tag", "env=prod",
                              "--ip-allow", "127.0.0.0/8")
        call = lambda key, model="m1": gw.call(key, {
            "model": model, "max_tokens": 8,
            "messages": [{"role": "user", "content": "hi"}]})[0]
        self.assertEqual(call(first), 200)
        shown = lambda name: json.loads(gw.admin(
            "POST", "/admin/v1/keys/lookup", {"ref": name})[2])
        wait_for(lambda: shown("first")["budgets"][0]["used"] > 0, 60, "the use")
        made = gw.ctl("key", "copy", "first", "second", "--rpm", "30")
        self.assertEqual(made["alias"], "second")
        self.assertNotEqual(made["vApiKey"], first)
        a, b = shown("first"), shown("second")
        for name in ("group", "models", "tags", "ip_acl", "enabled", "expires_at",
                     "on_exhausted", "settings"):
            self.assertEqual(a[name], b[name], name)
        self.assertEqual((a["rpm"], b["rpm"]), (60, 30))
        self.assertEqual((b["budgets"][0]["limit"], b["budgets"][0]["used"],
                          b["total"]["tokens"]), (100000, 0, 0))
        self.assertEqual(b["budgets"][0]["resets_at"], a["budgets"][0]["resets_at"])
        self.assertEqual(call(made["vApiKey"]), 200)
        self.assertEqual(call(made["vApiKey"], "m2"), 404)
        used = a["budgets"][0]["used"]
        wait_for(lambda: shown("second")["budgets"][0]["used"] > 0, 60, "its use")
        self.assertEqual(shown("first")["budgets"][0]["used"], used)
        # of its own from then on
        gw.ctl("key", "disable", "first")
        self.assertEqual((call(first), call(made["vApiKey"])), (401, 200))
        path = "/admin/v1/keys/%d/copy" % a["id"]
        for body, status in (({"name": "second"}, 409), ({}, 400), ({"name": ""}, 400),
                             ({"name": "x", "nonsense": 1}, 400)):
            self.assertEqual(gw.admin("POST", path, body)[0], status, body)
        self.assertEqual(gw.admin("POST", "/admin/v1/keys/4711/copy",
                                  {"name": "x"})[0], 404)
        gw.stop()
        gw.start()
        self.assertEqual(call(made["vApiKey"]), 200)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
