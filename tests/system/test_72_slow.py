"""Clients that are slow, too many, or more than there are descriptors and
memory for: the others are served all the same."""
import http.client
import json
import os
import resource
import socket
import subprocess
import time
import unittest

from gateway import GatewayCase, free_port, wait_for
from load import chat
from slow_clients import SlowClients

HELLO = {"model": "builtin/echo",
         "messages": [{"role": "user", "content": "still there?"}]}


def memory_bytes(pid):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS of %d" % pid)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_workers(gw):
    """The first serves before the last is there."""
    wait_for(lambda: len(gw.children("worker")) == gw.workers, 20, "all workers")
    return set(gw.children("worker"))


def open_descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def connections(gw):
    """Client connections that are open, as the metrics say."""
    _, _, body = gw.http("GET", "/metrics", port=gw.admin_port, headers={
        "Authorization": "Bearer test-admin-token-1"})
    for line in body.decode().splitlines():
        if line.startswith("aigw_connections "):
            return int(float(line.split()[1])) - 1  # the one that asks
    raise AssertionError("no aigw_connections")


class Slow(GatewayCase):
    SHORT = "header_timeout = 2s\nbody_timeout = 2s\nsend_timeout = 2s\n" \
            "keepalive_timeout = 5s\n"

    def slow(self, gw, key, counts, **kw):
        clients = SlowClients(gw.port, key, counts, **kw).start()
        self.addCleanup(clients.stop)
        return clients

    def serve(self, gw, key, calls):
        for _ in range(calls):
            status, _, body = gw.call(key, HELLO)
            self.assertEqual(status, 200, body)

    def test_row_21_slow_heads_bodies_and_reads_are_all_cut(self):
        gw = self.gateway(provider=None, server=self.SHORT).start()
        key = gw.create_key("slow")
        counts = {"head": 40, "body": 40, "read": 12, "idle": 20}
        slow = self.slow(gw, key, counts, again=False)
        wait_for(lambda: slow.opened == counts, 60, "slow clients")
        self.serve(gw, key, 20)
        # A reader has bytes left to read when it has long been given up.
        wait_for(lambda: connections(gw) == 0, 90, "all slow clients cut")
        told = {kind: counts[kind] for kind in ("head", "body", "idle")}
        wait_for(lambda: {kind: slow.cut[kind] for kind in told} == told, 60,
                 "and told")
        self.serve(gw, key, 5)
        wait_for(gw.settled)
        gw.verify()

    def test_row_21_slow_clients_that_take_all_places_do_not_keep_others_out(self):
        gw = self.gateway(provider=None, server="max_connections = 100\n").start()
        workers = all_workers(gw)
        key = gw.create_key("slow")
        slow = self.slow(gw, key, {"head": 60, "body": 30, "read": 12, "idle": 30})
        wait_for(lambda: sum(slow.cut.values()) > 50, 60, "evictions")
        self.serve(gw, key, 10)
        # Who goes on asking keeps the connection.
        connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=60)
        self.addCleanup(connection.close)
        for _ in range(100):
            connection.request("POST", "/v1/chat/completions", json.dumps(HELLO), {
                "Authorization": "Bearer " + key})
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.read() != b""), (200, True))
        self.assertEqual(set(gw.children("worker")), workers, gw.log())
        for pid in workers:
            self.assertLess(memory_bytes(pid), 256 << 20)
            self.assertLess(open_descriptors(pid), 200)
        slow.stop()
        wait_for(gw.settled)
        gw.verify()
        self.assertEqual(gw.stop(), 0)

    def test_row_21_running_calls_are_never_evicted(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=1,
                          server="max_connections = 16\n").start()
        key = gw.create_key("slow")
        call = chat(tokens=40, stream=True, delay_ms=100)
        connection = self.stream(gw, key, call)
        slow = self.slow(gw, key, {"head": 40, "idle": 20}, pause=0.05)
        wait_for(lambda: sum(slow.cut.values()) > 60, 60, "evictions")
        data = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
        self.assertEqual(data.count(b"tok "), 40)
        self.assertTrue(data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), data[-80:])

    @staticmethod
    def stream(gw, key, call):
        data = json.dumps(call).encode()
        connection = socket.create_connection(("127.0.0.1", gw.port), 60)
        connection.sendall((
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
            % (key, len(data))).encode() + data)
        return connection

    def test_row_21_half_handshakes_are_cut(self):
        gw = self.gateway(provider=None)
        pem, secret = os.path.join(gw.dir, "cert.pem"), os.path.join(gw.dir, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
             "-keyout", secret, "-out", pem], check=True, capture_output=True)
        port = free_port()
        gw.server = self.SHORT + "tls_listen = 127.0.0.1:%d\ntls_cert = %s\n" \
            "tls_key = %s\n" % (port, pem, secret)
        gw.write_config()
        gw.start()
        key = gw.create_key("slow")
        slow = self.slow(gw, key, {"shake": 60}, again=False, tls_port=port)
        wait_for(lambda: slow.opened["shake"] == 60, 60, "half handshakes")
        self.serve(gw, key, 5)
        wait_for(lambda: slow.cut["shake"] == 60, 60, "handshakes cut")


