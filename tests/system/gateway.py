"""Starts and stops a real aigw in a folder of its own, and asks its tools.

Every wait has a condition and a deadline; nothing sleeps for a fixed time and
hopes. Processes are ended by pid, only those that were started here.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AIGW_BUILD", os.path.join(ROOT, "build"))
SHARED = os.environ.get("AIGW_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))


_kept = [] # sockets: bound, never listening


def free_port():
    """A port that nobody else is given while this process lives: it stays bound
    here, and whoever is meant to listen binds beside it by SO_REUSEADDR."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    _kept.append(s)
    return s.getsockname()[1]


def wait_for(condition, seconds=60, what="condition"):
    """Returns the first true value of condition(); fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("timed out after %d s: %s" % (seconds, what))
        time.sleep(0.01)


class Gateway:
    """One instance: configuration, processes, tools."""

    def __init__(self, provider=None, workers=2, extra="", server="", env=None,
                 models=("m1",), provider_options="", model_options="",
                 program=None):
        self.program = program or os.path.join(BUILD, "aigw")
        self.dir = tempfile.mkdtemp(prefix="aigw-test-")
        self.port, self.admin_port = free_port(), free_port()
        self.instance = "t%d-%d" % (os.getpid(), self.port)
        self.provider, self.workers, self.extra = provider, workers, extra
        self.server, self.models = server, models
        self.provider_options, self.model_options = provider_options, model_options
        self.config = os.path.join(self.dir, "aigw.ini")
        self.log_path = os.path.join(self.dir, "error.log")
        self.process = None
        self.env = dict(os.environ, **(env or {}))
        for name in list(self.env):
            if name.endswith("_API_KEY"):
                del self.env[name]
        self.write_config()

    def write_config(self):
        text = """[server]
instance = %s
workers = %d
listen = 127.0.0.1:%d
data_dir = %s/data
run_dir = %s/run
%s
[admin]
listen = 127.0.0.1:%d
token = test-admin-token-1
[log]
error = %s
""" % (self.instance, self.workers, self.port, self.dir, self.dir, self.server,
            self.admin_port, self.log_path)
        if self.provider:
            text += """[provider.mock]
kind = openai
base_url = %s
api_key = sk-upstream-secret-canary
%s
""" % (self.provider, self.provider_options)
            for model in self.models:
                text += "[model.%s]\nproviders = mock\n%s\n" % (
                    model, self.model_options)
        text += self.extra
        with open(self.config, "w") as f:
            f.write(text)
        os.chmod(self.config, 0o600)

    # -- life --

    def launch(self):
        """Starts the processes and waits for nothing."""
        with open(self.log_path + ".stderr", "ab") as stderr:
            self.process = subprocess.Popen(
                [self.program, "-c", self.config], env=self.env,
                cwd=self.dir, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=stderr)
        return self

    def start(self):
        self.launch().wait_ready()
        return self

    def wait_ready(self, seconds=60):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("aigw ended with %s:\n%s" % (
                    self.process.returncode, self.log()))
            try:
                return self.http("GET", "/readyz")[0] == 200
            except OSError:
                return False
        try:
            wait_for(ready, seconds, "readyz")
        except AssertionError as error:
            raise AssertionError("%s; log:\n%s" % (error, self.log())) from None

    def stop(self, how=signal.SIGTERM, seconds=60):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError("aigw did not stop:\n" + self.log())

    def kill_all(self):
        """kill -9 of the whole process group, as a cgroup kill does."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(10)

    def cleanup(self):
        self.kill_all()
        for name in os.listdir("/dev/shm"):
            if name.startswith("aigw-%s" % self.instance):
                os.unlink(os.path.join("/dev/shm", name))
        shutil.rmtree(self.dir, ignore_errors=True)

    def signal(self, number):
        self.process.send_signal(number)

    def children(self, role=None):
        """{pid: title} of the living children of the master."""
        result = {}
        out = subprocess.run(["ps", "-o", "pid=,stat=,args=", "--ppid",
                              str(self.process.pid)], capture_output=True,
                             text=True).stdout
        for line in out.splitlines():
            pid, stat, title = line.split(None, 2)
            if not stat.startswith("Z") and (role is None or role in title):
                result[int(pid)] = title
        return result

    def kill_accountant(self):
        """Kills it, and waits until another one answers."""
        pid = list(self.children("accountant"))[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: list(self.children("accountant")) not in ([], [pid]),
                 what="another accountant")
        wait_for(lambda: self.admin("GET", "/admin/v1/keys?limit=1")[0] == 200,
                 what="its answers")

    def log(self):
        text = ""
        for path in (self.log_path + ".stderr", self.log_path):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()
        return text

    # -- asking --

    def http(self, method, path, body=None, headers=None, port=None, timeout=30):
        """(status, headers, body) of one call on a connection of its own."""
        import http.client
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.port, timeout=timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
        finally:
            connection.close()

    def call(self, key, body, path="/v1/chat/completions", **kw):
        return self.http("POST", path, body, {
            "Authorization": "Bearer " + key,
            "Content-Type": "application/json"}, **kw)

    def admin(self, method, path, body=None):
        """A call of the management API over TCP."""
        return self.http(method, path, body, {
            "Authorization": "Bearer test-admin-token-1",
            "Content-Type": "application/json"}, port=self.admin_port)

    def tool(self, *args, ok=True, timeout=60):
        done = subprocess.run([os.path.join(BUILD, args[0])] + list(args[1:]),
                              capture_output=True, text=True, cwd=self.dir,
                              env=self.env, timeout=timeout)
        if ok and done.returncode != 0:
            raise AssertionError("%s: exit %d\n%s%s" % (
                " ".join(args), done.returncode, done.stdout, done.stderr))
        return done

    def ctl(self, *args, ok=True):
        """aigwctl with JSON output; returns its data."""
        done = self.tool("aigwctl", "-c", self.config, "--format", "json", *args,
                         ok=ok)
        if not ok:
            return done
        return json.loads(done.stdout)["data"]

    def create_key(self, name, *args):
        return self.ctl("key", "create", name, *args)["vApiKey"]

    def usage_of(self, name):
        """The key's live quotas: [{type, unit, limit, usage, reserved}]."""
        return self.ctl("key", "get", name)["quotas"]

    def verify(self, quiet=True):
        """Both verifies, segment and ledger; the gateway runs."""
        args = ["--quiet"] if quiet else []
        self.tool("aigw-shmdump", "--instance", self.instance, "--verify", *args)
        self.tool("aigw-ledger", "-c", self.config, "verify", timeout=300)

    def settled(self):
        """True when nothing is in flight and the rings are flushed."""
        status = self.ctl("status")
        return status["in_flight"] == 0 and \
            status["accountant"]["ring_bytes_waiting"] == 0

    def drained(self):
        """The same, read in shared memory: costs the gateway nothing, whose CPU
        a bench counts."""
        def rows(part):
            return json.loads(self.tool("aigw-shmdump", "--instance", self.instance,
                                        "--json", part).stdout)[part]
        # In this order: what ends in between is in a ring.
        return all(row["in_flight"] == 0 for row in rows("workers")) and \
            all(row["waiting_bytes"] == 0 for row in rows("rings"))


class GatewayCase(unittest.TestCase):
    """A test class with one gateway and one mock provider per test."""

    def gateway(self, **kw):
        gateway = Gateway(**kw)
        self.addCleanup(gateway.cleanup)
        return gateway

    def mock(self, **kw):
        from mock_provider import MockProvider
        provider = MockProvider(**kw).start()
        self.addCleanup(provider.stop)
        return provider
