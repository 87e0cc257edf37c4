"""What management makes of the configuration: in force when it is answered, and
after every kind of death."""
import datetime
import json
import os
import signal
import socket
import unittest

from gateway import GatewayCase, wait_for
from load import chat

PRIVATE = "[admin]\nprivate_providers = yes\n"


class ManagedCase(GatewayCase):
    def start(self, private=True, **kw):
        gw = self.gateway(**kw)
        if private:
            with open(gw.config) as f:
                text = f.read()
            with open(gw.config, "w") as f:
                f.write(text.replace("[admin]\n", PRIVATE))
        return gw.start()

    def ask(self, gw, method, path, body=None, status=200):
        got, _, text = gw.admin(method, "/admin/v1/" + path, body)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def provider(self, gw, name, url, status=201, **more):
        body = {"name": name, "base_url": url, "guarded": False,
                "api_key": "sk-upstream-secret-canary", "models": ["x1"]}
        body.update(more)
        return self.ask(gw, "POST", "providers", body, status)

    def says(self, gw, key, model, status=200):
        body = dict(chat(tokens=3), model=model)
        got, _, text = gw.call(key, body)
        self.assertEqual(got, status, text)
        return json.loads(text)

    def kill(self, gw, role):
        (pid,) = gw.children(role)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in gw.children(role) and gw.children(role),
                 60, "another " + role)
        wait_for(lambda: gw.http("GET", "/readyz")[0] == 200)


