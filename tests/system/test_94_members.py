"""Who may what: admin tokens, roles, scopes, groups; logins; the audit log; keys
of idempotency; ETags; and the OpenAPI document that says so.

The document is made from the table of operations. Every row of it is asked here
by a token of each role, without each scope, and by one that is bound to a group,
so a row whose check is missing is found by its own words.
"""
import http.client
import json
import os
import re
import signal
import threading
import unittest

from gateway import GatewayCase, wait_for

TOKEN = "test-admin-token-1"
ROLES = ["read-only", "operator", "owner"]


class Client:
    """Management over TCP with one token (or cookie), one connection."""

    def __init__(self, gw, token=TOKEN, headers=None):
        self.gw = gw
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = "Bearer " + token
        self.headers.update(headers or {})
        self.connection = http.client.HTTPConnection("127.0.0.1", gw.admin_port, timeout=60)

    def ask(self, method, path, body=None, **headers):
        """(status, answer, headers)"""
        sent = dict(self.headers, **{k.replace("_", "-"): v for k, v in headers.items()})
        data = None if body is None else json.dumps(body)
        try:
            self.connection.request(method, path, data, sent)
            answer = self.connection.getresponse()
        except (http.client.HTTPException, OSError): # it was idle, or killed
            self.connection.close()
            self.connection.request(method, path, data, sent)
            answer = self.connection.getresponse()
        text = answer.read()
        fields = {k.lower(): v for k, v in answer.getheaders()}
        is_json = fields.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text, fields

    def done(self, method, path, body=None, **headers):
        """The answer of what must go well."""
        status, answer, _ = self.ask(method, path, body, **headers)
        if status // 100 != 2:
            raise AssertionError("%s %s: %d %s" % (method, path, status, answer))
        return answer


def code(answer):
    return answer["error"]["code"] if isinstance(answer, dict) and "error" in answer else None


class Members(GatewayCase):
    def setUp(self):
        self.gw = self.gateway(provider=None, workers=1).start()
        self.root = Client(self.gw)

    def token(self, name, role, **more):
        made = self.root.done("POST", "/admin/v1/tokens", dict(name=name, role=role, **more))
        return Client(self.gw, made["token"])

    def restart_accountant(self):
        """kill -9, and the next one serves."""
        pid = list(self.gw.children("accountant"))[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: [p for p in self.gw.children("accountant") if p != pid], 60,
                 "another accountant")
        wait_for(lambda: self.gw.admin("GET", "/admin/v1/status")[0] == 200, 60, "management")

    def operations(self):
        """[(method, path, operation)] of the document."""
        document = self.root.done("GET", "/admin/v1/openapi.json")
        return [(method.upper(), path, operation)
                for path, methods in document["paths"].items()
                for method, operation in methods.items()]


