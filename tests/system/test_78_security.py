"""What processes may do, whose they are, and who is let in.

A hole in a worker must not be one in the host, and no spelling of a request may
open a door that its plain form finds shut.
"""
import http.client
import json
import os
import pwd
import random
import re
import signal
import socket
import stat
import subprocess
import unittest

from gateway import BUILD, Gateway, GatewayCase, wait_for

TOKEN = "test-admin-token-1"
SEED = int(os.environ.get("AIGW_SEED", random.randrange(1 << 32)))


def status_of(pid):
    """/proc/PID/status as a dict."""
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def chat(**mock):
    return {"model": "m1", "messages": [{"role": "user", "content": "hi"}],
            "x_mock": mock}


def all_children(gw):
    """{pid: title} of two workers and the accountant, each in its role."""
    def ready():
        have = gw.children()
        # The last act before a role is the filter; then it says READY.
        return have if gw.log().count("] is ready") >= 3 and len(have) == 3 else None
    return wait_for(ready, 30, "three children")


def confined(gw):
    return "no sandbox in this build" not in gw.log()


class Processes(GatewayCase):
    def setUp(self):
        self.provider = self.mock()

    def test_children_have_no_rights_and_show_their_memory_to_nobody(self):
        gw = self.gateway(provider=self.provider.base_url).start()
        if not confined(gw):
            self.skipTest("this build runs without a sandbox")
        children = all_children(gw)
        for pid, title in children.items():
            status = status_of(pid)
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(status[name], 16), 0, (title, name))
            if os.geteuid() == 0:
                self.assertEqual(int(status["CapBnd"], 16), 0, title)
            self.assertEqual(status["NoNewPrivs"], "1", title)
            self.assertEqual(status["Seccomp"], "2", title)
            with open("/proc/%d/limits" % pid) as f:
                core = re.search(r"^Max core file size +(\S+) +(\S+)", f.read(), re.M)
            self.assertEqual(core.groups(), ("0", "0"), title)
            # Not dumpable: its files in /proc are root's.
            self.assertEqual(os.stat("/proc/%d/mem" % pid).st_uid, 0)
        status = status_of(gw.process.pid)
        self.assertEqual(status["NoNewPrivs"], "1")
        never = 1 << 21 | 1 << 19 | 1 << 16 | 1 << 12  # SYS_ADMIN PTRACE MODULE NET_ADMIN
        self.assertEqual(int(status["CapEff"], 16) & never, 0)
        self.assertEqual(int(status["CapBnd"], 16) & never if os.geteuid() == 0 else 0, 0)

    def test_it_serves_without_a_sandbox_too_and_says_so(self):
        gw = self.gateway(provider=self.provider.base_url,
                          server="sandbox = no\n").start()
        self.assertIn("the sandbox is off", gw.log())
        for pid in all_children(gw): # ready, so that each has given up its rights
            status = status_of(pid)
            self.assertEqual(status["Seccomp"], status_of(os.getpid())["Seccomp"])
            self.assertEqual(int(status["CapEff"], 16), 0)
        key = gw.create_key("a")
        self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)

    def test_a_worker_that_the_sandbox_stops_is_told_of_and_replaced(self):
        gw = self.gateway(provider=self.provider.base_url, workers=1).start()
        pid = list(gw.children("worker"))[0]
        os.kill(pid, signal.SIGSYS)  # what the kernel sends
        wait_for(lambda: "was stopped by the sandbox" in gw.log(), 20, "the log line")
        wait_for(lambda: [p for p in gw.children("worker") if p != pid], 20, "successor")
        gw.wait_ready()

    def test_a_dying_worker_leaves_no_core(self):
        gw = self.gateway(provider=self.provider.base_url, workers=1)
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        if hard != resource.RLIM_INFINITY:
            self.skipTest("cores are limited here: nothing would show")
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        try:
            gw.start()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        if not confined(gw):
            self.skipTest("this build runs without a sandbox")
        for role in ("worker", "accountant"):
            pid = list(gw.children(role))[0]
            os.kill(pid, signal.SIGABRT)
            wait_for(lambda: "%s[%d] was killed by signal 6" % (role, pid) in gw.log(),
                     20, role)
        self.assertNotIn("core dumped", gw.log())
        for folder, _, names in os.walk(gw.dir):
            for name in names:
                self.assertFalse(re.match(r"core(\.\d+)?$", name),
                                 os.path.join(folder, name))

    def test_reopened_logs_are_written_by_everybody(self):
        gw = self.gateway(provider=self.provider.base_url)
        access = os.path.join(gw.dir, "access.log")
        with open(gw.config) as f:
            text = f.read().replace("[log]\n", "[log]\nlevel = debug\naccess = %s\n" % access)
        with open(gw.config, "w") as f:
            f.write(text)
        gw.start()
        key = gw.create_key("a")
        for path in (gw.log_path, access):
            if os.path.exists(path):
                os.rename(path, path + ".1")
        gw.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gw.log_path), 20, "a new error log")
        old = {role: set(gw.children(role)) for role in ("worker", "accountant")}
        self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)
        wait_for(lambda: os.path.exists(access) and os.path.getsize(access) > 0, 20,
                 "a line in the new access log")
        # Old workers write their last lines into the new file.
        self.assertEqual(gw.stop(signal.SIGTERM), 0)
        with open(gw.log_path) as f:
            self.assertIn("accountant[%d]" % list(old["accountant"])[0], f.read())

    def test_an_access_log_moves_only_to_where_it_may_be_written(self):
        gw = self.gateway(provider=self.provider.base_url).start()
        key = gw.create_key("a")
        with open(gw.config) as f:
            good = f.read()
        elsewhere = os.path.join(gw.dir, "elsewhere")
        os.mkdir(elsewhere)
        refused = gw.log().count("reload refused")
        with open(gw.config, "w") as f:
            f.write(good.replace("[log]\n", "[log]\naccess = %s/access.log\n" % elsewhere))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.log().count("reload refused") > refused, 20, "refusal")
        self.assertIn("it needs a restart", gw.log())
        # Beside the error log it is switched on while all runs.
        access = os.path.join(gw.dir, "access.log")
        with open(gw.config, "w") as f:
            f.write(good.replace("[log]\n", "[log]\naccess = %s\n" % access))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: "reload done" in gw.log(), 30, "reload")
        self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)
        wait_for(lambda: os.path.exists(access) and os.path.getsize(access) > 0, 20,
                 "a line of the access log")
        self.assertEqual(os.listdir(elsewhere), [])

    def test_a_name_is_resolved_inside_the_sandbox(self):
        """libcurl's resolver: a thread, libc's files, netlink."""
        name = socket.gethostname()
        try:
            if not any(a[4][0].startswith("127.") for a in socket.getaddrinfo(
                    name, None, socket.AF_INET)):
                raise OSError
        except OSError:
            name = "ip6-localhost"  # a name of /etc/hosts that curl does not know
            try:
                socket.getaddrinfo(name, None)
            except OSError:
                self.skipTest("this host has no name for itself")
        gw = self.gateway(provider="http://%s:%d/v1" % (name, self.provider.port)).start()
        key = gw.create_key("a")
        status, _, body = gw.call(key, chat(tokens=1))
        if name != "ip6-localhost":
            self.assertEqual(status, 200, body)
        else:  # resolved, and nobody listens there
            self.assertEqual(status, 502, body)
            self.assertNotIn(b"resolve", body)


