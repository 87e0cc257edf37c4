"""The worked examples of the systems whose users come here, typed into a shell as they
stand, with only the program's name changed; and what the gateway then does."""
import json
import os
import subprocess
import unittest

from gateway import BUILD, Gateway, wait_for
from mock_provider import MockProvider


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mock = MockProvider().start()
        cls.addClassCleanup(cls.mock.stop)
        cls.gw = Gateway(provider=cls.mock.base_url, models=("m1", "org/m2"),
                         model_options="price_input = 1000\nprice_output = 2000\n").start()
        cls.addClassCleanup(cls.gw.cleanup)

    def shell(self, script, code=0):
        """Its standard output."""
        done = subprocess.run(
            ["bash", "-c", 'cli() { "%s" -c "%s" "$@"; }\n%s' % (
                os.path.join(BUILD, "aigwctl"), self.gw.config, script)],
            capture_output=True, text=True, timeout=120,
            env=dict(self.gw.env, HOME=self.gw.dir))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def data(self, script):
        return json.loads(self.shell(script))["data"]

    def call(self, key, model="m1", **more):
        return self.gw.call(key, dict({"model": model, "max_tokens": 8, "messages": [
            {"role": "user", "content": "hi"}]}, **more))[0]

    def test_a_loop_of_upserts(self):
        script = """for name in alice bob carol; do
            cli --format json ai-gateway key upsert "dev_$name" --quota 100000 \\
                --period daily --route-type default --provider-sort price
        done"""
        first = [json.loads(t)["data"] for t in self.shell(script).splitlines() if t]
        again = [json.loads(t)["data"] for t in self.shell(script).splitlines() if t]
        self.assertEqual([k["alias"] for k in first], ["dev_alice", "dev_bob", "dev_carol"])
        self.assertEqual([k["id"] for k in first], [k["id"] for k in again])
        for key in first:
            shown = self.gw.ctl("key", "get", key["alias"])
            self.assertEqual([(q["type"], q["limit"]) for q in shown["quotas"]],
                             [("daily", 100000)])
            self.assertEqual(self.call(key["vApiKey"]), 200)

    def test_set_quota_acts_at_once(self):
        key = self.data("cli --format json ai-gateway key create quick")["vApiKey"]
        self.assertEqual(self.call(key), 200)
        done = self.data("cli --format json ai-gateway key set-quota quick "
                         "--period daily --quota 1")
        self.assertEqual((done["period"], done["quota"]), ("daily", 1))
        self.assertEqual(self.call(key), 429)
        self.data("cli --format json ai-gateway key set-quota quick "
                  "--period daily --quota 2000000")
        self.assertEqual(self.call(key), 200)
        self.assertEqual(self.data("cli --format json ai-gateway key disable quick")[
            "status"], 0)
        self.assertEqual(self.call(key), 401)
        self.assertEqual(self.data("cli --format json ai-gateway key enable quick")[
            "status"], 1)
        self.assertEqual(self.call(key), 200)

    def test_the_model_list_piped_as_json(self):
        names = self.shell("""cli --format json ai-gateway model list --no-limit |
            python3 -c 'import json, sys
for m in json.load(sys.stdin)["data"]: print(m["modelIdentifier"])'""").split()
        self.assertIn("m1", names)
        self.assertIn("org/m2", names)

    def test_suspended_at_a_million_and_resumed_by_a_raise(self):
        key = self.data("cli --format json key create million --quota 1000000 "
                        "--period total --expires 30d")["vApiKey"]
        usage = {"prompt_tokens": 600000, "completion_tokens": 400000,
                 "total_tokens": 1000000}
        self.assertEqual(self.call(key, x_mock={"usage": usage}), 200)
        self.assertEqual(self.call(key), 429)
        self.assertEqual(self.gw.ctl("key", "get", "million")["quotas"][0]["usage"],
                         1000000)
        self.assertEqual(self.call(key), 429)
        self.data("cli --format json key set-quota million --quota 3000000 "
                  "--period total")
        self.assertEqual(self.call(key), 200)

    def test_cost_logs_and_usage_by_day(self):
        key = self.data("cli --format json key create counted")["vApiKey"]
        for model in ("m1", "m1", "org/m2"):
            self.assertEqual(self.call(key, model), 200)
        wait_for(self.gw.settled, 60, "settled")
        rows = {r["model"]: r for r in self.data(
            "cli --format json cost counted --since 1d --by model")}
        self.assertEqual({m: r["requests"] for m, r in rows.items()},
                         {"m1": 2, "org/m2": 1})
        self.assertGreater(rows["m1"]["cost"], 0)
        logs = self.data("cli --format json logs counted --since 1h --model m1")
        self.assertEqual([r["model"] for r in logs], ["m1", "m1"])
        day, = self.data("cli --format json usage counted --since 1d --by day")[-1:]
        self.assertEqual(day["requests"], 3)
        self.assertIn("cached", day)


if __name__ == "__main__":
    unittest.main()
