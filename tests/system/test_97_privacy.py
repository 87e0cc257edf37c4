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


if __name__ == "__main__":
    unittest.main()
