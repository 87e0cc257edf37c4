"""Power cuts (row 8): the data directory on ext4 on a loop device, cut by the
file system's own shutdown call without a flush of its journal. As in a real
cut the segment is gone too. Needs root and loop devices; else skipped.

AIGW_CUTS rounds at random times under load; AIGW_SEED repeats.
"""
import asyncio
import fcntl
import os
import random
import struct
import subprocess
import threading
import time
import unittest

from faults import FaultCase, SEED, all_rows, ledger_sums, percentiles, size
from gateway import wait_for
from load import Connection

ROUNDS = size("AIGW_CUTS", 4)
EXT4_IOC_SHUTDOWN = 0x8004587d
NO_LOG_FLUSH = 2


def run(*args):
    return subprocess.run(args, capture_output=True, text=True)


class Disk:
    """A file system of 256 MiB whose power can be cut."""

    def __init__(self, case, mount_point):
        self.case, self.mount_point = case, mount_point
        self.image = mount_point + ".img"
        os.mkdir(mount_point, 0o700)
        with open(self.image, "wb") as f:
            f.truncate(256 << 20)
        for args in (("mkfs.ext4", "-q", "-E", "nodiscard", self.image),
                     ("mount", "-o", "loop", self.image, mount_point)):
            try:
                done = run(*args)
            except OSError as e:
                case.skipTest("no loop devices here: %s" % e)
            if done.returncode != 0:
                case.skipTest("no loop devices here: " + done.stderr.strip())
        case.addCleanup(run, "umount", "-l", mount_point)

    def cut(self):
        fd = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def power_on(self):
        wait_for(lambda: run("umount", self.mount_point).returncode == 0, 30,
                 "umount")
        done = run("mount", "-o", "loop", self.image, self.mount_point)
        self.case.assertEqual(done.returncode, 0, done.stderr)


@unittest.skipIf(os.geteuid() != 0, "file systems are mounted as root")
class PowerCut(FaultCase):
    def gateway(self, **kw):
        gw = super().gateway(**kw)
        self.disk = Disk(self, os.path.join(gw.dir, "disk"))
        os.symlink(os.path.join(gw.dir, "disk", "data"),
                   os.path.join(gw.dir, "data"))
        os.mkdir(os.path.join(gw.dir, "disk", "data"), 0o700)
        return gw

    def setUp(self):
        super().setUp()
        self.acknowledged = [] # (monotonic, request id) of whole answers
        self.answers = [] # (number of the key, request id), all rounds

    async def client(self, i, stop):
        rng = random.Random(SEED * 1000 + i + len(self.calls))
        connection = Connection(self.gw.port)
        while not stop.is_set():
            outcome = await self.call(self.body(rng, i), i, connection)
            now = time.monotonic()
            if outcome.status == 200 and outcome.clean:
                self.acknowledged.append((now, outcome.id))
                self.answers.append((i % len(self.keys), outcome.id))
            elif outcome.error:
                return # the power is cut
            else:
                await asyncio.sleep(0.005)
        connection.close()

    def watch_flushes(self, stop, seen):
        """When flushes that were durable became known, at the earliest."""
        last = None
        while not stop.is_set():
            try:
                at = self.gw.ctl("status")["accountant"]["last_flush_at"]
            except (AssertionError, OSError, ValueError):
                return
            if at != last:
                seen.append(time.monotonic())
                last = at

    async def load_until_cut(self):
        """Calls, then darkness; returns when flushes were seen durable."""
        stop, flushes = asyncio.Event(), []
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch_flushes,
                                   args=(ended, flushes))
        watcher.start()
        tasks = [asyncio.create_task(self.client(i, stop)) for i in range(12)]
        await self.answered(30)
        await asyncio.sleep(self.rng.uniform(0, 1.2))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.disk.cut)
        self.cut_at = time.monotonic()
        self.gw.kill_all()
        stop.set()
        ended.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
        watcher.join()
        return flushes

    def power_on(self):
        """The machine boots: no segment, what the disk kept."""
        self.disk.power_on()
        for name in os.listdir("/dev/shm"):
            if name.startswith("aigw-%s" % self.gw.instance):
                os.unlink(os.path.join("/dev/shm", name))
        self.gw.start()
        wait_for(self.gw.settled, 60)
        self.gw.verify()
        return {row["request_id"]: row for row in all_rows(self.gw)}

    def test_row_08_a_power_cut_loses_no_more_than_the_last_flush(self):
        self.start(keys=4, workers=2)
        lost_ms, lost_calls, calls = [], 0, 0
        for _ in range(ROUNDS):
            self.acknowledged.clear()
            flushes = asyncio.run(self.load_until_cut())
            # What one flush takes was settled before it began, and it begins
            # after the flush before it was seen.
            safe_until = flushes[-2] if len(flushes) > 1 else 0
            rows = self.power_on()
            lost = [at for at, name in self.acknowledged if name not in rows]
            self.assertFalse([at for at in lost if at < safe_until],
                             "what was durable is gone")
            served = self.provider.book.served_by_id()
            for name, row in rows.items():
                self.assertLessEqual(row["tokens"], served[name])
            calls += len(self.acknowledged)
            lost_calls += len(lost)
            lost_ms += [(self.cut_at - min(lost)) * 1000] if lost else [0]
        print("power cuts %d: %d of %d answered calls lost, of the last ms: "
              "median %.0f p99 %.0f largest %.0f (flush_interval 100)" % (
                  (ROUNDS, lost_calls, calls) + percentiles(lost_ms)), flush=True)

    def test_row_08_strict_charges_at_least_what_was_answered(self):
        step = 100000
        self.start(keys=4, workers=2, server="durability = strict\n"
                   "escrow_tokens = %d" % step)
        over, lost, refused = [], 0, 0
        for _ in range(ROUNDS):
            self.acknowledged.clear()
            before = len(self.calls)
            asyncio.run(self.load_until_cut())
            rows = self.power_on()
            served = self.provider.book.served_by_id()
            lost += sum(name not in rows for _, name in self.acknowledged)
            refused += sum(o.status == 503 for _, o in self.calls[before:])
            sums = ledger_sums(self.gw)
            for number, (name, _) in enumerate(self.keys):
                charged = sums[("key", self.key_ids[name])]["tokens"]
                answered = sum(served[one] for n, one in self.answers
                               if n == number)
                self.assertGreaterEqual(charged, answered,
                                        "answered, and not charged")
                over.append(charged - answered)
        # each cut: at most three steps ahead, or leases of what was under way
        self.assertLess(max(over), ROUNDS * (3 * step + 12 * 8192))
        print("strict, power cuts %d: %d answered calls without a row, all "
              "charged; a key is charged %.0f too much a cut; %d of %d calls "
              "refused for a moment" % (
                  ROUNDS, lost, max(over) / ROUNDS, refused, len(self.calls)),
              flush=True)
        self.assertLess(refused, len(self.calls) // 10)
        gw = self.gw
        self.assertEqual(gw.stop(), 0) # an orderly stop leaves no escrow
        before = ledger_sums(gw) # the tool opens the ledger itself
        gw.start()
        self.assertEqual(ledger_sums(gw), before)
        gw.verify()


if __name__ == "__main__":
    unittest.main()