class Users(GatewayCase):
    """Started as root with `user =`: only the master stays root."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.user = pwd.getpwnam("nobody")
        self.provider = self.mock()

    def start(self, **kw):
        gw = self.gateway(provider=self.provider.base_url,
                          server="user = nobody\n", **kw)
        os.chmod(gw.dir, 0o755)
        groups = os.getgroups()
        os.setgroups([0, 4])  # root and adm: children must not keep them
        try:
            return gw.start()
        finally:
            os.setgroups(groups)

    def test_children_are_the_user_and_nothing_else(self):
        gw = self.start()
        children = all_children(gw)
        for pid, title in children.items():
            status = status_of(pid)
            uids = set(status["Uid"].split())
            gids = set(status["Gid"].split())
            self.assertEqual(uids, {str(self.user.pw_uid)}, title)
            self.assertEqual(gids, {str(self.user.pw_gid)}, title)
            self.assertEqual(set(status["Groups"].split()), {str(self.user.pw_gid)}, title)
            self.assertEqual(int(status["CapBnd"], 16), 0, title)
        self.assertEqual(status_of(gw.process.pid)["Uid"].split()[1], "0")

    def test_files_belong_to_who_writes_them(self):
        gw = self.start()
        uid = self.user.pw_uid
        want = {  # path: owner, mode
            "data": (uid, 0o700), "data/secret": (0, 0o600),
            "data/ledger": (uid, None), "run": (0, 0o755),
            "run/aigw.pid": (0, 0o644), "run/aigw.sock": (uid, 0o660),
        }
        for path, (owner, mode) in want.items():
            st = os.stat(os.path.join(gw.dir, path))
            self.assertEqual(st.st_uid, owner, path)
            if mode is not None:
                self.assertEqual(stat.S_IMODE(st.st_mode), mode, path)
        st = os.stat("/dev/shm/aigw-" + gw.instance)
        self.assertEqual((st.st_uid, stat.S_IMODE(st.st_mode)), (uid, 0o600))

    def test_all_works_and_comes_back(self):
        gw = self.start()
        key = gw.create_key("a", "--quota", "100000", "--period", "daily")
        self.assertEqual(gw.call(key, chat(tokens=2))[0], 200)
        # Management over TCP: a worker asks the accountant as its user.
        status, _, body = gw.http("GET", "/admin/v1/status", port=gw.admin_port,
                                  headers={"Authorization": "Bearer " + TOKEN})
        self.assertEqual(status, 200, body)
        os.rename(gw.log_path, gw.log_path + ".1")
        gw.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gw.log_path), 20, "a new error log")
        old = set(gw.children("worker"))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: len(gw.children("worker")) == 2 and
                 not old & set(gw.children("worker")), 30, "new workers")
        self.assertEqual(gw.call(key, chat(tokens=2))[0], 200)
        for pid in gw.children("accountant"):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: gw.tool("aigwctl", "-c", gw.config, "status",
                                 ok=False).returncode == 0, 30, "a new accountant")
        wait_for(gw.settled)
        used = gw.usage_of("a")[0]["usage"]
        gw.verify()
        self.assertEqual(gw.stop(), 0)
        gw.start()
        self.assertEqual(gw.usage_of("a")[0]["usage"], used)
        self.assertEqual(gw.call(key, chat(tokens=2))[0], 200)

    def test_kill_of_all_and_a_new_start_as_root_take_up_the_segment(self):
        gw = self.start()
        key = gw.create_key("a", "--quota", "100000", "--period", "daily")
        self.assertEqual(gw.call(key, chat(tokens=2))[0], 200)
        gw.kill_all()
        gw.start()
        self.assertIn("attached segment", gw.log())
        self.assertEqual(gw.call(key, chat(tokens=2))[0], 200)
        wait_for(gw.settled)
        gw.verify()

    def test_a_user_that_is_not_there_is_refused(self):
        gw = self.gateway(server="user = no-such-user-here\n")
        with self.assertRaises(AssertionError):
            gw.start()
        self.assertIn("no-such-user-here", gw.log())

    def test_root_follows_no_link_of_somebody_else(self):
        """A log folder that the user owns, with a link in place of the log."""
        gw = self.gateway(provider=self.provider.base_url, server="user = nobody\n")
        os.chmod(gw.dir, 0o755)
        victim = os.path.join(gw.dir, "victim")
        logs = os.path.join(gw.dir, "logs")
        with open(victim, "w") as f:
            f.write("untouched\n")
        os.mkdir(logs)
        os.symlink(victim, os.path.join(logs, "error.log"))
        os.chown(logs, self.user.pw_uid, self.user.pw_gid)
        with open(gw.config) as f:
            text = f.read().replace(gw.log_path, os.path.join(logs, "error.log"))
        with open(gw.config, "w") as f:
            f.write(text)
        with self.assertRaises(AssertionError):
            gw.start()
        self.assertIn("cannot open the error log", gw.log())
        with open(victim) as f:
            self.assertEqual(f.read(), "untouched\n")


class Doors(GatewayCase):
    """Who is let in: CVE classes of other gateways as tests of this one."""

    def setUp(self):
        self.gw = self.gateway(provider=None).start()
        self.key = self.gw.create_key("mine")
        self.echo = {"model": "builtin/echo",
                     "messages": [{"role": "user", "content": "hi"}]}

    def test_a_key_is_compared_whole(self):
        """CVE-2026-35030: a cache took keys alike that began alike."""
        for _ in range(2):  # in the worker's memory of good keys, too
            self.assertEqual(self.gw.call(self.key, self.echo)[0], 200)
        self.assertEqual(len(self.key), 51)
        for at in range(len(self.key)):
            other = "0" if self.key[at] != "0" else "1"
            near = self.key[:at] + other + self.key[at + 1:]
            self.assertEqual(self.gw.call(near, self.echo)[0], 401, near)
        for near in (self.key[:-1], self.key + "0", self.key[:20], self.key[8:],
                     self.key.upper(), self.key + "\x00", self.key[:8]):
            self.assertEqual(self.gw.call(near, self.echo)[0] // 100, 4, near)
        self.assertEqual(self.gw.call(self.key, self.echo)[0], 200)

    def test_no_host_opens_a_door(self):
        """CVE-2026-49468, CVE-2026-48710: routes decided by Host."""
        hosts = ["localhost", "127.0.0.1", "127.0.0.1:%d" % self.gw.admin_port,
                 "127.0.0.1:%d" % self.gw.port, "[::1]", "[::1]:80", "0.0.0.0", "admin",
                 "admin.localhost", "internal", "aigw", "healthz", "example.org:443",
                 "169.254.169.254", "metadata.google.internal", "a" * 250, "x.y.z.",
                 "xn--80ak6aa92e.com", "LOCALHOST", "127.1"]
        self.assertEqual(len(hosts), 20)
        paths = [("POST", "/v1/chat/completions"), ("GET", "/v1/models"),
                 ("GET", "/v1/usage"), ("GET", "/admin/v1/status"),
                 ("GET", "/admin/v1/keys"), ("POST", "/admin/v1/keys"),
                 ("GET", "/metrics"), ("GET", "/healthz"), ("GET", "/console/")]
        spoofs = [{}, {"X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1",
                       "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=aigw",
                       "X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz",
                       "X-Aigw-Via": "", "X-HTTP-Method-Override": "GET"}]
        for port in (self.gw.port, self.gw.admin_port):
            for method, path in paths:
                plain = self.gw.http(method, path, b"", port=port)[0]
                for host in hosts:
                    for spoof in spoofs:
                        status = self.gw.http(method, path, b"", dict(spoof, Host=host),
                                              port=port)[0]
                        self.assertEqual(status, plain, (path, host, spoof))

    def test_every_management_route_needs_the_token_over_tcp(self):
        """CVE-2026-35029, -47101, -47102: a route without its check."""
        source = os.path.join(os.path.dirname(BUILD), "accountant/admin/operations.c")
        if not os.path.exists(source):
            self.skipTest("needs the sources beside the build")
        with open(source) as f:
            rows = set(re.findall(r'HTTP_([A-Z]+),\s*"(/admin/v1/[^"]*)"', f.read()))
        self.assertGreater(len(rows), 20)
        rows.remove(("POST", "/admin/v1/session")) # the login, see test_94_members
        rows |= {("GET", "/admin/v1/none"), ("GET", "/admin/v1//keys"),
                 ("GET", "/admin/v1/keys/"), ("GET", "/admin/v1/keys/..%2fstatus")}
        bad = [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer"},
               {"Authorization": TOKEN}, {"Authorization": "Basic " + TOKEN},
               {"Authorization": "Bearer " + TOKEN[:-1]},
               {"Authorization": "Bearer " + TOKEN + "x"},
               {"Authorization": "Bearer " + self.key},
               {"X-Api-Key": TOKEN}, {"Cookie": "token=" + TOKEN}]
        for method, path in sorted(rows):
            path = re.sub(r"[{:*][a-z_]*}?", "mine", path)
            for headers in bad:
                status, _, body = self.gw.http(method, path, b"{}", headers,
                                               port=self.gw.admin_port)
                self.assertEqual(status, 401, (method, path, headers, body))
            self.assertEqual(self.gw.http(method, path + "?token=" + TOKEN, b"{}",
                                          port=self.gw.admin_port)[0], 401)
            self.assertEqual(self.gw.http(method, path, b"{}", {
                "Authorization": "Bearer " + TOKEN})[0], 404, path)  # the other listener
        self.assertEqual(self.gw.ctl("key", "get", "mine")["vApiKey"], self.key)

    def test_two_tokens_are_none(self):
        request = ("GET /admin/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                   "Authorization: Bearer wrong\r\nAuthorization: Bearer %s\r\n\r\n" % TOKEN)
        with socket.create_connection(("127.0.0.1", self.gw.admin_port), 20) as s:
            s.settimeout(20)
            s.sendall(request.encode())
            self.assertRegex(s.recv(65536), rb"^HTTP/1.1 4(00|01) ")

    def test_an_empty_token_opens_nothing(self):
        """CVE-2026-41432: a secret that was empty."""
        gw = self.gateway(provider=None)
        with open(gw.config) as f:
            text = f.read().replace("token = " + TOKEN, "token = ${EMPTY_TOKEN}")
        with open(gw.config, "w") as f:
            f.write(text)
        gw.env["EMPTY_TOKEN"] = ""
        gw.start()
        for value in ("Bearer ", "Bearer", "", "Bearer ${EMPTY_TOKEN}", "Bearer \t"):
            status = gw.http("GET", "/admin/v1/status", None, {"Authorization": value},
                             port=gw.admin_port)[0]
            self.assertEqual(status, 403, value)

    def test_an_empty_or_constant_master_secret_is_refused(self):
        for content in (b"", b"\0" * 32, b"short", b"x" * 32, os.urandom(33)):
            gw = self.gateway(provider=None)
            os.mkdir(os.path.join(gw.dir, "data"), 0o700)
            path = os.path.join(gw.dir, "data", "secret")
            with open(path, "wb") as f:
                f.write(content)
            os.chmod(path, 0o600)
            with self.assertRaises(AssertionError):
                gw.start()
            self.assertIn("cannot read the master secret", gw.log())

    def test_two_master_secrets_are_refused_and_a_credential_serves(self):
        gw = self.gateway(provider=None)
        folder = os.path.join(gw.dir, "credentials")
        os.mkdir(folder, 0o500)
        path = os.path.join(folder, "aigw-secret")
        with open(path, "wb") as f:
            f.write(os.urandom(32))
        os.chmod(path, 0o440)  # how systemd's ACL looks
        gw.env["CREDENTIALS_DIRECTORY"] = folder
        gw.start()
        key = gw.create_key("a")
        self.assertEqual(gw.call(key, self.echo)[0], 200)
        self.assertFalse(os.path.exists(os.path.join(gw.dir, "data", "secret")))
        self.assertEqual(gw.stop(), 0)
        gw.start()
        self.assertEqual(gw.call(key, self.echo)[0], 200)
        self.assertEqual(gw.stop(), 0)
        second = os.path.join(gw.dir, "data", "secret")
        with open(second, "wb") as f:
            f.write(os.urandom(32))
        os.chmod(second, 0o600)
        with self.assertRaises(AssertionError):
            gw.start()
        self.assertIn("two master secrets", gw.log())

    def test_no_authorization_value_gets_through_or_hurts(self):
        """CVE-2026-42208: an injection before the key was checked."""
        chance = random.Random(SEED)
        words = ["'", '" OR 1=1--', "${jndi:ldap://x}", "../../etc/passwd", "%n%n%s",
                 "{{7*7}}", "; DROP TABLE keys", "\xff\xfe", "sk-", "sk-sk-" * 400,
                 "Bearer", "Basic", "=" * 300, ",", "\t", " ", self.key[:30], "null", "[]",
                 "\xe2\x80\xae", "0", "-1", "A" * 3000, "sk-aigw-" + "\x7f" * 43]
        workers = set(self.gw.children("worker"))
        names = ["Authorization", "x-api-key", "api-key", "x-goog-api-key",
                 "cf-aig-authorization"]
        connection = http.client.HTTPConnection("127.0.0.1", self.gw.port, timeout=20)
        for _ in range(600):
            value = "".join(chance.choice(words) for _ in range(chance.randrange(1, 5)))
            if chance.random() < 0.5:
                value = "Bearer " + value
            connection.putrequest("POST", "/v1/chat/completions", skip_accept_encoding=True)
            connection.putheader(chance.choice(names), value.encode("latin-1"))
            body = json.dumps(self.echo).encode()
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read()
            self.assertIn(answer.status, (400, 401, 431),
                          "AIGW_SEED=%d %r" % (SEED, value))
        connection.close()
        self.assertEqual(set(self.gw.children("worker")), workers)
        self.assertEqual(self.gw.call(self.key, self.echo)[0], 200)

    def test_one_key_sees_nothing_of_another(self):
        """CVE-2026-30886: ids of another tenant."""
        other = self.gw.create_key("theirs", "--quota", "777777", "--period", "daily")
        self.assertEqual(self.gw.call(other, self.echo)[0], 200)
        status, _, body = self.gw.http("GET", "/v1/usage", headers={
            "Authorization": "Bearer " + self.key})
        self.assertEqual(status, 200)
        self.assertNotIn(b"777777", body)
        self.assertNotIn(b"theirs", body)
        for path in ("/v1/usage?key=theirs", "/v1/usage/theirs", "/v1/usage?name=theirs"):
            _, _, body = self.gw.http("GET", path, headers={
                "Authorization": "Bearer " + self.key})
            self.assertNotIn(b"777777", body, path)


if __name__ == "__main__":
    unittest.main()