class Rights(Members):
    """Asked are paths and bodies that name nothing that is there, so that nothing
    changes, whoever asks: 403 not_permitted, or what the operation itself says."""

    def path(self, path):
        path = path.replace("{id}", "999999").replace("{name}", "nobody")
        return path.replace("{request_id}", "req_0")

    def is_refused(self, client, method, path, operation):
        body = {"zzz": 1} if "requestBody" in operation else None
        status, answer, _ = client.ask(method, self.path(path), body)
        self.assertNotEqual(status, 401, (operation["operationId"], answer))
        self.assertLess(status, 500, (operation["operationId"], answer))
        return status == 403 and code(answer) == "not_permitted"

    def rows(self):
        # The login is for anybody; metrics are for this host without
        # a token; an export by whoever may would fill the disk, a reload change the
        # workers under the test's feet (test_95_status.py has it).
        rows = [row for row in self.operations() if row[2]["operationId"] not in
                ("session_open", "ledger_export", "metrics", "reload")]
        self.assertGreater(len(rows), 60)
        return rows

    def test_every_operation_asks_for_its_role(self):
        clients = [self.token(role, role) for role in ROLES]
        for method, path, operation in self.rows():
            least = ROLES.index(operation["x-aigw-role"])
            for i, client in enumerate(clients):
                self.assertEqual(self.is_refused(client, method, path, operation), i < least,
                                 (operation["operationId"], ROLES[i]))

    def test_every_operation_asks_for_each_scope_and_for_no_other(self):
        every = ["keys:read", "keys:write", "groups:read", "groups:write", "config:read",
                 "config:write", "usage:read", "logs:read", "tokens:read", "tokens:write",
                 "audit:read", "system:read", "system:write"]
        only = {scope: self.token("only " + scope, "owner", scopes=[scope]) for scope in every}
        has = {scope: set(only[scope].done("GET", "/admin/v1/session")["member"]["scopes"])
               for scope in every}
        for method, path, operation in self.rows():
            wanted = set(operation["x-aigw-scopes"])
            self.assertLessEqual(wanted, set(every), operation["operationId"])
            for scope in every:
                self.assertEqual(self.is_refused(only[scope], method, path, operation),
                                 not wanted <= has[scope], (operation["operationId"], scope))

    def test_a_bound_token_is_refused_what_is_about_all_groups(self):
        self.root.done("POST", "/admin/v1/groups", {"name": "mine"})
        bound = self.token("bound", "owner", groups=["mine"], scopes=[
            "keys:write", "groups:write", "config:write", "usage:read", "logs:read",
            "tokens:write", "audit:read", "system:write"])
        for method, path, operation in self.rows():
            refused = self.is_refused(bound, method, path, operation)
            if operation["x-aigw-groups"] == "never":
                self.assertTrue(refused, operation["operationId"])
            elif operation["operationId"] not in (
                    "cache_purge", "gateway_list", "route_list"): # they must name a group
                self.assertFalse(refused, operation["operationId"])

    def test_who_is_not_known_is_nobody(self):
        for client in (Client(self.gw, None), Client(self.gw, "at-aigw-" + 43 * "x"),
                       Client(self.gw, None, {"Cookie": "aigw_session=" + 43 * "x"})):
            for method, path, operation in self.rows():
                status, answer, _ = client.ask(method, self.path(path), {})
                self.assertEqual(status, 401, (operation["operationId"], answer))

    def test_nobody_gives_more_than_he_has(self):
        narrow = self.token("narrow", "owner", scopes=["tokens:write", "keys:read"])
        self.assertEqual(narrow.ask("POST", "/admin/v1/tokens",
                                    {"name": "x", "role": "owner"})[0], 403)
        made = narrow.done("POST", "/admin/v1/tokens",
                           {"name": "y", "role": "operator", "scopes": ["keys:read"]})
        path = "/admin/v1/tokens/%d" % made["id"]
        self.assertEqual(narrow.ask("PATCH", path, {"scopes": None})[0], 403)
        self.assertEqual(narrow.ask("PATCH", path, {"scopes": ["keys:write"]})[0], 403)
        wide = self.root.done("POST", "/admin/v1/tokens", {"name": "wide", "role": "owner"})
        wide_path = "/admin/v1/tokens/%d" % wide["id"]
        self.assertEqual(narrow.ask("DELETE", wide_path)[0], 403)
        self.assertEqual(narrow.ask("PATCH", wide_path, {"enabled": False})[0], 403)
        self.assertEqual(self.root.done("GET", wide_path)["status"], "active")
        narrow.done("DELETE", path)

    def test_what_a_token_becomes_acts_on_the_next_request(self):
        client = self.token("ci", "read-only")
        found = self.root.done("GET", "/admin/v1/tokens?ref=ci")["data"][0]
        path = "/admin/v1/tokens/%d" % found["id"]
        self.assertEqual(client.ask("POST", "/admin/v1/keys", {"name": "a"})[0], 403)
        self.root.done("PATCH", path, {"role": "operator"})
        client.done("POST", "/admin/v1/keys", {"name": "a"})
        self.assertIsNotNone(self.root.done("GET", path)["last_used_at"])
        self.root.done("PATCH", path, {"enabled": False})
        self.assertEqual(code(client.ask("GET", "/admin/v1/keys")[1]), "token_disabled")
        self.root.done("PATCH", path, {"enabled": True})
        client.done("GET", "/admin/v1/keys")
        self.root.done("DELETE", path)
        self.assertEqual(client.ask("GET", "/admin/v1/keys")[0], 401)
        self.restart_accountant()
        self.assertEqual(client.ask("GET", "/admin/v1/keys")[0], 401)


