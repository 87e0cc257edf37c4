"""P7: a secret never stands in a log, a dump, an error or a page.

Every secret there is gets a value of its own, is driven through all that can
succeed or fail, and is then looked for in everything that anybody can read: whole,
in pieces, in hex and in base64.
"""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import string
import subprocess
import time
import unittest

from gateway import BUILD, GatewayCase, wait_for


def canary(prefix=""):
    return prefix + "".join(secrets.choice(string.ascii_letters + string.digits)
                            for _ in range(40))


def forms(secret):
    """What to look for: a start and an end of it, so that a cut line counts too,
    and its encodings."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    found = {raw[:18], raw[-14:], raw.hex().encode()[:28], raw.hex().encode()[-28:],
             raw.hex().upper().encode()[:28]}
    for shift in range(3):  # base64 of a text that it lies in
        text = base64.b64encode(b"\0" * shift + raw)
        found.add(text[4:24])
        found.add(base64.urlsafe_b64encode(b"\0" * shift + raw)[4:24])
    return found


def hkdf(master, label):
    """HKDF-SHA256 without salt, 32 bytes (RFC 5869)."""
    prk = hmac.new(b"\0" * 32, master, hashlib.sha256).digest()
    return hmac.new(prk, label.encode() + b"\1", hashlib.sha256).digest()


class Watch:
    """Secrets by name, and what was found of them where."""

    def __init__(self):
        self.secrets, self.finds, self.scanned = {}, [], 0

    def plant(self, name, value):
        self.secrets[name] = forms(value)
        return value

    def hits(self, data, but=()):
        return [name for name, needles in self.secrets.items() if name not in but
                and any(needle in data for needle in needles)]

    def scan(self, where, data, but=()):
        """`but`: secrets that may stand there."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self.scanned += len(data)
        for name in self.hits(data, but):
            self.finds.append("%s in %s" % (name, where))

    def scan_file(self, path, but=()):
        with open(path, "rb") as f:
            self.scan(path, f.read(), but)


class Echo:
    """A provider that gives its caller's credential and prompt away."""

    def __init__(self):
        self.seen = []

    async def __call__(self, method, path, headers, body, writer):
        credential = headers.get("authorization", "")
        self.seen.append(credential)
        try:
            how = json.loads(body).get("x_mock", {})
        except ValueError:
            how = {}
        text = "Incorrect API key provided: %s (for %s)" % (
            credential, body.decode("latin-1")[:400])
        kind = how.get("echo", "json")
        extra = "x-debug-credential: %s\r\nwww-authenticate: Bearer realm=\"%s\"\r\n" % (
            credential, credential)
        status, media = how.get("status", 401), "application/json"
        if kind == "json":
            data = json.dumps({"error": {"message": text, "type": "e", "param": None,
                                         "code": credential}}).encode()
        elif kind == "html":
            data, media = ("<html>%s</html>" % text).encode(), "text/html"
        elif kind == "fine":
            status, data = 200, json.dumps({"error": {"message": text}}).encode()
        elif kind == "stream":
            status, media = 200, "text/event-stream"
            data = b"data: " + json.dumps({"error": {"message": text}}).encode() + b"\n\n"
        elif kind == "break":
            writer.write(("HTTP/1.1 200 OK\r\n%sContent-Length: 900\r\n\r\n" % extra)
                         .encode() + text.encode()[:200])
            await writer.drain()
            return False
        else:  # "garbage": no HTTP at all
            writer.write(text.encode() + b"\r\n\r\n")
            await writer.drain()
            return False
        writer.write(("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n"
                      % (status, media, len(data), extra)).encode() + data)
        await writer.drain()
        return True