class Descriptors(GatewayCase):
    """Row 13: a small limit of open files, more clients than that."""
    LIMIT, CLIENTS = 64, 300

    def setUp(self):
        self.provider = self.mock()
        self.gw = self.gateway(provider=self.provider.base_url)
        limited = os.path.join(self.gw.dir, "limited.sh")
        with open(limited, "w") as f:
            f.write("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n" % (
                self.LIMIT, self.gw.program))
        os.chmod(limited, 0o755)
        self.gw.program = limited
        self.gw.start()
        self.key = self.gw.create_key("many")
        all_workers(self.gw)
        self.pids = set(self.gw.children())

    def crowd(self):
        """As many connections as clients; each sends a call and stays."""
        sockets = []
        for _ in range(self.CLIENTS):
            s = socket.socket()
            self.addCleanup(s.close)
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.gw.port))
            sockets.append(s)
        return sockets

    def test_row_13_more_clients_than_descriptors_do_no_harm(self):
        self.assertIn("a process may open %d files" % self.LIMIT, self.gw.log())
        sockets = self.crowd()
        # Whoever is served is an exception only because the others wait.
        for _ in range(20):
            status, _, body = self.gw.call(self.key, chat(tokens=1), timeout=60)
            self.assertEqual(status, 200, body)
        for pid in self.gw.children():
            self.assertLessEqual(open_descriptors(pid), self.LIMIT)
        # Management has a socket and descriptors of its own.
        self.assertEqual(self.gw.ctl("status")["state"], "running")
        self.gw.create_key("made-in-the-crowd")
        for s in sockets:
            s.close()
        for _ in range(20):
            self.assertEqual(self.gw.call(self.key, chat(tokens=1))[0], 200)
        self.assertEqual(set(self.gw.children()), self.pids, self.gw.log())
        wait_for(self.gw.settled)
        self.gw.verify()
        self.assertEqual(self.gw.stop(), 0)

    def test_row_13_a_worker_that_cannot_accept_does_not_spin(self):
        pids = list(self.gw.children("worker"))
        streams = [Slow.stream(self.gw, self.key, chat(
            tokens=1, stream=True, hang=True)) for _ in range(60)]
        for s in streams:
            self.addCleanup(s.close)
        # All places are taken by running calls: nobody can be let in.
        wait_for(lambda: "all at work" in self.gw.log() or
                 "cannot accept" in self.gw.log(), 30, "a full worker")
        before = {pid: cpu_seconds(pid) for pid in pids}
        unserved = 0
        for _ in range(20):
            try:
                s = socket.create_connection(("127.0.0.1", self.gw.port), 5)
                s.settimeout(0.1)
                self.addCleanup(s.close)
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                unserved += s.recv(100) == b""
            except OSError:
                unserved += 1
        self.assertGreater(unserved, 0)
        for pid in pids:
            self.assertLess(cpu_seconds(pid) - before[pid], 0.5)
        self.assertEqual(self.gw.ctl("status")["state"], "running")
        for s in streams:
            s.close()
        wait_for(lambda: self.gw.call(self.key, chat(tokens=1))[0] == 200, 30,
                 "service after the crowd has gone")
        self.assertEqual(set(self.gw.children()), self.pids)


class Accept(GatewayCase):
    def test_row_13_accepting_stops_for_a_while_and_goes_on_by_itself(self):
        gw = self.gateway(provider=None, workers=1).start()
        key = gw.create_key("few")
        pid, = all_workers(gw)
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE,
                         (open_descriptors(pid), limits[1]))
        waiting = []
        for _ in range(20):
            s = socket.create_connection(("127.0.0.1", gw.port), 30)
            self.addCleanup(s.close)
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            waiting.append(s)
        wait_for(lambda: "cannot accept" in gw.log(), 20, "EMFILE")
        before, begun = cpu_seconds(pid), time.monotonic()
        for _ in range(20):
            self.assertEqual(gw.ctl("status")["state"], "running")
        # Some tries a second; told once. One that spins takes all there is.
        self.assertLess(cpu_seconds(pid) - before,
                        0.1 + 0.1 * (time.monotonic() - begun))
        self.assertLess(gw.log().count("cannot accept"), 3)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for s in waiting:
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(gw.call(key, HELLO)[0], 200)
        self.assertEqual(set(gw.children("worker")), {pid})