class Groups(Members):
    """A token that is bound to one group, beside another group with the same
    names of everything."""

    def setUp(self):
        super().setUp()
        self.ids = {}
        for group in ("mine", "other", "third"):
            self.root.done("POST", "/admin/v1/groups", {"name": group})
            key = self.root.done("POST", "/admin/v1/keys", {
                "name": "app", "group": group,
                "budgets": [{"unit": "tokens", "period": "daily", "limit": 10 ** 6}]})
            self.ids[group] = key["id"]
            self.root.done("POST", "/admin/v1/keys", {"name": "only-" + group, "group": group})
            status = self.gw.call(key["key"], {
                "model": "builtin/echo", "messages": [{"role": "user", "content": group}]})[0]
            self.assertEqual(status, 200)
            self.ids[group + "-value"] = key["key"]
        self.bound = self.token("bound", "operator", groups=["mine"])
        wait_for(lambda: len(self.root.done("GET", "/admin/v1/logs")["data"]) == 3, 60, "rows")
        self.rows = {row["group"]: row for row in self.root.done("GET", "/admin/v1/logs")["data"]}

    def test_it_sees_its_own_alone(self):
        def names(path, member="name"):
            return sorted({row[member] for row in self.bound.done("GET", path)["data"]})
        self.assertEqual(names("/admin/v1/keys", "group"), ["mine"])
        self.assertEqual(self.bound.done("GET", "/admin/v1/keys?limit=1")["total"], 2)
        self.assertEqual(names("/admin/v1/groups"), ["mine"])
        self.assertEqual(self.bound.done("GET", "/admin/v1/groups")["total"], 1)
        self.assertEqual(names("/admin/v1/logs", "group"), ["mine"])
        self.assertEqual(names("/admin/v1/usage?by=group,key", "group"), ["mine"])
        usage = self.bound.done("GET", "/admin/v1/usage")
        self.assertEqual(usage["total"]["requests"], 1)
        self.assertEqual(self.root.done("GET", "/admin/v1/usage")["total"]["requests"], 3)
        # A name that two groups have is one name here.
        self.assertEqual(self.bound.done("GET", "/admin/v1/keys?ref=app")["data"][0]["id"],
                         self.ids["mine"])
        self.assertEqual(self.root.ask("GET", "/admin/v1/keys?ref=app")[0], 409)
        self.bound.done("PATCH", "/admin/v1/keys/%d" % self.ids["mine"], {"rpm": 5})
        rows = self.bound.done("GET", "/admin/v1/audit")["data"]
        self.assertEqual({row["group"] for row in rows}, {"mine"})
        self.assertIn("key_update", {row["operation"] for row in rows})
        for row in rows:
            self.assertNotEqual(row["object_id"], self.ids["other"])

    def test_what_models_served_is_of_all_groups_and_not_shown(self):
        def served(client):
            return [provider["stats"] for model in client.done("GET", "/admin/v1/models")["data"]
                    for provider in model["providers"]]
        self.assertEqual(set(served(self.bound)), {None})
        self.assertEqual(sum(stats["requests"] for stats in served(self.root)), 3)

    def test_another_group_is_not_there(self):
        """Word for word as what never was."""
        other, app = self.ids["other"], self.ids["other-value"]
        row = self.rows["other"]["request_id"]
        asks = [
            ("GET", "/admin/v1/keys/%d" % other, None, "/admin/v1/keys/999999"),
            ("PATCH", "/admin/v1/keys/%d" % other, {"rpm": 1}, "/admin/v1/keys/999999"),
            ("DELETE", "/admin/v1/keys/%d" % other, None, "/admin/v1/keys/999999"),
            ("POST", "/admin/v1/keys/%d/reveal" % other, None, "/admin/v1/keys/999999/reveal"),
            ("GET", "/admin/v1/keys/%d/periods" % other, None, "/admin/v1/keys/999999/periods"),
            ("GET", "/admin/v1/keys?ref=only-other", None, "/admin/v1/keys?ref=nobody"),
            ("GET", "/admin/v1/keys?ref=%d" % other, None, "/admin/v1/keys?ref=999999"),
            ("GET", "/admin/v1/keys?ref=%s" % app, None, "/admin/v1/keys?ref=sk-aigw-x"),
            ("GET", "/admin/v1/keys?group=other", None, "/admin/v1/keys?group=none"),
            ("GET", "/admin/v1/groups/other", None, "/admin/v1/groups/none"),
            ("GET", "/admin/v1/logs?group=other", None, "/admin/v1/logs?group=none"),
            ("GET", "/admin/v1/logs?key=only-other", None, "/admin/v1/logs?key=nobody"),
            ("GET", "/admin/v1/logs/" + row, None, "/admin/v1/logs/req_" + 32 * "0"),
            ("GET", "/admin/v1/logs/%s?payload=yes" % row, None,
             "/admin/v1/logs/req_%s?payload=yes" % (32 * "0")),
            ("GET", "/admin/v1/usage?group=other", None, "/admin/v1/usage?group=none"),
            ("GET", "/admin/v1/usage?key=only-other", None, "/admin/v1/usage?key=nobody"),
            ("GET", "/admin/v1/models?key=only-other", None, "/admin/v1/models?key=nobody"),
            ("GET", "/admin/v1/audit?group=other", None, "/admin/v1/audit?group=none"),
        ]
        known = {row: "req_" + 32 * "0", "only-other": "nobody", "'other'": "'none'",
                 r"\b%d\b" % other: "999999"}
        for method, path, body, absent in asks:
            status, answer, _ = self.bound.ask(method, path, body)
            text = json.dumps(answer)
            for have, put in known.items():
                text = re.sub(have, put, text)
            self.assertEqual((status, text), (lambda s, a, _: (s, json.dumps(a)))(
                *self.bound.ask(method, absent, body)), path)
            self.assertEqual(status, 404, path)
        for body in ({"name": "x", "group": "other"}, {"name": "x"}):
            for path in ("/admin/v1/keys", "/admin/v1/keys/upsert"):
                self.assertEqual(self.bound.ask("POST", path, body)[0], 404, (path, body))
        self.assertEqual(self.bound.ask("POST", "/admin/v1/keys/lookup",
                                        {"ref": "only-other"})[0], 404)
        self.assertEqual(self.bound.ask("POST", "/admin/v1/cache/purge",
                                        {"group": "other"})[0], 404)
        self.assertEqual(self.bound.ask("POST", "/admin/v1/cache/purge", {})[0], 403)
        # A row by its key's number, which is in no list of the bound one.
        self.assertEqual(self.bound.done("GET", "/admin/v1/logs?key=%d" % other)["data"], [])
        self.assertEqual(self.root.done("GET", "/admin/v1/keys/%d" % other)["rpm"], None)

    def test_two_groups_are_two(self):
        both = self.token("both", "read-only", groups=["other", "mine"])
        self.assertEqual({row["group"] for row in both.done("GET", "/admin/v1/keys")["data"]},
                         {"mine", "other"})
        self.assertEqual(both.done("GET", "/admin/v1/usage")["total"]["requests"], 2)
        self.assertEqual(len(both.done("GET", "/admin/v1/logs")["data"]), 2)
        self.assertEqual(both.ask("GET", "/admin/v1/groups/default")[0], 404)
        self.assertEqual(both.ask("GET", "/admin/v1/keys?ref=app")[0], 409)

    def test_what_a_group_may_use_is_set_only_where_a_scope_says_so(self):
        for method, path, body in (
                ("PATCH", "/admin/v1/groups/mine", {"rpm": 7}),
                ("POST", "/admin/v1/groups/mine/top-up", {"amount": 5})):
            self.assertEqual(self.bound.ask(method, path, body)[0], 403)
        setter = self.token("setter", "operator", groups=["mine"], scopes=["groups:write"])
        self.assertEqual(setter.done("PATCH", "/admin/v1/groups/mine", {"rpm": 7})["rpm"], 7)
        self.assertEqual(setter.ask("PATCH", "/admin/v1/groups/other", {"rpm": 7})[0], 404)
        # In a shadow a key's calls pass its group's limits, too.
        key = "/admin/v1/keys/%d" % self.ids["mine"]
        for shadow in ({"shadow": True}, {"shadow": "yes"}, {"sort": "price", "shadow": 1}):
            for method, path, body in (("PATCH", key, {}),
                                       ("POST", "/admin/v1/keys", {"name": "s", "group": "mine"}),
                                       ("POST", "/admin/v1/keys/upsert",
                                        {"name": "app", "group": "mine"})):
                status, answer, _ = self.bound.ask(method, path, dict(body, settings=shadow))
                self.assertEqual((status, code(answer)), (403, "not_permitted"), path)
        profiles = "/admin/v1/gateways"
        status, answer, _ = self.bound.ask("POST", profiles, {"name": "mine/s", "shadow": True})
        self.assertEqual((status, code(answer)), (403, "not_permitted"))
        self.bound.done("POST", profiles, {"name": "mine/s", "sort": "price"})
        status, answer, _ = self.bound.ask("PATCH", profiles + "/mine%2Fs", {"shadow": "yes"})
        self.assertEqual((status, code(answer)), (403, "not_permitted"))
        self.bound.connection.request(
            "PATCH", key, '{"settings":{"shadow":false,"shadow":true}}', self.bound.headers)
        answer = self.bound.connection.getresponse()
        self.assertEqual((answer.status, code(json.loads(answer.read()))), (403, "not_permitted"))
        self.assertEqual(self.root.done("GET", key)["settings"], {})
        self.root.done("PATCH", key, {"settings": {"shadow": True}})
        self.assertEqual(self.bound.done("PATCH", key, {"settings": {"shadow": None}})["settings"],
                         {})
        self.assertEqual(setter.ask("POST", "/admin/v1/groups/other/top-up",
                                    {"amount": 5})[0], 404)


