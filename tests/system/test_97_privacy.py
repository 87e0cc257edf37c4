"""What is known, kept and let through of a call: metadata, header fields,
payloads, guardrails, the question before the call."""
import json
import unittest

from gateway import Gateway, GatewayCase, wait_for
from load import chat
from mock_provider import MockProvider


class Metadata(GatewayCase):
    """What a client says of its call is found again in the log."""

    @classmethod
    def setUpClass(cls):
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url).start()
        cls.key = cls.gw.create_key("tagged")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def call(self, path="/v1/chat/completions", body=None, **fields):
        headers = {"Authorization": "Bearer " + self.key,
                   "Content-Type": "application/json"}
        for name, value in fields.items():
            headers[name.replace("_", "-")] = value
        return self.gw.http("POST", path, body or chat(tokens=2), headers)

    def test_rows_have_it_and_are_found_by_it(self):
        ids = {}
        for plan, user in (("paid", 1), ("free", 1), ("paid", 2)):
            status, headers, _ = self.call(cf_aig_metadata=json.dumps(
                {"plan": plan, "user": user, "on": True}))
            self.assertEqual(status, 200)
            ids[plan, user] = headers["x-request-id"]

        def found(*entries):
            args = []
            for entry in entries:
                args += ["--metadata", entry]
            return {row["request_id"]: row["metadata"]
                    for row in self.gw.ctl("logs", *args)}

        self.assertEqual(found("plan=paid"), {
            ids["paid", 1]: {"plan": "paid", "user": 1, "on": True},
            ids["paid", 2]: {"plan": "paid", "user": 2, "on": True}})
        self.assertEqual(set(found("plan=paid", "user=2")), {ids["paid", 2]})
        self.assertEqual(set(found("on")), set(ids.values()))
        self.assertEqual(found("plan=none"), {})
        self.assertEqual(found("pla=paid"), {})
        plain = self.gw.tool("aigwctl", "-c", self.gw.config, "logs", "--metadata",
                             "a", "--metadata", "b=1", ok=False)
        self.assertNotEqual(plain.returncode, 0)
        self.assertIn("NAME=VALUE", plain.stdout + plain.stderr)

    def test_what_is_no_metadata_is_left_out_and_the_call_is_served(self):
        for text in ('{"a":null}', '{"a":{"b":1}}', "nonsense", "{", "[1]"):
            status, headers, _ = self.call(cf_aig_metadata=text)
            self.assertEqual(status, 200, text)
            rows = self.gw.ctl("logs", "--request-id", headers["x-request-id"])
            self.assertIsNone(rows[0]["metadata"], text)

    def test_cloudflare_paths_answer_with_ids(self):
        status, headers, _ = self.call(
            "/v1/acc/gw/compat/chat/completions", chat(model="mock/m1"))
        self.assertEqual(status, 200)
        self.assertEqual(headers["cf-aig-log-id"], headers["x-request-id"])
        self.assertEqual(headers["cf-aig-event-id"], headers["x-request-id"])
        status, headers, _ = self.call(
            "/v1/acc/gw/compat/chat/completions", chat(model="mock/m1"),
            cf_aig_event_id="theirs-7")
        self.assertEqual(headers["cf-aig-event-id"], "theirs-7")

    def test_every_step_of_a_universal_call_has_the_metadata(self):
        steps = [{"provider": "mock", "endpoint": "chat/completions",
                  "query": dict(chat(tokens=1), x_mock={"status": 500})},
                 {"provider": "mock", "endpoint": "chat/completions",
                  "query": chat(tokens=1)}]
        status, headers, _ = self.call("/v1/acc/gw", steps,
                                       cf_aig_metadata='{"run":"u1"}')
        self.assertEqual((status, headers["cf-aig-step"]), (200, "1"))
        rows = self.gw.ctl("logs", "--metadata", "run=u1")
        self.assertEqual(sorted(row["status"] for row in rows), [200, 500])


class Fields(GatewayCase):
    """Lists of a provider say which fields of a client's head it gets."""

    def fields(self, options):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=1,
                          provider_options=options).start()
        key = gw.create_key("fields")
        status, _, _ = gw.http("POST", "/v1/chat/completions", chat(tokens=1), {
            "Authorization": "Bearer " + key, "X-Team": "blue",
            "X-Team-Id": "7", "Cookie": "session=canary", "User-Agent": "me/1"})
        self.assertEqual(status, 200)
        got = provider.requests[-1][2]
        self.assertNotIn("cookie", got)
        self.assertEqual(got["authorization"],
                         "Bearer sk-upstream-secret-canary")
        return {name: got[name] for name in ("x-team", "x-team-id", "user-agent")
                if name in got}

    def test_without_lists_all_pass_but_what_never_does(self):
        self.assertEqual(self.fields(""), {
            "x-team": "blue", "x-team-id": "7", "user-agent": "me/1"})

    def test_only_those_to_be_passed_pass(self):
        self.assertEqual(self.fields(
            "pass_headers = x-team, cookie, authorization"),
            {"x-team": "blue", "user-agent": "aigw"})

    def test_those_to_be_dropped_do_not_pass(self):
        self.assertEqual(self.fields("drop_headers = X-Team-*"),
                         {"x-team": "blue", "user-agent": "me/1"})


class Guard(GatewayCase):
    """A guarded provider is not reached on this host, by whatever name."""

    def test_local_addresses_are_refused_and_no_connection_of_others_is_lent(self):
        provider = self.mock()
        port = provider.base_url.split(":")[2].split("/")[0]
        names = ("127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]")
        gw = self.gateway(
            provider=provider.base_url, workers=1, extra="".join("""
[provider.g%d]
base_url = http://%s:%s/v1
guarded = yes
models = guarded-%d
""" % (i, name, port, i) for i, name in enumerate(names))).start()
        key = gw.create_key("guard")
        # An idle connection to the same place, which is not for them.
        self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)
        for i, name in enumerate(names):
            status, _, body = gw.call(key, chat(model="guarded-%d" % i))
            self.assertEqual(status, 502, name)
            self.assertTrue(b"guarded" in body or b"no address" in body, body)
        self.assertEqual(len(provider.requests), 1)


if __name__ == "__main__":
    unittest.main()