class MemoryGroup:
    """A cgroup with a limit of memory, version 2 or 1; None where there is no
    right to make one."""

    @classmethod
    def make(cls, limit):
        name = "aigw-test-%d" % os.getpid()
        for root, knob in (("/sys/fs/cgroup", "memory.max"),
                           ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
            path = os.path.join(root, name)
            try:
                os.mkdir(path)
            except OSError:
                continue
            group = cls(path)
            try:
                group.write(knob, limit)
                return group
            except OSError:  # no cgroup, or not this controller
                group.remove()
        return None

    def __init__(self, path):
        self.path = path

    def write(self, knob, value):
        with open(os.path.join(self.path, knob), "r+") as f:  # never made here
            f.write(str(value))

    def kills(self):
        """How many processes the kernel has ended here."""
        for name in ("memory.events", "memory.oom_control"):
            try:
                with open(os.path.join(self.path, name)) as f:
                    for line in f:
                        if line.startswith("oom_kill "):
                            return int(line.split()[1])
            except OSError:
                continue
        return 0

    def remove(self):
        try:
            os.rmdir(self.path)
        except OSError:
            pass


class Memory(GatewayCase):
    """Row 14. That each allocation may fail is tested in
    tests/unit/test_out_of_memory.c."""

    def test_row_14_a_worker_goes_before_the_accountant_and_that_before_the_master(
            self):
        gw = self.gateway(provider=None, workers=1).start()

        def score(pid):
            with open("/proc/%d/oom_score_adj" % pid) as f:
                return int(f.read())
        master = score(gw.process.pid)
        accountant = [score(p) for p in gw.children("accountant")]
        worker = [score(p) for p in gw.children("worker")]
        self.assertEqual((len(accountant), len(worker)), (1, 1))
        self.assertTrue(min(worker) > min(accountant) > master or master >= 900,
                        (worker, accountant, master))

    def test_row_14_memory_that_ends_costs_a_worker_and_nothing_settled(self):
        group = MemoryGroup.make(200 << 20)
        if group is None:
            self.skipTest("no right to make a cgroup with a limit of memory")
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=2,
                          server="body_memory = 4g\nbody_max = 32m\n")
        self.addCleanup(group.remove)
        self.addCleanup(gw.kill_all)
        inside = os.path.join(gw.dir, "inside.sh")
        with open(inside, "w") as f:
            f.write("#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s \"$@\"\n" % (
                group.path, gw.program))
        os.chmod(inside, 0o755)
        gw.program = inside
        gw.start()
        all_workers(gw)
        key = gw.create_key("memory", "--quota", "1000000", "--period", "total")
        for _ in range(10):
            self.assertEqual(gw.call(key, chat(tokens=5))[0], 200)
        wait_for(gw.settled)
        used = gw.usage_of("memory")[0]["usage"]
        self.assertGreater(used, 0)
        accountant = set(gw.children("accountant"))
        # More than there is: bodies that never end, each nearly body_max.
        head = ("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: "
                "Bearer %s\r\nContent-Length: 30000000\r\n\r\n" % key).encode()
        uploads = []

        def upload():
            s = socket.create_connection(("127.0.0.1", gw.port), 30)
            self.addCleanup(s.close)
            uploads.append(s)
            try:
                s.sendall(head + b" " * 29000000)
            except OSError:
                pass  # its worker went
            return group.kills() > 0
        wait_for(upload, 60, "the kernel's choice")
        for s in uploads:
            s.close()
        wait_for(lambda: len(gw.children("worker")) == 2, 30, "a successor")
        self.assertEqual(set(gw.children("accountant")), accountant, gw.log())
        self.assertIsNone(gw.process.poll())

        def served():
            try:
                return gw.call(key, chat(tokens=5))[0] == 200
            except OSError:
                return False
        wait_for(served, 30, "service")
        wait_for(gw.settled, 30, "all settled")
        quota = gw.usage_of("memory")[0]
        self.assertGreater(quota["usage"], used)
        self.assertEqual(quota["reserved"], 0)
        gw.verify()
        self.assertEqual(gw.stop(), 0)


if __name__ == "__main__":
    unittest.main()
