"""USR2: the program's file is replaced while it serves.

Rows of the failure model that are here: 27, 28. AIGW_UPGRADES=100 for the long
form of the first test.
"""
import asyncio
import os
import re
import shutil
import signal
import struct
import tempfile
import unittest

from faults import FaultCase, size
from gateway import BUILD, ROOT, wait_for
from load import Connection, chat

UPGRADES = size("AIGW_UPGRADES", 4)
BUILT = os.path.join(BUILD, "aigw")


class Programs:
    """A file that aigw is started from, and other programs to put there."""

    def __init__(self, case):
        self.dir = tempfile.mkdtemp(prefix="aigw-test-")
        case.addCleanup(shutil.rmtree, self.dir)
        self.path = os.path.join(self.dir, "aigw")
        self.count = 0
        self.put_build()

    def put(self, data):
        """As a package manager does: a new file, renamed over the old one."""
        new = self.path + ".new"
        with open(new, "wb") as f:
            f.write(data)
        os.chmod(new, 0o755)
        os.rename(new, self.path)

    def put_build(self, change=lambda data: data):
        """The program as built, but for a mark at its end."""
        self.count += 1
        with open(BUILT, "rb") as f:
            self.put(change(f.read()) + b"build %d" % self.count)

    def runs_in(self, pid):
        """Whether the process runs what stands in the file now."""
        try:
            return os.stat("/proc/%d/exe" % pid).st_ino == os.stat(self.path).st_ino
        except FileNotFoundError:
            return False
        except PermissionError:
            raise unittest.SkipTest("only root sees which program a process runs")


def replace_once(old, new):
    def change(data):
        if data.count(old) != 1 or len(old) != len(new):
            raise AssertionError("%r stands %d times in the program" % (
                old, data.count(old)))
        return data.replace(old, new)
    return change


def replace_all(old, new):
    def change(data):
        if old not in data:
            raise AssertionError("%r does not stand in the program" % old)
        return data.replace(old, new)
    return change


def in_source(name, pattern):
    with open(os.path.join(ROOT, name)) as f:
        return re.search(pattern, f.read())[1]


def other_layout(data):
    """A program with another fingerprint of the segment's layout: the table of
    offsets in it says that names are longer than they are here."""
    version = int(in_source("shm/layout.h", r"SHM_LAYOUT_VERSION = (\d+)"))
    known = (version, 2, 8, 1024, 16, 128, 1024, 1280)
    other = (version, 2, 8, 1024, 16, 256, 1024, 1280)
    return replace_once(struct.pack("<8I", *known), struct.pack("<8I", *other))(data)


class UpgradeCase(FaultCase):
    def begin(self, **kw):
        self.programs = Programs(self)
        self.start(program=self.programs.path, **kw)
        self.master = self.gw.process.pid

    def upgrades(self):
        """(how many, what came of the last)"""
        said = self.gw.ctl("status")["upgrade"]
        return said["upgrades"], said["last"]

    def upgrade(self):
        """USR2, and its outcome once it is known."""
        before = self.upgrades()[0]
        self.gw.signal(signal.SIGUSR2)
        wait_for(lambda: self.upgrades()[0] > before, 60, "outcome; log:\n" +
                 self.gw.log()[-3000:])
        return self.upgrades()[1]

    def replaced(self):
        """Nobody but the new program runs."""
        children = self.gw.children()
        return self.programs.runs_in(self.master) and len(children) == 3 and \
            all(self.programs.runs_in(pid) for pid in children)

    def check_refused(self, reason):
        """Refused for a reason, and not one process has changed."""
        before = self.gw.children()
        outcome = self.upgrade()
        self.assertRegex(outcome, "^refused: .*(%s)" % reason)
        self.assertIsNone(self.gw.process.poll())
        self.assertEqual(self.gw.children(), before)
        self.assertIn(re.sub("^refused: ", "", outcome), self.gw.log())