class Providers(ManagedCase):
    def test_a_provider_is_there_when_it_is_answered_and_after_deaths(self):
        mock = self.mock()
        gw = self.start()
        key = gw.create_key("k")
        self.says(gw, key, "own/x1", 404)
        made = self.provider(gw, "own", mock.base_url)
        self.assertEqual(made["managed_by"], "api")
        self.assertEqual(made["api_key"], "****nary")
        self.assertEqual(made["models"], ["x1"])
        self.assertEqual(made["connect_timeout"], "5s")
        self.assertEqual((made["revision"], made["guarded"]), (1, False))
        self.says(gw, key, "own/x1")
        self.assertEqual(mock.requests[-1][2]["authorization"],
                         "Bearer sk-upstream-secret-canary")
        self.kill(gw, "accountant")
        self.says(gw, key, "own/x1")
        self.assertEqual(self.ask(gw, "GET", "providers/own"), made)
        gw.stop()
        gw.start()
        self.says(gw, key, "own/x1")
        self.assertEqual(self.ask(gw, "GET", "providers/own"), made)
        gw.kill_all()
        gw.start()
        self.says(gw, key, "own/x1")
        self.assertNotIn("sk-upstream-secret-canary", gw.log())
        gw.verify()

    def test_changes_are_seen_by_the_next_call(self):
        first, second = self.mock(), self.mock()
        gw = self.start()
        key = gw.create_key("k")
        self.provider(gw, "own", first.base_url)
        for number, mock in enumerate((second, first, second)):
            changed = self.ask(gw, "PATCH", "providers/own",
                               {"base_url": mock.base_url})
            self.assertEqual(changed["revision"], number + 2)
            calls = len(mock.requests)
            for _ in range(4): # of two workers
                self.says(gw, key, "own/x1")
            self.assertEqual(len(mock.requests), calls + 4)
        self.ask(gw, "PATCH", "providers/own",
                 {"connect_timeout": 2500, "max_concurrency": "7",
                  "pass_headers": ["x-a", "x-b-*"], "api_key": None})
        shown = self.ask(gw, "GET", "providers/own")
        self.assertEqual(
            (shown["connect_timeout"], shown["max_concurrency"],
             shown["pass_headers"], shown["api_key"]),
            ("2500ms", 7, ["x-a", "x-b-*"], None))
        self.says(gw, key, "own/x1")
        self.assertNotIn("authorization", second.requests[-1][2])
        self.assertEqual(self.ask(gw, "DELETE", "providers/own"),
                         {"name": "own", "deleted": True})
        self.says(gw, key, "own/x1", 404)
        self.ask(gw, "DELETE", "providers/own", status=404)
        self.ask(gw, "PATCH", "providers/own", {}, status=404)
        gw.stop()
        gw.start()
        self.says(gw, key, "own/x1", 404)


    def test_what_does_not_fit_is_refused_by_its_member(self):
        gw = self.start(provider=self.mock().base_url, private=False)
        def refused(body, status, code, field=None, method="POST",
                    path="providers"):
            error = self.ask(gw, method, path, body, status)["error"]
            self.assertEqual((error["code"], error.get("field")), (code, field),
                             error)
        own = {"name": "own", "base_url": "https://example.com/v1"}
        for member, value in (
                ("base_url", "ftp://x"), ("base_url", "http://example.com"), ("base_url", 7), ("kind", "nobody"),
                ("fails", 101), ("fails", "x"), ("fails", -1),
                ("fails", True), ("cooldown", "3"), ("cooldown", 5),
                ("models", "a b"), ("models", ["a", "a"]), ("models", [""]),
                ("models", [7]), ("quirks", ["none-such"]),
                ("verify", "perhaps"), ("verify", 1), ("guarded", False),
                ("ca_file", "/etc/passwd"), ("proxy", "http://127.0.0.1:1"),
                ("api_key", "two words"), ("api_key", "a\r\nb"),
                ("api_key", "****abcd"), ("base_url", "https://a\nb/"),
                ("nonsense", 1), ("basurl", 1)):
            with self.subTest(member=member, value=value):
                refused(dict(own, **{member: value}), 400, "invalid_field",
                        member)
        refused({"base_url": "https://example.com"}, 400, "invalid_field",
                "name")
        refused(dict(own, name="a/b"), 400, "invalid_value")
        refused({"name": "own"}, 400, "invalid_value")
        refused(dict(own, name="mock"), 409, "provisioned")
        refused({"enabled": False}, 409, "provisioned", None, "PATCH",
                "providers/mock")
        refused(None, 409, "provisioned", None, "DELETE", "providers/builtin")
        self.ask(gw, "GET", "providers/own", status=404)
        generation = self.ask(gw, "GET", "status")["catalogue"]["generation"]
        made = self.ask(gw, "POST", "providers", own, 201)
        self.assertEqual(made["guarded"], True)
        refused(own, 409, "exists")
        refused({"name": "other"}, 400, "invalid_field", "name", "PATCH",
                "providers/own")
        # What was refused has published nothing.
        self.assertEqual(
            self.ask(gw, "GET", "status")["catalogue"]["generation"],
            generation + 1)

    def test_guarded_reaches_no_address_of_ours(self):
        mock = self.mock()
        gw = self.start()
        key = gw.create_key("k")
        self.ask(gw, "POST", "providers", {
            "name": "own", "base_url": mock.base_url, "models": ["x1"]}, 201)
        body = dict(chat(tokens=3), model="own/x1")
        self.assertGreaterEqual(gw.call(key, body)[0], 500)
        self.assertEqual(mock.requests, [])


