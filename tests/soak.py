#!/usr/bin/python3
"""An hour of everything at once, with a fault every five seconds.

usage: make soak SOAK_MINUTES=60        (or tests/soak.py 60)

Clients of all kinds (plain, streams, TLS, those that leave, those that read
slowly, one key whose budget is spent, providers' nonsense; soak_more.py has what
is beside: fallback, cache, guardrails, routes, alerts, keys that turn, management)
call through one gateway. A seeded schedule hurts it: signals, kills of worker,
accountant, master and all, a provider that is slow, down or resets, a full disk
(as root). In the first and third sixth processes die; then they live to the end,
so that growth shows. Every minute: memory and descriptors of each process. At the end all is
drained and the books are audited as in the fault suite.

Exit status 0: books balance, nothing grew. AIGW_SEED repeats a schedule.
"""
import asyncio
import collections
import concurrent.futures
import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "system"))

from faults import (Admin, RawConnection, SEED, all_rows, check_tables, hit,
                    kill, percentiles, send_signal)
from gateway import Gateway, free_port, wait_for
from load import Connection, chat
from soak_more import More
from test_81_faults_upstream import FaultyProvider, MALFORMED, fault

PERIOD_S = 5         # between two faults
TIGHT_LIMIT = 20000  # tokens of the key that is meant to run dry
DISK_MIB = 2048
GROWTH, GROWTH_KIB, GROWTH_FDS = 1.3, 8192, 40


class Entry:
    """One request in the provider's book, small enough for a million of them."""

    __slots__ = ("prompt", "served", "done")

    def __init__(self, entry):
        self.prompt, self.served, self.done = entry["prompt"], entry["served"], False

    def __getitem__(self, name):
        return getattr(self, name)

    def __setitem__(self, name, value):
        setattr(self, name, value)


class Book:
    def __init__(self):
        self.entries = {}

    def add(self, entry):
        lean = Entry(entry)
        self.entries.setdefault(entry["id"], []).append(lean)
        return lean

    def served(self, request_id):
        return sum(e.prompt + e.served for e in self.entries.get(request_id, ()))


class Provider(FaultyProvider):
    """Keeps the truth in little space; may be told to be slow."""

    def __init__(self):
        super().__init__()
        self.book, self.requests = Book(), collections.deque(maxlen=8)
        self.pause = 0.0
        self.prepared = {name: [case[0]] for name, case in MALFORMED.items()}

    async def answer(self, path, body, writer, request_id=None):
        if self.pause:
            await asyncio.sleep(self.pause)
        return await super().answer(path, body, writer, request_id)

    async def raw(self, body, writer, request_id):
        # What nonsense is worth is another test's question.
        self.book.add({"id": request_id, "prompt": 1 << 40, "served": 0})
        return await super().raw(body, writer, request_id)

    def drop_all(self):
        async def go():
            for writer in list(self.writers):
                self.reset(writer)
        self._on_loop(go())


class TlsConnection(Connection):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    async def _open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, limit=16 << 20, ssl=self.context)
        self.opened += 1


class Samples:
    """Memory and descriptors of each process over its life."""

    def __init__(self):
        self.lives = collections.defaultdict(list) # (role, pid) -> samples

    @staticmethod
    def look(pid):
        """(KiB resident, KiB of its own, descriptors)."""
        with open("/proc/%d/smaps_rollup" % pid) as f:
            text = f.read()
        # Not files that are mapped: the tables of a growing log are not growth.
        own = int(re.search(r"^Anonymous: +(\d+)", text, re.M)[1])
        resident = int(re.search(r"^Rss: +(\d+)", text, re.M)[1])
        return resident, own, len(os.listdir("/proc/%d/fd" % pid))

    def take(self, gw, now):
        """Returns {(role, pid): sample} of those that live."""
        result = {}
        pids = {gw.process.pid: "master"}
        for pid, title in gw.children().items():
            pids[pid] = "accountant" if "accountant" in title else "worker"
        for pid, role in pids.items():
            try:
                sample = self.look(pid)
            except (OSError, TypeError):
                continue # it has just died
            self.lives[role, pid].append((now,) + sample)
            result[role, pid] = sample
        return result

    def growth(self, at_least_s):
        """[(role, pid, seconds, first, last)] of long lives; (own KiB, fds)."""
        result = []
        for (role, pid), life in self.lives.items():
            life = [s for s in life if s[0] - life[0][0] >= 20] # warmed up
            if len(life) < 6 or life[-1][0] - life[0][0] < at_least_s:
                continue
            third = len(life) // 3

            def middle(part, i):
                return percentiles([s[i] for s in part])[0]
            result.append((role, pid, life[-1][0] - life[0][0],
                           (middle(life[:third], 2), middle(life[:third], 3)),
                           (middle(life[-third:], 2), middle(life[-third:], 3))))
        return result


