"""The life of a group: switched off and on, renamed, deleted with all that is its
own; while it is called, and while accountants die."""
import json
import os
import random
import time
import unittest

from gateway import Gateway, wait_for

ROUNDS = int(os.environ.get("AIGW_ROUNDS", "1"))
BODY = {"model": "builtin/echo", "max_tokens": 4,
        "messages": [{"role": "user", "content": "hi"}]}
FILE = """
[gateway.fixed/x]
rate_limit = 1000
rate_interval = 60s
[model.limited]
providers = builtin
key_rpm = 4
"""


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gw = Gateway(workers=2, extra=FILE).start()

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()

    def ask(self, method, path, body=None, want=200):
        status, self.headers, data = self.gw.admin(method, "/admin/v1" + path, body)
        self.assertEqual(status, want, data)
        return json.loads(data)

    def refused(self, method, path, body, status, code, words=""):
        error = self.ask(method, path, body, status)["error"]
        self.assertEqual(error["code"], code)
        self.assertIn(words, error["message"])
        return error["message"]

    def make(self, group, *keys, **more):
        """Values of keys in a new group."""
        self.ask("POST", "/groups", dict(more, name=group), 201)
        return [self.ask("POST", "/keys", {"name": k, "group": group}, 201)["key"]
                for k in keys]

    def said(self, value, path="/v1/chat/completions", body=BODY, **head):
        """200, or status and code."""
        status, _, data = self.gw.http("POST", path, json.dumps(body).encode(), {
            "Authorization": "Bearer " + value, "Content-Type": "application/json", **head})
        self.last = json.loads(data)
        if status == 200:
            return 200
        error = self.last.get("error")
        return status, error.get("code") if isinstance(error, dict) else None

    def of_all_workers(self, value, want):
        """Connections are new ones: both workers get some."""
        self.assertEqual({self.said(value) for _ in range(8)}, {want})

    # -- off and on --

    def test_a_group_is_switched_off_and_on(self):
        one, two = self.make("switched", "a", "b")
        off = (403, "group_disabled")
        self.assertTrue(self.ask("GET", "/groups/switched")["enabled"])
        self.assertFalse(self.ask("PATCH", "/groups/switched", {"enabled": False})["enabled"])
        self.of_all_workers(one, off)
        self.of_all_workers(two, off)
        self.assertTrue(self.last["error"]["message"].startswith("group is disabled"))
        self.gw.kill_accountant()
        self.assertEqual(self.said(one), off)
        self.assertFalse(self.ask("GET", "/groups/switched")["enabled"])
        # What is wrong with the key itself is said first.
        key = self.ask("GET", "/keys?group=switched&name=b")["data"][0]
        self.assertEqual(key["status"], "active")
        self.ask("PATCH", "/keys/%d" % key["id"], {"enabled": False})
        self.assertEqual(self.said(two), (401, "key_disabled"))
        self.ask("PATCH", "/groups/switched", {"enabled": True})
        self.of_all_workers(one, 200)
        self.assertEqual(self.said(two), (401, "key_disabled"))

    def test_each_dialect_says_it_its_way(self):
        value, = self.make("said", "k", enabled=False)
        message = dict(BODY)
        self.said(value, "/v1/messages", message)
        self.assertEqual((self.last["type"], self.last["error"]["type"]),
                         ("error", "permission_error"))
        self.assertIn("group is disabled", self.last["error"]["message"])
        self.said(value, "/v1beta/models/m1:generateContent",
                  {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
        self.assertEqual((self.last["error"]["code"], self.last["error"]["status"]),
                         (403, "PERMISSION_DENIED"))
        self.said(value, "/v1/said/gw/compat/chat/completions")
        self.assertEqual(self.last["error"][0]["code"], 2009)
        self.said(value, "/client/v4/accounts/said/ai/run/@cf/meta/llama", {"prompt": "x"})
        self.assertEqual(self.last["errors"][0]["code"], 10000)
        self.assertEqual(self.gw.http("GET", "/v1/models", b"", {
            "Authorization": "Bearer " + value})[0], 403)

    # -- its name --

    def test_a_renamed_group_keeps_all_that_is_its_own(self):
        value, = self.make("old-name", "k")
        self.ask("POST", "/providers", {
            "name": "far", "kind": "openai", "base_url": "https://example.com/v1",
            "attributes": '{"account":"old-name","slug":"far"}'}, 201)
        self.ask("POST", "/gateways", {"name": "old-name/gw"}, 201)
        self.ask("POST", "/routes", {"name": "old-name/gw/r", "elements": [
            "id=s type=start next=m", "id=m type=model model=builtin/echo success=e",
            "id=e type=end"]}, 201)
        self.ask("POST", "/credentials", {
            "name": "far/old-name.gw.main", "api_key": "secret-credential",
            "group": "old-name", "gateway": "old-name/gw"}, 201)
        self.ask("POST", "/credentials", {
            "name": "far/everybodys", "api_key": "secret-credential-2",
            "gateway": "old-name/gw"}, 201)
        self.ask("POST", "/alerts", {"name": "theirs", "url": "https://example.com/h",
                                     "balance": ["5"], "group": "old-name"}, 201)
        token = self.ask("POST", "/tokens", {"name": "theirs", "role": "read-only",
                                             "groups": ["old-name"]}, 201)
        self.assertEqual(self.said(value), 200)
        self.assertEqual(self.said(value, "/v1/old-name/gw/compat/chat/completions"), 200)
        wait_for(lambda: len(self.ask("GET", "/logs?group=old-name")["data"]) == 2,
                 what="two rows")
        before = self.ask("GET", "/groups/old-name")
        created = self.ask("GET", "/gateways/old-name%2Fgw")["created_at"]
        after = self.ask("PATCH", "/groups/old-name", {"name": "new-name", "rpm": 100})
        self.assertEqual((after["id"], after["name"], after["rpm"], after["total"]),
                         (before["id"], "new-name", 100, before["total"]))
        for _ in range(2):
            self.ask("GET", "/groups/old-name", want=404)
            self.assertEqual(self.said(value, "/v1/new-name/gw/compat/chat/completions"), 200)
            rows = self.ask("GET", "/logs?group=new-name")["data"]
            self.assertGreaterEqual(len(rows), 2)
            self.assertEqual({r["group"] for r in rows}, {"new-name"})
            found = self.ask("POST", "/logs/search", {"gateway": "new-name/gw"})["data"]
            self.assertIn("new-name/gw", {r["gateway"] for r in found})
            self.assertGreaterEqual(len(found), 2, "before and after")
            self.assertEqual(self.ask("GET", "/usage?by=group&group=new-name")["data"][0][
                "group"], "new-name")
            gateway = self.ask("GET", "/gateways/new-name%2Fgw")
            self.assertEqual((gateway["created_at"], gateway["formerly"]),
                             (created, "old-name/gw"))
            self.assertEqual(self.ask("GET", "/routes/new-name%2Fgw%2Fr")["name"],
                             "new-name/gw/r")
            credential = self.ask("GET", "/credentials/far%2Fnew-name.gw.main")
            self.assertEqual((credential["group"], credential["gateway"]),
                             ("new-name", "new-name/gw"))
            shared = self.ask("GET", "/credentials/far%2Feverybodys")
            self.assertEqual((shared.get("group") or "", shared["gateway"]),
                             ("", "new-name/gw"))
            self.assertEqual(self.ask("GET", "/alerts/theirs")["group"], "new-name")
            self.assertIn('"new-name"', self.ask("GET", "/providers/far")["attributes"])
            self.assertEqual(self.ask("GET", "/tokens/%d" % token["id"])["groups"],
                             ["new-name"])
            self.gw.kill_accountant()
        # The old-name is free, and its old profile nobody else's.
        self.make("old-name")
        self.refused("POST", "/gateways", {"name": "old-name/gw"}, 400, "invalid_value",
                     "looks like that of another")

    def test_what_a_name_may_not_be(self):
        self.make("taken")
        self.make("mine")
        self.refused("PATCH", "/groups/mine", {"name": "taken"}, 409, "group_exists")
        self.refused("PATCH", "/groups/mine", {"name": ""}, 400, "invalid_field")
        self.refused("PATCH", "/groups/default", {"name": "d"}, 409, "conflict", "default")
        etag = self.ask("GET", "/groups/mine") and self.headers.get("etag")
        self.ask("PATCH", "/groups/mine", {"name": "yours"})
        self.assertEqual(self.gw.http("DELETE", "/admin/v1/groups/yours", b"", {
            "Authorization": "Bearer test-admin-token-1", "If-Match": etag},
            port=self.gw.admin_port)[0], 412)
        bound = self.ask("POST", "/tokens", {
            "name": "bound", "role": "operator", "groups": ["yours"],
            "scopes": ["groups:write", "keys:write", "config:write"]}, 201)["token"]
        for method, body in (("PATCH", b'{"name": "taken"}'), ("DELETE", b"")):
            status, _, data = self.gw.http(
                method, "/admin/v1/groups/yours", body, {
                    "Authorization": "Bearer " + bound,
                    "Content-Type": "application/json"}, port=self.gw.admin_port)
            self.assertEqual((status, json.loads(data)["error"]["code"]),
                             (403, "not_permitted"))

    # -- gone --

    def test_a_group_with_keys_goes_only_with_them(self):
        one, two, gone = self.make("leaving", "a", "b", "c")
        number = self.ask("GET", "/groups/leaving")["id"]
        keys = {k["name"]: k["id"] for k in self.ask("GET", "/keys?group=leaving")["data"]}
        self.ask("POST", "/gateways", {"name": "leaving/gw"}, 201)
        self.assertEqual(self.said(one), 200)
        wait_for(lambda: self.ask("GET", "/logs?group=leaving")["data"], what="a row")
        self.ask("DELETE", "/keys/%d" % keys["c"])
        words = self.refused("DELETE", "/groups/leaving", None, 409, "group_in_use")
        self.assertIn("2 keys", words)
        self.assertIn("leaving/gw", words)
        self.refused("DELETE", "/groups/leaving?all=maybe", None, 400, "invalid_query")
        self.refused("DELETE", "/groups/default?all=yes", None, 409, "conflict")
        self.make("fixed")
        self.refused("PATCH", "/groups/fixed", {"name": "f"}, 409, "conflict",
                     "[gateway.fixed/x]")
        self.refused("DELETE", "/groups/fixed?all=yes", None, 409, "conflict",
                     "[gateway.fixed/x]")
        self.assertEqual(self.ask("DELETE", "/groups/leaving?all=yes"),
                         {"id": number, "deleted": True})
        for _ in range(2):
            for value in (one, two, gone):
                self.of_all_workers(value, (401, "invalid_api_key"))
            self.ask("GET", "/groups/leaving", want=404)
            self.ask("DELETE", "/groups/leaving?all=yes", want=404)
            self.ask("GET", "/gateways/leaving%2Fgw", want=404)
            for key in keys.values():
                self.ask("GET", "/keys/%d" % key, want=404)
                self.ask("POST", "/keys/%d/restore" % key, {}, 404)
            row, = [r for r in self.ask("GET", "/logs")["data"] if r["key_id"] == keys["a"]]
            self.assertEqual(row["group"], "leaving")
            self.assertIn("leaving", {r["group"] for r in self.ask(
                "GET", "/usage?by=group")["data"]})
            self.gw.kill_accountant()
        wait_for(self.gw.settled, 60, "rings are empty")
        self.gw.verify()
        # The name is another group's now, whose rows those are not.
        self.make("leaving", "a")
        self.assertNotEqual(self.ask("GET", "/groups/leaving")["id"], number)
        self.assertEqual(self.ask("GET", "/logs?group=leaving")["data"], [])

    def test_an_empty_group_goes_and_its_token_sees_nothing(self):
        self.make("empty")
        made = self.ask("POST", "/tokens", {"name": "e", "role": "owner",
                                            "groups": ["empty"]}, 201)
        self.ask("DELETE", "/groups/empty")
        self.make("empty", "k")
        status, _, data = self.gw.http("GET", "/admin/v1/keys", b"", {
            "Authorization": "Bearer " + made["token"]}, port=self.gw.admin_port)
        self.assertEqual((status, json.loads(data)["data"]), (200, []))
        self.assertEqual(self.ask("GET", "/tokens/%d" % made["id"])["groups"], [])

    # -- aigwctl --

    def test_the_command_does_it(self):
        value, = self.make("by hand", "k")
        self.assertFalse(self.gw.ctl("group", "disable", "by hand")["enabled"])
        self.assertEqual(self.said(value), (403, "group_disabled"))
        self.assertTrue(self.gw.ctl("group", "enable", "by hand")["enabled"])
        shown = self.gw.ctl("group", "update", "by hand", "--rpm-ratio", "0.5",
                            "--tpm-ratio", "2", "--balance-alert", "10")
        self.assertEqual((shown["rpm_ratio"], shown["tpm_ratio"], shown["balance_alert"]),
                         (0.5, 2, 10))
        shown = self.gw.ctl("group", "update", "by hand", "--rpm-ratio", "none",
                            "--balance-alert", "none")
        self.assertEqual((shown["rpm_ratio"], shown["balance_alert"]), (1, None))
        self.assertEqual(self.gw.ctl("group", "rename", "by hand", "byhand")["name"],
                         "byhand")
        ctl = ("aigwctl", "-c", self.gw.config, "group")
        for args, status in ((("update", "byhand"), 2), (("delete", "byhand"), 2),
                             (("delete", "byhand", "-y"), 1)):
            done = self.gw.tool(*ctl, *args, ok=False)
            self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn("1 key", done.stderr)
        self.assertTrue(self.gw.ctl("group", "delete", "byhand", "--all", "-y")["deleted"])
        self.assertEqual(self.said(value), (401, "invalid_api_key"))

    # -- ratios --

    def test_ratios_scale_the_limits_by_model(self):
        value, = self.make("ratio", "k", rpm_ratio=0.5)
        self.assertEqual((self.ask("GET", "/groups/ratio")["rpm_ratio"],
                          self.ask("GET", "/groups/ratio")["tpm_ratio"]), (0.5, 1))
        body = dict(BODY, model="limited")

        def calls():
            """How many are good before one is refused."""
            for n in range(50):
                if self.said(value, body=body) != 200:
                    self.assertEqual(self.last["error"]["code"], "rate_limit_exceeded")
                    return n
            return 50
        self.assertEqual(calls(), 2) # of each key: 4 a minute, times 0.5
        self.assertIn(" 2 requests", self.last["error"]["message"])
        self.ask("PATCH", "/groups/ratio", {"rpm_ratio": None, "model_limits": {
            "builtin/echo": {"rpm": 10}}})
        self.ask("PATCH", "/groups/ratio", {"rpm_ratio": "0.3"})
        body["model"] = "builtin/echo"
        self.assertEqual(calls(), 3) # of the group
        for bad in (0, -1, 1001, "x", 0.0000001):
            self.refused("PATCH", "/groups/ratio", {"tpm_ratio": bad}, 400, "invalid_field")


class Killed(unittest.TestCase):
    """Deletions and renames, while accountants die between their steps."""

    def setUp(self):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))
        print("seed %d" % seed)
        self.random = random.Random(seed)
        self.gw = Gateway(workers=1).start()
        self.addCleanup(self.gw.cleanup)

    def ask(self, method, path, body=None):
        """Sent until it is answered: (status, JSON)."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                status, _, data = self.gw.admin(method, "/admin/v1" + path, body)
                if status not in (500, 502, 503, 504):
                    return status, json.loads(data)
            except (OSError, ValueError):
                pass
        self.fail("not answered: %s %s\n%s" % (method, path, self.gw.log()[-2000:]))

    def one(self, name):
        """A group with keys and a profile is renamed, then deleted: whole both times."""
        self.assertIn(self.ask("POST", "/groups", {"name": name})[0], (201, 409))
        values = []
        for key in ("a", "b", "c"):
            status, made = self.ask("POST", "/keys/upsert", {"name": key, "group": name})
            self.assertIn(status, (200, 201))
            status, made = self.ask("POST", "/keys/%d/reveal" % made["id"])
            values.append(made["key"])
        self.assertIn(self.ask("POST", "/gateways", {"name": name + "/gw"})[0],
                      (201, 400, 409))
        new = name + "-new"
        self.assertIn(self.ask("PATCH", "/groups/" + name, {"name": new})[0], (200, 404))
        self.assertEqual(self.ask("GET", "/groups/" + name)[0], 404)
        self.assertEqual(self.ask("GET", "/gateways/%s%%2Fgw" % name)[0], 404)
        self.assertEqual(self.ask("GET", "/gateways/%s%%2Fgw" % new)[0], 200)
        self.assertEqual(len(self.ask("GET", "/keys?group=" + new)[1]["data"]), 3)
        for value in values:
            self.assertEqual(self.gw.call(value, BODY)[0], 200)
        self.assertIn(self.ask("DELETE", "/groups/%s?all=yes" % new)[0], (200, 404))
        self.assertEqual(self.ask("GET", "/groups/" + new)[0], 404)
        self.assertEqual(self.ask("GET", "/gateways/%s%%2Fgw" % new)[0], 404)
        for value in values:
            self.assertEqual(self.ask("POST", "/keys/lookup", {"ref": value})[0], 404)
            wait_for(lambda v=value: self.gw.call(v, BODY)[0] == 401, what="a refusal")

    def test_between_any_two_steps(self):
        points = ["D1", "D2", "F4", "F5", "M1", "M2"]
        for n in range(ROUNDS):
            for point in self.random.sample(points, 3) if ROUNDS == 1 else points:
                before = self.gw.log().count("was killed by signal 9")
                self.gw.stop()
                # A start passes M1 and M2 once, and so does each edit of the
                # configuration: each lives for one.
                nth = {"M": 3, "F": self.random.randrange(6, 9)}.get(
                    point[0], self.random.randrange(1, 4))
                self.gw.env["AIGW_CRASHPOINT"] = "%s:%d" % (point, nth)
                self.gw.start()
                self.one("g%d-%s" % (n, point.lower()))
                self.assertGreater(self.gw.log().count("was killed by signal 9"), before,
                                   point)
        self.gw.env.pop("AIGW_CRASHPOINT")
        self.gw.kill_all()
        self.gw.start()
        wait_for(self.gw.settled, 60, "settled")
        self.gw.verify()


if __name__ == "__main__":
    unittest.main()