class Canary(GatewayCase):
    maxDiff = None

    def setUp(self):
        self.watch = Watch()
        plant = self.watch.plant
        self.echo = Echo()
        good, bad = self.mock(), self.mock(handler=self.echo)
        self.good_provider = good
        self.p_env = plant("credential from the environment", canary("sk-env-"))
        self.p_file = plant("credential from a file", canary("sk-file-"))
        self.p_cred = plant("credential of systemd", canary("sk-cred-"))
        self.p_own = plant("a group's own credential", canary("sk-own-"))
        self.p_more = plant("one more credential", canary("sk-more-"))
        self.p_proxy = plant("proxy password", canary())
        self.p_stray = plant("key in the environment that nobody names", canary("sk-"))
        self.token = plant("admin token", canary("adm-"))
        self.prompt = plant("prompt", canary("prompt-"))
        self.unknown = plant("unknown key", canary("sk-aigw-")[:51])
        self.cookie = plant("cookie", canary())
        self.wrong_token = plant("wrong admin token", canary())
        self.gw = gw = self.gateway(provider=good.base_url, workers=2, env={
            "MOCK_CREDENTIAL": self.p_env, "MORE_CREDENTIAL": self.p_more, "SOME_SERVICE_TOKEN": self.p_stray})
        self.access = os.path.join(gw.dir, "access.log")
        credentials = os.path.join(gw.dir, "credentials")
        os.mkdir(credentials, 0o700)
        gw.env["CREDENTIALS_DIRECTORY"] = credentials
        for path, value in ((os.path.join(gw.dir, "key.txt"), self.p_file),
                            (os.path.join(credentials, "mock"), self.p_cred)):
            with open(path, "w") as f:
                f.write(value + "\n")
        with open(gw.config) as f:
            text = f.read()
        text = text.replace("sk-upstream-secret-canary", "${MOCK_CREDENTIAL}")
        text = text.replace("test-admin-token-1", self.token)
        text = text.replace("[log]\n", "[log]\nlevel = debug\naccess = %s\n" % self.access)
        text += """[provider.echo]
base_url = %s
api_key = file:key.txt
[credential.echo/own]
api_key = %s
group = default
[credential.echo/more]
api_key = ${MORE_CREDENTIAL}
[model.echo]
providers = echo
[provider.dead]
base_url = http://127.0.0.1:1/v1
api_key = cred:mock
proxy = http://someone:%s@127.0.0.1:1
[model.dead]
providers = dead
""" % (bad.base_url, self.p_own, self.p_proxy)
        with open(gw.config, "w") as f:
            f.write(text)
        gw.start()
        with open(os.path.join(gw.dir, "data", "secret"), "rb") as f:
            self.master = f.read()
        plant("master secret", self.master)
        plant("sealing key", hkdf(self.master, "aigw seal"))
        plant("digest key", hkdf(self.master, "aigw key digest"))
        self.key = plant("client key", gw.create_key("canary"))
        self.poor = plant("client key without budget", gw.create_key(
            "poor", "--quota", "1", "--period", "total"))
        self.gone = plant("deleted client key", gw.create_key("gone"))
        self.gw.ctl("key", "delete", "gone", "-y")

    # -- driving --

    def say(self, key, body, path="/v1/chat/completions", where="", but=(), **headers):
        """One call; its answer must show no secret but what the caller sent."""
        all_headers = {"Content-Type": "application/json", "Cookie": "s=" + self.cookie}
        if key:
            all_headers["Authorization"] = "Bearer " + key
        all_headers.update(headers)
        status, answer, data = self.gw.http("POST", path, body, all_headers)
        # A provider's own words about the prompt reach the one who wrote it.
        self.watch.scan("the answer to " + (where or path), data,
                        but=("prompt",) + but)
        self.watch.scan("the head of the answer to " + (where or path),
                        json.dumps(answer))
        return status

    def body(self, model="m1", **mock):
        return {"model": model, "x_mock": mock,
                "messages": [{"role": "user", "content": self.prompt}]}

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.gw.port), 20) as s:
            s.settimeout(20)
            s.sendall(data)
            answer = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    answer += piece
            except OSError:
                pass
        self.watch.scan("the answer to %r" % data[:20], answer)

    def drive_success(self):
        self.assertEqual(self.say(self.key, self.body(tokens=2)), 200)
        self.assertEqual(self.say(self.key, dict(self.body(tokens=3), stream=True)), 200)
        self.assertEqual(self.say(self.key, {"model": "m1", "input": self.prompt},
                                  "/v1/embeddings"), 200)
        for name in ("x-api-key", "api-key", "x-goog-api-key"):
            self.assertEqual(self.say(None, self.body(tokens=1), **{name: self.key}), 200)
        self.assertEqual(self.say(None, self.body(tokens=1),
                                  "/v1/chat/completions?key=" + self.key), 200)
        self.assertTrue(any(self.prompt.encode() in r[3]
                            for r in self.good_provider.requests))
        self.assertTrue(any(self.p_env in r[2].get("authorization", "")
                            for r in self.good_provider.requests))

    def drive_refusals(self):
        say, body = self.say, self.body
        self.assertEqual(say(self.unknown, body()), 401)
        self.assertEqual(say(self.gone, body()), 401)
        self.assertEqual(say("not-a-key-" + self.unknown, body()), 401)
        self.assertEqual(say(None, body(), "/v1/chat/completions?key=" + self.unknown), 401)
        self.assertIn(say(self.poor, body(tokens=9)), (402, 403, 429))
        # Told to the one who wrote it into the place of a model's name.
        self.assertEqual(say(self.key, body(model=self.unknown), but=("unknown key",)), 404)
        self.assertEqual(say(self.key, '{"model": "m1", "messages": "%s' % self.prompt), 400)
        self.assertEqual(say(self.key, self.prompt), 400)
        self.assertEqual(say(self.key, body(), "/v1/" + self.unknown), 404)
        for data in (
                "GET /v1/models?key=%s HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" % self.key,
                "POST /v1/%s HTTP/9.9\r\n\r\n" % self.key,
                "%s\r\n\r\n" % self.key,
                "GET / HTTP/1.1\r\nAuthorization : Bearer %s\r\n\r\n" % self.key,
                "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\0\r\n\r\n" % self.key,
                "GET / HTTP/1.1\r\nHost: %s\r\nX: %s\r\n\r\n" % (self.key, "a" * 90000),
                "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                "%s\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n" % (self.key, self.prompt),
        ):
            self.raw(data.encode())

    def drive_provider_faults(self):
        for kind in ("json", "html", "fine", "stream", "break", "garbage"):
            for status in (400, 401, 403, 429, 500):
                for stream in (False, True):
                    request = dict(self.body("echo", echo=kind, status=status))
                    if stream:
                        request["stream"] = True
                    try:
                        self.say(self.key, request, where="echo %s %d" % (kind, status))
                    except (OSError, ValueError, EOFError):
                        pass  # cut off: what a broken answer must be
                    except Exception as e:  # http.client's own, of a cut answer
                        self.assertIn(type(e).__module__, ("http.client",), e)
        self.assertTrue(any(self.p_file in c for c in self.echo.seen))
        self.assertEqual(self.say(self.key, self.body("dead")), 502)

    def drive_management(self):
        gw, port = self.gw, self.gw.admin_port
        good = {"Authorization": "Bearer " + self.token}
        for path in ("status", "keys", "groups", "models", "logs", "usage", "providers",
                     "verify", "keys/canary/periods", "keys/nothing", "nothing",
                     "nothing?token=" + self.wrong_token):
            for headers in (good, {}, {"Authorization": "Bearer " + self.wrong_token},
                            {"Authorization": "Basic " + self.wrong_token},
                            {"Cookie": "session=" + self.cookie}):
                status, head, data = gw.http("GET", "/admin/v1/" + path, port=port,
                                             headers=headers)
                self.watch.scan("GET /admin/v1/" + path, json.dumps(head).encode() + data)
        for body in ("{", '{"alias": "%s' % self.prompt, '{"%s": 1}' % self.cookie,
                     '{"alias": "x", "quota": "%s"}' % self.cookie):
            status, head, data = gw.http("POST", "/admin/v1/keys", body, port=port,
                                         headers=good)
            self.assertGreaterEqual(status, 400)
            # Management may quote what is wrong to the one who sent it.
            self.watch.scan("POST /admin/v1/keys", json.dumps(head).encode() + data,
                            but=("prompt", "cookie"))
        for command in (["status"], ["key", "list"], ["group", "list"], ["model", "list"],
                        ["usage"], ["usage", "--by", "key"], ["logs", "--limit", "500"],
                        ["verify"], ["key", "periods", "canary"],
                        ["key", "disable", "poor"], ["key", "rename", "poor", "poorer"],
                        ["key", "get", self.unknown]):
            done = gw.tool("aigwctl", "-c", gw.config, "--json", *command, ok=False)
            self.watch.scan("aigwctl " + " ".join(command[:2]), done.stdout + done.stderr)
        # The documented places where a key is shown.
        for command in (["key", "reveal", "canary"], ["key", "get", "canary"]):
            done = gw.tool("aigwctl", "-c", gw.config, "--json", *command)
            self.assertEqual(self.watch.hits(done.stdout.encode()), ["client key"], command)
        for headers in (good, {}):
            self.watch.scan("/metrics", gw.http("GET", "/metrics", port=port,
                                                headers=headers)[2])
        for path in ("/healthz", "/readyz", "/", "/console/", "/v1/models", "/v1/usage"):
            for p in (port, gw.port):
                for headers in ({}, good, {"Authorization": "Bearer " + self.key}):
                    _, head, data = gw.http("GET", path, port=p, headers=headers)
                    self.watch.scan("GET " + path, json.dumps(head).encode() + data)

    def drive_life(self):
        """What the master does: reloads good and bad, reopened logs, deaths."""
        gw = self.gw
        with open(gw.config) as f:
            good = f.read()
        for bad in ("\n[provider.more]\nbase_url = nonsense\napi_key = %s\n" % self.p_file,
                    "\n[admin]\ntokn = %s\n" % self.wrong_token,
                    "\n[provider.more]\napi_key = file:%s\n" % "nowhere",
                    "\n%s\n" % self.wrong_token):
            before = gw.log().count("reload refused")
            with open(gw.config, "w") as f:
                f.write(good + bad)
            gw.signal(signal.SIGHUP)
            wait_for(lambda: gw.log().count("reload refused") > before, 30, "refusal")
            done = gw.tool("aigw", "-c", gw.config, "-t", ok=False)
            self.assertNotEqual(done.returncode, 0)
            self.watch.scan("aigw -t", done.stdout + done.stderr)
        with open(gw.config, "w") as f:
            f.write(good)
        before = gw.log().count("reload done")
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.log().count("reload done") > before, 30, "reload")
        self.assertEqual(self.say(self.key, self.body(tokens=1)), 200)
        for role in ("worker", "accountant"):
            pids = list(gw.children(role))
            os.kill(pids[0], signal.SIGSEGV)
            wait_for(lambda: pids[0] not in gw.children(role) and
                     len(gw.children(role)) >= len(pids), 30, "successor")
        wait_for(lambda: gw.tool("aigwctl", "-c", gw.config, "status",
                                 ok=False).returncode == 0, 30, "an accountant")
        self.assertEqual(self.say(self.key, self.body(tokens=1)), 200)

    # -- looking --

    def look_at_tools(self):
        gw = self.gw
        for args in (["aigw", "-T"], ["aigw", "-t"]):
            done = gw.tool(args[0], "-c", gw.config, *args[1:])
            self.watch.scan(" ".join(args), done.stdout + done.stderr)
        for args in (["aigw", "--options"], ["aigw", "--example-config"]):
            self.watch.scan(" ".join(args), gw.tool(*args).stdout)
        for part in ("header", "keys", "models", "workers", "rings", "slots", "catalogue"):
            for form in ([], ["--json"]):
                done = gw.tool("aigw-shmdump", "--instance", gw.instance, *form, part)
                self.watch.scan("aigw-shmdump " + part, done.stdout + done.stderr)
        backup = os.path.join(gw.dir, "backup")
        for args in (["list"], ["sum"], ["verify"], ["--json", "list"],
                     ["--rows", "export", backup]):
            done = gw.tool("aigw-ledger", "-c", gw.config, *args, timeout=300)
            self.watch.scan("aigw-ledger " + args[-1], done.stdout + done.stderr)

    def look_at_processes(self, but=()):
        gw = self.gw
        for pid in [gw.process.pid] + list(gw.children()):
            for name in ("cmdline", "environ", "comm", "status"):
                try:
                    with open("/proc/%d/%s" % (pid, name), "rb") as f:
                        self.watch.scan("/proc/PID/" + name, f.read())
                except PermissionError:
                    self.assertEqual(name, "environ")  # not ours to read: good

    def look_at_files(self):
        """All below the gateway's folder, but for where secrets are put by hand and
        the secret itself; and the shared memory, with its catalogues."""
        given = {self.gw.config, os.path.join(self.gw.dir, "key.txt"),
                 os.path.join(self.gw.dir, "credentials", "mock"),
                 os.path.join(self.gw.dir, "data", "secret")}
        looked = set()
        for folder, _, names in os.walk(self.gw.dir):
            for name in names:
                path = os.path.join(folder, name)
                if path not in given and os.path.isfile(path):
                    self.watch.scan_file(path)
                    looked.add(path)
        names = [os.path.join("/dev/shm", n) for n in os.listdir("/dev/shm")
                 if n.startswith("aigw-" + self.gw.instance)]
        self.assertTrue(any(".cat." in n for n in names), names)
        for path in names:
            self.scan_sparse(path)
        for needed in ("error.log", "access.log", "backup", "CURRENT"):
            self.assertTrue(any(os.path.basename(p) == needed for p in looked), needed)

    def scan_sparse(self, path):
        """The segment is gigabytes of holes: only what is there is read."""
        with open(path, "rb") as f:
            end, at = f.seek(0, os.SEEK_END), 0
            while at < end:
                try:
                    at = f.seek(at, os.SEEK_DATA)
                except OSError:
                    return
                hole = f.seek(at, os.SEEK_HOLE)
                f.seek(at)
                self.watch.scan(path, f.read(hole - at))
                at = hole

    def test_no_secret_stands_where_anybody_reads(self):
        self.look_at_processes()
        self.drive_success()
        self.drive_refusals()
        self.drive_provider_faults()
        for secret in (self.p_own, self.p_more, self.p_file):
            self.assertTrue(any(secret in seen for seen in self.echo.seen))
        self.drive_management()
        self.drive_life()
        wait_for(self.gw.settled, 30, "books")
        self.look_at_tools()
        self.look_at_processes()
        self.look_at_files()
        self.assertEqual(self.gw.stop(), 0)
        self.watch.scan("the logs of the end", self.gw.log())
        self.assertEqual(sorted(set(self.watch.finds)), [])
        # The eye sees: each secret would be found where it was put by hand.
        seen = set()
        for name in ("aigw.ini", "key.txt", "credentials/mock", "data/secret"):
            with open(os.path.join(self.gw.dir, name), "rb") as f:
                seen.update(self.watch.hits(f.read()))
        self.assertEqual(seen, {"credential from a file", "credential of systemd",
                                "a group's own credential",
                                "proxy password", "admin token", "master secret"})
        self.assertGreater(self.watch.scanned, 1 << 20)

    def assert_not_in_memory(self, secret, memory, what):
        at = memory.find(secret)
        self.assertEqual(at, -1, "%s; around it: %r" % (
            what, memory[max(0, at - 80):at + 120].replace(secret, b"<SECRET>")))

    def memory_of(self, pid):
        """What a process has written or holds privately."""
        with open("/proc/%d/maps" % pid) as f, \
                open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
            for line in f:
                where, mode, _, _, _ = line.split()[:5]
                if "w" not in mode or "s" in mode:
                    continue
                start, end = (int(x, 16) for x in where.split("-"))
                for at in range(start, end, 1 << 20):
                    try:
                        memory.seek(at)
                        yield memory.read(min(1 << 20, end - at))
                    except OSError:
                        break

    def test_a_process_forgets_what_another_one_needs(self):
        if os.geteuid() != 0:
            self.skipTest("only root reads the memory of a confined process")
        if "no sandbox in this build" in self.gw.log():
            self.skipTest("a sanitizer keeps what was freed, and terabytes of its own")
        self.assertEqual(self.say(self.key, self.body(tokens=1)), 200)
        raw = {"master secret": self.master, "admin token": self.token.encode(),
               "stray": self.p_stray.encode()}
        for pid, title in self.gw.children().items():
            text = b"".join(self.memory_of(pid))
            self.assertGreater(len(text), 1 << 16)
            # The control: what each needs is there.
            self.assertTrue(hkdf(self.master, "aigw seal") in text, title)
            for name, secret in raw.items():
                if "worker" in title or name != "admin token":
                    self.assert_not_in_memory(secret, text, name + " in " + title)


if __name__ == "__main__":
    unittest.main()