class Soak(More):
    def __init__(self, minutes):
        self.minutes, self.rng = minutes, random.Random(SEED)
        self.case = unittest.TestCase()
        self.provider = Provider().start()
        self.more_start(Provider)
        self.tls_port = free_port()
        self.gw = Gateway(
            provider=self.provider.base_url, workers=3,
            provider_options="connect_timeout = 2s\nfirst_byte_timeout = 10s\n"
            "idle_timeout = 10s\ntotal_timeout = 60s",
            model_options="price_input = 1\nprice_output = 2",
            server="flush_interval = 200ms\ndrain_timeout = 20s\n"
            "send_timeout = 5s\nidempotency = yes\nidempotency_ttl = 1m\ntls_listen = 127.0.0.1:%d\n"
            "tls_cert = cert.pem\ntls_key = key.pem" % self.tls_port,
            extra=self.more_text())
        self.acknowledged = {} # request id -> (key id, tokens, clean, stated)
        self.statuses = collections.Counter()
        self.faults = collections.Counter()
        self.samples = Samples()
        self.keys = {}      # name -> (value, id)
        self.special = []   # names whose calls soak_more.py makes alone
        self.stop = None
        self.mounted = False

    # -- stage --

    def prepare(self):
        for name in ("cert.pem", "key.pem"):
            self.gw.server = self.gw.server.replace(
                "= " + name, "= %s/%s" % (self.gw.dir, name))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=soak", "-keyout", self.gw.dir + "/key.pem", "-out",
             self.gw.dir + "/cert.pem"], check=True, capture_output=True)
        self.gw.write_config()
        os.mkdir(self.gw.dir + "/data", 0o700)
        self.mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=%dm,mode=0700" % DISK_MIB,
             "tmpfs", self.gw.dir + "/data"], capture_output=True).returncode == 0
        if not self.mounted:
            print("the disk is not filled: that needs root and mount")
        self.gw.launch().wait_ready(60)
        self.gw.ctl("group", "create", "team")
        for i in range(6):
            self.make_key("k%d" % i, "--quota", "100000000000", "--period", "daily")
        self.make_key("money", "--quota", "1000000", "--unit", "currency",
                      "--period", "monthly")
        self.make_key("tight", "--quota", str(TIGHT_LIMIT), "--period", "total",
                      "--crash-charge", "reserved")
        self.more_prepare()

    def make_key(self, name, *args):
        made = self.gw.ctl("key", "create", name, "--group", "team", *args)
        self.keys[name] = (made["vApiKey"], made["id"])

    def clean_up(self):
        self.gw.kill_all()
        if self.mounted:
            wait_for(lambda: subprocess.run(
                ["umount", self.gw.dir + "/data"],
                capture_output=True).returncode == 0, 30, "the end of all who use it")
        self.gw.cleanup()
        self.more_stop()
        self.provider.stop()

    # -- load --

    def note(self, name, outcome):
        self.statuses[outcome.status] += 1
        if outcome.status == 200:
            stated = outcome.usage["total_tokens"] if outcome.usage else None
            self.acknowledged[outcome.id] = (self.keys[name][1], outcome.tokens,
                                             outcome.clean, stated)

    async def pause_after(self, outcome):
        await asyncio.sleep(0.2 if outcome.status in (0, 503) else
                            self.rng.uniform(0.02, 0.2))

    async def caller(self, make, connection):
        """Calls for ever on one connection."""
        while not self.stop.is_set():
            name, body = make()
            fields = "Idempotency-Key: %d\r\n" % self.rng.randrange(20000) \
                if self.rng.random() < 0.2 else "" # some repeat others
            outcome = await connection.call(self.keys[name][0], body, fields=fields)
            self.note(name, outcome)
            await self.pause_after(outcome)
        connection.close()

    def usual(self):
        name = self.rng.choice(sorted(set(self.keys) - set(self.special)))
        return name, chat(
            tokens=self.rng.randint(1, 60), stream=self.rng.random() < 0.6,
            delay_ms=self.rng.choice((0, 0, 2, 10)),
            max_tokens=self.rng.choice((None, None, 40, 1000)))

    def nonsense(self):
        case = self.rng.choice([n for n in sorted(MALFORMED)
                                if not n.startswith("endless")])
        return "k0", fault("raw", stream=self.rng.random() < 0.5, case=case)

    async def reader(self, leaves):
        """One stream a time, read a little at a time; left, or read to its end."""
        while not self.stop.is_set():
            name = "k%d" % self.rng.randrange(6)
            try:
                await self.read_one(name, leaves)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self.statuses[0] += 1
                await asyncio.sleep(0.2)

    async def read_one(self, name, leaves):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.gw.port, limit=4096)
        data = json.dumps(chat(tokens=300, stream=True, delay_ms=5)).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                     b"Authorization: Bearer %s\r\nContent-Type: application/json"
                     b"\r\nContent-Length: %d\r\n\r\n" % (
                         self.keys[name][0].encode(), len(data)) + data)
        try:
            seen = await reader.readuntil(b"\r\n\r\n")
            status = int(seen.split(b" ")[1])
            self.statuses[status] += 1
            request_id = re.search(rb"(?i)x-request-id: (\S+)", seen)
            seen = b""
            bytes_until = self.rng.randrange(60000) if leaves else 1 << 30
            while status == 200 and len(seen) < bytes_until and \
                    not seen.endswith(b"0\r\n\r\n") and not self.stop.is_set():
                data = await reader.read(200)
                if not data:
                    break
                seen += data
                await asyncio.sleep(0 if leaves else 0.01)
            if status == 200:
                self.acknowledged[request_id[1].decode()] = (
                    self.keys[name][1], seen.count(b"tok "),
                    seen.endswith(b"0\r\n\r\n"), None)
        finally:
            writer.transport.abort()
        await asyncio.sleep(self.rng.uniform(0.05, 0.3))

    # -- faults --

    async def run_blocking(self, function, *args):
        return await asyncio.get_running_loop().run_in_executor(
            None, function, *args)

    async def kill_worker(self):
        kill(self.gw, "worker", self.rng)

    async def kill_accountant(self):
        kill(self.gw, "accountant", self.rng)

    async def reload(self):
        self.gw.signal(signal.SIGHUP)

    async def upgrade(self):
        self.gw.signal(signal.SIGUSR2) # to the same program: all is replaced

    async def reopen_logs(self):
        self.gw.signal(signal.SIGUSR1)

    async def stop_for(self, role, seconds):
        pid = hit(self.gw, role, signal.SIGSTOP, self.rng)
        await asyncio.sleep(seconds)
        if pid is not None:
            send_signal(pid, signal.SIGCONT)

    async def worker_stands_still(self):
        await self.stop_for("worker", self.rng.uniform(0.2, 2))

    async def accountant_stands_still(self):
        await self.stop_for("accountant", self.rng.uniform(0.2, 3.5))

    async def kill_master(self):
        send_signal(self.gw.process.pid, signal.SIGKILL)
        await self.run_blocking(self.gw.process.wait, 10)
        await self.run_blocking(self.launch_again)

    async def kill_everything(self):
        await self.run_blocking(self.gw.kill_all)
        await self.run_blocking(self.launch_again)

    def launch_again(self):
        self.gw.launch().wait_ready(60)

    async def upstream_slow(self):
        self.provider.pause = self.rng.uniform(0.2, 1.5)
        await asyncio.sleep(3)
        self.provider.pause = 0.0

    async def upstream_down(self):
        await self.run_blocking(self.provider.down)
        await asyncio.sleep(self.rng.uniform(0.2, 2))
        await self.run_blocking(self.provider.up)

    async def upstream_resets(self):
        await self.run_blocking(self.provider.drop_all)

    async def disk_full(self):
        if not self.mounted:
            return
        filler = self.gw.dir + "/data/filler"

        def fill():
            with open(filler, "wb", buffering=0) as f:
                block = b"\0" * (1 << 20)
                while len(block) >= 512:
                    try:
                        f.write(block)
                    except OSError:
                        block = block[:len(block) // 2]
        await self.run_blocking(fill)
        await asyncio.sleep(self.rng.uniform(0.5, 3))
        os.unlink(filler)

    async def keys_change(self):
        """A key is made, used by nobody, and deleted; another's limits move."""
        def go():
            admin = Admin(self.gw)
            status, key = admin("POST", "/keys", {"name": "churn", "group": "team"})
            if status == 409:
                status, key = admin("GET", "/keys?ref=churn")
            if status in (200, 201) and "id" in key:
                admin("DELETE", "/keys/%d" % key["id"])
            admin("PATCH", "/keys/%d" % self.keys["k5"][1],
                  {"rpm": self.rng.choice((None, 100000))})
            admin.close()
        await self.run_blocking(go)

    async def dump(self):
        def go():
            for part in ("keys", "slots", "workers", "rings"):
                self.gw.tool("aigw-shmdump", "--instance", self.gw.instance,
                             "--json", part)
        await self.run_blocking(go)

    LIVING = (reopen_logs, worker_stands_still, accountant_stands_still,
              upstream_slow, upstream_down, upstream_resets, disk_full,
              keys_change, dump, More.upstream_moody, More.hook_fails,
              More.cache_purged)
    DYING = (kill_worker,) * 4 + (kill_accountant,) * 3 + (reload,) * 2 + (
        upgrade,) * 2 + (kill_master, kill_everything, More.reload_by_api) + LIVING

    async def hurt(self, end):
        started = time.monotonic()
        block_s = max(20, self.minutes * 60 / 6)
        due = started
        while time.monotonic() < end:
            block = int((time.monotonic() - started) / block_s)
            fault_now = self.rng.choice(self.DYING if block in (0, 2) else self.LIVING)
            self.faults[fault_now.__name__] += 1
            await fault_now(self)
            due = max(due + PERIOD_S, time.monotonic())
            await asyncio.sleep(max(0, min(due, end) - time.monotonic()))

    # -- telling --

    async def watch(self, started):
        told = started
        while not self.stop.is_set():
            now = time.monotonic()
            living = self.samples.take(self.gw, now - started)
            if now - told >= 60:
                told = now
                self.tell(now - started, living)
            await asyncio.sleep(5)

    def tell(self, seconds, living):
        print("%5.1f min: %d calls %s, %d faults" % (
            seconds / 60, sum(self.statuses.values()),
            dict(sorted(self.statuses.items())), sum(self.faults.values())))
        for (role, pid), (resident, own, fds) in sorted(living.items()):
            print("           %-10s %7d  resident %6d KiB, own %6d KiB, %3d fds" % (
                role, pid, resident, own, fds))
        sys.stdout.flush()

    # -- the end --

    def audit(self):
        gw, case = self.gw, self.case
        wait_for(gw.settled, 300, "nothing in flight, rings flushed")
        settled = rows = lost = 0
        unseen = set(self.acknowledged)
        ids = set()
        for row in all_rows(gw):
            request_id, tokens = row["request_id"], row["tokens"]
            case.assertNotIn(request_id, ids, "booked twice")
            ids.add(request_id)
            rows += 1
            settled += tokens
            lost += row["cause"] == "lost"
            is_tight = row["key_id"] == self.keys["tight"][1]
            if tokens > 0 and not (is_tight and row["cause"] == "lost"):
                case.assertLessEqual(tokens, self.provider.book.served(request_id),
                                     row)
            given = self.acknowledged.get(request_id)
            if given is None:
                continue
            unseen.discard(request_id)
            key_id, acknowledged, clean, stated = given
            case.assertEqual(row["key_id"], key_id, "charged to another key")
            case.assertLessEqual(acknowledged, tokens, row)
            if clean:
                case.assertNotEqual(row["cause"], "lost")
            if clean and stated is not None and tokens < 1 << 20:
                case.assertEqual(tokens, stated, row)
        case.assertEqual(sorted(unseen)[:5], [], "answered requests were lost")
        tight = gw.usage_of("tight")[0]["usage"]
        case.assertLessEqual(tight, TIGHT_LIMIT)
        check_tables(case, gw, settled)
        print("books: %d rows (%d lost), %d tokens settled, %d answers held "
              "against them; tight key %d of %d" % (
                  rows, lost, settled, len(self.acknowledged), tight, TIGHT_LIMIT))
        self.more_audit()

    def check_growth(self):
        bad = []
        for role, pid, seconds, first, last in self.samples.growth(
                min(240, self.minutes * 5)):
            grew = last[0] > first[0] * GROWTH + GROWTH_KIB or \
                last[1] > first[1] + GROWTH_FDS
            print("%-10s %7d lived %4.0f s: own %6d -> %6d KiB, fds %3d -> %3d%s" % (
                role, pid, seconds, first[0], last[0], first[1], last[1],
                "  GREW" if grew else ""))
            if grew:
                bad.append((role, pid))
        self.case.assertEqual(bad, [], "memory or descriptors grew")

    async def run(self):
        self.stop = asyncio.Event()
        # Managers wait in threads for what a fault in another one brings back.
        asyncio.get_running_loop().set_default_executor(
            concurrent.futures.ThreadPoolExecutor(32))
        started = time.monotonic()
        end = started + self.minutes * 60
        clients = [self.caller(self.usual, Connection(self.gw.port))
                   for _ in range(16)]
        clients += [self.caller(self.usual, TlsConnection(self.tls_port))
                    for _ in range(4)]
        clients += [self.caller(self.nonsense, RawConnection(self.gw.port))
                    for _ in range(2)]
        clients += [self.reader(leaves) for leaves in (True, False) * 3]
        clients += self.more_clients()
        tasks = [asyncio.create_task(c) for c in clients + [self.watch(started)]]
        hurting = asyncio.create_task(self.hurt(end))
        try: # a client that fails ends it at once
            await asyncio.wait([hurting] + tasks,
                               return_when=asyncio.FIRST_COMPLETED)
            self.stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 180)
            await hurting
        finally:
            hurting.cancel()
        self.tell(time.monotonic() - started,
                  self.samples.take(self.gw, time.monotonic() - started))


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    print("soak of %g minutes, seed %d" % (minutes, SEED), flush=True)
    soak = Soak(minutes)
    passed = False
    try:
        soak.prepare()
        asyncio.run(soak.run())
        print("faults: %s" % dict(sorted(soak.faults.items())))
        soak.audit()
        soak.check_growth()
        soak.case.assertEqual(soak.gw.stop(signal.SIGQUIT, 60), 0)
        passed = True
    finally:
        if not passed:
            kept = soak.gw.dir + ".log"
            with open(kept, "w") as f:
                f.write(soak.gw.log())
            print("failed; the error log is kept as %s" % kept)
        soak.clean_up()
    print("soak passed")


if __name__ == "__main__":
    main()
