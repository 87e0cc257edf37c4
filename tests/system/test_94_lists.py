"""Lists of keys by status and tags: what holds at the question, without a flush in
between, by the same rules as each key's own answer; after changes, after an
accountant's death and after a restart."""
import json
import time
import unittest
from urllib.parse import quote

from gateway import GatewayCase, wait_for

# It uses far more than it has asked for.
BODY = {"model": "m1", "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 1, "x_mock": {"tokens": 500, "greedy": True}}
STATUSES = ("active", "disabled", "expired", "exhausted", "deleted")


def budget(limit, unit="tokens", period="total"):
    return {"unit": unit, "period": period, "limit": limit}


class Lists(GatewayCase):
    def setUp(self):
        # No record becomes durable while a test runs, but for a change's sake.
        self.gw = self.gateway(provider=self.mock().base_url,
                               model_options="price_input = 2\nprice_output = 8",
                               server="flush_interval = 60s").start()

    def ask(self, method, path, body=None, want=(200, 201)):
        status, _, data = self.gw.admin(method, "/admin/v1" + path, body)
        self.assertIn(status, want, data)
        return json.loads(data) if data else None

    def make(self, name, **more):
        return self.ask("POST", "/keys", {"name": name, **more})

    def names(self, query):
        """Of all pages, each of two; and the total that each page says."""
        found, page = [], 1
        while True:
            answer = self.ask("GET", "/keys?limit=2&page=%d&%s" % (page, query))
            if not answer["data"]:
                self.assertEqual(answer["total"], len(found), query)
                return sorted(found)
            found += [key["name"] for key in answer["data"]]
            page += 1

    def check(self, **want):
        """Each list has those keys, and each of those keys says the same."""
        for status in STATUSES:
            names = sorted(want.get(status, []))
            self.assertEqual(self.names("status=" + status), names, status)
            self.assertEqual(self.names("name=k-&status=" + status),
                             [n for n in names if n.startswith("k-")], status)
        for key in self.ask("GET", "/keys?limit=1000")["data"]:
            self.assertIn(key["name"], want[key["status"]])

    def call(self, key, want=200):
        status, _, data = self.gw.call(key["key"], BODY)
        self.assertEqual(status, want, data)

    def test_a_list_by_status_says_what_each_key_says(self):
        free = self.make("k-free")
        small = self.make("k-small", budgets=[budget(10 ** 9),
                                              budget(400, period="daily")])
        wide = self.make("wide", budgets=[budget(10 ** 9), budget(100, "currency")])
        off = self.make("k-off", budgets=[budget(10000)])
        gone = self.make("k-gone")
        brief = self.make("brief", budgets=[budget(5)])
        self.ask("PATCH", "/keys/%d" % off["id"], {"enabled": False})
        self.ask("DELETE", "/keys/%d" % gone["id"], want=(200, 204))
        rest = {"disabled": ["k-off"], "deleted": ["k-gone"]}
        self.check(active=["k-free", "k-small", "wide", "brief"], **rest)

        for key in (free, small, wide):
            self.call(key)
        spent = {"active": ["k-free", "wide", "brief"],
                 "exhausted": ["k-small"], **rest}
        self.check(**spent)
        self.call(small, 429)

        end = time.time() + 1
        self.ask("PATCH", "/keys/%d" % brief["id"], {"expires_at": time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(end + 1))})
        wait_for(lambda: self.names("status=expired") == ["brief"],
                 what="the end of a key")
        spent["active"].remove("brief")
        spent["expired"] = ["brief"]
        self.check(**spent)
        self.gw.kill_accountant()
        self.check(**spent)
        self.gw.stop()
        self.gw.start()
        self.check(**spent)

        self.ask("PATCH", "/keys/%d" % small["id"],
                 {"budgets": [budget(10 ** 6)]})
        self.ask("POST", "/keys/%d/restore" % gone["id"], {})
        self.ask("PATCH", "/keys/%d" % off["id"], {"enabled": True})
        self.check(active=["k-free", "wide", "k-small", "k-off", "k-gone"],
                   expired=["brief"])

    def test_a_list_by_tags_follows_each_change(self):
        def tagged(**tags):
            return self.names("tags=" + quote(json.dumps(tags)))

        one = self.make("one", tags={"team": "red", "floor": "1"})
        self.make("two", tags={"team": "red", "floor": "1"})
        self.make("three", tags={"team": "blue", "note": "team"})
        self.make("none")
        self.assertEqual(tagged(team="red"), ["one", "two"])
        self.assertEqual(tagged(team="red", floor="1"), ["one", "two"])
        self.assertEqual(tagged(floor="red"), [])
        self.assertEqual(self.names("tag_keys=team"), ["one", "three", "two"])
        self.assertEqual(self.names("tag_keys=team,note"), ["three"])
        self.ask("PATCH", "/keys/%d" % one["id"], {"tags": {"team": "blue"}})
        self.gw.kill_accountant()
        for _ in range(2):
            self.assertEqual(tagged(team="red"), ["two"])
            self.assertEqual(tagged(team="blue"), ["one", "three"])
            self.assertEqual(self.names("tag_keys=floor"), ["two"])
            self.gw.stop()
            self.gw.start()
        self.ask("PATCH", "/keys/%d" % one["id"], {"tags": {}})
        self.assertEqual(tagged(team="blue"), ["three"])
        self.ask("DELETE", "/keys/%d" % one["id"], want=(200, 204))
        self.assertEqual(self.names("tag_keys=team"), ["three", "two"])


if __name__ == "__main__":
    unittest.main()