class Upgrade(UpgradeCase):
    async def stream(self, stop):
        """Streams that are longer than an upgrade takes."""
        while not stop.is_set():
            outcome = await self.call(chat(tokens=60, stream=True, delay_ms=25,
                                           tag="stream"))
            self.streams.append(outcome)

    def test_row_27_upgrades_under_load_cut_nothing_and_lose_no_counter(self):
        self.begin(server="drain_timeout = 120s")
        self.streams = []

        async def round_trips():
            stop = asyncio.Event()
            running = [asyncio.create_task(self.stream(stop)) for _ in range(6)]
            loop = asyncio.get_running_loop()
            for _ in range(UPGRADES):
                await self.answered(20)
                self.programs.put_build()
                outcome = await loop.run_in_executor(None, self.upgrade)
                self.assertRegex(outcome, "^done: aigw ")
            stop.set()
            await asyncio.gather(*running)
        asyncio.run(self.under_load(round_trips, clients=12))
        wait_for(self.replaced, 60, "the last program alone; " + self.gw.log()[-2000:])
        self.assertEqual(self.gw.process.pid, self.master)
        for _, o in self.calls:
            self.assertEqual((o.status, o.clean, o.error), (200, True, None))
        for o in self.streams:
            if o.tokens != 60:
                self.fail("%r\n%s" % (o, self.gw.log()[-6000:]))
        self.audit(allowed=(200,))
        print("%d upgrades, %d answers, %d streams, none cut" % (
            UPGRADES, len(self.calls), len(self.streams)), flush=True)
        self.assertEqual(self.gw.stop(), 0)

    def test_row_27_back_to_the_old_file_and_a_changed_configuration(self):
        provider = self.provider
        self.begin()
        self.gw.models = ("m1", "m2")
        self.gw.write_config() # the upgrade finds it, and reloads after
        kept = self.programs.path + ".kept"
        os.link(self.programs.path, kept)
        self.programs.put_build()
        self.assertRegex(self.upgrade(), "^done")
        key = self.keys[0][1]
        wait_for(lambda: self.gw.call(key, chat(model="m2"))[0] == 200, 30, "m2")
        wait_for(self.replaced, 30, "the new program alone")
        os.rename(kept, self.programs.path)
        self.assertRegex(self.upgrade(), "^done")
        wait_for(self.replaced, 30, "the old program alone")
        self.assertEqual(self.gw.call(key, chat(model="m2"))[0], 200)
        self.assertEqual(self.gw.ctl("status")["config"]["last_reload"], "ok")
        self.assertGreater(provider.book.served(), 0)
        self.gw.verify()
        again = self.gw.tool("aigw", "-c", self.gw.config, ok=False)
        self.assertIn("is locked", again.stderr) # the pid file's lock was kept
        self.gw.tool("aigw", "-c", self.gw.config, "-s", "upgrade")
        wait_for(lambda: self.upgrades()[0] == 3, 30, "aigw -s upgrade")
        self.assertEqual(self.gw.stop(), 0)
        self.assertEqual(os.listdir(self.gw.dir + "/run"), [])

    def test_row_28_another_layout_is_refused_and_the_old_program_goes_on(self):
        self.begin()
        self.programs.put_build(other_layout)

        async def try_it():
            await self.answered(20)
            await asyncio.get_running_loop().run_in_executor(
                None, self.check_refused, "needs restart")
            await self.answered(20)
        asyncio.run(self.under_load(try_it, clients=8))
        self.audit(allowed=(200,))
        # A restart drains, and then the new program makes its own segment.
        self.assertEqual(self.gw.stop(), 0)
        settled = sum(o.usage["total_tokens"] for _, o in self.calls if o.usage)
        self.gw.start()
        self.assertGreaterEqual(self.gw.ctl("group", "get", "team")["total"]["tokens"],
                                settled)

    def test_row_28_a_layout_of_another_version_is_not_attached(self):
        self.begin()
        self.gw.kill_all() # the segment stays
        self.programs.put_build(other_layout)
        self.gw.launch()
        self.assertEqual(self.gw.process.wait(30), 1)
        self.assertIn("another version of aigw", self.gw.log())
        self.programs.put_build()
        self.gw.start()

    def test_programs_that_cannot_take_over_are_refused(self):
        self.begin()
        with open(BUILT, "rb") as f:
            built = f.read()
        with open("/bin/true", "rb") as f:
            true = f.read()
        for data, reason in (
                (b"this is a text\n", "cannot be run"),
                (b"#!/bin/sh\nexit 0\n", "cannot be run"),
                (b"", "cannot be run"),
                (true, "is no aigw that can take over"),
                (built[:65536], "killed by signal|cannot be run|gave no"),
                (replace_all(b"check-upgrade\0", b"check-upgrady\0")(built),
                 "signal|option|WINCH|gave no")):
            self.programs.put(data)
            self.check_refused(reason)
        os.chmod(self.programs.path, 0o644)
        os.unlink(self.programs.path)
        self.check_refused("No such file")
        self.programs.put_build()
        self.assertRegex(self.upgrade(), "^done")
        wait_for(self.replaced, 30)
        self.gw.verify()

    def test_a_configuration_that_the_new_program_would_refuse(self):
        self.begin()
        self.programs.put_build()
        good = self.gw.server
        self.gw.server = good + "\nworkres = 3"
        self.gw.write_config()
        self.check_refused("workres")
        self.gw.server = good + "\nmax_keys = 77"
        self.gw.write_config()
        self.check_refused("max_keys")
        self.gw.server = good
        self.gw.write_config()
        self.assertRegex(self.upgrade(), "^done")

    def test_what_a_restart_would_need_is_no_reason_to_stop(self):
        """Segment, log and secret are taken away while it serves."""
        self.begin()
        segment = "/dev/shm/aigw-" + self.gw.instance
        os.rename(segment, segment + ".away")
        self.programs.put_build()
        self.check_refused("was taken away: it needs a restart")
        os.rename(segment + ".away", segment)
        os.rename(self.gw.dir + "/data/secret", self.gw.dir + "/data/secret.away")
        os.mkdir(self.gw.dir + "/moved")
        log = self.gw.log()
        os.rename(self.gw.log_path, self.gw.dir + "/moved/error.log")
        os.mkdir(self.gw.log_path) # which cannot be opened to write
        self.gw.log = lambda: log
        self.gw.signal(signal.SIGUSR2)
        wait_for(self.replaced, 60, "replaced")
        os.rename(self.gw.dir + "/data/secret.away", self.gw.dir + "/data/secret")
        os.rmdir(self.gw.log_path)
        self.assertEqual(self.gw.call(self.keys[0][1], chat())[0], 200)
        self.gw.verify()
        self.assertEqual(self.gw.stop(), 0)

    def test_a_program_that_fails_in_the_take_over_gives_back(self):
        self.begin()
        before = self.gw.children()
        old = os.stat(self.programs.path).st_ino
        kept = os.open(self.programs.path, os.O_RDONLY) # so that its number stays
        self.addCleanup(os.close, kept)
        # It looks for the segment under another name, where none is.
        self.programs.put_build(replace_once(b"%s/aigw-%s\0", b"%s/aigx-%s\0"))

        async def try_it():
            await self.answered(20)
            outcome = await asyncio.get_running_loop().run_in_executor(
                None, self.upgrade)
            self.assertRegex(outcome, "^refused: the new program could not")
            await self.answered(20)
        asyncio.run(self.under_load(try_it, clients=8))
        self.assertIn("going back", self.gw.log())
        self.assertEqual(os.stat("/proc/%d/exe" % self.master).st_ino, old)
        self.assertEqual(self.gw.children(), before)
        self.audit(allowed=(200,))
        self.programs.put_build()
        self.assertRegex(self.upgrade(), "^done")
        wait_for(self.replaced, 30)

    def test_old_workers_go_on_beside_a_catalogue_that_they_cannot_read(self):
        """The new program's catalogue file has another format."""
        self.begin()
        magic = int(in_source("shm/catalogue_part.h",
                              r"CATALOGUE_MAGIC UINT64_C\((0x[0-9a-f]+)\)"), 16)
        self.programs.put_build(replace_all(struct.pack("<Q", magic),
                                            b"AIGWCAT?"))

        async def try_it():
            running = asyncio.create_task(self.call(
                chat(tokens=80, stream=True, delay_ms=25)))
            await self.answered(20)
            outcome = await asyncio.get_running_loop().run_in_executor(
                None, self.upgrade)
            self.assertRegex(outcome, "^done")
            await self.answered(20)
            self.assertEqual((await running).tokens, 80)
        asyncio.run(self.under_load(try_it, clients=8))
        self.audit(allowed=(200,))

    def test_signals_while_an_upgrade_is_under_way_are_not_lost(self):
        self.begin()
        for _ in range(3):
            self.programs.put_build()
            self.gw.signal(signal.SIGUSR2)
            self.gw.signal(signal.SIGHUP)
            self.gw.signal(signal.SIGUSR2)
        wait_for(lambda: self.upgrades()[0] >= 1 and self.replaced(), 60,
                 "the last program; " + self.gw.log()[-2000:])
        self.gw.signal(signal.SIGUSR2)
        self.gw.signal(signal.SIGTERM)
        self.assertEqual(self.gw.process.wait(60), 0)
        self.assertEqual(self.gw.children(), {})


if __name__ == "__main__":
    unittest.main()