class Others(ManagedCase):
    """Models, endpoints, profiles and credentials go the same way."""

    def test_models_endpoints_profiles_and_credentials(self):
        mock, other = self.mock(), self.mock()
        gw = self.start()
        key = gw.create_key("k")
        self.provider(gw, "a", mock.base_url, models=[])
        self.provider(gw, "b", other.base_url, models=[])
        # A name with slashes, a price in two forms, an alias.
        made = self.ask(gw, "POST", "models", {
            "name": "vendor/big", "providers": ["a", "b"], "alias": ["big"],
            "price_input": 1000000, "price_output": "2000000",
            "context": 4096}, 201)
        self.assertEqual((made["price_input"], made["price_output"],
                          made["price_cached"]), (1000000, 2000000, None))
        used = self.says(gw, key, "big")["usage"]
        cost = used["prompt_tokens"] + 2 * used["completion_tokens"]
        wait_for(gw.settled)
        (row,) = gw.ctl("logs")
        self.assertAlmostEqual(row["cost"], cost, places=6)
        path = "models/vendor%2Fbig"
        self.ask(gw, "PATCH", path, {"price_input": 2000000})
        self.assertEqual(
            [m["price_version"] for m in self.ask(gw, "GET", "models")["data"]
             if m["id"] == "vendor/big"], [2])
        # An endpoint takes a provider away; a deleted one gives it back.
        self.ask(gw, "POST", "endpoints", {"name": "a/vendor/big",
                                           "enabled": False}, 201)
        calls = len(mock.requests)
        self.says(gw, key, "big")
        self.assertEqual(len(mock.requests), calls)
        self.ask(gw, "DELETE", "endpoints/a%2Fvendor%2Fbig")
        self.says(gw, key, "big")
        self.assertEqual(len(mock.requests), calls + 1)
        # A profile: its settings hold for the calls that name it.
        profile = self.ask(gw, "POST", "gateways", {
            "name": "fast", "providers": ["b"], "cache_ttl": 60,
            "guard_prompt": ["no:block:x{2,3}y"]}, 201)
        self.assertEqual((profile["providers"], profile["cache_ttl"],
                          profile["guard_prompt"], profile["sort"]),
                         (["b"], "60", ["no:block:x{2,3}y"], None))
        status, headers, _ = gw.http(
            "POST", "/v1/chat/completions", dict(chat(tokens=3), model="big"),
            {"Authorization": "Bearer " + key, "cf-aig-gateway-id": "fast",
             "Content-Type": "application/json"})
        self.assertEqual((status, headers["x-aigw-cache"]), (200, "miss"))
        self.ask(gw, "POST", "credentials", {
            "name": "a/second", "api_key": "sk-second-canary"}, 201)
        # What others need stays.
        error = self.ask(gw, "DELETE", "providers/a", status=409)["error"]
        self.assertEqual(error["code"], "in_use")
        for kind, name in (("models", "vendor%2Fbig"), ("gateways", "fast"),
                           ("credentials", "a%2Fsecond")):
            before = self.ask(gw, "GET", kind + "/" + name)
            self.kill(gw, "accountant")
            self.assertEqual(self.ask(gw, "GET", kind + "/" + name), before)
            self.ask(gw, "DELETE", kind + "/" + name)
        self.ask(gw, "DELETE", "providers/a")
        self.says(gw, key, "big", 404)
        self.assertNotIn("canary", gw.log())

    def test_the_file_wins_and_is_not_left_without_what_it_needs(self):
        mock = self.mock()
        gw = self.start()
        key = gw.create_key("k")
        self.provider(gw, "own", mock.base_url)
        self.ask(gw, "POST", "models", {"name": "m", "providers": ["own"]}, 201)
        with open(gw.config) as f:
            text = f.read()
        def reload(more):
            with open(gw.config, "w") as f:
                f.write(text + more)
            def config():
                return self.ask(gw, "GET", "status")["config"]
            count = config()["reloads"]
            gw.signal(signal.SIGHUP)
            wait_for(lambda: config()["reloads"] > count, 60, "a reload")
            return config()
        reload("[provider.own]\nkind = builtin\n")
        shown = self.ask(gw, "GET", "providers/own")
        self.assertEqual((shown["managed_by"], shown["shadows"],
                          shown["kind"]), ("file", True, "builtin"))
        self.ask(gw, "PATCH", "providers/own", {"fails": 1}, 409)
        calls = len(mock.requests)
        self.says(gw, key, "m")
        self.assertEqual(len(mock.requests), calls)
        # It goes on where the file says nothing of it again.
        reload("")
        self.assertEqual(self.ask(gw, "GET", "providers/own")["managed_by"],
                         "api")
        self.says(gw, key, "m")
        self.assertEqual(len(mock.requests), calls + 1)
        # A file that does not go with it is refused at a reload ...
        why = reload("[model.z]\nalias = m\n")["reason"]
        self.assertIn("what management made does not fit", why)
        self.says(gw, key, "m")
        # ... and at a start it is left out, and said to be.
        gw.stop()
        gw.start()
        shown = self.ask(gw, "GET", "models/m")
        self.assertIn("also", shown["fault"])
        self.assertEqual(self.ask(gw, "GET", "models/z")["managed_by"], "file")
        self.assertIn("is left out", gw.log())


    def test_what_a_group_s_profiles_may_hold_has_an_end(self):
        gw = self.start()
        for name in ("team", "teams"):
            gw.ctl("group", "create", name)
        note = json.dumps({"x": "y" * 250000})
        made = 0
        for made in range(40):
            status, _, data = gw.admin("POST", "/admin/v1/gateways", {
                "name": "team/p%d" % made, "attributes": note})
            if status != 201:
                break
        self.assertEqual((status, json.loads(data)["error"]["code"], made),
                         (507, "no_space", 16), data)
        self.ask(gw, "POST", "gateways", {"name": "teams/p", "attributes": note}, 201)
        self.ask(gw, "POST", "gateways", {"name": "team/small"}, 201)
        self.ask(gw, "DELETE", "gateways/team%2Fp3")
        self.ask(gw, "POST", "gateways", {"name": "team/more", "attributes": note}, 201)

    def test_a_change_is_in_the_audit_log_and_made_once(self):
        gw = self.start()
        body = {"name": "m", "price_input": 1}
        head = {"Authorization": "Bearer test-admin-token-1",
                "Idempotency-Key": "one", "Content-Type": "application/json"}
        answers = []
        for _ in range(2):
            status, _, text = gw.http("POST", "/admin/v1/models", body, head,
                                      port=gw.admin_port)
            self.assertEqual(status, 201, text)
            answers.append(json.loads(text))
            self.kill(gw, "accountant")
        self.assertEqual(*answers)
        self.ask(gw, "PATCH", "models/m", {"price_input": 2})
        self.ask(gw, "DELETE", "models/none", status=404)
        rows = self.ask(gw, "GET", "audit")["data"]
        self.assertEqual([(r["operation"], r["object"], r["outcome"])
                          for r in rows],
                         [("model_delete", "none", "not_found"),
                          ("model_update", "m", "ok"),
                          ("model_create", "m", "ok")])


