"""A key gets a new value, is deleted, and comes back; while it is called, and
while accountants die."""
import json
import threading
import time
import unittest

from gateway import Gateway, wait_for

BODY = {"model": "builtin/echo", "messages": [{"role": "user", "content": "hi"}]}
TOKENS = {"unit": "tokens", "period": "total", "limit": 100000}


class KeyLife(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gw = Gateway().start()

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()

    def ask(self, method, path, body=None, want=200):
        status, headers, data = self.gw.admin(method, "/admin/v1" + path, body)
        answer = json.loads(data)
        self.assertEqual(status, want, data)
        self.headers = headers
        return answer

    def make(self, name, **more):
        return self.ask("POST", "/keys", {"name": name, "budgets": [TOKENS], **more}, 201)

    def status(self, value):
        """200, or the code of the refusal."""
        status, _, data = self.gw.call(value, BODY)
        return 200 if status == 200 else json.loads(data)["error"]["code"]

    def test_both_values_are_good_until_the_old_one_ends(self):
        made = self.make("rotated")
        path, old = "/keys/%d" % made["id"], made["key"]
        turned = self.ask("POST", path + "/rotate", {"grace_seconds": 3600})
        new = turned["key"]
        self.assertNotEqual(old, new)
        self.assertEqual(turned["former"]["masked_key"], made["masked_key"])
        for _ in range(2):
            self.assertEqual([self.status(old), self.status(new)], [200, 200])
            self.assertEqual(self.ask("GET", path)["former"], turned["former"])
            self.assertEqual(self.ask("POST", "/keys/lookup", {"ref": old})["id"], made["id"])
            self.gw.kill_accountant()
        self.gw.stop()
        self.gw.start()
        self.assertEqual([self.status(old), self.status(new)], [200, 200])
        used = self.ask("GET", path)["budgets"][0]["used"]
        self.assertEqual(used % 6, 0, "six calls of one size are of one budget")
        self.assertGreater(used, 0)
        refusal = self.ask("POST", path + "/rotate", {"grace_seconds": 60}, 409)
        self.assertEqual(refusal["error"]["code"], "rotation_running")
        ended = self.ask("DELETE", path + "/former")
        self.assertIsNone(ended["former"])
        self.assertEqual([self.status(old), self.status(new)], ["invalid_api_key", 200])
        self.ask("DELETE", path + "/former", want=404)

    def test_the_old_value_ends_by_itself(self):
        made = self.make("brief")
        new = self.ask("POST", "/keys/%d/rotate" % made["id"], {"grace_seconds": 2})["key"]
        wait_for(lambda: self.status(made["key"]) == "invalid_api_key",
                 what="the end of the old value")
        self.assertEqual(self.status(new), 200)
        self.assertIsNone(self.ask("GET", "/keys/%d" % made["id"])["former"])
        self.ask("POST", "/keys/lookup", {"ref": made["key"]}, 404)

    def test_without_grace_the_old_value_ends_at_once(self):
        made = self.make("leaked")
        path = "/keys/%d/rotate" % made["id"]
        second = self.ask("POST", path, {})["key"] # a day, unless said
        third = self.ask("POST", path, {"grace_seconds": 0})["key"]
        self.assertEqual([self.status(v) for v in (made["key"], second, third)],
                         ["invalid_api_key", "invalid_api_key", 200])
        for bad in ({"grace_seconds": -1}, {"grace_seconds": 1e9}, {"grace": 5}):
            self.ask("POST", path, bad, 400)

    def test_no_call_fails_while_a_key_is_rotated_and_accountants_die(self):
        made = self.make("busy", budgets=[])
        path = "/keys/%d" % made["id"]
        good, failures, calls, done = [made["key"]], [], [0], threading.Event()

        def caller():
            while not done.is_set():
                for value in list(good):
                    calls[0] += 1
                    code = self.status(value)
                    if code != 200 and value in good: # not one that was let go
                        failures.append(code)
        threads = [threading.Thread(target=caller) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(8):
            good[:] = good[-1:]
            self.gw.admin("DELETE", "/admin/v1" + path + "/former")
            good.append(self.ask("POST", path + "/rotate", {"grace_seconds": 600})["key"])
            if turn % 4 == 3:
                self.gw.kill_accountant()
        done.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])
        self.assertGreater(calls[0], 20)
        self.gw.verify()

    def test_a_rotation_that_is_repeated_is_one(self):
        made = self.make("twice")
        path = "/admin/v1/keys/%d/rotate" % made["id"]
        headers = {"Authorization": "Bearer test-admin-token-1",
                   "Content-Type": "application/json", "Idempotency-Key": "r1"}
        answers = [self.gw.http("POST", path, {"grace_seconds": 60}, headers,
                                port=self.gw.admin_port) for _ in range(2)]
        self.assertEqual([a[0] for a in answers], [200, 200])
        self.assertEqual(answers[1][1]["idempotency-replayed"], "true")
        self.assertEqual(*[json.loads(a[2])["key"] for a in answers])

    def test_a_deleted_key_is_refused_at_once_and_comes_back(self):
        made = self.make("lost", tags={"a": "b"}, rpm=600)
        path = "/keys/%d" % made["id"]
        self.assertEqual(self.status(made["key"]), 200)
        used = self.ask("GET", path)["budgets"]
        gone = self.ask("DELETE", path)
        self.assertTrue(gone["deleted"])
        self.assertEqual(self.status(made["key"]), "invalid_api_key")
        self.ask("GET", path, want=404)
        self.ask("PATCH", path, {"rpm": 1}, want=404)
        self.assertNotIn("lost", [k["name"] for k in self.ask("GET", "/keys")["data"]])
        self.gw.kill_accountant()
        listed = self.ask("GET", "/keys?status=deleted&name=lost")["data"]
        self.assertEqual([(k["id"], k["status"], k["restorable_until"]) for k in listed],
                         [(made["id"], "deleted", gone["restorable_until"])])
        self.make("lost") # its name is free
        refusal = self.ask("POST", path + "/restore", {}, 409)
        self.assertEqual(refusal["error"]["code"], "key_exists")
        back = self.ask("POST", path + "/restore", {"name": "found"})
        for name in ("id", "tags", "rpm", "budgets", "masked_key", "created_at"):
            self.assertEqual(back[name], dict(made, budgets=used)[name], name)
        self.assertEqual(self.status(made["key"]), 200)
        self.ask("POST", path + "/restore", {}, 404)
        self.gw.verify()

    def test_the_commands(self):
        value = self.gw.create_key("cli")
        turned = self.gw.ctl("key", "rotate", "cli", "--grace", "2h")
        self.assertNotEqual(turned["vApiKey"], value)
        self.assertTrue(turned["former"]["until"])
        self.assertEqual(self.status(value), 200)
        ended = self.gw.ctl("key", "rotate", "cli", "--end-former")
        self.assertIsNone(ended["former"])
        self.assertEqual(self.status(value), "invalid_api_key")
        for bad in (("--grace", "soon"), ("--grace", "1h", "--end-former")):
            self.assertEqual(self.gw.ctl("key", "rotate", "cli", *bad, ok=False).returncode, 2)
        self.gw.ctl("key", "delete", "cli", "-y")
        self.assertEqual(self.gw.ctl("key", "restore", "nobody", ok=False).returncode, 1)
        self.assertEqual(self.gw.ctl("key", "restore", "cli")["alias"], "cli")
        self.assertEqual(self.status(turned["vApiKey"]), 200)
        listed = self.gw.ctl("key", "list", "--status", "deleted")
        self.assertNotIn("cli", json.dumps(listed))

    def test_who_may(self):
        self.ask("POST", "/groups", {"name": "mine"}, 201)
        theirs = self.make("theirs")
        ours = self.make("ours", group="mine")
        token = self.ask("POST", "/tokens", {
            "name": "t", "role": "operator", "groups": ["mine"]}, 201)["token"]
        reader = self.ask("POST", "/tokens", {"name": "r", "role": "read-only"}, 201)["token"]

        def by(who, method, path, body=None):
            return self.gw.http(method, "/admin/v1" + path, body, {
                "Authorization": "Bearer " + who, "Content-Type": "application/json"},
                port=self.gw.admin_port)[0]
        for key in (theirs, ours):
            self.ask("DELETE", "/keys/%d" % key["id"])
        self.assertEqual(by(reader, "POST", "/keys/%d/restore" % ours["id"], {}), 403)
        self.assertEqual(by(token, "POST", "/keys/%d/restore" % theirs["id"], {}), 404)
        status, _, data = self.gw.http("GET", "/admin/v1/keys?status=deleted", None, {
            "Authorization": "Bearer " + token}, port=self.gw.admin_port)
        self.assertEqual([k["id"] for k in json.loads(data)["data"]], [ours["id"]])
        self.assertEqual(by(token, "POST", "/keys/%d/restore" % ours["id"], {}), 200)
        self.assertEqual(by(token, "POST", "/keys/%d/rotate" % ours["id"], {}), 200)
        self.assertEqual(by(token, "POST", "/keys/%d/rotate" % theirs["id"], {}), 404)
        rows = self.ask("GET", "/audit?operation=key_restore")["data"]
        self.assertEqual({r["object"] for r in rows} & {"ours"}, {"ours"})


class End(unittest.TestCase):
    def test_a_deleted_key_goes_for_good(self):
        gw = Gateway(server="delete_grace = 500ms\n")
        self.addCleanup(gw.cleanup)
        gw.start()
        value = gw.create_key("k")
        self.assertEqual(gw.call(value, BODY)[0], 200)
        number = gw.ctl("key", "get", "k")["id"]
        gw.ctl("key", "delete", "k", "-y")
        wait_for(lambda: "k" not in json.dumps(gw.ctl("key", "list", "--status", "deleted")),
                 what="the key's end")
        self.assertEqual(gw.admin("POST", "/admin/v1/keys/%d/restore" % number, {})[0], 404)
        self.assertEqual(gw.call(value, BODY)[0], 401)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