class Logins(Members):
    def login(self, token=TOKEN):
        status, who, fields = Client(self.gw, None).ask(
            "POST", "/admin/v1/session", {"token": token})
        self.assertEqual(status, 201, who)
        cookie = fields["set-cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        self.assertNotIn("Secure", cookie) # this listener is not encrypted
        return Client(self.gw, None, {"Cookie": cookie.split(";")[0]}), who

    def test_a_login_looks_and_with_its_second_secret_changes(self):
        page, who = self.login()
        self.assertEqual(who["member"]["role"], "owner")
        self.assertEqual(page.done("GET", "/admin/v1/session")["csrf_token"], who["csrf_token"])
        page.done("GET", "/admin/v1/keys")
        self.assertEqual(code(page.ask("POST", "/admin/v1/keys", {"name": "a"})[1]), "csrf")
        self.assertEqual(code(page.ask("POST", "/admin/v1/keys", {"name": "a"},
                                       x_csrf_token="x" * 43)[1]), "csrf")
        page.done("POST", "/admin/v1/keys", {"name": "a"}, x_csrf_token=who["csrf_token"])
        self.assertEqual(page.ask("DELETE", "/admin/v1/session")[0], 403)
        status, _, fields = page.ask("DELETE", "/admin/v1/session",
                                     x_csrf_token=who["csrf_token"])
        self.assertEqual(status, 200)
        self.assertIn("Max-Age=0", fields["set-cookie"])
        self.assertEqual(page.ask("GET", "/admin/v1/keys")[0], 401)

    def test_each_sees_and_ends_his_own_and_an_owner_all(self):
        tokens = [self.root.done("POST", "/admin/v1/tokens", {"name": name, "role": "read-only"})
                  for name in ("ann", "bob")]
        ann, ann_who = self.login(tokens[0]["token"])
        bob, bob_who = self.login(tokens[1]["token"])
        self.login(tokens[1]["token"])
        self.assertEqual([row["name"] for row in ann.done("GET", "/admin/v1/sessions")["data"]],
                         ["ann"])
        self.assertEqual(self.root.done("GET", "/admin/v1/sessions")["total"], 3)
        path = "/admin/v1/sessions/%d" % bob_who["session"]["id"]
        self.assertEqual(ann.ask("DELETE", path, x_csrf_token=ann_who["csrf_token"])[0], 404)
        bob.done("GET", "/admin/v1/session")
        self.root.done("DELETE", path)
        self.assertEqual(code(bob.ask("GET", "/admin/v1/session")[1]), "session_ended")
        self.root.done("DELETE", "/admin/v1/tokens/%d" % tokens[0]["id"])
        self.assertEqual(ann.ask("GET", "/admin/v1/session")[0], 401)

    def test_a_wrong_token_opens_nothing(self):
        for body, status in (({"token": "wrong"}, 401), ({}, 400), ({"token": ""}, 400),
                             ({"token": TOKEN, "x": 1}, 400)):
            answer = Client(self.gw, None).ask("POST", "/admin/v1/session", body)
            self.assertEqual(answer[0], status, answer)
            self.assertNotIn("set-cookie", answer[2])


class Once(Members):
    """Idempotency-Key and If-Match."""

    def creations(self):
        return [("/admin/v1/keys", {"name": "k"}, "key"),
                ("/admin/v1/groups", {"name": "g"}, "name"),
                ("/admin/v1/tokens", {"name": "t", "role": "operator"}, "token"),
                ("/admin/v1/providers", {"name": "p", "kind": "openai",
                                         "base_url": "https://api.example.com/v1"}, "name")]

    def test_the_document_says_where_a_key_is_heeded(self):
        heeded = {operation["operationId"] for _, _, operation in self.operations()
                  if any(p["name"] == "Idempotency-Key" for p in operation["parameters"])}
        self.assertLessEqual({"key_create", "group_create", "token_create", "group_top_up",
                              "provider_create"}, heeded)

    def test_a_repetition_is_answered_as_the_first_also_after_a_kill(self):
        first = {}
        for path, body, member in self.creations():
            status, made, _ = self.root.ask("POST", path, body, idempotency_key="one")
            self.assertEqual(status, 201, made)
            first[path] = made[member]
        self.root.done("POST", "/admin/v1/groups/g/top-up", {"amount": 5}, idempotency_key="one")
        for _ in range(2):
            for path, body, member in self.creations():
                status, made, fields = self.root.ask("POST", path, body, idempotency_key="one")
                self.assertEqual((status, made[member]), (201, first[path]))
                self.assertEqual(fields["idempotency-replayed"], "true")
                status, answer, _ = self.root.ask("POST", path, dict(body, name="z"),
                                                  idempotency_key="one")
                self.assertEqual((status, code(answer)), (422, "idempotency_key_reused"))
                # Without a key, and with another one, it is what it is.
                self.assertEqual(self.root.ask("POST", path, body)[0], 409)
                self.assertEqual(self.root.ask("POST", path, body, idempotency_key="two")[0], 409)
            status, group, fields = self.root.ask("POST", "/admin/v1/groups/g/top-up",
                                                  {"amount": 5}, idempotency_key="one")
            self.assertEqual((status, group["balance"]), (200, 5))
            self.assertEqual(fields["idempotency-replayed"], "true")
            self.restart_accountant()
        # Another member's key of the same name is another key.
        other = self.token("o", "operator")
        self.assertEqual(other.done("POST", "/admin/v1/groups/g/top-up", {"amount": 5},
                                    idempotency_key="one")["balance"], 10)

    def test_a_copy_repeated_is_the_copy_and_not_what_it_was_made_of(self):
        key = self.root.done("POST", "/admin/v1/keys", {"name": "k"})
        path = "/admin/v1/keys/%d/copy" % key["id"]
        status, made, _ = self.root.ask("POST", path, {"name": "c"}, idempotency_key="one")
        self.assertEqual(status, 201, made)
        status, again, fields = self.root.ask("POST", path, {"name": "c"}, idempotency_key="one")
        self.assertEqual((status, again["id"], again["key"]), (201, made["id"], made["key"]))
        self.assertEqual(fields["idempotency-replayed"], "true")

    def test_many_at_once_are_one(self):
        results = []

        def top_up():
            client = Client(self.gw)
            while True: # as its 409 says
                status, answer, _ = client.ask("POST", "/admin/v1/groups/default/top-up",
                                               {"amount": 1}, idempotency_key="storm")
                if code(answer) != "idempotency_key_in_use":
                    results.append((status, answer.get("balance")))
                    return
        threads = [threading.Thread(target=top_up) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(results, [(200, 1)] * 16)

    def test_a_change_of_what_was_changed_since_is_refused(self):
        self.root.done("POST", "/admin/v1/groups", {"name": "g"})
        for path, body, _ in self.creations():
            self.root.ask("POST", path, body)
        ids = {what: self.root.done("GET", "/admin/v1/%s?ref=%s" % (what, name))["data"][0]["id"]
               for what, name in (("keys", "k"), ("tokens", "t"))}
        for path, change in (("/admin/v1/keys/%d" % ids["keys"], {"rpm": 7}),
                             ("/admin/v1/keys/%d" % ids["keys"], {"set_budget": {
                                 "unit": "tokens", "period": "daily", "limit": 9}}),
                             ("/admin/v1/groups/g", {"rpm": 7}),
                             ("/admin/v1/tokens/%d" % ids["tokens"], {"enabled": False}),
                             ("/admin/v1/providers/p", {"models": ["m"]})):
            old = self.root.ask("GET", path)[2]["etag"]
            self.assertEqual(self.root.ask("GET", path)[2]["etag"], old)
            status, _, fields = self.root.ask("PATCH", path, change, if_match='"x", ' + old)
            self.assertEqual(status, 200, path)
            new = fields["etag"]
            self.assertNotEqual(new, old)
            self.assertEqual(self.root.ask("GET", path)[2]["etag"], new)
            for wrong in (old, "W/" + new, new.strip('"')):
                status, answer, _ = self.root.ask("PATCH", path, change, if_match=wrong)
                self.assertEqual((status, code(answer)), (412, "precondition_failed"), wrong)
            self.assertEqual(self.root.ask("PATCH", path, change, if_match="*")[0], 200)
        self.assertEqual(self.root.ask("DELETE", "/admin/v1/keys/%d" % ids["keys"],
                                       if_match='"x"')[0], 412)
        self.assertEqual(self.root.ask("POST", "/admin/v1/keys", {"name": "n"},
                                       if_match='"x"')[0], 400)
        self.restart_accountant()
        path = "/admin/v1/groups/g"
        etag = self.root.ask("GET", path)[2]["etag"]
        self.assertEqual(self.root.ask("PATCH", path, {"rpm": 9}, if_match=etag)[0], 200)


class Audit(Members):
    def rows(self, query=""):
        return self.root.done("GET", "/admin/v1/audit" + query)["data"]

    def test_every_change_has_a_row_and_no_secret(self):
        client = self.token("ann", "operator")
        key = client.done("POST", "/admin/v1/keys", {"name": "k", "tags": {"secret": "tag-canary"}})
        path = "/admin/v1/keys/%d" % key["id"]
        client.done("PATCH", path, {"rpm": 5, "enabled": False})
        client.done("POST", path + "/reveal")
        client.ask("POST", "/admin/v1/keys", {"name": "k"})
        client.ask("POST", "/admin/v1/tokens", {"name": "x", "role": "owner"})
        client.done("DELETE", path)
        client.ask("DELETE", path)
        self.root.done("POST", "/admin/v1/cache/purge", {})
        self.root.done("POST", "/admin/v1/groups/default/top-up", {"amount": 1})
        self.root.done("POST", "/admin/v1/providers", {
            "name": "p", "kind": "openai", "base_url": "https://api.example.com/v1",
            "api_key": "sk-provider-canary-000"})
        said = [(row["member"], row["operation"], row["object"], row["outcome"], row["fields"])
                for row in self.rows("?order=asc")]
        self.assertEqual(said, [
            ("admin", "token_create", "ann", "ok", ["name", "role"]),
            ("ann", "key_create", "k", "ok", ["name", "tags"]),
            ("ann", "key_update", "k", "ok", ["rpm", "enabled"]),
            ("ann", "key_reveal", "k", "ok", []),
            ("ann", "key_create", "k", "key_exists", []),
            ("ann", "token_create", "", "not_permitted", []),
            ("ann", "key_delete", "k", "ok", []),
            ("ann", "key_delete", "k", "key_not_found", []), # it can be restored yet
            ("admin", "cache_purge", "", "ok", []),
            ("admin", "group_top_up", "default", "ok", ["amount"]),
            ("admin", "provider_create", "p", "ok", ["name", "kind", "base_url", "api_key"])])
        text = json.dumps(self.rows())
        for secret in ("canary", key["key"], key["key"][-20:]):
            self.assertNotIn(secret, text)
        for row in self.rows():
            self.assertEqual(row["from"], "127.0.0.1")
        self.gw.ctl("group", "create", "by-socket")
        self.assertEqual(self.rows()[0]["from"], "uid=%d" % os.getuid())

    def test_filters_and_pages(self):
        client = self.token("ann", "operator")
        for i in range(12):
            (client if i % 2 else self.root).done("POST", "/admin/v1/keys", {"name": "k%d" % i})
        client.ask("POST", "/admin/v1/keys", {"name": "k0"})
        everything = self.rows("?limit=1000")
        self.assertEqual(len(everything), 14)
        for order in ("asc", "desc"):
            pages, cursor = [], ""
            while True:
                answer = self.root.done("GET", "/admin/v1/audit?limit=5&order=%s%s" % (
                    order, "&cursor=" + cursor if cursor else ""))
                pages += answer["data"]
                cursor = answer["cursor"]
                if not answer["more"]:
                    break
            self.assertEqual(pages, everything if order == "desc" else everything[::-1])
        self.assertEqual(len(self.rows("?member=ann")), 7)
        self.assertEqual(len(self.rows("?operation=key&outcome=ok")), 12)
        self.assertEqual(len(self.rows("?operation=key_create")), 13)
        self.assertEqual(len(self.rows("?operation=key_c")), 0)
        self.assertEqual(len(self.rows("?outcome=refused")), 1)
        self.assertEqual(len(self.rows("?object=k3")), 1)
        middle = everything[7]["time"]
        later = self.rows("?from=" + middle)
        self.assertEqual(later + self.rows("?to=" + middle), everything)
        for bad in ("cursor=zz", "order=up", "limit=0", "group=none", "from=x", "zzz=1"):
            self.assertIn(self.root.ask("GET", "/admin/v1/audit?" + bad)[0], (400, 404), bad)

    def test_a_kill_right_after_an_answer_loses_nothing(self):
        """Each round: as many changes as come until the kill; what was answered is
        there with its row, its key and its right to be repeated."""
        rounds = int(os.environ.get("AIGW_ROUNDS", "4"))
        made = {}
        for turn in range(rounds):
            stop = threading.Event()

            def work(number):
                client = Client(self.gw)
                i = 0
                while not stop.is_set():
                    name = "k%d-%d-%d" % (turn, number, i)
                    try:
                        status, answer, _ = client.ask("POST", "/admin/v1/keys", {"name": name},
                                                       idempotency_key=name)
                    except (http.client.HTTPException, OSError):
                        continue # the same again: it may have been done
                    if status == 201:
                        made[name] = answer["key"]
                        i += 1
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            before = len(made)
            wait_for(lambda: len(made) >= before + 20, 60, "changes")
            pid = list(self.gw.children("accountant"))[0]
            os.kill(pid, signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join(60)
            wait_for(lambda: [p for p in self.gw.children("accountant") if p != pid], 60, "another")
            wait_for(lambda: self.gw.admin("GET", "/admin/v1/status")[0] == 200, 60, "management")
        have = {}
        page = 1
        while True:
            rows = self.root.done("GET", "/admin/v1/keys?limit=1000&page=%d" % page)["data"]
            have.update({row["name"]: row["id"] for row in rows})
            page += 1
            if len(rows) < 1000:
                break
        rows, cursor = [], ""
        while True:
            answer = self.root.done("GET", "/admin/v1/audit?limit=1000&operation=key_create"
                                    "&outcome=ok&order=asc" +
                                    ("&cursor=" + cursor if cursor else ""))
            rows += answer["data"]
            cursor = answer["cursor"]
            if not answer["more"]:
                break
        # One row for each key, and no key without one; answered ones are all there.
        self.assertEqual(sorted(row["object"] for row in rows), sorted(have))
        self.assertLessEqual(set(made), set(have))
        for name in list(made)[-8:]:
            status, answer, _ = self.root.ask("POST", "/admin/v1/keys", {"name": name},
                                              idempotency_key=name)
            self.assertEqual((status, answer["key"]), (201, made[name]))
        self.gw.verify()


class Document(Members):
    """What the OpenAPI document says is what the server does."""

    def setUp(self):
        super().setUp()
        self.document = self.root.done("GET", "/admin/v1/openapi.json")
        self.schemas = self.document["components"]["schemas"]

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].split("/")[-1]]
        return schema

    def check(self, value, schema, where):
        """`value` is one of `schema`, and has no member that it does not name."""
        schema = self.resolve(schema)
        if "oneOf" in schema:
            if value is not None:
                self.check(value, schema["oneOf"][0], where)
            return
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
                float: "number", type(None): "null"}[type(value)]
        if kinds:
            self.assertIn(kind, kinds + (["integer"] if "number" in kinds else []), where)
        if kind == "array":
            for i, item in enumerate(value):
                self.check(item, schema["items"], "%s[%d]" % (where, i))
        if kind == "string" and "enum" in schema:
            self.assertIn(value, schema["enum"], where)
        for name, member in (value.items() if kind == "object" and "properties" in schema else ()):
            self.assertIn(name, schema["properties"], where)
            self.check(member, schema["properties"][name], "%s.%s" % (where, name))

    def test_it_is_whole(self):
        self.assertEqual(self.document["openapi"], "3.1.0")
        seen = set()

        def references(value):
            if isinstance(value, dict):
                if "$ref" in value:
                    name = value["$ref"].split("/")[-1]
                    self.assertIn(name, self.schemas)
                    seen.add(name)
                for member in value.values():
                    references(member)
            elif isinstance(value, list):
                for member in value:
                    references(member)
        references(self.document)
        self.assertLessEqual({"Key", "Group", "Token", "Who", "Error", "provider"}, seen)
        names = [o["operationId"] for _, _, o in self.operations()]
        self.assertEqual(len(names), len(set(names)))
        for _, path, operation in self.operations():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            for name in declared:
                self.assertIn("{%s}" % name, path)
            self.assertEqual(path.count("{"), len(declared), path)

    def test_bodies_have_the_members_that_the_server_knows(self):
        """An unknown one is answered with those that are known."""
        key = self.root.done("POST", "/admin/v1/keys", {"name": "k"})
        self.root.done("POST", "/admin/v1/groups", {"name": "g"})
        token = self.root.done("POST", "/admin/v1/tokens", {"name": "t", "role": "operator"})
        checked = 0
        for method, path, operation in self.operations():
            if "requestBody" not in operation:
                continue
            schema = self.resolve(
                operation["requestBody"]["content"]["application/json"]["schema"])
            if "properties" not in schema:
                continue
            number = token["id"] if "/tokens" in path else key["id"]
            path = path.replace("{id}", str(number)).replace("{name}", "g")
            body = {"zzz": 1}
            if operation["operationId"] in ("key_create", "group_create", "key_upsert",
                                            "token_create"):
                body = {"name": "n", "zzz": 1, "role": "operator"}
                if operation["operationId"] != "token_create":
                    del body["role"]
            status, answer, _ = self.root.ask(method, path, body)
            known = answer["error"]["message"].partition("Known here: ")[2].rstrip(".").split()
            if not known: # another fault was found before
                continue
            self.assertEqual(status, 400, operation["operationId"])
            self.assertEqual(sorted(known), sorted(schema["properties"]),
                             operation["operationId"])
            checked += 1
        self.assertGreaterEqual(checked, 10)

    def test_answers_are_as_described(self):
        answers = {
            "key_create": self.root.done("POST", "/admin/v1/keys", {
                "name": "k", "budgets": [{"unit": "tokens", "period": "daily", "limit": 5},
                                         {"unit": "currency", "period": "total", "limit": 2.5}],
                "models": ["builtin/echo"], "expires_in_days": 3, "tags": {"a": "b"}}),
            "group_create": self.root.done("POST", "/admin/v1/groups", {
                "name": "g", "prepaid": True,
                "budgets": [{"unit": "tokens", "period": "monthly", "limit": 5}]}),
            "group_top_up": self.root.done("POST", "/admin/v1/groups/g/top-up", {"amount": "2.5"}),
            "token_create": self.root.done("POST", "/admin/v1/tokens", {
                "name": "t", "role": "operator", "groups": ["g"], "scopes": ["keys:read"]}),
            "session_open": self.root.done("POST", "/admin/v1/session", {"token": TOKEN}),
            "session_get": self.root.done("GET", "/admin/v1/session"),
        }
        number = answers["key_create"]["id"]
        answers["key_get"] = self.root.done("GET", "/admin/v1/keys/%d" % number)
        answers["key_reveal"] = self.root.done("POST", "/admin/v1/keys/%d/reveal" % number)
        answers["key_delete"] = self.root.done("DELETE", "/admin/v1/keys/%d" % number)
        by_name = {o["operationId"]: o for _, _, o in self.operations()}
        for name, answer in answers.items():
            responses = by_name[name]["responses"]
            good = responses["201" if "201" in responses else "200"]
            self.check(answer, good["content"]["application/json"]["schema"], name)
        for path in ("/admin/v1/keys/1", "/admin/v1/none", "/admin/v1/keys?zzz=1"):
            self.check(self.root.ask("GET", path)[1], {"$ref": "#/components/schemas/Error"}, path)

    def test_parameters_of_queries_are_known(self):
        for method, path, operation in self.operations():
            if method != "GET" or "{" in path:
                continue
            names = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
            status, answer, _ = self.root.ask("GET", path + "?zzz=1")
            self.assertEqual(status, 400, path)
            known = answer["error"]["message"].partition("Known here: ")[2].rstrip(".").split()
            self.assertEqual(sorted(known), sorted(names), path)


if __name__ == "__main__":
    unittest.main()
