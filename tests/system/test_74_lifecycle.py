"""The processes' lives: who hangs, who crashes, the master's death, starts over
what was left, stops under load; and the service manager.

Rows of the failure model that are here: 2, 3, 6, 7, 30, 33. Long forms:
AIGW_TREE_KILLS=500, AIGW_MASTER_KILLS=100, AIGW_TERMS=500.
"""
import asyncio
import fcntl
import os
import random
import re
import signal
import socket
import subprocess
import time
import unittest

from faults import FaultCase, hit, send_signal, size
from gateway import GatewayCase, free_port, wait_for
from load import Connection, chat

TREE_KILLS = size("AIGW_TREE_KILLS", 4)
MASTER_KILLS = size("AIGW_MASTER_KILLS", 3)
TERMS = size("AIGW_TERMS", 5)

ECHO = {"model": "builtin/echo", "messages": [{"role": "user", "content": "still"}]}


class Hung(FaultCase):
    """Row 3: a process that does not move is ended and replaced."""

    def test_row_03_a_stopped_worker_is_replaced(self):
        gw = self.start(server="watchdog_timeout = 3s")
        seen = {}

        async def stopped():
            await self.answered(30)
            begin = time.monotonic()
            pid = hit(gw, "worker", signal.SIGSTOP, self.rng)
            await self.until(lambda: pid not in gw.children(), 30, "it is ended")
            await self.until(lambda: len(gw.children("worker")) == 2, 30, "two again")
            seen["seconds"] = time.monotonic() - begin
            await self.answered(30)
        asyncio.run(self.under_load(stopped))
        self.assertRegex(gw.log(), r"worker\[\d+\] has not moved for \d+ ms")
        self.assertEqual(self.deaths("worker"), 1)
        self.audit()
        print("replaced after %.1f s" % seen["seconds"], flush=True)

    def test_row_03_a_stopped_accountant_is_replaced(self):
        gw = self.start(server="watchdog_timeout = 3s")

        async def stopped():
            await self.answered(30)
            pid = hit(gw, "accountant", signal.SIGSTOP, self.rng)
            await self.until(lambda: pid not in gw.children(), 30, "it is ended")
            await self.until(lambda: gw.children("accountant"), 30, "another")
            await self.answered(30)
        asyncio.run(self.under_load(stopped))
        self.assertEqual((self.deaths("accountant"), self.deaths("worker")), (1, 0))
        self.audit(allowed=(200,))

    def test_row_03_nobody_is_judged_by_time_in_which_the_master_stood_still(self):
        gw = self.start(server="watchdog_timeout = 3s")
        everybody = [gw.process.pid] + list(gw.children())
        before = gw.children()
        beats = {w["pid"] for w in gw.ctl("status")["workers"]}
        self.assertEqual(beats, set(gw.children("worker")))
        for pid in everybody:
            send_signal(pid, signal.SIGSTOP)
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 4.5, 30, "longer than the timeout")
        for pid in everybody:
            send_signal(pid, signal.SIGCONT)
        begin = time.monotonic() # its next turns judge
        wait_for(lambda: time.monotonic() - begin > 1.5, 30)
        self.assertEqual(gw.children(), before)
        self.assertNotIn("has not moved", gw.log())
        self.assertEqual(gw.call(self.keys[0][1], chat())[0], 200)


