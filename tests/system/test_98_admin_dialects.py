"""Every route of every dialect's tables, read from their sources: nobody without a
token, no other group for a token that is bound to one, and whatever stands in
paths, queries and bodies. Longer: AIGW_ROUNDS=200; the same again: AIGW_SEED=N."""
import glob
import json
import os
import random
import re
import unittest

from gateway import GatewayCase

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "..", "..", "accountant", "admin", "dialect")
TOKEN = "test-admin-token-1"
PREFIXES = {"zenlayer": "/api/v2/aigw", "cloudflare": "/client/v4", "sealos":
            "/api/v2alpha", "aiproxy": "/api"}


def read_routes():
    """(dialect, method, path, open) of each row, and the words of its files."""
    routes, words = [], {}
    for path in sorted(glob.glob(os.path.join(SOURCES, "*.c"))):
        name = re.match(r"[a-z]+", os.path.basename(path)).group(0)
        with open(path) as f:
            text = f.read()
        if name not in PREFIXES and name != "clickzetta":
            continue
        words.setdefault(name, set()).update(
            re.findall(r'"([A-Za-z_]{2,40})[\*a-z]?[ "]', text))
        for method, pattern, flags in re.findall(
                r'\{HTTP_([A-Z]+),\s*"([^"]+)",\s*\w+,\s*(\w+)\}', text):
            prefix = PREFIXES.get(name)
            if name == "clickzetta":
                prefix = ("/llm-gateway-admin" if pattern.startswith("/v2/")
                          else "/clickzetta-portal")
            routes.append((name, method, prefix, pattern, flags == "DIALECT_OPEN"))
    return routes, {name: sorted(found) for name, found in words.items()}


def succeeded(name, status, text):
    """Whether that is how the dialect says that it was done."""
    if name == "clickzetta":
        return status == 200 and json.loads(text)["code"] == 0
    return status < 300


