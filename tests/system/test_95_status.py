"""What a server says of itself and its providers, for who looks at it from far:
health, status, settings, the disk, a reload that is asked for over HTTP."""
import json
import unittest

from gateway import GatewayCase, wait_for
from load import chat
from test_94_members import TOKEN, Client, code


class Status(GatewayCase):
    def setUp(self):
        self.answers = 200
        self.held = []
        self.provider = self.mock(handler=self.handle)
        self.gw = self.gateway(workers=1, extra=(
            "[provider.p]\nkind = openai\nbase_url = %s\napi_key = sk-upstream-canary-1\n"
            "fails = 2\ncooldown = 10m\n"
            "[provider.gone]\nbase_url = http://127.0.0.1:1/v1\napi_key = k\nmodels = x\n"
            "[provider.off]\nkind = builtin\nmodels = z\nenabled = no\n"
            "[credential.p/second]\napi_key = sk-upstream-canary-2\n"
            "[model.m]\nproviders = p\n") % self.provider.base_url).start()
        self.key = self.gw.create_key("k")
        self.root = self.client()

    def client(self, token=TOKEN):
        client = Client(self.gw, token)
        self.addCleanup(client.connection.close)
        return client

    async def handle(self, method, path, headers, body, writer):
        if self.answers == 200:
            return await self.provider.answer(path, body, writer)
        data = b'{"error":{"message":"no","type":"x","code":"no"}}'
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % (self.answers, len(data)) + data)
        await writer.drain()
        return True

    def call(self):
        return self.gw.call(self.key, chat(model="m"))[0]

    def health(self, provider="p"):
        answer = self.root.done("GET", "/admin/v1/health")
        (found,) = [row for row in answer["data"] if row["provider"] == provider]
        return found

    def test_health_tells_of_medians_errors_and_cool_downs(self):
        self.assertEqual(self.health("off")["state"], "disabled")
        self.assertEqual(self.call(), 200)
        up = self.health()
        (endpoint,) = up["endpoints"]
        self.assertEqual((up["state"], endpoint["state"], endpoint["model"]), ("up", "up", "m"))
        self.assertEqual((endpoint["requests"], endpoint["errors"]), (1, 0))
        self.assertIsNone(endpoint["last_error"])
        self.assertEqual([c["name"] for c in up["credentials"]], ["default", "second"])
        self.answers = 503
        for _ in range(4):
            self.call()
        down = self.health()
        (endpoint,) = down["endpoints"]
        self.assertEqual((down["state"], endpoint["state"]), ("down", "cooling"))
        self.assertEqual(endpoint["last_error"]["status"], 503)
        self.assertEqual(endpoint["last_error"]["cause"], "provider_error")
        self.assertIn(endpoint["last_error"]["credential"], ("default", "second"))
        self.assertGreater(endpoint["error_rate"], 0.5)
        self.assertIsNotNone(endpoint["cooling_until"])
        self.assertGreaterEqual(endpoint["cooled"], 1)
        rows = {(row["provider"], row.get("model")): row for row in self.gw.ctl("health")}
        self.assertEqual(rows["p", "m"]["state"], "cooling")
        self.assertEqual(rows["p", "m"]["last_error"]["status"], 503)
        self.assertEqual(rows["off", None]["state"], "disabled")

    def test_a_credential_without_calls_left_is_told(self):
        self.answers = 429
        self.call()
        limited = [c["limited"] for c in self.health()["credentials"]]
        self.assertIn("m", [row["model"] for rows in limited for row in rows])
        (endpoint,) = self.health()["endpoints"]
        self.assertEqual(endpoint["last_error"]["status"], 429)
        self.assertGreaterEqual(endpoint["rate_limited"], 1)

    def test_a_provider_that_is_not_there_is_told(self):
        self.gw.call(self.key, chat(model="gone/x"))
        (endpoint,) = self.health("gone")["endpoints"]
        self.assertIsNone(endpoint["last_error"]["status"])
        self.assertEqual(endpoint["last_error"]["cause"], "upstream_failed")

    def test_status_tells_of_processes_and_of_what_is_wrong(self):
        status = self.root.done("GET", "/admin/v1/status")
        self.assertEqual([p["role"] for p in status["processes"]],
                         ["master", "accountant", "worker"])
        for process in status["processes"]:
            self.assertGreater(process["memory_bytes"], 0)
        self.assertGreater(status["segment_bytes"], 1 << 20)
        self.assertIsNone(status["certificate"])
        self.assertEqual(status["warnings"], [])
        self.gw.extra = self.gw.extra.replace("fails = 2", "fails = 2\nverify = no")
        self.gw.write_config()
        self.reload("owner", 202)
        self.assertEqual([(w["code"], w["object"]) for w in
                          self.root.done("GET", "/admin/v1/status")["warnings"]],
                         [("provider_unverified", "p")])
        disk = self.root.done("GET", "/admin/v1/ledger/disk")
        self.assertGreater(disk["bytes"], 0)
        self.assertGreater(disk["free_bytes"], 0)

    def reload(self, role, expected):
        made = self.root.done("POST", "/admin/v1/tokens", {"name": role, "role": role})
        client = self.client(made["token"])
        status, answer, _ = client.ask("POST", "/admin/v1/reload")
        self.assertEqual(status, expected, answer)
        if status == 202:
            wait_for(lambda: self.config()["reloads"] > answer["reloads"], 60, "a reload")

    def config(self):
        return self.root.done("GET", "/admin/v1/status")["config"]

    def test_a_reload_is_an_owners_and_its_end_is_in_the_status(self):
        first = self.config()
        self.reload("operator", 403)
        self.assertEqual(self.config()["reloads"], first["reloads"])
        self.reload("owner", 202)
        self.assertEqual(self.config()["last_reload"], "ok")
        self.assertGreater(self.config()["generation"], first["generation"])
        self.assertEqual(self.config()["path"], first["path"])
        with open(self.gw.config, "a") as f:
            f.write("[server]\nworkers = -1\n")
        before = self.config()["reloads"]
        self.root.done("POST", "/admin/v1/reload")
        wait_for(lambda: self.config()["reloads"] > before, 60, "a refused reload")
        self.assertEqual(self.config()["last_reload"], "refused")
        self.assertIn("workers", self.config()["reason"])
        self.assertEqual([w["code"] for w in
                          self.root.done("GET", "/admin/v1/status")["warnings"]],
                         ["reload_refused"])
        rows = self.root.done("GET", "/admin/v1/audit?operation=reload")["data"]
        self.assertEqual([row["outcome"] for row in rows], ["ok", "ok", "not_permitted"])

    def test_settings_are_shown_without_secrets(self):
        answer = self.root.done("GET", "/admin/v1/settings")
        rows = {(row["section"], row["option"]): row for row in answer["data"]}
        self.assertNotIn(TOKEN, json.dumps(answer))
        self.assertTrue(rows["admin", "token"]["value"].startswith("****"))
        instance = rows["server", "instance"]
        self.assertEqual((instance["applies"], instance["default"]), ("restart", "default"))
        self.assertTrue(instance["changed"])
        self.assertFalse(rows["server", "stream_slice"]["changed"])
        self.assertEqual(rows["server", "stream_slice"]["value"], 256)
        kind = [row for row in answer["parts"]["provider"] if row["option"] == "kind"][0]
        self.assertIn("anthropic", kind["words"])
        types = {row["option"]: row["type"] for row in answer["parts"]["gateway"]}
        self.assertEqual([types[name] for name in ("sort", "rate_limit", "zdr", "cache_ttl",
                                                   "only", "redact")],
                         ["choice", "integer", "boolean", "duration", "list", "list"])
        reader = self.root.done("POST", "/admin/v1/tokens", {"name": "r", "role": "read-only"})
        status, refused, _ = self.client(reader["token"]).ask("GET", "/admin/v1/settings")
        self.assertEqual((status, code(refused)), (403, "not_permitted"))


if __name__ == "__main__":
    unittest.main()