class Prices(ManagedCase):
    LIST = {
        "sample_spec": {"input_cost_per_token": 0},
        "gpt": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
                "cache_read_input_token_cost": 1.25e-06, "mode": "chat"},
        "a/cloud": {"input_cost_per_token": 3e-08,
                    "output_cost_per_token": 6.125e-07},
        "same": {"input_cost_per_token": 1e-06},
        "file": {"input_cost_per_token": 1e-06},
        "odd": {"input_cost_per_token": -1},
        "nobody": {"input_cost_per_token": 1e-06},
        "free": {"max_tokens": 5},
    }

    def setUp(self):
        mock = self.mock()
        self.gw = self.start(extra="[model.file]\nprice_input = 5\n")
        self.provider(self.gw, "a", mock.base_url,
                      models=["gpt", "cloud", "same", "file", "odd"])
        self.provider(self.gw, "b", mock.base_url, models=["cloud"])
        self.ask(self.gw, "POST", "models", {"name": "same", "price_input": 1},
                 201)
        self.key = self.gw.create_key("k")

    def give(self, data, format="litellm", status=200, **more):
        return self.ask(self.gw, "POST", "prices/import",
                        dict(format=format, data=data, **more), status)

    def history(self, query=""):
        return self.ask(self.gw, "GET", "prices" + query)["data"]

    def test_a_public_list_is_looked_at_and_taken_over(self):
        before = self.history()
        seen = self.give(self.LIST, preview=True)
        self.assertEqual([m["model"] for m in seen["added"] if "model" in m],
                         ["gpt"])
        self.assertEqual(seen["added"][0]["after"]["cached"], 1.25)
        self.assertEqual([m["endpoint"] for m in seen["added"]
                          if "endpoint" in m], ["a/cloud"])
        self.assertEqual([m["model"] for m in seen["provisioned"]], ["file"])
        self.assertEqual([m["model"] for m in seen["refused"]], ["odd"])
        self.assertEqual(seen["unchanged"], {"names": ["same"], "count": 1})
        self.assertEqual(seen["unknown"], {"names": ["nobody"], "count": 1})
        self.assertEqual(self.history(), before) # only looked at
        generation = self.ask(self.gw, "GET",
                              "status")["catalogue"]["generation"]
        taken = self.give(self.LIST)
        self.assertEqual(dict(taken, preview=True), seen)
        self.assertEqual(self.ask(self.gw, "GET",
                                  "status")["catalogue"]["generation"],
                         generation + 1)
        again = self.give(self.LIST)
        self.assertEqual((again["added"], again["changed"]), ([], []))
        self.assertEqual(again["unchanged"]["count"], 3)
        self.assertEqual(
            [(r["model"], r["provider"], r["version"], r["prices"]["output"])
             for r in self.history("?model=cloud&provider=a")],
            [("cloud", "a", 1, 0.6125)])
        used = self.says(self.gw, self.key, "gpt")["usage"]
        wait_for(self.gw.settled)
        (row,) = self.gw.ctl("logs")
        self.assertAlmostEqual(row["cost"], (used["prompt_tokens"] * 2.5 +
                                             used["completion_tokens"] * 10)
                               / 1e6, places=9)
        changed = self.give({"gpt": {"input_cost_per_token": 4e-06}})
        self.assertEqual([(m["before"]["input"], m["after"]["input"],
                           m["after"]["output"]) for m in changed["changed"]],
                         [(2.5, 4, None)])
        self.kill(self.gw, "accountant")
        self.assertEqual([(r["version"], r["prices"] and r["prices"]["input"])
                          for r in self.history("?model=gpt")],
                         [(1, None), (2, 2.5), (3, 4)])

    def test_csv(self):
        text = ("model,provider,price_input,output,image\r\n"
                "gpt,,2.5,10,\r\n"
                "\"cloud\",a,0.03,0.6125,0.002\r\n\r\n"
                "cloud,b,,,\r\n"
                "same,,1x,,\r\n"
                "odd,,1,,\r\nodd,,2,,\r\n")
        seen = self.give(text, "csv")
        self.assertEqual([m.get("model", m.get("endpoint"))
                          for m in seen["added"]], ["gpt", "a/cloud"])
        self.assertEqual([m.get("model", m.get("endpoint"))
                          for m in seen["refused"]],
                         ["b/cloud", "same", "odd", "odd"])
        shown = self.ask(self.gw, "GET", "endpoints/a%2Fcloud")
        self.assertEqual((shown["price_input"], shown["price_image"]),
                         (0.03, 0.002))
        for bad in ("", "model,model\n", "input\n1\n", "model,what\n",
                    "model,input\na,b,c\n", "model\n\"a\n"):
            error = self.give(bad, "csv", 400)["error"]
            self.assertEqual(error["field"], "data")
        self.give([], status=400)
        self.give({}, "xml", 400)

    def test_a_whole_public_list_fits_into_a_body_and_nothing_else_does(self):
        big = {"m%d" % i: {"input_cost_per_token": 1e-06, "note": "x" * 200}
               for i in range(12000)}
        big.update(self.LIST)
        seen = self.give(big)
        self.assertEqual(seen["unknown"]["count"], 12001)
        self.assertEqual(len(seen["unknown"]["names"]), 100)
        self.assertEqual(len(seen["added"]), 2)
        for kind, data in (
                ("csv", "model,input\n" + "m,1\n" * 20001),
                ("litellm", {"m%d" % i: {"input_cost_per_token": 1e-06}
                             for i in range(20001)})):
            refused = self.give(data, format=kind, status=400, preview=True)
            self.assertIn("more than 20000 rows", refused["error"]["message"])
        for path, size, most in (("prices/import", (8 << 20) + 1, 8),
                                 ("models", (1 << 20) + 1, 1)):
            head = {"Authorization": "Bearer test-admin-token-1",
                    "Content-Length": str(size)}
            status, _, _ = self.gw.http("POST", "/admin/v1/" + path, None, head,
                                        port=self.gw.admin_port)
            self.assertEqual(status, 413)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(30)
                peer.connect(os.path.join(self.gw.dir, "run", "aigw.sock"))
                peer.sendall(("POST /admin/v1/%s HTTP/1.1\r\nHost: x\r\n"
                              "Content-Length: %d\r\n\r\n"
                              % (path, size)).encode())
                answer = b""
                while piece := peer.recv(65536):
                    answer += piece
            self.assertIn(b" 413 ", answer)
            self.assertIn(b"larger than %d MiB" % most, answer)


