"""aigwctl's commands for a machine and its people: doctor, client profiles."""
import json
import os
import pty
import select
import socket
import subprocess
import tempfile
import termios
import tomllib
import unittest

from gateway import BUILD, GatewayCase, free_port, wait_for
from load import chat


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



class Top(GatewayCase):
    @classmethod
    def setUpClass(cls):
        from gateway import Gateway
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url).start()
        cls.key = cls.gw.create_key("busy")
        for _ in range(3):
            cls.gw.call(cls.key, chat(tokens=5))
        wait_for(lambda: cls.gw.settled() and cls.gw.ctl("usage")["requests"] == 3,
                 what="rows of three calls")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def test_one_look_as_json(self):
        shown = self.gw.ctl("top")
        self.assertEqual((shown["state"], shown["ledger"], shown["workers"],
                          shown["requests_per_second"], shown["cooling"]),
                         ("running", "ok", 2, None, []))
        self.assertGreaterEqual(shown["requests"], 3)
        self.assertEqual([(row["model"], row["requests"]) for row in shown["models"]],
                         [("m1", 3)])
        self.assertEqual([(row["key"], row["requests"])
                          for row in shown["top_keys"]], [("busy", 3)])

    def test_on_a_terminal_it_is_drawn_until_q_and_leaves_it_as_it_was(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        before = termios.tcgetattr(slave)
        process = subprocess.Popen(
            [os.path.join(BUILD, "aigwctl"), "-c", self.gw.config, "top"],
            stdin=slave, stdout=slave, stderr=slave,
            env=dict(self.gw.env, TERM="xterm"))
        seen = b""
        def drawn():
            nonlocal seen
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 65536)
            return seen.count(b"\033[H") >= 2 and b"busy" in seen
        try:
            wait_for(drawn, what="two drawings")
            os.write(master, b"q")
            # What it says as it leaves must not fill the terminal.
            wait_for(lambda: drawn() and process.poll() is not None, what="its end")
        finally:
            process.kill()
            process.wait(10)
        self.assertEqual(process.returncode, 0)
        self.assertTrue(seen.rstrip().endswith(b"\033[?25h\033[?1049l"), seen[-80:])
        self.assertEqual(termios.tcgetattr(slave), before)
        os.close(slave)

    def test_without_a_server_it_says_so(self):
        done = self.gw.tool("aigwctl", "--socket", "/nonexistent", "top", ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not running", done.stderr)

    def test_cost_is_by_model_unless_asked_otherwise(self):
        self.assertEqual([row["model"] for row in self.gw.ctl("cost")], ["m1"])
        self.assertEqual([row["key"] for row in self.gw.ctl("cost", "--by", "key")],
                         ["busy"])

    def test_a_reload_says_what_came_of_it(self):
        gw = self.gateway(provider=self.provider.base_url).start()
        first = gw.ctl("status")["config"]["generation"]
        self.assertGreater(gw.ctl("reload")["generation"], first)
        with open(gw.config, "a") as f:
            f.write("[server]\nworkers = -1\n")
        refused = gw.ctl("reload", ok=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("workers", json.loads(refused.stdout)["error"]["message"])
        gw.write_config()
        gw.env.update(AIGW_URL="http://127.0.0.1:%d" % gw.admin_port,
                      AIGW_TOKEN="test-admin-token-1")
        gw.tool("aigwctl", "reload")
        self.assertEqual(gw.ctl("status")["config"]["last_reload"], "ok")


FOREIGN = """# mine
default_profile = "default"
[profiles.default]
pat = "p"          # keep this
list = [ "[llm.not]",
         "x" ]

# of other
[llm.other]
provider = "anthropic"
api_key = 'sk-ant-0123456789'
note = "stays"
"""


class Llm(GatewayCase):
    """Profiles of clients, and keys that become one as they are made."""

    @classmethod
    def setUpClass(cls):
        from gateway import Gateway
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url).start()

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name
        self.path = os.path.join(home.name, ".clickzetta", "profiles.toml")
        self.gw.env["CLICKZETTA_TEST_HOME"] = home.name

    def llm(self, *args, code=None):
        """The data of `aigwctl llm ...`; with `code` its refusal's message."""
        done = self.gw.tool("aigwctl", "--json", "llm", *args, ok=False)
        answer = json.loads(done.stdout)
        if code is None:
            self.assertEqual(done.returncode, 0, done.stdout)
            return answer["data"]
        self.assertEqual(answer["error"]["code"], code)
        self.assertEqual(done.returncode, 2 if code == "USAGE_ERROR" else 1)
        return answer["error"]["message"]

    def read(self):
        with open(self.path, "rb") as f:
            return tomllib.load(f)

    def write(self, text):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w") as f:
            f.write(text)

    def test_an_entry_is_added_shown_chosen_and_removed(self):
        self.assertEqual(self.llm("list"), [])
        added = self.llm("add", "my_agent", "--provider", "clickzetta", "--api-key",
                         "0123456789abcdef", "--base-url", "http://h/gateway/v1",
                         "--model", "m1", "--use")
        self.assertEqual((added["default"], added["api_key"]), (True, "0123****cdef"))
        self.assertEqual(self.read(), {"default_llm": "my_agent", "llm": {"my_agent": {
            "provider": "clickzetta", "api_key": "0123456789abcdef",
            "base_url": "http://h/gateway/v1", "model": "m1"}}})
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.dirname(self.path)).st_mode & 0o777, 0o700)
        # Another change keeps what it does not name.
        self.llm("add", "my_agent", "--model", "m2")
        self.assertEqual(self.read()["llm"]["my_agent"]["base_url"],
                         "http://h/gateway/v1")
        self.assertEqual(self.llm("show")["model"], "m2")
        self.assertEqual(self.llm("show", "my_agent", "--reveal")["api_key"],
                         "0123456789abcdef")
        self.llm("add", "with blank", "--provider", "openai", "--api-key", "sk-1")
        self.llm("use", "with blank")
        self.assertEqual([(row["name"], row["default"]) for row in self.llm("ls")],
                         [("my_agent", False), ("with blank", True)])
        self.llm("remove", "with blank")
        self.assertNotIn("default_llm", self.read())
        self.llm("show", code="NO_ACTIVE_LLM")
        self.llm("use", "with blank", code="LLM_NOT_FOUND")
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["profiles.toml"])

    def test_all_eight_providers_and_what_each_needs(self):
        for provider in ("openai", "anthropic", "bedrock", "google", "openrouter"):
            self.llm("add", provider, "--provider", provider, "--api-key", "k")
        for provider in ("clickzetta", "openai-compatible", "azure"):
            self.llm("add", provider, "--provider", provider, "--api-key", "k",
                     code="PROVIDER_REQUIRES_BASE_URL")
            self.llm("add", provider, "--provider", provider, "--api-key", "k",
                     "--base-url", "http://h/v1")
        self.assertEqual(len(self.llm("list")), 8)
        self.assertIn("bedrock", self.llm("add", "x", "--provider", "acme", "--api-key",
                                          "k", code="INVALID_PROVIDER"))
        self.llm("add", "x", "--provider", "openai", code="MISSING_FIELDS")
        self.llm("add", "x", "--api-key", "k", code="MISSING_FIELDS")
        self.assertEqual(len(self.llm("list")), 8)

    def test_what_others_wrote_stays_to_the_byte(self):
        self.write(FOREIGN)
        self.llm("add", "new", "--provider", "openai", "--api-key", "sk-1")
        self.llm("use", "other")
        with open(self.path) as f:
            text = f.read()
        for line in FOREIGN.splitlines():
            self.assertIn(line + "\n", text)
        self.assertEqual(self.read()["default_llm"], "other")
        self.llm("remove", "new")
        self.llm("remove", "other")
        with open(self.path) as f:
            self.assertEqual(f.read(), FOREIGN[:FOREIGN.index("[llm.other]")])

    def test_a_form_that_is_not_edited_is_refused_and_kept(self):
        self.write('llm.x.provider = "openai"\n')
        self.assertIn("[llm.NAME]", self.llm(
            "add", "y", "--provider", "openai", "--api-key", "k",
            code="PROFILES_ERROR"))
        done = self.gw.ctl("key", "create", "not_made", "--add-to-llm", ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not found", self.gw.ctl("key", "get", "not_made",
                                               ok=False).stdout)
        with open(self.path) as f:
            self.assertEqual(f.read(), 'llm.x.provider = "openai"\n')

    def test_a_link_stays_one_and_changes_at_once_lose_nothing(self):
        elsewhere = os.path.join(self.home, "elsewhere.toml")
        self.write("")
        os.rename(self.path, elsewhere)
        os.symlink(elsewhere, self.path)
        adds = [subprocess.Popen(
            [os.path.join(BUILD, "aigwctl"), "agent", "llm", "add", "a%d" % i,
             "--provider", "openai", "--api-key", "k%d" % i], env=self.gw.env,
            stdout=subprocess.DEVNULL) for i in range(12)]
        self.assertEqual([add.wait(60) for add in adds], [0] * 12)
        self.assertTrue(os.path.islink(self.path))
        self.assertEqual({name: row["api_key"] for name, row in
                          self.read()["llm"].items()},
                         {"a%d" % i: "k%d" % i for i in range(12)})

    def test_a_key_is_added_as_it_is_made_works_and_goes_with_it(self):
        made = self.gw.ctl("key", "create", "agent_one", "--add-to-llm", "--use")
        base = "http://127.0.0.1:%d/gateway/v1" % self.gw.port
        self.assertEqual(made["llm"], {"name": "agent_one", "provider": "clickzetta",
                                       "base_url": base, "default": True})
        self.assertEqual(self.read()["llm"]["agent_one"]["api_key"], made["vApiKey"])
        tested = self.llm("test", "--model", "m1")
        self.assertEqual(
            (tested["message"], tested["url"], tested["probe"], tested["source"]),
            ("[llm.agent_one] test passed.", base + "/chat/completions",
             "chat.completions", "llm"))
        upserted = self.gw.ctl("key", "upsert", "agent_two", "--add-to-llm", "second")
        self.assertEqual(self.read()["llm"]["second"]["api_key"], upserted["vApiKey"])
        self.assertEqual(self.read()["default_llm"], "agent_one")
        copied = self.gw.ctl("key", "copy", "agent_two", "agent_3", "--add-to-llm")
        self.assertEqual(self.read()["llm"]["agent_3"]["api_key"], copied["vApiKey"])
        self.llm("remove", "agent_3")
        self.gw.ctl("key", "get", "agent_two", "--add-to-llm", "third", "--use")
        self.assertEqual(self.read()["default_llm"], "third")
        gone = self.gw.ctl("key", "delete", "agent_two", "-y", "--remove-from-llm")
        self.assertEqual(gone["removed_llm"], ["second", "third"])
        self.assertEqual(list(self.read()["llm"]), ["agent_one"])
        done = self.gw.ctl("key", "create", "agent_x", "--use", ok=False)
        self.assertEqual(done.returncode, 2)

    def test_what_a_test_finds_has_a_code(self):
        key = self.gw.create_key("tested")
        here = "http://127.0.0.1:%d" % self.gw.port
        def add(name, provider, api_key, base):
            self.llm("add", name, "--provider", provider, "--api-key", api_key,
                     "--base-url", base, "--model", "m1")
        add("bare", "clickzetta", key, here)
        self.assertEqual(self.llm("test", "bare")["url"],
                         here + "/gateway/v1/chat/completions")
        add("plain", "openai-compatible", key, here + "/v1/")
        self.assertEqual(self.llm("test", "plain")["url"],
                         here + "/v1/chat/completions")
        add("wrong", "clickzetta", "sk-aigw-wrong", here)
        self.assertIn("401", self.llm("test", "wrong", code="LLM_TEST_HTTP_ERROR"))
        add("gone", "clickzetta", key, "http://127.0.0.1:%d" % free_port())
        self.llm("test", "gone", code="LLM_TEST_REQUEST_FAILED")
        add("ant", "anthropic", key, here)
        self.llm("test", "ant", code="UNSUPPORTED_PROVIDER_TEST")
        self.llm("test", code="NO_ACTIVE_LLM")
        offered = self.gw.tool("aigwctl", "--complete", "agent", "llm", "use", "").stdout
        self.assertEqual([line.split("\t")[0] for line in offered.splitlines()],
                         ["bare", "plain", "wrong", "gone", "ant"])


if __name__ == "__main__":
    unittest.main()
