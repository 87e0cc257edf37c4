"""Price tiers: what a call is charged by what was stated of it, budgets that stay
hard, versions, periods priced again, and lists and APIs that have them."""
import datetime
import functools
import json
import unittest

from gateway import GatewayCase, wait_for

TIERS = ["prompt_from=1001 input=4 output=6",
         "service_tier=flex|batch input=0.5",
         "hours=00:00-24:00 output_from=50 output=3"]


class Tiers(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.addClassCleanup(cls.provider.stop)
        cls.gw = cls().gateway(
            provider=cls.provider.base_url, models=("m1",),
            model_options="price_input = 1\nprice_output = 2\n"
            "price_tiers = %s\n" % ", ".join(TIERS))
        cls.addClassCleanup(cls.gw.cleanup)
        cls.gw.start()
        cls.key = cls.gw.create_key("k")

    def ask(self, method, path, body=None, status=200):
        got, _, text = self.gw.admin(method, "/admin/v1/" + path, body)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def call(self, prompt, output, tier=None, stream=False, model="m1", key=None,
             status=200, **more):
        body = {"model": model, "stream": stream, "max_tokens": 5000,
                "messages": [{"role": "user", "content": "hi"}],
                "x_mock": {"tokens": 3, "service_tier": tier, "usage": {
                    "prompt_tokens": prompt, "completion_tokens": output,
                    "total_tokens": prompt + output}}}
        body.update(more)
        got, head, text = self.gw.call(key or self.key, body)
        self.assertEqual(got, status, text)
        if status != 200:
            return json.loads(text)["error"]
        wait_for(self.gw.settled)
        return self.ask("GET", "logs/" + head["x-request-id"])["log"]

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc).isoformat()[:23] + "Z"

    def test_a_call_is_charged_by_its_tier(self):
        for stream in (False, True):
            for prompt, output, word, cost, tier, said in (
                    (1000, 40, None, 1000 + 80, 0, None),
                    (1000, 40, "default", 1000 + 80, 0, "default"),
                    (1001, 40, None, 4004 + 240, 1, None),
                    (1001, 40, "flex", 4004 + 240, 1, "flex"),
                    (1000, 40, "flex", 500 + 80, 2, "flex"),
                    (1000, 40, "priority", 1000 + 80, 0, "priority"),
                    (1000, 50, "some day", 1000 + 150, 3, None)):
                row = self.call(prompt, output, word, stream)
                self.assertEqual(
                    (row["cost_nano"], row["price_tier"],
                     row["service_tier"] or None),
                    (cost * 1000, tier, said), (row, stream))

    def test_a_budget_of_money_is_held_for_the_dearest(self):
        self.gw.ctl("key", "create", "poor")
        (poor,) = [k for k in self.ask("GET", "keys")["data"]
                   if k["name"] == "poor"]
        value = self.ask("POST", "keys/%d/reveal" % poor["id"])["key"]
        def limit(amount):
            self.ask("PATCH", "keys/%d" % poor["id"], {
                "on_exhausted": "reject",
                "set_budget": {"unit": "currency", "period": "total",
                               "limit": amount}})
        # Output at 3, of the tier for long answers: 0.015 and what is sent.
        limit("0.0149")
        error = self.call(5, 5, key=value, status=429)
        self.assertEqual(error["code"], "insufficient_quota")
        limit("0.0159")
        self.call(5, 5, key=value)

    def test_a_prompt_that_may_reach_a_tier_counts_as_one_that_does(self):
        # Some 130 tokens by the estimate, and 500 bytes: no tokenizer makes more.
        self.ask("POST", "models", {
            "name": "edge", "providers": ["mock"], "price_input": 1,
            "price_tiers": ["prompt_from=400 input=1000000"]}, 201)
        made = self.ask("POST", "keys", {
            "name": "edge", "on_exhausted": "reject", "set_budget": {
                "unit": "currency", "period": "total", "limit": 100}}, 201)
        long = [{"role": "user", "content": 100 * "word "}]
        call = functools.partial(self.call, 5, 5, model="edge", key=made["key"])
        self.assertEqual(call(status=429, messages=long)["code"],
                         "insufficient_quota")
        call()
        # Nor does it go there where the call says what it may cost.
        wishes = {"max_price": {"prompt": 2}}
        call(provider=wishes)
        self.assertEqual(call(status=404, messages=long, provider=wishes)["type"],
                         "invalid_request_error")

    def test_models_show_tiers_and_versions_keep_them(self):
        self.ask("POST", "models", {
            "name": "own", "providers": ["mock"], "price_input": 3,
            "price_tiers": ["prompt_from=5 input=9"]}, 201)
        self.ask("PATCH", "models/own", {"price_tiers": [
            "prompt_from=5 input=9", "service_tier=batch input=1.5"]})
        (shown,) = [m for m in self.ask("GET", "models")["data"]
                    if m["id"] == "own"]
        self.assertEqual(shown["price_version"], 2)
        tiers = shown["prices"]["tiers"]
        self.assertEqual([(t.get("prompt_from"), t.get("service_tiers"),
                           t["prices"]["input"]) for t in tiers],
                         [(5, None, 9), (None, ["batch"], 1.5)])
        history = self.ask("GET", "prices?model=own")["data"]
        self.assertEqual([len(v["prices"]["tiers"]) for v in history], [1, 2])
        for bad in (["prompt_from=5"], ["prompt_from=x input=1"],
                    9 * ["prompt_from=5 input=1"]):
            self.ask("PATCH", "models/own", {"price_tiers": bad}, 400)
        self.ask("PATCH", "models/own", {"price_input": None}, 400)
        self.assertEqual(self.ask("GET", "prices?model=own")["data"], history)
        # A period priced again: by the tier then, and by the tier now.
        row = self.call(10, 0, model="own")
        self.assertEqual((row["cost_nano"], row["price_tier"]), (90000, 1))
        self.ask("PATCH", "models/own", {"price_tiers": [
            "service_tier=batch input=5", "prompt_from=11 input=7"]})
        self.call(10, 0, "batch", model="own") # 50,000, and so it stays
        again = self.ask("POST", "prices/reprice", {
            "model": "own", "from": "2020-01-01", "to": self.now()})
        self.assertEqual((again["requests"], again["left"]), (2, 0))
        self.assertAlmostEqual(again["was"], 0.00014, places=9)
        self.assertAlmostEqual(again["now"], 0.00003 + 0.00005, places=9)

    def test_lists_have_tiers(self):
        self.ask("POST", "models", {"name": "listed", "providers": ["mock"]}, 201)
        data = {"listed": {
            "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
            "input_cost_per_token_above_200k_tokens": 3e-6}}
        body = {"format": "litellm", "data": data}
        got = self.ask("POST", "prices/import", dict(body, preview=True))
        (added,) = got["added"]
        self.assertEqual(
            (added["after"]["tiers"][0]["prompt_from"],
             added["after"]["tiers"][0]["prices"]["output"], added["before"]),
            (200001, 2, None))
        self.ask("POST", "prices/import", body)
        self.assertEqual(self.ask("GET", "models/listed")["price_tiers"],
                         ["prompt_from=200001 input=3"])
        self.assertEqual(self.ask("POST", "prices/import", body)["unchanged"][
            "names"], ["listed"])
        # A list without any takes them away; CSV says nothing of them.
        self.ask("POST", "prices/import", {
            "format": "csv", "data": "model,input,output\nlisted,5,6\n"})
        model = self.ask("GET", "models/listed")
        self.assertEqual((model["price_input"], model["price_tiers"]),
                         (5, ["prompt_from=200001 input=3"]))
        del data["listed"]["input_cost_per_token_above_200k_tokens"]
        self.ask("POST", "prices/import", body)
        self.assertEqual(self.ask("GET", "models/listed")["price_tiers"], [])

    def test_aiproxys_conditional_prices(self):
        self.ask("POST", "models", {"name": "theirs", "providers": ["mock"]}, 201)
        price = {"input_price": 0.001, "output_price": 0.002,
                 "cached_price": 0.0005, "conditional_prices": [
                     {"condition": {"input_token_min": 100}, "price": {
                         "input_price": 0.002, "output_price": 0.004}},
                     {"condition": {"input_token_min": 100,
                                    "service_tier": "flex"},
                      "price": {"input_price": 1, "input_price_unit": 1000000}}]}
        def send(method, path, body=None):
            status, _, text = self.gw.http(
                method, "/api" + path, body, {
                    "Authorization": "test-admin-token-1",
                    "Content-Type": "application/json"}, port=self.gw.admin_port)
            return status, json.loads(text)
        path = "/model_config/theirs"
        self.assertEqual(send("POST", path, {"price": price})[0], 200)
        shown = send("GET", path)[1]["data"]["price"]["conditional_prices"]
        # The most specific is first; what theirs does not state is its input.
        self.assertEqual([s["condition"] for s in shown], [
            {"input_token_min": 100, "service_tier": "flex"},
            {"input_token_min": 100}])
        self.assertEqual((shown[1]["price"]["cached_price"],
                          shown[0]["price"]["input_price"]), (0.002, 0.001))
        row = self.call(100, 10, "flex", model="theirs")
        self.assertEqual((row["cost_nano"], row["price_tier"]), (100000, 1))
        row = self.call(100, 10, model="theirs")
        self.assertEqual((row["cost_nano"], row["price_tier"]), (240000, 2))
        self.assertEqual(send("POST", path, {"price": {"input_price": 1}})[0], 200)
        self.assertNotIn("conditional_prices",
                         send("GET", path)[1]["data"]["price"])

    def test_the_command_line_sets_them(self):
        self.ask("POST", "models", {"name": "cli", "providers": ["mock"]}, 201)
        self.gw.ctl("price", "set", "cli", "--input", "1", "--tiers",
                    "prompt_from=7 input=2, hours=01:00-02:00 input=3")
        self.assertEqual(self.ask("GET", "models/cli")["price_tiers"], [
            "prompt_from=7 input=2", "hours=01:00-02:00 input=3"])
        self.gw.ctl("price", "set", "cli", "--tiers", "none")
        self.assertEqual(self.ask("GET", "models/cli")["price_tiers"], [])


if __name__ == "__main__":
    unittest.main()