class Reprice(ManagedCase):
    """A wrong price is put right: both figures are kept, balances follow."""

    def setUp(self):
        mock = self.mock()
        self.gw = self.start()
        self.provider(self.gw, "a", mock.base_url, models=["m"])
        self.provider(self.gw, "b", mock.base_url, models=["other"])
        self.ask(self.gw, "POST", "models", {
            "name": "m", "price_input": 1000, "price_output": 2000}, 201)
        self.gw.ctl("group", "create", "paid")
        self.gw.ctl("group", "top-up", "paid", "100")
        self.gw.ctl("group", "create", "free")
        self.used = {}
        for group, calls in (("paid", 3), ("free", 2)):
            key = self.gw.create_key("k-" + group, "--group", group)
            self.used[group] = [0, 0]
            for _ in range(calls):
                used = self.says(self.gw, key, "m")["usage"]
                self.used[group][0] += used["prompt_tokens"]
                self.used[group][1] += used["completion_tokens"]
        wait_for(self.gw.settled)
        to = datetime.datetime.now(datetime.timezone.utc)
        self.period = {"model": "m", "from": "2020-01-01",
                       "to": to.isoformat(timespec="milliseconds")[:-6] + "Z"}

    def cost(self, group, price_in, price_out):
        return (self.used[group][0] * price_in +
                self.used[group][1] * price_out) / 1e6

    def reprice(self, status=201, **more):
        return self.ask(self.gw, "POST", "prices/reprice",
                        dict(self.period, apply=True, **more), status)

    def balance(self):
        return self.gw.ctl("group", "get", "paid")["balance"]

    def test_the_difference_is_given_back_once(self):
        before = self.balance()
        was = {g: self.cost(g, 1000, 2000) for g in self.used}
        now = {g: self.cost(g, 500, 2000) for g in self.used}
        self.ask(self.gw, "PATCH", "models/m", {"price_input": 500})
        seen = self.ask(self.gw, "POST", "prices/reprice", self.period)
        self.assertEqual((seen["requests"], seen["left"]), (5, 0))
        self.assertAlmostEqual(seen["was"], sum(was.values()), places=8)
        self.assertAlmostEqual(seen["now"], sum(now.values()), places=8)
        self.assertEqual(self.balance(), before)
        self.assertEqual(self.ask(self.gw, "GET", "prices/reprice")["total"], 0)
        rows = self.gw.ctl("price", "reprice", "m", "--from", "2020-01-01",
                           "--to", self.period["to"])
        self.assertEqual(rows, seen["groups"])
        done = self.reprice()
        self.assertEqual(dict(done, repriced_at=None), seen)
        by_name = {g["group"]: g for g in done["groups"]}
        self.assertAlmostEqual(by_name["paid"]["credit"],
                               was["paid"] - now["paid"], places=8)
        self.assertEqual(by_name["free"]["credit"], 0)
        after = self.balance()
        self.assertAlmostEqual(after, before + was["paid"] - now["paid"],
                               places=8)
        # Asked again, as by somebody who heard no answer, it gives nothing.
        self.assertEqual([g["credit"] for g in self.reprice()["groups"]],
                         [0, 0])
        self.assertEqual(self.balance(), after)
        # Put right once more: the difference to what was given.
        self.ask(self.gw, "PATCH", "models/m", {"price_input": 1500})
        self.reprice()
        self.assertAlmostEqual(
            self.balance(), before + was["paid"] -
            self.cost("paid", 1500, 2000), places=8)
        # What overlaps is refused; what was charged is in the log as it was.
        for more in ({"from": "2020-01-02"}, {"provider": "a"}):
            error = self.ask(self.gw, "POST", "prices/reprice",
                             dict(self.period, **more), 409)["error"]
            self.assertEqual(error["code"], "overlaps")
        self.kill(self.gw, "accountant")
        kept = self.ask(self.gw, "GET", "prices/reprice")
        self.assertEqual(kept["total"], 3)
        self.assertEqual(kept["data"][-1], done)
        self.assertAlmostEqual(
            sum(r["cost"] for r in self.gw.ctl("logs")), sum(was.values()),
            places=8)
        self.gw.verify()

    def test_a_provider_s_own_price_and_what_cannot_be_priced_again(self):
        self.ask(self.gw, "POST", "endpoints", {
            "name": "a/m", "price_input": 250, "price_output": 2000}, 201)
        seen = self.ask(self.gw, "POST", "prices/reprice",
                        dict(self.period, provider="a"))
        self.assertAlmostEqual(seen["now"], sum(
            self.cost(g, 250, 2000) for g in self.used), places=8)
        seen = self.ask(self.gw, "POST", "prices/reprice",
                        dict(self.period, provider="b"))
        self.assertEqual((seen["requests"], seen["groups"]), (0, []))
        # The provider is gone: nobody can say what the calls cost now.
        self.ask(self.gw, "DELETE", "endpoints/a%2Fm")
        self.ask(self.gw, "PATCH", "providers/b", {"models": ["m"]})
        self.ask(self.gw, "DELETE", "providers/a")
        seen = self.ask(self.gw, "POST", "prices/reprice", self.period)
        self.assertEqual((seen["left"], seen["now"]), (5, seen["was"]))
        for body, field in (({"model": "m"}, "from"),
                            (dict(self.period, to="2019-01-01"), "to"),
                            (dict(self.period, to="2120-01-01"), "to"),
                            (dict(self.period, model=7), "model")):
            error = self.ask(self.gw, "POST", "prices/reprice", body,
                             400)["error"]
            self.assertEqual(error["field"], field)
        self.ask(self.gw, "POST", "prices/reprice",
                 dict(self.period, model="none"), 404)


