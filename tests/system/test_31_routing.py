"""Which provider gets a call, and what follows when it fails: settings of key,
group, profile and call, the body's `provider` and `models`, statuses, pauses."""
import json
import random
import threading
import unittest

from gateway import GatewayCase, Gateway, wait_for
from load import chat
from mock_provider import MockProvider

NAMES = ("alpha", "beta", "gamma")
PRICES = {"alpha": 3, "beta": 1, "gamma": 2}
POLICIES = {"alpha": "unknown", "beta": "retains", "gamma": "zero"}
WEIGHTS = {"alpha": "fp8", "beta": "bf16", "gamma": "unknown"}


class Scripted:
    """A provider that does what `script` says, one word a call, then "ok".
    All providers write their names into one list, in the order of calls."""

    def __init__(self, name, calls):
        self.name, self.calls, self.script = name, calls, []
        self.bodies = []
        self.lock = threading.Lock()

    async def __call__(self, method, path, headers, body, writer):
        if method == "GET":
            return await self.send(writer, 200, b'{"object":"list","data":[]}')
        with self.lock:
            self.calls.append(self.name)
            self.bodies.append(json.loads(body))
            word = self.script.pop(0) if self.script else "ok"
        model = self.bodies[-1].get("model")
        if word == "ok":
            return await self.send(writer, 200, json.dumps({
                "id": "c", "object": "chat.completion", "model": model,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "by " + self.name}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                          "total_tokens": 7}}).encode())
        if word == "close":
            return False
        if word == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 500\r\n\r\n{\"id\":")
            await writer.drain()
            return False
        status, _, after = word.partition(" ")
        return await self.send(
            writer, int(status), json.dumps({"error": {
                "message": "no " + word, "type": "t", "code": "c"}}).encode(),
            b"Retry-After: %s\r\n" % after.encode() if after else b"")

    async def send(self, writer, status, data, fields=b""):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s"
                     b"Content-Length: %d\r\n\r\n" % (status, fields, len(data))
                     + data)
        await writer.drain()
        return True


class RoutingCase(GatewayCase):
    """Three providers of one model, at different prices, in a gateway."""

    @classmethod
    def setUpClass(cls):
        cls.calls, cls.mocks, cls.servers = [], {}, []
        extra = ""
        for name in NAMES:
            cls.mocks[name] = Scripted(name, cls.calls)
            server = MockProvider(handler=cls.mocks[name]).start()
            cls.servers.append(server)
            extra += ("[provider.%s]\nkind = openai\nbase_url = %s\n"
                      "models = m1, m2\nfails = 0\ncooldown = 10ms\n"
                      "cooldown_max = 10ms\ndata_policy = %s\n"
                      "[endpoint.%s/m1]\nprice_input = %d\nprice_output = %d\n"
                      "quantization = %s\n"
                      % (name, server.base_url, POLICIES[name], name,
                         PRICES[name], PRICES[name], WEIGHTS[name]))
        extra += """
[provider.solo]
kind = openai
base_url = %s
models = other
[model.m1]
providers = alpha, beta, gamma
price_input = 9
price_output = 9
[model.m2]
providers = gamma
[model.m3]
providers = alpha, beta
alias = m3:floor
[provider.foreign]
kind = anthropic
base_url = %s
models = m4
fails = 0
[model.m4]
providers = foreign, beta
[gateway.cheap]
sort = price
[gateway.fixed]
route = provider
providers = gamma, alpha
""" % (cls.servers[0].base_url, cls.servers[0].base_url.replace("/v1", ""))
        cls.gw = Gateway(extra=extra, models=(), workers=1).start()
        cls.key = cls.gw.create_key("k")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        for server in cls.servers:
            server.stop()

    def forget(self):
        self.calls.clear()
        for mock in self.mocks.values():
            mock.script.clear()
            mock.bodies.clear()

    def setUp(self):
        """Nobody cools down any more, and nobody is to do anything."""
        self.forget()
        for name in NAMES:
            wait_for(lambda: self.asked_first(name), 20, name + " is asked")

    def asked_first(self, name):
        self.ask(provider={"order": [name]})
        first = self.calls[0]
        self.forget()
        return first == name

    def ask(self, body=None, headers=None, key=None, model="m1", **members):
        body = dict({"model": model, "messages": [
            {"role": "user", "content": "hi"}]}, **members)
        fields = {"Authorization": "Bearer " + (key or self.key),
                  "Content-Type": "application/json"}
        fields.update(headers or {})
        path = fields.pop("path", "/v1/chat/completions")
        return self.gw.http("POST", path, body, fields)

    def order(self, *args, **kw):
        """The providers that were asked, when each but the last says 500."""
        for name in NAMES:
            self.mocks[name].script.append("500")
        self.ask(*args, **kw)
        asked = list(self.calls)
        self.forget()
        return asked

    def set(self, what, name, **settings):
        if what == "key":
            name = self.gw.ctl("key", "get", name)["id"]
        status, _, body = self.gw.admin(
            "PATCH", "/admin/v1/%ss/%s" % (what, name), {"settings": settings})
        self.assertEqual(status, 200, body)
        return json.loads(body)