class Poison(FaultCase):
    """Row 2: crashes in a row."""

    def test_row_02_a_crash_loop_is_no_fork_bomb(self):
        gw = self.start(workers=1)
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            hit(gw, "worker", signal.SIGSEGV, self.rng)
        seconds = time.monotonic() - begin
        started = len(re.findall("started worker", gw.log()))
        # 10 ms, doubled with each early death: n starts take 10 * (2^n - 1) ms.
        self.assertLessEqual(started, seconds and 11)
        wait_for(lambda: gw.call(self.keys[0][1], chat())[0] == 200
                 if gw.children("worker") else False, 60, "serves again")
        self.audit()

    def test_row_02_a_request_that_kills_whoever_reads_it_is_told(self):
        gw = self.start(workers=1)
        poison = chat(tokens=3, tag="poison")
        name, secret = self.keys[2]

        def metric():
            text = gw.http("GET", "/metrics", port=gw.admin_port, headers={
                "Authorization": "Bearer test-admin-token-1"})[2].decode()
            return int(re.search(r"^aigw_worker_repeated_crashes_total (\d+)", text,
                                 re.M)[1])
        self.assertEqual(metric(), 0)

        def die():
            """The worker dies after this request; another comes."""
            (pid,) = wait_for(lambda: list(gw.children("worker")), 30, "a worker")
            send_signal(pid, signal.SIGSEGV)
            wait_for(lambda: set(gw.children("worker")) - {pid}, 30, "a successor")
            gw.wait_ready()
        for i in range(3): # different ones: an accident each
            self.assertEqual(gw.call(secret, chat(tag="other %d" % i))[0], 200)
            die()
        self.assertEqual(metric(), 0)
        self.assertNotIn("same request", gw.log())
        for _ in range(3):
            self.assertEqual(gw.call(secret, poison)[0], 200)
            die()
        self.assertEqual(metric(), 1)
        told = re.search(r"over the same request mark=([0-9a-f]{16}) of key=(\d+)",
                         gw.log())
        self.assertEqual(int(told[2]), self.key_ids[name])
        self.assertGreaterEqual(gw.log().count(told[1]), 3)
        self.assertEqual(gw.call(self.keys[0][1], chat())[0], 200)


class MasterDeath(FaultCase):
    """Row 6: kill -9 of the master, and a new one at once."""

    async def stream(self):
        outcome = await self.call(chat(tokens=120, stream=True, delay_ms=25))
        self.streams.append(outcome)

    def restart(self):
        gw = self.gw
        os.kill(gw.process.pid, signal.SIGKILL)
        gw.process.wait(10)
        begin = time.monotonic()
        gw.launch()

        def serves():
            try:
                return gw.http("GET", "/readyz", timeout=5)[0] == 200
            except OSError:
                return False
        wait_for(serves, 30, "serves again; " + gw.log()[-2000:])
        return time.monotonic() - begin

    def test_row_06_streams_end_normally_and_the_next_master_takes_all(self):
        gw = self.start(server="drain_timeout = 120s")
        self.streams, outages = [], []

        async def action():
            loop = asyncio.get_running_loop()
            for _ in range(MASTER_KILLS):
                streams = [asyncio.create_task(self.stream()) for _ in range(6)]
                await self.answered(20)
                outages.append(await loop.run_in_executor(None, self.restart))
                await self.answered(20)
                await asyncio.gather(*streams)
        asyncio.run(self.under_load(action, clients=12))
        self.assertEqual(len(self.streams), 6 * MASTER_KILLS)
        for o in self.streams:
            self.assertEqual((o.status, o.clean, o.tokens), (200, True, 120))
        wait_for(lambda: "orphan" not in str(gw.children()) and
                 len(gw.ctl("status")["workers"]) == 2, 60, "orphans have left")
        self.audit()
        print("outage ms: " + " ".join("%d" % (s * 1000) for s in outages), flush=True)
        self.assertEqual(gw.stop(), 0)

    def test_row_06_listeners_are_free_at_once(self):
        """Even while a stream runs in an orphan, and without a new master."""
        gw = self.start(workers=1)
        ports = (gw.port, gw.admin_port)

        async def action():
            task = asyncio.create_task(self.call(
                chat(tokens=100, stream=True, delay_ms=25)))
            await self.until(lambda: self.provider.book.served() > 3)
            os.kill(gw.process.pid, signal.SIGKILL)
            gw.process.wait(10)

            def free():
                for port in ports:
                    with socket.socket() as s:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        try:
                            s.bind(("127.0.0.1", port))
                            s.listen()
                        except OSError:
                            return False
                return True
            await self.until(free, 20, "ports are free")
            self.assertFalse(task.done())
            self.assertEqual((await task).tokens, 100)
        asyncio.run(action())
        gw.start()
        self.audit()


class WholeTree(FaultCase):
    """Row 7: everything at once."""

    def test_row_07_the_whole_tree_killed_loses_nothing_settled(self):
        gw = self.start(server="flush_interval = 4s") # the segment alone has it

        async def action():
            loop = asyncio.get_running_loop()
            for _ in range(TREE_KILLS):
                await self.answered(self.rng.randint(1, 40))
                gw.kill_all()
                await loop.run_in_executor(None, gw.start)
        asyncio.run(self.under_load(action))
        self.audit()


