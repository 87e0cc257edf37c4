"""The console's files as they are served, and login links."""
import gzip
import json
import os
import re
import subprocess
import tempfile
import unittest

from gateway import ROOT, GatewayCase


class Console(GatewayCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = Console("gateway")
        cls.shared.setUp()
        cls.gw = cls.shared.gateway(provider=None, workers=1).start()
        cls.built = cls.get("/console/")[0] == 200

    @classmethod
    def tearDownClass(cls):
        cls.shared.doCleanups()

    @classmethod
    def get(cls, path, method="GET", **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls.gw.http(method, path, headers=fields, port=cls.gw.admin_port)

    def test_each_option_that_the_console_shows_is_told_in_chinese(self):
        folder = os.path.join(ROOT, "accountant", "console", "src")
        with open(os.path.join(folder, "text", "zh", "options", "options.js")) as file:
            told = dict(re.findall(r"^ +'option\.([\w.]+)': '(.*)',$", file.read(), re.M))
        status, _, answer = self.gw.admin("GET", "/admin/v1/settings")
        self.assertEqual(status, 200)
        settings = json.loads(answer)
        shown = [(row["section"], row["option"]) for row in settings["data"]]
        shown += [("gateway", row["option"]) for row in settings["parts"]["gateway"]]
        names = set()
        for section, option in shown:
            name = "%s.%s" % (section, option)
            name = name if name in told else option
            self.assertRegex(told.get(name, ""), "[\u4e00-\u9fff]", "[%s] %s" % (section, option))
            names.add(name)
        self.assertEqual(set(told) - names, set())
        # Every field of a profile's form is an option that there is.
        with open(os.path.join(folder, "screens", "profile_form.js")) as file:
            groups = re.search(r"OPTION_GROUPS = \{(.*?)\n\};", file.read(), re.S).group(1)
        fields = {name for line in re.findall(r"\[(.*)\]", groups) for name in re.findall(r"'(\w+)'", line)}
        self.assertEqual(fields - {option for _, option in shown}, set())

    def need_build(self):
        if not self.built:
            self.skipTest("built without the console")

    def test_the_page_is_small_strict_and_asked_for_anew(self):
        self.need_build()
        status, headers, body = self.get("/console/", accept_encoding="gzip, br")
        self.assertEqual((status, headers["content-type"], headers["content-encoding"]),
                         (200, "text/html; charset=utf-8", "gzip"))
        page = gzip.decompress(body).decode()
        self.assertEqual(headers["cache-control"], "no-cache")
        policy = headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        for name, value in (("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
                            ("referrer-policy", "no-referrer"), ("vary", "accept-encoding"),
                            ("cross-origin-opener-policy", "same-origin"),
                            ("cross-origin-resource-policy", "same-origin")):
            self.assertEqual(headers[name], value)
        self.assertNotRegex(page, r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=")
        self.assertNotRegex(page, r"(src|href)=\"(?!/console/)")

    def test_files_are_kept_for_good_and_have_what_the_page_names(self):
        self.need_build()
        page = gzip.decompress(self.get("/console/", accept_encoding="gzip")[2]).decode()
        names = re.findall(r'"(/console/assets/[^"]+)"', page)
        self.assertGreaterEqual(len(names), 3)
        total = 0
        for name in names:
            status, headers, packed = self.get(name, accept_encoding="gzip")
            self.assertEqual(status, 200, name)
            self.assertIn("immutable", headers["cache-control"])
            total += len(packed)
            plain = self.get(name)
            self.assertNotIn("content-encoding", plain[1])
            self.assertEqual(gzip.decompress(packed), plain[2])
            self.assertNotEqual(headers["etag"], plain[1]["etag"])
            for list_of in (headers["etag"], '"x", W/' + headers["etag"], "*"):
                again = self.get(name, accept_encoding="gzip", if_none_match=list_of)
                self.assertEqual((again[0], again[2]), (304, b""))
                self.assertNotIn("content-length", again[1])
            self.assertEqual(self.get(name, accept_encoding="gzip", if_none_match='"x"')[0], 200)
        self.assertLess(total, 80000)

    def test_who_takes_no_gzip_gets_none(self):
        self.need_build()
        for accepted in ("identity", "br", "gzip;q=0", "gzip; q=0.000", "gzipx", ""):
            status, headers, body = self.get("/console/", accept_encoding=accepted)
            self.assertEqual(status, 200)
            self.assertNotIn("content-encoding", headers, accepted)
            self.assertTrue(body.startswith(b"<!doctype html>"), accepted)
        for accepted in ("gzip", "br;q=1, GZIP;q=0.5", "deflate , gzip"):
            self.assertIn("content-encoding", self.get("/console/", accept_encoding=accepted)[1])

    def test_paths(self):
        self.need_build()
        page = self.get("/console/")[2]
        for path in ("/console/keys", "/console/keys/7", "/console/models/gpt-4.1%2Fx"):
            status, _, body = self.get(path)
            self.assertEqual((status, body), (200, page), path)
        for path in ("/console/assets/none.js", "/console/assets/", "/console/assets/../index.html"):
            self.assertEqual(self.get(path)[0], 404, path)
        self.assertEqual(self.get("/consolex")[0], 404)
        status, headers, _ = self.get("/console")
        self.assertEqual((status, headers["location"]), (308, "/console/"))
        status, headers, body = self.get("/console/", method="HEAD")
        self.assertEqual((status, body), (200, b""))
        status, headers, _ = self.get("/console/", method="POST")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.gw.http("GET", "/console/")[0], 404)  # not on the data port

    def test_built_without_it_says_how_to_build_it_in(self):
        if not self.built:
            status, _, body = self.get("/console/keys")
            self.assertEqual(status, 404)
            self.assertIn(b"make CONSOLE=yes", body)
        script = os.path.join(ROOT, "accountant/console/build.sh")
        with tempfile.TemporaryDirectory() as folder:
            none = dict(os.environ, PATH=folder)
            for tool in ("sh", "cat", "mv", "mkdir", "dirname", "sed", "cmp", "rm"):
                os.symlink("/bin/" + tool, os.path.join(folder, tool))
            for mode, status in (("no", 0), ("auto", 0), ("yes", 1), ("what", 2)):
                out = os.path.join(folder, mode)
                done = subprocess.run(["/bin/sh", script, mode, out], env=none, text=True,
                                      capture_output=True, timeout=60)
                self.assertEqual(done.returncode, status, (mode, done.stderr))
                table = os.path.join(out, "console_files.c")
                self.assertEqual(os.path.exists(table), status == 0, mode)
                self.assertEqual("CONSOLE=no" in done.stderr, mode == "yes", done.stderr)
                self.assertEqual("left out" in done.stderr, mode == "auto", done.stderr)


class LoginLinks(GatewayCase):
    def setUp(self):
        self.gw = self.gateway(provider=None, workers=1).start()

    def log_in(self, body):
        status, headers, body = self.gw.http(
            "POST", "/admin/v1/session", body, {"Content-Type": "application/json"},
            port=self.gw.admin_port)
        return status, headers, json.loads(body)

    def test_a_link_logs_in_once_as_an_owner(self):
        url = self.gw.ctl("console")["url"]
        address = "http://127.0.0.1:%d/console/#login=" % self.gw.admin_port
        self.assertTrue(url.startswith(address), url)
        code = url[len(address):]
        for wrong in ("", "x" * 43, code[:-1], code + "x"):
            self.assertIn(self.log_in({"code": wrong})[0], (400, 401), wrong)
        status, headers, who = self.log_in({"code": code})
        self.assertEqual((status, who["member"]["role"], who["member"]["name"]),
                         (201, "owner", "host"))
        cookie = headers["set-cookie"].split(";")[0]

        def make_key(name, **fields):
            return self.gw.http("POST", "/admin/v1/keys", {"name": name}, dict(
                fields, Cookie=cookie, **{"Content-Type": "application/json"}),
                port=self.gw.admin_port)[0]
        self.assertEqual(make_key("a"), 403)  # without the csrf_token
        self.assertEqual(make_key("a", **{"X-Csrf-Token": who["csrf_token"]}), 201)
        self.assertEqual(self.log_in({"code": code})[2]["error"]["code"], "invalid_code")
        self.assertEqual(self.log_in({"code": code, "token": "x"})[0], 401)
        rows = json.loads(self.gw.admin("GET", "/admin/v1/audit?member=host")[2])["data"]
        self.assertIn("key_create", [row["operation"] for row in rows])

    def test_only_the_socket_makes_links(self):
        status, _, body = self.gw.admin("POST", "/admin/v1/session/link")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (403, "socket_only"))
        self.assertEqual(self.gw.http("POST", "/admin/v1/session/link",
                                      port=self.gw.admin_port)[0], 401)

    def test_the_seventeenth_link_takes_the_place_of_the_first(self):
        codes = [self.gw.ctl("console")["url"].split("#login=")[1] for _ in range(17)]
        self.assertEqual(len(set(codes)), 17)
        self.assertEqual(self.log_in({"code": codes[0]})[0], 401)
        for code in codes[1:]:
            self.assertEqual(self.log_in({"code": code})[0], 201)


if __name__ == "__main__":
    unittest.main()
