"""The disk under the ledger: full, failing, damaged (rows 9 and 10).

Row 9 needs root for a small tmpfs, and a compiler for a library that fails
writes and syncs; what is not there is skipped. Row 10 damages copies of one
ledger, after an orderly stop and after a kill, and starts on them: the start is
exact or refused with what to do, never from less without a word.
"""
import asyncio
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from faults import FaultCase, ledger_sums, segment_sums, size
from gateway import BUILD, wait_for

ROUNDS = size("AIGW_DAMAGES", 50)
MIB = 1 << 20


def metric(gw, name):
    """A number of /metrics."""
    text = gw.http("GET", "/metrics", port=gw.admin_port)[2].decode()
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError("no metric " + name)


class DiskCase(FaultCase):
    def ledger_state(self):
        return self.gw.ctl("status")["accountant"]["ledger"]

    async def fails_and_recovers(self, fail, mend, word):
        """Load while the ledger cannot write; then it can again, by itself."""
        gw = self.gw
        await self.answered(20)
        fail()
        await self.until(lambda: self.ledger_state() == "failed",
                         what="the alarm")
        status = gw.ctl("status")
        self.assertEqual(status["state"], "ledger_failed")
        self.assertIn(word, status["accountant"]["ledger_error"])
        self.assertEqual(metric(gw, "aigw_ledger_up"), 0)
        self.assertGreater(metric(gw, "aigw_flush_errors_total"), 0)
        await self.answered(60) # requests go on: the rings have room
        self.assertEqual(self.ledger_state(), "failed")
        refused = gw.ctl("key", "create", "never", ok=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("ledger", refused.stdout + refused.stderr)
        mend()
        await self.until(lambda: self.ledger_state() == "ok", what="recovery")
        await self.answered(20)

@unittest.skipIf(os.geteuid() != 0, "a small tmpfs is mounted as root")
class Full(DiskCase):
    """A data directory that fills up."""

    ROOM = 24 * MIB

    def gateway(self, **kw):
        gw = super().gateway(**kw)
        self.data = os.path.join(gw.dir, "data")
        os.mkdir(self.data, 0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % self.ROOM,
                               "none", self.data], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("no tmpfs here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.data])
        return gw

    def fill(self):
        with open(os.path.join(self.data, "fill"), "wb", buffering=0) as f:
            for piece in (1 << 20, 1 << 16, 1 << 12, 64):
                try:
                    while f.write(b"x" * piece) == piece:
                        pass
                except OSError:
                    pass

    def make_room(self):
        os.unlink(os.path.join(self.data, "fill"))

    def test_row_09_a_full_disk_stops_no_request_and_loses_nothing(self):
        gw = self.start(workers=2)

        async def action():
            for _ in range(2):
                await self.fails_and_recovers(self.fill, self.make_room,
                                              "No space")
        asyncio.run(self.under_load(action, clients=8))
        before = self.audit().settled
        self.assertEqual(gw.stop(), 0)
        gw.start()
        self.assertEqual(self.audit().settled, before)

    def test_row_09_killed_while_the_disk_is_full_nothing_is_lost(self):
        gw = self.start(workers=2)

        async def action():
            await self.answered(20)
            self.fill()
            await self.until(lambda: self.ledger_state() == "failed")
            await self.answered(40)
        asyncio.run(self.under_load(action, clients=8))
        gw.kill_all()
        # it waits for room: what it must not do is to give up, or begin anew
        with open(gw.log_path + ".stderr", "ab") as stderr:
            gw.process = subprocess.Popen(
                [os.path.join(BUILD, "aigw"), "-c", gw.config], env=gw.env,
                cwd=gw.dir, start_new_session=True, stdout=subprocess.DEVNULL,
                stderr=stderr)
        wait_for(lambda: "No space left" in gw.log().rpartition("aigw starts")[2]
                 or self.is_ready(), 30, "told or ready")
        self.make_room()
        gw.wait_ready(60)
        self.audit()

    def is_ready(self):
        try:
            return self.gw.http("GET", "/readyz")[0] == 200
        except OSError:
            return False


@unittest.skipIf("-" in os.path.basename(BUILD), "not under a sanitizer")
class Failing(DiskCase):
    """EIO from write and from fsync."""

    def gateway(self, **kw):
        compiler = os.environ.get("CC", "cc").split()
        self.shim = os.path.join(tempfile.gettempdir(),
                                 "aigw-eio-%d.so" % os.getpid())
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "eio_shim.c")
        try:
            done = subprocess.run(
                compiler + ["-D_GNU_SOURCE", "-shared", "-fPIC", "-o", self.shim,
                            source, "-ldl"], capture_output=True, text=True)
        except OSError as e:
            self.skipTest("no compiler: %s" % e)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(os.unlink, self.shim)
        self.control = self.shim + ".control"
        gw = super().gateway(**kw)
        gw.env.update(LD_PRELOAD=self.shim, AIGW_TEST_EIO=self.control,
                      AIGW_TEST_EIO_DIR=os.path.join(gw.dir, "data"))
        return gw

    def break_it(self, what):
        with open(self.control, "w") as f:
            f.write(what)

    def test_row_09_failing_writes_and_syncs_are_assumed_lost(self):
        gw = self.start(workers=2)

        async def action():
            for what in ("fsync", "write"):
                await self.fails_and_recovers(
                    lambda: self.break_it(what),
                    lambda: os.unlink(self.control), "Input/output error")
        asyncio.run(self.under_load(action, clients=8))
        before = self.audit().settled
        self.assertEqual(gw.stop(), 0)
        gw.start()
        self.assertEqual(self.audit().settled, before)


class Damage(FaultCase):
    """Copies of one ledger, each hurt at one place."""

    def setUp(self):
        super().setUp()
        self.base = tempfile.mkdtemp(prefix="aigw-damage-")
        self.addCleanup(shutil.rmtree, self.base, True)
        self.made = []

    # -- the ledger to be hurt --

    async def some_calls(self, count):
        for i in range(count):
            await self.call(self.body(self.rng, i), i)

    def make_base(self):
        """(name, has a segment, what must be found) of both kinds of end."""
        gw = self.start(keys=3, workers=1)
        for _ in range(2): # tables, not only logs
            asyncio.run(self.some_calls(12))
            wait_for(gw.settled, 60)
            self.assertEqual(gw.stop(), 0)
            gw.start()
        asyncio.run(self.some_calls(12))
        self.made.append(self.keep("killed", gw.kill_all))
        gw.start()
        asyncio.run(self.some_calls(6))
        self.made.append(self.keep("stopped", gw.stop))

    def keep(self, name, end):
        gw = self.gw
        wait_for(gw.settled, 60)
        truth = self.state()
        end()
        to = os.path.join(self.base, name)
        shutil.copytree(os.path.join(gw.dir, "data"), os.path.join(to, "data"))
        os.mkdir(os.path.join(to, "shm"))
        for path in self.segment_files():
            shutil.copy2(path, os.path.join(to, "shm"))
        return name, truth

    def segment_files(self):
        return glob.glob("/dev/shm/aigw-%s*" % self.gw.instance)

    def state(self, with_sums=True):
        """Everything that may not be less after a start."""
        gw = self.gw
        keys = {k: {"quotas": gw.ctl("key", "get", k)["quotas"]}
                for k, _ in self.keys}
        return {"sums": {"%s %s" % who: total for who, total in
                         ledger_sums(gw).items()} if with_sums else None,
                "keys": keys,
                "segment": sorted((k["kind"], k["id"], k["tokens"], k["nano"])
                                  for k in segment_sums(gw).values())}

    # -- one round --

    def lay_out(self, name):
        gw = self.gw
        for path in self.segment_files():
            os.unlink(path)
        shutil.rmtree(os.path.join(gw.dir, "data"))
        shutil.copytree(os.path.join(self.base, name, "data"),
                        os.path.join(gw.dir, "data"))
        for path in glob.glob(os.path.join(self.base, name, "shm", "*")):
            shutil.copy2(path, "/dev/shm")

    def hurt(self):
        data = os.path.join(self.gw.dir, "data")
        files = [f for pattern in ("ledger/*", "log/*/*", "ledger.seal")
                 for f in sorted(glob.glob(os.path.join(data, pattern)))
                 if not os.path.basename(f).startswith("LO")]
        path = self.rng.choice(files)
        length = os.path.getsize(path)
        how = self.rng.choice(("flip", "flip", "cut", "delete"))
        at = self.rng.randrange(max(1, length))
        if how == "delete":
            os.unlink(path)
        elif how == "cut" or length == 0:
            os.truncate(path, at)
        else:
            with open(path, "r+b") as f:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ (1 << self.rng.randrange(8))]))
        return "%s %s at %d of %d" % (how, os.path.relpath(path, data), at, length)

    def begin(self):
        """True: it serves; False: it refused, and said what to do."""
        gw = self.gw
        open(gw.log_path, "w").close()
        try:
            gw.start()
            return True
        except AssertionError:
            self.assertIsNotNone(gw.process.poll(), gw.log()[-2000:])
        said = [line for line in gw.log().splitlines() if "cannot serve" in line]
        self.assertTrue(said, gw.log()[-2000:])
        self.assertRegex(said[-1], "aigw-ledger (restore|repair)|remove it")
        return False

    def look_at(self, truth):
        if not self.begin():
            return "refused"
        verified = self.gw.tool("aigw-ledger", "-c", self.gw.config, "verify",
                                ok=False, timeout=300)
        if verified.returncode == 0:
            self.assertEqual(self.state(), truth)
            return "exact"
        # rows or roll-ups are hurt, and the tool says so: the budgets are not
        self.assertTrue(verified.stdout + verified.stderr)
        truth = dict(truth, sums=None)
        self.assertEqual(self.state(with_sums=False), truth)
        return "told"

    def test_row_10_a_damaged_ledger_is_exact_or_refused(self):
        self.make_base()
        outcomes = {"exact": 0, "refused": 0, "told": 0}
        for n in range(ROUNDS):
            name, truth = self.made[n % 2]
            self.lay_out(name)
            what = "%s, round %d: %s" % (name, n, self.hurt())
            with self.subTest(what):
                try:
                    outcomes[self.look_at(truth)] += 1
                finally:
                    self.gw.kill_all()
        print("damages %d: %s" % (ROUNDS, outcomes), flush=True)
        self.assertGreater(outcomes["refused"], ROUNDS // 4)

    def test_row_10_the_newest_export_and_the_segment_give_it_all_back(self):
        gw = self.start(keys=3, workers=2, server="export_interval = 1s")
        asyncio.run(self.some_calls(12))
        wait_for(gw.settled, 60)
        wait_for(lambda: gw.ctl("status")["accountant"]["last_export_at"], 60,
                 "an export by itself")
        asyncio.run(self.some_calls(12)) # these are in no export, perhaps
        wait_for(gw.settled, 60)
        tokens = {who: t["tokens"] for who, t in ledger_sums(gw).items()}
        gw.kill_all()
        data, old = os.path.join(gw.dir, "data"), os.path.join(gw.dir, "old")
        os.rename(data, old)
        for path in glob.glob(os.path.join(old, "ledger", "*.log")):
            os.truncate(path, 7)
        os.mkdir(data, 0o700)
        shutil.copy2(os.path.join(old, "secret"), data)
        oldest = sorted(os.listdir(os.path.join(old, "export")))[0]
        gw.tool("aigw-ledger", "restore", os.path.join(old, "export", oldest),
                data)
        gw.start()
        wait_for(gw.settled, 60)
        self.assertEqual({who: t["tokens"] for who, t in ledger_sums(gw).items()},
                         tokens)
        gw.verify()

    def test_row_10_a_repair_salvages_a_ledger_and_says_what_is_lost(self):
        gw = self.start(keys=3, workers=1)
        asyncio.run(self.some_calls(12))
        self.assertEqual(gw.stop(), 0)
        gw.start() # now the rows stand in a table
        asyncio.run(self.some_calls(3))
        wait_for(gw.settled, 60)
        settled = sum(t["tokens"] for (kind, _), t in ledger_sums(gw).items()
                      if kind == "group")
        busy = gw.tool("aigw-ledger", "repair", os.path.join(gw.dir, "data"),
                       ok=False)
        self.assertIn("stop the server first", busy.stderr)
        self.assertEqual(gw.stop(), 0)
        data = os.path.join(gw.dir, "data")
        for path in glob.glob(os.path.join(data, "ledger", "MANIFEST-*")):
            os.unlink(path)
        self.assertFalse(self.begin())
        print(gw.tool("aigw-ledger", "repair", data).stdout, flush=True)
        os.rename(data, data + ".damaged")
        os.rename(data + ".repaired", data)
        gw.start()
        self.assertEqual(sum(t["tokens"] for (kind, _), t in
                             ledger_sums(gw).items() if kind == "group"), settled)
        asyncio.run(self.some_calls(3)) # the keys work: the secret came along
        self.assertTrue(all(o.status == 200 for _, o in self.calls))
        wait_for(gw.settled, 60)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
