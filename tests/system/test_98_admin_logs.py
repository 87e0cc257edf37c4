"""What logs and usage tell a console: exports as streams, percentiles, days of
a zone, where a call's time went and why it cost what it did, top-ups."""
import csv
import http.client
import io
import json
import os
import socket
import unittest

from gateway import Gateway, wait_for
from mock_provider import MockProvider

CALLS = 900 # as JSON more than one piece of a stream
PLAIN = 10
HOSTILE = '=HYPERLINK("http://x")'


def fill(test):
    test.key = test.g.create_key("a, \"b\"", "--group", "team")
    test.other = test.g.create_key("plain")
    test.other_id = test.g.ctl("key", "get", "plain")["id"]
    body = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
    for i in range(PLAIN): # the longest hundredth of all, and one longest of these
        test.g.call(test.other, dict(body, stream=True, x_mock={
            "delay_ms": 100 if i == 0 else 20}))
    echo = json.dumps({"model": "builtin/echo", "messages": body["messages"]})
    connection = http.client.HTTPConnection("127.0.0.1", test.g.port, timeout=60)
    for _ in range(CALLS):
        connection.request("POST", "/v1/chat/completions", echo, {
            "Authorization": "Bearer " + test.key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()
    wait_for(test.g.settled, what="all is booked")


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mock = MockProvider().start()
        cls.addClassCleanup(cls.mock.stop)
        cls.g = Gateway(provider=cls.mock.base_url, model_options="price_input = 1\nprice_output = 2")
        cls.addClassCleanup(cls.g.cleanup)
        cls.g.start()
        cls.g.ctl("group", "create", "team", "--prepaid")
        cls.g.ctl("group", "top-up", "team", "25", "--note", "one")
        cls.g.ctl("group", "top-up", "team", "-5.5", "--note", HOSTILE)
        fill(cls)

    def get(self, path, status=200):
        code, self.head, body = self.g.admin("GET", "/admin/v1" + path)
        self.assertEqual(code, status, body[:500])
        return body

    def all_rows(self, query=""):
        rows, cursor = [], ""
        while True:
            page = json.loads(self.get("/logs?limit=1000%s%s" % (query, cursor)))
            rows += page["data"]
            if not page["more"]:
                return rows
            cursor = "&cursor=" + page["cursor"]

    def test_an_export_has_the_rows_that_pages_have(self):
        rows = self.all_rows()
        self.assertEqual(len(rows), CALLS + PLAIN)
        lines = self.get("/logs/export?format=jsonl").decode().splitlines()
        self.assertEqual([json.loads(line) for line in lines], rows)
        text = self.get("/logs/export").decode()
        self.assertIn("attachment", self.head["content-disposition"])
        table = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([r["request_id"] for r in table], [r["request_id"] for r in rows])
        self.assertEqual({r["key"] for r in table}, {'a, "b"', "plain"})
        self.assertEqual({r["group"] for r in table}, {"team", "default"})
        for name in ("tokens", "cost", "completion", "duration_ms"):
            of = (lambda r: r["usage"][name]) if name == "completion" else (lambda r: r[name])
            self.assertEqual([float(r[name]) for r in table], [of(r) for r in rows], name)

    def test_an_export_takes_the_same_filters(self):
        rows = self.all_rows("&order=asc&key=plain&status=ok")
        table = list(csv.DictReader(io.StringIO(self.get(
            "/logs/export?order=asc&key=plain&status=ok"
            "&columns=id:request_id,key,spent:cost").decode())))
        self.assertEqual(list(table[0]), ["id", "key", "spent"])
        self.assertEqual([r["id"] for r in table], [r["request_id"] for r in rows])
        self.assertEqual(len(table), PLAIN)
        self.assertEqual(len(self.get("/logs/export?limit=7").splitlines()), 8)
        self.assertEqual(len(self.get("/logs/export?text=nothing-has-this").splitlines()), 1)
        self.assertEqual(self.get("/logs/export?format=jsonl&model=none"), b"")
        every = self.all_rows()
        self.assertEqual(self.all_rows("&provider=mock"),
                         [r for r in every if r["provider"] == "mock"])
        at = every[len(every) // 2]["time"]
        for name, of in (("from", lambda r: r["time"] >= at), ("to", lambda r: r["time"] < at)):
            self.assertEqual(self.all_rows("&%s=%s" % (name, at)), list(filter(of, every)))
        for bad in ("format=xml", "columns=secret", "columns=key,", "format=jsonl&columns=key",
                    "limit=0", "cursor=nonsense", "status=7"):
            self.get("/logs/export?" + bad, 400)
        self.get("/logs/export?group=nobody", 404)

    def test_a_client_that_goes_away_or_reads_slowly_holds_nothing(self):
        ask = (b"GET /admin/v1/logs/export?format=jsonl HTTP/1.%d\r\nHost: a\r\n"
               b"Authorization: Bearer test-admin-token-1\r\n\r\n")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", self.g.admin_port), 30) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.sendall(ask % 1)
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
        # The unix socket knows of HTTP/1.0, too: the end is the connection's.
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(os.path.join(self.g.dir, "run", "aigw.sock"))
            s.sendall(ask % 0)
            got = b""
            while True:
                part = s.recv(65536)
                if not part:
                    break
                got += part
        head, body = got.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head.lower())
        self.assertEqual(len(body.splitlines()), CALLS + PLAIN)
        status, head, body = self.g.http(
            "HEAD", "/admin/v1/logs/export", None,
            {"Authorization": "Bearer test-admin-token-1"}, port=self.g.admin_port)
        self.assertEqual((status, body), (200, b""))

    def test_who_is_bound_to_a_group_exports_its_rows(self):
        self.g.ctl("group", "create", "silent")
        for groups in ("team", "team,silent"):
            token = self.g.ctl("token", "create", "of " + groups, "--role", "read-only",
                               "--groups", groups)["token"]

            def ask(path):
                status, _, body = self.g.http("GET", path, None, {
                    "Authorization": "Bearer " + token}, port=self.g.admin_port)
                return status, body.decode()
            for path in ("/admin/v1/logs/export", "/api/logs/export"):
                status, text = ask(path)
                self.assertEqual((status, len(list(csv.reader(io.StringIO(text))))),
                                 (200, CALLS + 1), (path, groups))
                self.assertNotIn('"plain"', text)
            for query in ("key=plain", "group=default"):
                self.assertEqual(ask("/admin/v1/logs/export?" + query)[0], 404)
            status, text = ask("/admin/v1/logs/export?key_id=%d" % self.other_id)
            self.assertEqual((status, len(text.splitlines())), (200, 1))

    def test_the_command_line_and_aiproxy_stream_too(self):
        done = self.g.tool("aigwctl", "-c", self.g.config, "logs", "--export", "jsonl",
                           "--limit", "0")
        self.assertEqual([json.loads(line)["id"] for line in done.stdout.splitlines()],
                         [r["id"] for r in self.all_rows()])
        done = self.g.tool("aigwctl", "-c", self.g.config, "logs", "plain", "--export",
                           "csv", "--columns", "key,model")
        self.assertEqual(done.stdout.splitlines()[:2], ["key,model", '"plain","m1"'])
        done = self.g.tool("aigwctl", "-c", self.g.config, "logs", "--export", "xml", ok=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("export", done.stderr)
        status, head, body = self.g.admin("GET", "/api/logs/export?max_entries=500")
        self.assertEqual(status, 200)
        table = list(csv.DictReader(io.StringIO(body.decode())))
        self.assertEqual(len(table), 500)
        self.assertEqual(table[0]["token_name"], 'a, "b"')
        status, head, body = self.g.admin("GET", "/api/logs/export?token_name=nobody")
        self.assertEqual((status, len(body.splitlines())), (200, 1))

    def test_usage_has_percentiles_and_days_of_a_zone(self):
        whole = json.loads(self.get("/usage?by=model"))
        by = {row["model"]: row for row in whole["data"]}
        self.assertEqual(by["m1"]["first_token_ms"]["count"], PLAIN)
        self.assertIsNone(by["builtin/echo"]["first_token_ms"])
        self.assertEqual(whole["total"]["duration_ms"]["count"], CALLS + PLAIN)
        for name, told, rows in (
                ("duration_ms", whole["total"], self.all_rows()),
                ("duration_ms", by["m1"], self.all_rows("&model=m1")),
                ("first_token_ms", by["m1"], self.all_rows("&model=m1"))):
            lengths = sorted(row[name] for row in rows)
            for percent in (50, 95, 99): # the nearest rank, within an eighth
                exact = lengths[-(-len(lengths) * percent // 100) - 1]
                self.assertLessEqual(abs(told[name]["p%d" % percent] - exact) * 8, exact,
                                     (name, percent, exact, told[name]))
        for offset in ("%2B08:00", "-03:30", "%2B00:00",
                       "%2B01:00,%2B02:00@2026-03-29T01:00:00Z"):
            days = json.loads(self.get("/usage?by=day&utc_offset=" + offset))
            self.assertEqual(days["resolution"], "day")
            self.assertEqual(sum(d["requests"] for d in days["data"]), CALLS + PLAIN, offset)
        shanghai = json.loads(self.get("/usage?by=day&utc_offset=%2B08:00"))
        for day in shanghai["data"]:
            self.assertTrue(day["time"].endswith("T16:00:00.000Z"), day["time"])
        self.get("/usage?utc_offset=8", 400)
        one = json.loads(self.get("/usage?model=m1&provider=mock"))
        self.assertEqual(one["total"]["requests"], PLAIN)

    def test_a_row_says_where_its_time_went_and_why_it_cost_what_it_did(self):
        row = self.all_rows("&key=plain&order=asc")[0]
        self.assertGreater(row["connect_ms"], 0) # the first call to this provider
        self.assertGreater(row["first_token_ms"], 0)
        self.assertLessEqual(row["first_token_ms"], row["duration_ms"] + 1)
        self.assertEqual(row["queue_ms"], 0)
        found = json.loads(self.get("/logs/%s?at=%s" % (row["request_id"], row["time"])))
        self.assertEqual(found["log"]["id"], row["id"])
        lines = {line["class"]: line for line in found["charge"]["lines"]}
        self.assertEqual(lines["input"]["count"], row["usage"]["prompt_missed"])
        self.assertEqual((lines["input"]["price"], lines["output"]["price"]), (1, 2))
        self.assertAlmostEqual(sum(line["cost"] for line in lines.values()),
                               found["charge"]["sum"], 12)
        self.assertAlmostEqual(found["charge"]["sum"], row["cost"], 9)
        self.assertEqual(found["charge"]["charged"], row["cost"])
        self.get("/logs/%s?at=2026-01-01" % row["request_id"], 404)
        self.get("/logs/%s?at=x" % row["request_id"], 400)

    def test_top_ups_come_newest_first_with_the_sum_after_each(self):
        page = json.loads(self.get("/groups/team/top-ups"))
        self.assertEqual([(t["amount"], t["topped_up"], t["note"]) for t in page["data"]],
                         [(-5.5, 19.5, HOSTILE), (25, 25, "one")])
        self.assertEqual(page["total"], 2)
        second = json.loads(self.get("/groups/team/top-ups?limit=1&page=2"))
        self.assertEqual([t["note"] for t in second["data"]], ["one"])
        self.assertEqual(json.loads(self.get("/groups/team/top-ups?page=9"))["data"], [])
        self.assertEqual(json.loads(self.get("/groups/default/top-ups"))["total"], 0)
        self.get("/groups/nobody/top-ups", 404)
        self.assertEqual([t["note"] for t in self.g.ctl("group", "top-ups", "team")],
                         [HOSTILE, "one"])


class Bound(unittest.TestCase):
    def test_a_token_of_several_groups_exports_theirs_alone(self):
        gw = Gateway(workers=1)
        self.addCleanup(gw.cleanup)
        gw.start()
        for name in ("left", "right", "theirs"):
            gw.ctl("group", "create", name)
            key = gw.create_key("of-" + name, "--group", name)
            self.assertEqual(gw.call(key, {"model": "builtin/echo", "messages": [
                {"role": "user", "content": "hi"}]})[0], 200)
        wait_for(gw.settled)
        token = json.loads(gw.admin("POST", "/admin/v1/tokens", {
            "name": "two", "role": "read-only", "groups": ["left", "right"]})[2])["token"]
        for path in ("/logs/export?format=jsonl", "/logs/export?format=csv",
                     "/logs?limit=1000"):
            status, _, text = gw.http("GET", "/admin/v1" + path, None, {
                "Authorization": "Bearer " + token}, port=gw.admin_port)
            self.assertEqual(status, 200, text)
            for name, count in (("of-left", 1), ("of-right", 1), ("theirs", 0)):
                self.assertEqual(text.decode().count(name), count, (path, name))


if __name__ == "__main__":
    unittest.main()
