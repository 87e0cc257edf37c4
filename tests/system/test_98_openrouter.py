"""What OpenRouter's clients ask besides calls: models at length, a model's
endpoints, the key; and the billing pages of aiproxy's."""
import json
import unittest

from gateway import GatewayCase, wait_for


class OpenRouter(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(
            provider=self.provider.base_url, models=("acme/big-1", "m2"),
            model_options="price_input = 2.5\nprice_output = 10\n"
            "price_cached = 0.25\ncontext = 4096\nmax_output = 512\n").start()

    def ask(self, path, key, status=200):
        got, _, data = self.gw.http("GET", path, headers={
            "Authorization": "Bearer " + key})
        self.assertEqual(got, status, data)
        return json.loads(data)

    def test_models_and_endpoints(self):
        key = self.gw.create_key("k")
        listed = self.ask("/api/v1/models", key)
        self.assertEqual(listed["total_count"], len(listed["data"]))
        self.assertEqual(listed["links"], {"next": None})
        model = {m["id"]: m for m in listed["data"]}["acme/big-1"]
        self.assertEqual(model["pricing"], {
            "prompt": "0.0000025", "completion": "0.00001",
            "input_cache_read": "0.00000025"})
        self.assertEqual(model["top_provider"], {
            "context_length": 4096, "max_completion_tokens": 512,
            "is_moderated": False})
        self.assertEqual(model["architecture"]["input_modalities"], ["text"])
        # OpenAI's own list stays as it is
        self.assertEqual(sorted(self.ask("/v1/models", key)["data"][0]),
                         ["created", "id", "object", "owned_by"])
        for path in ("/api/v1/models/acme/big-1/endpoints",
                     "/v1/models/acme/big-1/endpoints",
                     "/api/v1/models/acme%2Fbig-1/endpoints"):
            shown = self.ask(path, key)["data"]
            self.assertEqual(shown["id"], "acme/big-1")
            endpoint, = shown["endpoints"]
            self.assertEqual((endpoint["provider_name"], endpoint["status"]),
                             ("mock", 0))
            self.assertEqual(endpoint["pricing"], model["pricing"])
            self.assertIsNone(endpoint["latency_last_30m"])
        for _ in range(3):
            status = self.gw.call(key, {"model": "acme/big-1", "stream": True,
                                        "messages": [{"role": "user",
                                                      "content": "x"}]})[0]
            self.assertEqual(status, 200)

        def measured():
            endpoint, = self.ask("/api/v1/models/acme/big-1/endpoints",
                                 key)["data"]["endpoints"]
            return endpoint["uptime_last_5m"] and endpoint["latency_last_30m"]
        figures = wait_for(measured, 60, "the calls to be counted")
        self.assertEqual(sorted(figures), ["p50", "p75", "p90", "p99"])
        error = self.ask("/api/v1/models/acme/none/endpoints", key, 404)["error"]
        self.assertIn("No endpoints found for acme/none", error["message"])
        self.gw.ctl("key", "set-models", "k", "--models", "m2")
        self.ask("/api/v1/models/acme/big-1/endpoints", key, 404)
        self.assertEqual([m["id"] for m in self.ask("/api/v1/models", key)["data"]],
                         ["m2"])

    def test_the_key_and_its_money(self):
        for path in ("/api/v1/key", "/v1/dashboard/billing/usage"):
            self.ask(path, "sk-aigw-wrong", 401)
        key = self.gw.create_key("money")
        shown = self.ask("/api/v1/key", key)["data"]
        self.assertEqual((shown["label"], shown["limit"], shown["usage"]),
                         ("money", None, 0))
        self.assertEqual(shown["rate_limit"]["requests"], -1)
        number = self.gw.ctl("key", "get", "money")["id"]
        status, _, data = self.gw.admin("PATCH", "/admin/v1/keys/%d" % number, {
            "budgets": [{"unit": "currency", "period": "total", "limit": 5},
                        {"unit": "currency", "period": "weekly", "limit": 2}],
            "rpm": 60})
        self.assertEqual(status, 200, data)
        self.assertEqual(self.gw.call(key, {
            "model": "m2", "max_tokens": 8,
            "messages": [{"role": "user", "content": "x"}]})[0], 200)
        shown = wait_for(lambda: (lambda d: d["usage"] > 0 and d)(
            self.ask("/api/v1/key", key)["data"]), 60, "the cost")
        self.assertEqual((shown["limit"], shown["limit_reset"]), (2, "weekly"))
        self.assertAlmostEqual(shown["limit_remaining"], 2 - shown["usage"])
        self.assertEqual(shown["usage_weekly"], shown["usage"])
        self.assertEqual(shown["rate_limit"]["requests"], 60)

        paid = "/v1/dashboard/billing/"
        self.assertAlmostEqual(self.ask(paid + "usage", key)["total_usage"],
                               100 * shown["usage"])
        quota = self.ask(paid + "quota", key)
        self.assertAlmostEqual(quota["remain"], 5 - shown["usage"])
        self.assertAlmostEqual(quota["total"], 5)
        self.gw.ctl("group", "top-up", "default", "1")
        remain = lambda: self.ask(paid + "quota", key)["remain"]
        self.assertAlmostEqual(remain(), 1 - shown["usage"])
        pages = self.ask(paid + "subscription", key)
        self.assertEqual(pages["object"], "billing_subscription")
        self.assertAlmostEqual(pages["soft_limit_usd"], remain())
        self.assertAlmostEqual(pages["hard_limit_usd"], remain() + shown["usage"])


if __name__ == "__main__":
    unittest.main()