class Dialects(GatewayCase):
    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url,
                               models=("m1", "org/m2")).start()
        self.routes, self.words = read_routes()
        self.assertGreater(len(self.routes), 100)
        self.random = random.Random()

    def send(self, route, path, query="", body=b"", token=TOKEN):
        name, method, prefix, pattern, _ = route
        head = {"Content-Type": "application/json"}
        if name == "zenlayer":
            head.update({"x-zc-version": "2026-04-14", "x-zc-action": pattern})
            path = ""
        if token is not None:
            head["Authorization"] = "Bearer " + token
        if method == "GET":
            body = None
        status, head, text = self.gw.http(method, prefix + path + query, body, head,
                                          port=self.gw.admin_port)
        self.assertNotIn(status, (502, 504), (route, path))
        kind = head.get("content-type", "")
        if kind.startswith("application/json") and text:
            json.loads(text)
        else:
            self.assertTrue(status == 204 or kind.startswith("text/csv") or text,
                            (route, status, kind))
        return status, text

    def path_of(self, pattern, values):
        import urllib.parse
        return re.sub(r"\{\*?\}", lambda m: urllib.parse.quote(
            self.random.choice(values), safe="/" if "*" in m.group(0) else ""),
            pattern)

    def test_no_route_is_open_without_a_token(self):
        for route in self.routes:
            name, _, _, pattern, is_open = route
            path = re.sub(r"\{\*?\}", "1", pattern)
            for token in (None, "wrong"):
                status, text = self.send(route, path, body=b"{}", token=token)
                if not is_open:
                    self.assertFalse(succeeded(name, status, text), (route, text))
        for prefix in list(PREFIXES.values()) + ["/llm-gateway-admin/v2"]:
            status, _, _ = self.gw.http("POST", prefix + "/tokens", b"{}", {
                "Authorization": "Bearer " + TOKEN})
            self.assertGreaterEqual(status, 400, "data plane: " + prefix)

    def junk(self, depth=0):
        pick = self.random.random()
        values = ["", "x", "1", "0", "-1", "m1", "default", "team", "active", "\x01",
                  "é" * 40, "a" * 300, "2026-02", "2099-01-01T00:00:00Z",
                  "10.0.0.0/8", "price", "daily", "LIMITED", "CUSTOM", "WHITE",
                  "9" * 30, "%00", "{}", "null"]
        if pick < 0.4 or depth > 3:
            return self.random.choice(values)
        if pick < 0.65:
            return self.random.choice([0, 1, 2, -1, 7, 1.5, 1e300, -1e18, 2 ** 53, 36,
                                       True, False, None])
        if pick < 0.8:
            return [self.junk(depth + 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice(self.pool): self.junk(depth + 1)
                for _ in range(self.random.randrange(4))}

    def test_whatever_comes_in(self):
        seed = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))
        rounds = int(os.environ.get("AIGW_ROUNDS", 2))
        print("seed %d" % seed)
        self.random = random.Random(seed)
        self.gw.create_key("k")
        accountant = self.gw.children("accountant")
        import urllib.parse
        for number in range(rounds):
            for route in self.routes:
                name = route[0]
                self.pool = self.words[name]
                body = {word: self.junk() for word in self.random.sample(
                    self.pool, min(len(self.pool), self.random.randrange(12)))}
                data = json.dumps(self.random.choice([body] * 9 + [self.junk()]))
                if self.random.random() < 0.05:
                    data = data[:self.random.randrange(len(data) + 1)] + "\x00"
                query = "&".join("%s=%s" % (
                    self.random.choice(self.pool),
                    urllib.parse.quote(str(self.junk())))
                    for _ in range(self.random.randrange(4)))
                path = self.path_of(route[3], ["1", "2", "k", "default", "m1", "x/y",
                                               "0", "-1", "é", "a b", "9" * 25])
                self.send(route, path, query and "?" + query, data.encode())
        self.assertEqual(self.gw.children("accountant"), accountant)
        self.assertEqual(self.gw.http("GET", "/readyz")[0], 200)
        self.gw.verify()

    def test_a_bound_token_never_sees_or_changes_another_group(self):
        gw = self.gw
        for group in ("team", "canarygroup"):
            gw.ctl("group", "create", group)
        gw.create_key("mine", "--group", "team")
        hidden = gw.create_key("canarykey", "--group", "canarygroup")
        for _ in range(2):
            gw.call(hidden, {"model": "m1", "metadata": {"who": "canarytag"},
                             "messages": [{"role": "user", "content": "canarytext"}]})
        shown = lambda: gw.ctl("key", "get", "canarykey")
        number = shown()["id"]
        before = gw.admin("GET", "/admin/v1/keys/%d" % number)[2]
        status, _, data = gw.admin("GET", "/admin/v1/logs?key=canarykey")
        request = json.loads(data)["data"][0]["request_id"]
        tokens = []
        for role in ("operator", "read-only"):
            status, _, data = gw.admin("POST", "/admin/v1/tokens", {
                "name": role, "role": role, "groups": ["team"]})
            self.assertEqual(status, 201, data)
            tokens.append(json.loads(data)["token"])
        names = [str(number), "canarykey", "canarygroup", request]
        values = dict.fromkeys(sum(self.words.values(), []), "canarykey")
        for word in values:
            low = word.lower()
            if low == "id" or low.endswith(("uuid", "_id", "ids")):
                values[word] = str(number)
            if "group" in low:
                values[word] = "canarygroup"
            if low in ("start", "end"):
                values[word] = 1 if low == "start" else 2000000000
        values.update({"status": 2, "gatewayName": "good-name", "tokenLimit": 1,
                       "expireType": "LONG_LIVED", "modelAccess": "UNLIMITED",
                       "ipAclType": "BLACK", "month": "2026-11"})
        for token in tokens:
            for route in self.routes:
                for name in names if "{" in route[3] else names[:1]:
                    path = re.sub(r"\{\*?\}", name, route[3])
                    for body in (values, {**values, "instanceIds": str(number)},
                                 [number]):
                        for query in ("", "?id=%d&status=0" % number,
                                      "?group=canarygroup&token_id=%d" % number,
                                      "?keyword=canary&token_name=canarykey"):
                            if body is not values and (query or route[1] == "GET"):
                                continue
                            if query and route[1] != "GET" and "id=" not in query:
                                continue
                            _, text = self.send(route, path, query,
                                                json.dumps(body).encode(), token)
                            told = text.decode(errors="replace")
                            for word in ("canarytag", "canarytext", hidden[-30:],
                                         '"canarykey"', request):
                                echo = word.strip('"') in path + json.dumps(body)
                                if not echo or word == '"canarykey"':
                                    self.check_hidden(route, word, told, number)
        after = gw.admin("GET", "/admin/v1/keys/%d" % number)[2]
        keep = lambda text: {k: v for k, v in json.loads(text).items()
                             if k not in ("last_used_at",)}
        self.assertEqual(keep(after), keep(before))

    def check_hidden(self, route, word, told, number):
        """What is made with the name is not what has it already."""
        if word == '"canarykey"':
            told = told if '"id":%d' % number in told.replace(" ", "") else ""
        self.assertNotIn(word, told, route)


if __name__ == "__main__":
    unittest.main()