class Stop(FaultCase):
    """Row 33: TERM under load."""

    def test_row_33_term_under_load_loses_nothing_settled(self):
        gw = self.start(server="flush_interval = 4s")

        async def action():
            loop = asyncio.get_running_loop()
            for i in range(TERMS):
                await self.answered(self.rng.randint(1, 40))
                gw.signal(signal.SIGTERM)
                status = await loop.run_in_executor(None, gw.process.wait, 60)
                self.assertEqual(status, 0, gw.log()[-2000:])
                # All of it was flushed: nothing is left in memory.
                self.assertFalse(os.path.exists("/dev/shm/aigw-" + gw.instance))
                await loop.run_in_executor(None, gw.start)
        asyncio.run(self.under_load(action))
        self.assertNotIn("was killed", gw.log())
        self.audit()


class Leftovers(GatewayCase):
    """Row 30: what is found in place of a segment."""

    def path(self, gw, tail=""):
        return "/dev/shm/aigw-%s%s" % (gw.instance, tail)

    def crashed(self):
        """A gateway that was killed and left its segment, and what it held."""
        gw = self.gateway().start()
        key = gw.create_key("k", "--quota", "100000", "--period", "total")
        self.assertEqual(gw.call(key, ECHO)[0], 200)
        self.used = gw.usage_of("k")[0]["usage"]
        self.assertGreater(self.used, 0)
        gw.kill_all()
        with open(self.path(gw), "rb") as f:
            head = f.read(4096)
        return gw, key, head

    def test_row_30_files_that_are_no_segment_are_set_aside(self):
        gw, key, head = self.crashed()
        whole = os.path.getsize(self.path(gw))
        rng = random.Random(30)

        def patched(off, data):
            return head[:off] + data + head[off + len(data):]
        worthless = {
            "empty": (b"", 0),
            "a page of zeros": (bytes(4096), 4096),
            "zeros of the right size": (bytes(4096), whole),
            "text": (b"hello " * 1000, None),
            "noise": (rng.randbytes(8192), None),
            "shorter than a header": (head[:100], 100),
            "no magic": (patched(0, bytes(8)), whole),
            "another magic": (patched(0, b"AIGWSEG9"), whole),
            "another boot": (patched(head.index(self.boot_id()), bytes(16)), whole),
            "cut to a page": (head, 4096),
            "cut by a byte": (head, whole - 1),
        }
        for name, (data, length) in worthless.items():
            with self.subTest(name), open(self.path(gw), "wb") as f:
                f.write(data)
                if length is not None:
                    f.truncate(length)
            os.chmod(self.path(gw), 0o600)
            gw.start()
            self.assertTrue(os.path.exists(self.path(gw, ".stale")), name)
            self.assertEqual(gw.call(key, ECHO)[0], 200, name)
            gw.verify()
            gw.kill_all()
        self.assertIn("is not used", gw.log())

    @staticmethod
    def boot_id():
        with open("/proc/sys/kernel/random/boot_id") as f:
            return bytes.fromhex(f.read().strip().replace("-", ""))

    def test_row_30_what_may_hold_usage_but_is_not_ours_to_read_is_refused(self):
        gw, key, head = self.crashed()

        def refused(reason):
            gw.launch()
            self.assertEqual(gw.process.wait(30), 1)
            self.assertRegex(gw.log()[-2000:], reason)
        with open(self.path(gw), "r+b") as f:
            f.seek(8) # the layout's version
            f.write(b"\xff")
        refused("another version")
        with open(self.path(gw), "r+b") as f:
            f.write(head)
        os.chmod(self.path(gw), 0o644)
        refused("others may open it")
        os.chmod(self.path(gw), 0o600)
        gw.start() # and nothing was lost by that
        self.assertEqual(gw.usage_of("k")[0]["usage"], self.used)
        gw.verify()
        self.assertEqual(gw.call(key, ECHO)[0], 200)

    def test_row_30_a_link_or_a_folder_in_its_place(self):
        gw = self.gateway()
        target = gw.dir + "/elsewhere"
        with open(target, "w") as f:
            f.write("precious")
        os.symlink(target, self.path(gw))
        gw.launch()
        self.assertEqual(gw.process.wait(30), 1)
        os.unlink(self.path(gw))
        with open(target) as f:
            self.assertEqual(f.read(), "precious")
        os.mkdir(self.path(gw))
        gw.launch()
        try:
            self.assertEqual(gw.process.wait(30), 1)
        finally:
            os.rmdir(self.path(gw))
        gw.start()

    def test_row_30_the_segment_of_another_data_dir_is_set_aside(self):
        gw, key, head = self.crashed()
        del key, head
        os.rename(gw.dir + "/data", gw.dir + "/data.other")
        gw.start()
        self.assertIn("another data_dir", gw.log())
        self.assertTrue(os.path.exists(self.path(gw, ".stale")))
        fresh = gw.create_key("fresh")
        self.assertEqual(gw.call(fresh, ECHO)[0], 200)
        gw.verify()
        gw.kill_all()
        # And the way back: both belong together again.
        os.rename(gw.dir + "/data", gw.dir + "/data.new")
        os.rename(gw.dir + "/data.other", gw.dir + "/data")
        os.rename(self.path(gw, ".stale"), self.path(gw))
        gw.start()
        self.assertEqual(gw.usage_of("k")[0]["usage"], self.used)
        gw.verify()

    def test_the_pid_file_is_locked_while_a_master_lives_and_no_longer(self):
        gw = self.gateway().start()
        with open(gw.dir + "/run/aigw.pid") as f:
            self.assertEqual(int(f.read()), gw.process.pid)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        second = gw.tool("aigw", "-c", gw.config, ok=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another aigw runs", second.stderr)
        self.assertEqual(gw.stop(), 0)
        self.assertEqual(os.listdir(gw.dir + "/run"), [])
        none = gw.tool("aigw", "-c", gw.config, "-s", "reload", ok=False)
        self.assertEqual(none.returncode, 1)

    def test_a_dead_masters_lock_is_waited_for_while_its_last_child_leaves(self):
        gw = self.gateway().start()
        gw.kill_all()
        with open(gw.dir + "/run/aigw.pid") as left:  # a child that is being killed
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gw.launch()
            wait_for(lambda: "a dead master has left" in gw.log(), 20, "it waits")
            self.assertIsNone(gw.process.poll())
        gw.wait_ready()

    def test_a_signal_is_sent_by_a_shell_that_lacks_the_services_secrets(self):
        gw = self.gateway(env={"AIGW_TEST_SECRET": "canary"}, extra=(
            "[provider.x]\nbase_url = http://127.0.0.1:9/v1\n"
            "api_key = ${AIGW_TEST_SECRET}\nmodels = *\n")).start()
        del gw.env["AIGW_TEST_SECRET"]
        self.assertEqual(gw.tool("aigw", "-c", gw.config, "-t", ok=False).returncode, 1)
        gw.tool("aigw", "-c", gw.config, "-s", "reload")
        wait_for(lambda: gw.ctl("status")["config"]["reloads"] == 1, 60, "reload")
        gw.tool("aigw", "-c", gw.config, "-s", "quit")
        self.assertEqual(gw.process.wait(60), 0)


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, case, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(60)
        case.addCleanup(self.socket.close)

    def next(self, *without):
        """The next message as a dict, those with a name in `without` skipped."""
        while True:
            text = self.socket.recv(4096).decode()
            fields = dict(line.split("=", 1) for line in text.split("\n"))
            if not set(without) & set(fields):
                return fields

    def until(self, name):
        while True:
            fields = self.next()
            if name in fields:
                return fields


class ServiceManager(GatewayCase):
    def test_what_a_service_manager_is_told(self):
        gw = self.gateway()
        manager = Manager(self, gw.dir + "/notify")
        gw.env["NOTIFY_SOCKET"] = gw.dir + "/notify"
        gw.start()
        self.assertEqual(manager.next()["READY"], "1")
        now = time.clock_gettime(time.CLOCK_MONOTONIC)
        gw.signal(signal.SIGHUP)
        told = manager.next()
        self.assertEqual(told["RELOADING"], "1")
        self.assertGreaterEqual(int(told["MONOTONIC_USEC"]), int(now * 1e6))
        self.assertEqual(manager.next()["READY"], "1")
        gw.server = "workres = 1"
        gw.write_config()
        gw.signal(signal.SIGHUP)
        self.assertEqual(manager.next()["RELOADING"], "1")
        refused = manager.next()
        self.assertEqual(refused["READY"], "1")
        self.assertIn("workres", refused["STATUS"])
        gw.server = ""
        gw.write_config()
        gw.signal(signal.SIGUSR2)
        self.assertEqual(manager.next()["RELOADING"], "1")
        self.assertEqual(manager.next()["READY"], "1")
        gw.signal(signal.SIGTERM)
        self.assertEqual(manager.next()["STOPPING"], "1")
        self.assertEqual(gw.process.wait(30), 0)

    def test_the_watchdog_of_an_abstract_address(self):
        gw = self.gateway(server="watchdog_timeout = 2s", workers=1)
        name = "\0aigw-test-%s" % gw.instance
        manager = Manager(self, name)
        gw.env.update(NOTIFY_SOCKET="@" + name[1:], WATCHDOG_USEC="2000000")
        gw.start()
        self.assertEqual(manager.until("READY")["READY"], "1")
        for _ in range(3):
            self.assertEqual(manager.until("WATCHDOG")["WATCHDOG"], "1")
        # WATCHDOG_PID of somebody else: it is not for us.
        gw.stop()
        gw.env["WATCHDOG_PID"] = "1"
        gw.start()
        manager.until("STOPPING")
        manager.until("READY")
        gw.stop()
        self.assertNotIn("WATCHDOG", manager.next("READY"))

    def passed(self, gw, sockets, names=None):
        """Starts it with sockets as a service manager passes them."""
        arguments = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" -c "$1"', gw.program,
                     gw.config]

        def place():
            high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 64) for s in sockets]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
        env = dict(gw.env, LISTEN_FDS=str(len(sockets)))
        if names:
            env["LISTEN_FDNAMES"] = names
        with open(gw.log_path + ".stderr", "ab") as stderr:
            gw.process = subprocess.Popen(
                arguments, env=env, cwd=gw.dir, start_new_session=True,
                preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL,
                stderr=stderr)

    def listening(self, port=0):
        s = socket.socket()
        self.addCleanup(s.close)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(128)
        return s

    def test_sockets_that_a_service_manager_opened(self):
        gw = self.gateway()
        plain, admin = self.listening(), self.listening()
        gw.port, gw.admin_port = plain.getsockname()[1], admin.getsockname()[1]
        gw.write_config()
        self.passed(gw, [admin, plain], "aigw-admin:aigw")
        gw.wait_ready()
        self.assertEqual(gw.log().count("was opened by the service manager"), 2)
        key = gw.create_key("k")
        self.assertEqual(gw.call(key, ECHO)[0], 200)
        self.assertEqual(gw.http("GET", "/admin/v1/status", port=gw.admin_port,
                                 headers={"Authorization":
                                          "Bearer test-admin-token-1"})[0], 200)
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.ctl("status")["config"]["reloads"] == 1, 30)
        gw.signal(signal.SIGUSR2)
        wait_for(lambda: gw.ctl("status")["upgrade"]["upgrades"] == 1, 30)
        self.assertEqual(gw.call(key, ECHO)[0], 200)
        # While nobody serves, callers wait in the manager's socket.
        self.assertEqual(gw.stop(), 0)
        waiting = socket.create_connection(("127.0.0.1", gw.port))
        self.addCleanup(waiting.close)
        waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.passed(gw, [plain, admin])
        gw.wait_ready()
        waiting.settimeout(30)
        self.assertIn(b"200 OK", waiting.recv(4096))

    def test_sockets_that_fit_nothing_are_refused(self):
        for make, names, reason in (
                (lambda gw: [self.listening()], None, "no 'listen' of the config"),
                (lambda gw: [self.listening(gw.port)], "aigw-admin",
                 r"stands in section \[server\]"),
                (lambda gw: [socket.socket()], None, "no listening TCP socket"),
                (lambda gw: [open("/dev/null")], None, "no listening TCP socket")):
            gw = self.gateway()
            sockets = make(gw)
            self.passed(gw, sockets, names)
            self.assertEqual(gw.process.wait(30), 1)
            self.assertRegex(gw.log(), reason)
            for s in sockets:
                s.close()


if __name__ == "__main__":
    unittest.main()