class CommandLine(ManagedCase):
    def test_providers_models_prices_and_profiles(self):
        mock = self.mock()
        gw = self.start()
        key = gw.create_key("k")
        secret = os.path.join(gw.dir, "key.txt")
        with open(secret, "w") as f:
            f.write("sk-upstream-secret-canary\n")
        made = gw.ctl("provider", "add", "own", "--base-url", mock.base_url,
                      "--models", "x1,x2", "--api-key-file", secret, "--set",
                      "guarded=no", "--set", "connect_timeout=3s")
        self.assertEqual((made["api_key"], made["connect_timeout"],
                          made["models"]), ("****nary", "3s", ["x1", "x2"]))
        self.says(gw, key, "own/x1")
        gw.ctl("provider", "disable", "own")
        self.says(gw, key, "own/x1", 404)
        gw.ctl("provider", "enable", "own")
        self.says(gw, key, "own/x1")
        self.assertEqual(
            gw.ctl("provider", "set", "own", "--set",
                   "connect_timeout=")["connect_timeout"], "5s")
        self.assertEqual([p["name"] for p in gw.ctl("provider", "list")],
                         ["builtin", "own"])
        # Prices: of a model that only the provider's list knows, then of a pair.
        gw.ctl("price", "set", "x1", "--input", "2.5", "--output", "10")
        gw.ctl("price", "set", "x1", "--input", "3", "--cached", "1")
        gw.ctl("price", "set", "x1", "--provider", "own", "--input", "4")
        self.assertEqual(
            [(h["provider"], h["version"], h["prices"] and h["prices"]["input"])
             for h in gw.ctl("price", "history", "x1")],
            [(None, 1, None), (None, 2, 2.5), (None, 3, 3)])
        self.assertEqual(
            [h["prices"]["input"] for h in
             gw.ctl("price", "history", "x1", "--provider", "own")], [4])
        self.assertEqual({p["model"]: p["prices"] and p["prices"]["output"]
                          for p in gw.ctl("price", "list")}["x1"], 10)
        listed = os.path.join(gw.dir, "list.json")
        with open(listed, "w") as f:
            json.dump({"x2": {"input_cost_per_token": 1e-06}}, f)
        for more in (["--preview"], []):
            rows = gw.ctl("price", "import", listed, *more)
            self.assertEqual([(r["verdict"], r["name"], r["after"]["input"])
                              for r in rows], [("added", "x2", 1)])
        with open(listed, "w") as f:
            f.write("model,input\nx2,2\n")
        self.assertEqual(gw.ctl("price", "import", listed)[0]["verdict"],
                         "changed")
        # The rest of the nouns.
        gw.ctl("model", "set", "x1", "--model-alias", "nick")
        self.says(gw, key, "nick")
        gw.ctl("endpoint", "disable", "own/x1")
        self.says(gw, key, "nick", 404)
        gw.ctl("endpoint", "delete", "own/x1", "-y")
        self.says(gw, key, "nick")
        gw.ctl("gateway", "add", "fast", "--set", "cache_ttl=10m")
        self.assertEqual(gw.ctl("gateway", "get", "fast")["cache_ttl"], "10m")
        gw.ctl("credential", "add", "own/second", "--api-key-file", secret)
        self.assertEqual(gw.ctl("credential", "list")[0]["api_key"],
                         "****nary")
        # What is wrong is said, and nothing is deleted without a yes.
        for words, status in (
                (["provider", "delete", "own"], 2),
                (["provider", "set", "own"], 2),
                (["provider", "set", "own", "--set", "fails"], 2),
                (["provider", "set", "own", "--set", "fails=x"], 2),
                (["provider", "get", "none"], 1),
                (["provider", "delete", "builtin", "-y"], 1),
                (["price", "set", "x1"], 2),
                (["price", "import", os.path.join(gw.dir, "none")], 2),
                (["provider", "add", "p", "--api-key-file", gw.dir], 2)):
            done = gw.ctl(*words, ok=False)
            self.assertEqual(done.returncode, status,
                             (words, done.stdout, done.stderr))
        gw.ctl("provider", "delete", "own", "-y", ok=False)
        shown = gw.tool("aigwctl", "-c", gw.config, "provider", "list",
                        "--format", "table").stdout
        self.assertIn("own", shown)
        self.assertNotIn("canary", shown + gw.log())
        names = gw.tool("aigwctl", "--complete", "-c", gw.config, "provider",
                        "get", "").stdout
        self.assertEqual([n.split("\t")[0] for n in names.splitlines()],
                         ["builtin", "own"])


    def test_a_provider_is_tried_as_a_client_would(self):
        mock = self.mock()
        gw = self.start()
        self.provider(gw, "own", mock.base_url)
        self.provider(gw, "gone", "http://127.0.0.1:9/v1", models=["*"])
        keys = gw.ctl("key", "list")
        report = gw.ctl("provider", "test", "own")
        self.assertEqual((report["ok"], report["status"], report["model"]),
                         (True, 200, "own/x1"))
        self.assertTrue(report["answer"])
        self.assertEqual(len(mock.requests), 1)
        self.assertTrue(gw.ctl("provider", "test", "builtin")["ok"])
        done = gw.ctl("provider", "test", "gone", "--model", "x", ok=False)
        report = json.loads(done.stdout)["data"]
        self.assertEqual((done.returncode, report["ok"]), (1, False))
        self.assertGreaterEqual(report["status"], 500)
        self.assertIn("error", report)
        self.assertEqual(
            gw.ctl("provider", "test", "gone", ok=False).returncode, 2)
        self.assertEqual(
            gw.ctl("provider", "test", "none", ok=False).returncode, 1)
        self.assertEqual(gw.ctl("key", "list"), keys) # none is left behind


if __name__ == "__main__":
    unittest.main()
