"""aigwctl's commands for a machine and its people: doctor, client profiles."""
import json
import os
import socket
import unittest

from gateway import GatewayCase, free_port, wait_for


def rows(done):
    return json.loads(done.stdout)["data"]


def states(done, check):
    """{subject: state} of one check's rows."""
    return {row["subject"]: row["state"] for row in rows(done)
            if row["check"] == check}


class Doctor(GatewayCase):
    def doctor(self, gw, *args):
        return gw.tool("aigwctl", "-c", gw.config, "doctor", "--json", *args,
                       ok=False)

    def test_a_sound_server_has_no_wrong_row_and_one_line_for_each(self):
        gw = self.gateway(provider=self.mock().base_url).start()
        done = self.doctor(gw)
        self.assertEqual(done.returncode, 0, done.stdout)
        checks = {row["check"] for row in rows(done)}
        self.assertLessEqual({"server", "reload", "config", "permission", "limit",
                              "room", "port", "clock", "ledger", "credential",
                              "provider"}, checks)
        self.assertEqual(states(done, "port"), {
            "127.0.0.1:%d" % gw.port: "ok", "127.0.0.1:%d" % gw.admin_port: "ok"})
        self.assertEqual(json.loads(done.stdout)["total"]["fail"], 0)
        for row in rows(done):
            self.assertEqual(row["state"] == "ok", row["todo"] is None, row)
        # For people: a line each, and a last one with the sum.
        text = gw.tool("aigwctl", "-c", gw.config, "doctor", "--format", "table")
        self.assertEqual(len(text.stdout.splitlines()), len(rows(done)) + 1)
        self.assertNotIn("sk-upstream-secret-canary", text.stdout + done.stdout)
        self.assertNotIn("test-admin-token-1", text.stdout + done.stdout)

    def test_what_is_wrong_is_named_with_what_to_do(self):
        provider = self.mock()
        dead = free_port() # bound, never listening
        gw = self.gateway(provider=provider.base_url, extra="""
[provider.gone]
kind = anthropic
base_url = http://127.0.0.1:%d
models = g1
[provider.off]
kind = anthropic
base_url = http://127.0.0.1:%d
models = g2
enabled = no
""" % (dead, dead)).start()
        os.chmod(gw.config, 0o666)
        os.chmod(os.path.join(gw.dir, "run", "aigw.sock"), 0o666)
        os.chmod(os.path.join(gw.dir, "data"), 0o755)
        done = self.doctor(gw)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(states(done, "provider"), {"mock": "ok", "gone": "fail"})
        self.assertEqual(states(done, "credential"), {"mock": "ok", "gone": "fail"})
        self.assertEqual(states(done, "permission"), {
            gw.config: "fail", os.path.join(gw.dir, "run"): "ok",
            os.path.join(gw.dir, "run", "aigw.sock"): "fail",
            os.path.join(gw.dir, "data"): "fail"})
        todo = [row["todo"] for row in rows(done) if row["subject"] == gw.config
                and row["check"] == "permission"]
        self.assertIn("chmod 640", todo[0])

    def test_a_credential_made_by_management_counts(self):
        gw = self.gateway(extra="""
[provider.own]
kind = anthropic
base_url = http://127.0.0.1:%d
models = g1
""" % free_port()).start()
        self.assertEqual(states(self.doctor(gw), "credential"), {"own": "fail"})
        with open(os.path.join(gw.dir, "key"), "w") as f:
            f.write("sk-second\n")
        gw.ctl("credential", "add", "own/second", "--api-key-file",
               os.path.join(gw.dir, "key"))
        self.assertEqual(states(self.doctor(gw), "credential"), {"own": "ok"})

    def test_before_the_start_it_says_whether_it_could_start(self):
        gw = self.gateway(provider=self.mock().base_url)
        done = self.doctor(gw)
        self.assertEqual(done.returncode, 1)
        place = os.path.join(gw.dir, "run", "aigw.sock")
        self.assertEqual(states(done, "server"), {place: "fail"})
        self.assertEqual(set(states(done, "port").values()), {"ok"})
        self.assertEqual(states(done, "provider"), {"mock": "ok"})
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", gw.port))
            other.listen()
            self.assertEqual(states(self.doctor(gw), "port")[
                "127.0.0.1:%d" % gw.port], "fail")
        with open(gw.config, "a") as f:
            f.write("[server]\nworkerz = 3\n[provider.x]\nbase_url = http://h/v1\n"
                    "api_key = ${NOT_SET_HERE}\n")
        found = [(row["state"], row["detail"]) for row in rows(self.doctor(gw))
                 if row["check"] == "config"]
        self.assertEqual(len(found), 2, found)
        self.assertEqual(found[0][0], "fail")
        self.assertIn("workerz", found[0][1])
        # What only the service's environment has is no fault of the file.
        self.assertEqual(found[1][0], "warn")
        self.assertIn("NOT_SET_HERE", found[1][1])

    def test_a_refused_reload_is_wrong(self):
        gw = self.gateway(provider=self.mock().base_url).start()
        with open(gw.config, "a") as f:
            f.write("[server]\nworkers = -1\n")
        gw.tool("aigw", "-c", gw.config, "-s", "reload", ok=False)
        wait_for(lambda: states(self.doctor(gw), "reload").get(gw.config) == "fail",
                 what="a refused reload")

    def test_by_url_it_looks_at_the_server_not_at_this_machine(self):
        gw = self.gateway(provider=self.mock().base_url).start()
        gw.env.update(AIGW_URL="http://127.0.0.1:%d" % gw.admin_port,
                      AIGW_TOKEN="test-admin-token-1")
        done = gw.tool("aigwctl", "doctor", "--json", ok=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        checks = {row["check"] for row in rows(done)}
        self.assertLessEqual({"server", "clock", "ledger", "provider"}, checks)
        self.assertFalse({"permission", "limit", "room", "port"} & checks)
        gw.env["AIGW_TOKEN"] = "wrong"
        self.assertEqual(gw.tool("aigwctl", "doctor", "--json",
                                 ok=False).returncode, 1)


if __name__ == "__main__":
    unittest.main()