class Routing(RoutingCase):
    # ---- who is asked, in which order ----

    def test_unset_the_order_is_that_of_the_configuration(self):
        self.assertEqual(self.order(), ["alpha", "beta", "gamma"])

    def test_sorts(self):
        cheapest = ["beta", "gamma", "alpha"]
        self.assertEqual(self.order(headers={"x-aigw-sort": "price"}), cheapest)
        self.assertEqual(self.order(provider={"sort": "price"}), cheapest)
        self.assertEqual(self.order(provider={"sort": {"by": "price"}}),
                         cheapest)
        self.assertEqual(self.order(model="m1:floor"), cheapest)

    def test_a_model_whose_name_ends_so_is_no_wish(self):
        self.assertEqual(self.order(model="m3:floor"), ["alpha", "beta"])

    def test_lists_of_providers(self):
        for members, asked in (
                ({"order": ["gamma"]}, ["gamma", "alpha", "beta"]),
                ({"order": ["gamma", "beta"], "allow_fallbacks": False},
                 ["gamma", "beta"]),
                ({"allow_fallbacks": False}, ["alpha"]),
                ({"only": ["beta"]}, ["beta"]),
                ({"ignore": ["alpha"]}, ["beta", "gamma"]),
                ({"only": ["beta", "gamma"], "sort": "price"},
                 ["beta", "gamma"]),
                ({"order": ["nobody", "beta"]}, ["beta", "alpha", "gamma"]),
                ({"order": ["gamma/eu"]}, ["gamma", "alpha", "beta"]),
                ({"max_price": {"prompt": 2}}, ["beta", "gamma"]),
                ({"max_price": {"prompt": "1.5", "completion": "1"}}, ["beta"]),
                ({"data_collection": "deny", "order": None},
                 ["beta", "gamma"]),
                ({"data_collection": "allow", "zdr": False},
                 ["alpha", "beta", "gamma"]),
                ({"zdr": True}, ["gamma"]),
                ({"quantizations": ["fp8", "bf16"]}, ["alpha", "beta"]),
                ({"quantizations": ["bf16", "unknown"], "sort": "price"},
                 ["beta", "gamma"]),
                ({"quantizations": []}, ["alpha", "beta", "gamma"]),
                ({"enforce_distillable_text": False},
                 ["alpha", "beta", "gamma"]),
                ({"require_parameters": True}, ["alpha", "beta", "gamma"])):
            with self.subTest(members=members):
                self.assertEqual(self.order(provider=members), asked)

    def test_filters_that_leave_nobody(self):
        for members in ({"only": ["nobody"]}, {"ignore": list(NAMES)},
                        {"max_price": {"prompt": 0.5}},
                        {"enforce_distillable_text": True}):
            status, headers, body = self.ask(provider=members)
            self.assertEqual(status, 404, body)
            self.assertIn("distillation" if "enforce_distillable_text" in members
                          else "No allowed providers", body.decode())
            self.assertEqual(headers["x-should-retry"], "false")
        self.assertEqual(self.calls, [])

    def test_privacy_is_asked_for_by_key_and_call_and_never_loosened(self):
        self.set("key", "k", zdr=True)
        self.assertEqual(self.order(), ["gamma"])
        self.assertEqual(self.order(provider={"zdr": False}), ["gamma"])
        self.assertEqual(self.order(headers={"cf-aig-zdr": "false"}), ["gamma"])
        status, _, body = self.ask(model="other")
        self.assertEqual(status, 404, body)
        self.assertIn("matching your data policy", body.decode())
        self.set("key", "k", zdr=None, data_collection="deny")
        self.assertEqual(self.order(provider={"data_collection": "allow"}),
                         ["beta", "gamma"])
        self.assertEqual(self.ask(model="builtin/echo")[0], 200)
        self.set("key", "k", data_collection=None)
        self.assertEqual(self.order(headers={"cf-aig-zdr": "true"}), ["gamma"])
        self.assertEqual(self.order(headers={"cf-aig-zdr": "false"}),
                         ["alpha", "beta", "gamma"])

    def test_a_call_narrows_whom_its_key_may_reach_and_never_widens_it(self):
        """OpenRouter: `only` and `ignore` are merged with the account's."""
        self.set("key", "k", ignore=["alpha"])
        self.assertEqual(self.order(provider={"ignore": []}), ["beta", "gamma"])
        self.assertEqual(self.order(provider={"ignore": ["beta"]}), ["gamma"])
        self.assertEqual(self.order(provider={"only": ["alpha", "beta"]}),
                         ["beta"])
        self.set("key", "k", ignore=None, only=["beta", "gamma"])
        self.assertEqual(self.order(provider={"only": ["alpha", "gamma"]}),
                         ["gamma"])
        self.assertEqual(self.order(provider={"order": ["alpha", "gamma"]}),
                         ["gamma", "beta"])
        self.assertEqual(self.ask(provider={"only": ["alpha"]})[0], 404)
        self.assertEqual(self.calls, [])
        self.assertEqual(self.set("key", "k", only=[])["settings"], {})

    def test_parameters_that_one_would_lose(self):
        """The first provider speaks another dialect, which has no seed."""
        for members, asked in (
                ({"seed": 7}, ["alpha", "beta"]),
                ({"seed": 7, "provider": {"require_parameters": False}},
                 ["alpha", "beta"]),
                ({"seed": 7, "provider": {"require_parameters": True}},
                 ["beta"]),
                ({"provider": {"require_parameters": True}},
                 ["alpha", "beta"])):
            with self.subTest(members=members):
                self.mocks["alpha"].script.append("500")
                status, _, body = self.ask(model="m4", **members)
                self.assertEqual((status, self.calls), (200, asked), body)
                self.forget()
        status, _, body = self.ask(model="m4", seed=7, provider={
            "require_parameters": True, "only": ["foreign"]})
        self.assertEqual(status, 404, body)
        self.assertIn("requested parameters", body.decode())
        self.assertEqual(self.calls, [])

    def test_wishes_that_are_none(self):
        for members in ({"order": "alpha"}, {"sort": "speed"}, {"only": [1]},
                        {"max_price": 3}, {"allow_fallbacks": "no"},
                        {"zdr": "yes"}, {"data_collection": True},
                        {"data_collection": "perhaps"},
                        {"quantizations": "fp8"}, {"quantizations": ["fp9"]},
                        {"quantizations": [8]}, {"require_parameters": 1},
                        {"enforce_distillable_text": "yes"}):
            status, _, body = self.ask(provider=members)
            self.assertEqual(status, 400, body)
        self.assertEqual(self.ask(provider=[])[0], 400)
        self.assertEqual(self.ask(models="m1")[0], 400)
        self.assertEqual(self.ask(headers={"x-aigw-sort": "best"})[0], 400)
        self.assertEqual(self.calls, [])

    def test_models_one_after_the_other(self):
        for name in NAMES:
            self.mocks[name].script.append("503")
        status, headers, body = self.ask(models=["nobody-has-it", "m2"])
        self.assertEqual((status, self.calls),
                         (200, ["alpha", "beta", "gamma", "gamma"]))
        self.assertEqual(headers["x-aigw-model"], "m2")
        self.assertEqual(headers["x-aigw-attempts"], "4")
        self.assertEqual(json.loads(body)["model"], "m2")

    def test_models_alone_name_the_model(self):
        alone = {"models": ["m1", "m2", "m1"],
                 "messages": [{"role": "user", "content": "hi"}]}
        for name in NAMES:
            self.mocks[name].script.append("503")
        fields = {"Authorization": "Bearer " + self.key,
                  "Content-Type": "application/json"}
        status, headers, body = self.gw.http("POST", "/v1/chat/completions", alone,
                                             fields)
        self.assertEqual((status, self.calls),
                         (200, ["alpha", "beta", "gamma", "gamma"]))
        self.assertEqual(headers["x-aigw-model"], "m2")
        first = self.mocks["alpha"].bodies[-1]
        self.assertEqual(first["model"], "m1")
        self.assertNotIn("models", first)
        self.assertEqual(self.gw.http("POST", "/v1/chat/completions",
                                      dict(alone, models=[]), fields)[0], 400)

    def test_a_stream_by_openrouters_path_ends_with_its_usage(self):
        told = {}
        for path in ("/api/v1/chat/completions", "/v1/chat/completions"):
            for options in ({}, {"stream_options": {"include_usage": False}}):
                status, _, body = self.ask(headers={"path": path}, stream=True,
                                           model="builtin/echo", **options)
                self.assertEqual(status, 200, body)
                told[path, bool(options)] = b'"usage"' in body
        self.assertEqual(told, {("/api/v1/chat/completions", False): True,
                                ("/api/v1/chat/completions", True): True,
                                ("/v1/chat/completions", False): False,
                                ("/v1/chat/completions", True): False})
        status, _, body = self.ask(headers={"path": "/api/v1/chat/completions"},
                                   stream=True, stream_options={"include_usage": False})
        asked = self.mocks[self.calls[-1]].bodies[-1]
        self.assertEqual(asked["stream_options"], {"include_usage": True})

    def test_words_for_the_gateway_stay_here(self):
        for members in ({"models": ["m2"], "provider": {"order": ["beta"]}},
                        {"provider": {"order": ["beta"]}},
                        {"provider": {"order": ["beta"]}, "models": [],
                         "temperature": 0.1}):
            status, _, answer = self.ask(**members)
            self.assertEqual(status, 200, answer)
            body = self.mocks["beta"].bodies[-1]
            self.assertNotIn("models", body)
            self.assertNotIn("provider", body)
            self.assertEqual(body["messages"][0]["content"], "hi")
            self.assertEqual(body.get("temperature"), members.get("temperature"))

    # ---- layers ----

    def test_layers_from_the_server_to_the_call(self):
        self.gw.ctl("group", "create", "team")
        key = self.gw.create_key("layered", "--group", "team")
        self.assertEqual(self.order(key=key)[0], "alpha")
        self.set("group", "team", providers=["gamma"])
        self.assertEqual(self.order(key=key)[0], "gamma")
        self.assertEqual(self.order(key=key, headers={
            "cf-aig-gateway-id": "cheap"})[0], "gamma")  # it says only sort
        self.assertEqual(self.order(key=key, headers={
            "cf-aig-gateway-id": "fixed"}), ["gamma", "alpha"])
        self.set("key", "layered", providers=["beta"], gateway="fixed")
        self.assertEqual(self.order(key=key), ["beta"])  # route = provider
        self.assertEqual(self.order(key=key, headers={
            "x-aigw-providers": "alpha,gamma"}), ["alpha", "gamma"])
        # Another profile, there or not, is no way past the key's own.
        self.set("key", "layered", providers=None)
        own = self.order(key=key)
        for other in ("nobody", "cheap"):
            self.assertEqual(self.order(key=key, headers={
                "cf-aig-gateway-id": other}), own)
            self.assertEqual(self.order(key=key, headers={
                "path": "/v1/acc/%s/compat/chat/completions" % other}), own)
        self.set("key", "layered", providers=["beta"])
        self.assertEqual(self.order(key=key, headers={
            "path": "/v1/acc/unknown/compat/chat/completions"}), ["beta"])
        shown = self.set("key", "layered", providers=None, gateway=None)
        self.assertEqual(shown["settings"], {})
        self.assertEqual(self.order(key=key)[0], "gamma")

    def test_the_paths_gateway(self):
        path = "/v1/acc/cheap/compat/chat/completions"
        self.assertEqual(self.order(headers={"path": path}),
                         ["beta", "gamma", "alpha"])
        path = "/v1/acc/unknown/compat/chat/completions"
        self.assertEqual(self.order(headers={"path": path})[0], "alpha")

    def test_settings_that_are_none(self):
        for settings in ({"sort": "best"}, {"providers": ["nobody"]},
                         {"nothing": 1}, {"cache_ttl": -1},
                         {"shadow": "perhaps"}, {"providers": [1]}):
            status, _, body = self.gw.admin("PATCH", "/admin/v1/groups/default",
                                            {"settings": settings})
            self.assertEqual(status, 400, body)
            self.assertIn(b"settings", body)

    # ---- what follows a failure ----

    def test_what_another_provider_may_do_better(self):
        for word in ("401", "402", "403", "404", "408", "409", "429",
                     "500", "502", "503", "504", "529", "close", "half"):
            with self.subTest(word=word):
                self.setUp()
                # what breaks on a connection used before is sent once more
                again = 2 if word == "close" else 1
                self.mocks["alpha"].script += [word] * again
                status, headers, _ = self.ask()
                self.assertEqual((status, self.calls),
                                 (200, ["alpha"] * again + ["beta"]))
                self.assertEqual(headers["x-aigw-provider"], "beta")
                self.assertEqual(headers["x-aigw-attempts"], "2")

    def test_an_answer_that_cannot_be_translated_is_another_ones(self):
        """JSON, and nothing of an Anthropic answer in it."""
        status, headers, _ = self.ask(model="m4")
        self.assertEqual((status, self.calls), (200, ["alpha", "beta"]))
        self.assertEqual((headers["x-aigw-provider"],
                          headers["x-aigw-attempts"]), ("beta", "2"))

    def test_what_is_the_calls_own_fault(self):
        for status in (400, 413, 422, 451, 418):
            with self.subTest(status=status):
                self.setUp()
                self.mocks["alpha"].script.append(str(status))
                self.assertEqual(self.ask()[0], status)
                self.assertEqual(self.calls, ["alpha"])

    def test_the_last_failure_is_told(self):
        self.mocks["alpha"].script.append("503")
        self.mocks["beta"].script.append("half")
        self.mocks["gamma"].script.append("429")
        status, headers, body = self.ask()
        self.assertEqual((status, self.calls),
                         (429, ["alpha", "beta", "gamma"]), body)
        self.assertEqual(headers["x-aigw-attempts"], "3")

    def test_attempts_are_bounded(self):
        for name in NAMES:
            self.mocks[name].script += ["500"] * 3
        status, _, _ = self.ask(headers={"cf-aig-max-attempts": "2"})
        self.assertEqual((status, self.calls), (500, ["alpha", "beta"]))

    def test_the_same_provider_again_after_a_pause(self):
        self.mocks["gamma"].script += ["500", "503"]
        status, headers, _ = self.ask(model="m2", headers={
            "cf-aig-max-attempts": "5", "cf-aig-retry-delay": "20",
            "cf-aig-backoff": "exponential"})
        self.assertEqual((status, self.calls), (200, ["gamma"] * 3))
        self.assertEqual(headers["x-aigw-attempts"], "3")

    def test_retries_are_few_and_who_failed_last_is_told(self):
        """Ten of a window for each endpoint, where calls are few."""
        for _ in range(20):
            self.forget()
            self.mocks["alpha"].script += ["500"] * 9
            self.mocks["beta"].script += ["503"] * 9
            status, headers, _ = self.ask(model="m3", headers={
                "cf-aig-max-attempts": "10", "cf-aig-retry-delay": "0"})
            self.assertEqual((status, headers["x-aigw-provider"]),
                             (503, "beta"))
            if self.calls == ["alpha", "beta"]:
                return
        self.fail("every call was tried again to its end")

    def test_a_pause_longer_than_a_client_waits_is_none(self):
        self.mocks["gamma"].script += ["503 3600"]
        status, headers, _ = self.ask(model="m2", headers={
            "cf-aig-max-attempts": "5", "cf-aig-retry-delay": "20"})
        self.assertEqual((status, self.calls), (503, ["gamma"]))
        self.assertEqual(headers["retry-after"], "3600")

    def test_a_universal_steps_config(self):
        self.mocks["gamma"].script += ["500", "500"]
        step = {"provider": "gamma", "endpoint": "chat/completions",
                "query": {"model": "m2", "messages": [
                    {"role": "user", "content": "hi"}]},
                "config": {"maxAttempts": 3, "retryDelay": 10,
                           "backoff": "constant"}}
        status, headers, body = self.gw.http(
            "POST", "/v1/acc/gw", [step],
            {"Authorization": "Bearer " + self.key})
        self.assertEqual((status, self.calls), (200, ["gamma"] * 3), body)

    # ---- money ----

    def test_each_is_charged_once_by_the_price_of_who_served(self):
        key = self.gw.create_key("paying", "--unit", "currency", "--quota", "1",
                                 "--period", "total")
        for name in NAMES:
            self.mocks[name].script.append("500" if name != "gamma" else "ok")
        status, headers, _ = self.ask(key=key)
        self.assertEqual(status, 200)
        # 7 tokens at 2 for a million of them, by gamma; alpha and beta: nothing
        self.assertEqual(float(headers["x-aigw-cost"]), 7 * 2 / 1e6)
        wait_for(self.gw.settled, 30, "settled")
        used = self.gw.usage_of("paying")[0]
        self.assertEqual(float(used["usage"]), 7 * 2 / 1e6)
        self.assertEqual(float(used["reserved"]), 0)

    def test_the_lease_does_for_the_dearest(self):
        """Prompt and answer fit at the price of the first, not of the last."""
        key = self.gw.create_key("tight", "--unit", "currency", "--quota",
                                 "0.001", "--period", "total")
        number = self.gw.ctl("key", "get", "tight")["id"]
        self.assertEqual(self.gw.admin(
            "PATCH", "/admin/v1/keys/%s" % number,
            {"on_exhausted": "reject"})[0], 200)
        cheap = self.ask(key=key, max_tokens=300, provider={"only": ["beta"]})
        self.assertEqual(cheap[0], 200, cheap)
        dear = self.ask(key=key, max_tokens=300, provider={"order": ["beta"]})
        self.assertEqual(dear[0], 429, dear)


class Shares(RoutingCase):
    """No provider has failed lately."""

    def test_shares_of_the_draw(self):
        """1/price^2 of 3, 1 and 2: 8.2, 73.5 and 18.4 of a hundred."""
        count = 1500
        for _ in range(count):
            self.assertEqual(self.ask(headers={"x-aigw-sort": "draw"})[0], 200)
        weights = {name: 1 / PRICES[name] ** 2 for name in NAMES}
        total, chi2 = sum(weights.values()), 0
        for name in NAMES:
            wanted = count * weights[name] / total
            chi2 += (self.calls.count(name) - wanted) ** 2 / wanted
        self.assertLess(chi2, 20.8)  # 2 degrees: 3 in 100,000 by chance

    def test_one_session_stays_where_it_was(self):
        first, key = {}, self.gw.create_key("sticky")
        self.set("key", "sticky", affinity="session")
        for session in range(24):
            for _ in range(3):
                self.ask(key=key, prompt_cache_key="s%d" % session)
                first.setdefault(session, self.calls[-1])
                self.assertEqual(self.calls[-1], first[session])
        self.assertEqual(set(first.values()), set(NAMES))


if __name__ == "__main__":
    random.seed(1)
    unittest.main()
