"""What management makes of the configuration: in force when it is answered, and
after every kind of death."""
import json
import os
import signal
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


if __name__ == "__main__":
    unittest.main()
