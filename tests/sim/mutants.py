#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does the simulator find mistakes? Puts one after the other into a copy of the
sources and lets it look; each must be found.

usage: mutants.py BUILD [NAME...]     (make sim-mutants)
Environment: SIM_SCHEDULES, at most so many for each (default 5000000; the
rarest takes about half a million, now and then far more).
"""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# name, file, what stands there, what the mistake is; of a rare one a schedule that
# finds it soon came after. A row whose text is not found fails: it has to
# follow the code.
MUTANTS = [
    ("no fence between announcing and summing (H3)", "shm/cells.c",
     """     * with the same fence of every other announcer and with D3. */
    shm_fence();
""", """     */
"""),
    ("no second look at the tag (H4)", "shm/cells.c",
     """    if (shm_load(&t->hot[KEY]->tag) != key->tag)
        return false;
    return t->count < ENTRIES ||
           shm_load(&t->hot[GROUP]->tag) == key->group_tag;
""", """    return t->count != 0 && key != NULL;
"""),
    ("used is read before reserved (H6)", "shm/cells.c",
     """        sum += shm_load(&cells[i].reserved[unit]);
        sum += shm_load(&cells[i].used[unit]);
""", """        sum += shm_load(&cells[i].used[unit]);
        sum += shm_load(&cells[i].reserved[unit]);
"""),
    ("a grown lease stands in the slot before it is granted (G2)",
     "shm/cells.c",
     """            announce(seat, &t, add, 0); /* G1; the slot protects the entries */
""", """            for (int unit = 0; unit < SHM_UNITS; unit++)
                shm_store(&slot->amount[unit], amount[unit] + add[unit]);
            announce(seat, &t, add, 0);
"""),
    ("the ring's head before the cells (S5 before S4)", "shm/cells_settle.c",
     """    shm_store(&slot->state, SHM_SLOT_SETTLING); /* S3: the commit point */
""", """    shm_store(&slot->state, SHM_SLOT_SETTLING);
    ring_publish(segment, seat->column, end);
"""),
    ("reserved is lowered before used is raised (S6 before S4)",
     "shm/cells_settle.c",
     """    shm_store(&slot->state, SHM_SLOT_SETTLING); /* S3: the commit point */
""", """    shm_store(&slot->state, SHM_SLOT_SETTLING);
    uint64_t early[SHM_UNITS] = {shm_load_own(&slot->amount[0]),
                                 shm_load_own(&slot->amount[1])};
    retract(seat, &t, early, 0);
    shm_store(&slot->amount[0], 0);
    shm_store(&slot->amount[1], 0);
"""),
    ("the slot is free before its cells are zero (S7 before S6)",
     "shm/cells_settle.c",
     """    retract(seat, &t, amount, 1); /* S6 */
    count_limits(seat, slot, UINT32_MAX);
    shm_store(&slot->state, SHM_SLOT_FREE); /* S7 */
""", """    shm_store(&slot->state, SHM_SLOT_FREE);
    count_limits(seat, slot, UINT32_MAX);
    retract(seat, &t, amount, 1);
"""),
    ("the reaper charges in index order (R1, R2)", "shm/reap.c",
     """        if (shm_load(&slots[i].state) != SHM_SLOT_SETTLING ||
            is_damaged(c, &slots[i]))
            continue;
""", """        if (shm_load(&slots[i].state) == SHM_SLOT_SENT &&
            !is_damaged(c, &slots[i]) && !charge(c, &slots[i]))
            return false;
        if (shm_load(&slots[i].state) != SHM_SLOT_SETTLING ||
            is_damaged(c, &slots[i]))
            continue;
"""),
    ("the reaper zeroes after each slot (R3 in R2)", "shm/reap.c",
     """            c->result->lost++;
""", """            c->result->lost++;
            zero_cells(c, &slots[i]);
"""),
    ("the reaper frees a slot before its cells (R4 before R3)", "shm/reap.c",
     """            zero_cells(&c, &slots[i]);
""", """            shm_store(&slots[i].state, SHM_SLOT_FREE),
                zero_cells(&c, &slots[i]);
"""),
    ("the column is free before its slots (R5 before R3)", "shm/reap.c",
     """    for (uint32_t i = 0; i < segment->slot_max; i++) /* R3, after all of R2 */
""", """    shm_store(&c.shm->state, SHM_COLUMN_FREE);
    for (uint32_t i = 0; i < segment->slot_max; i++)
"""),
    ("no fence before the scan for retired entries (D3)",
     "shm/key_table_entry.c",
     """    shm_fence();
    mark_named""", """    mark_named""", 1050000),
    ("a key has its new value before the old one is good (V4 before V3)",
     "shm/key_table_index.c",
     """    shm_store(&cold->former_until, policy->former_until);
    if (!is_same(own, policy->digest))
        store_words(hot->digest, policy->digest); /* V4 */
""", """    if (!is_same(own, policy->digest))
        store_words(hot->digest, policy->digest);
    shm_store(&cold->former_until, policy->former_until);
""", 304000),
    ("an entry that was given away is a key's place still",
     "shm/key_table.c",
     "    return is_active(view->tag) && digest_matches(hot, digest);",
     "    return is_active(view->tag) && (digest_matches(hot, digest) || 1);"),
    ("a key that was deleted is where it was", "shm/key_table.c",
     "    return is_active(view->tag) && digest_matches(hot, digest);",
     "    return digest_matches(hot, digest);"),
    ("the scan skips dead columns (D4)", "shm/key_table_entry.c",
     """        const struct shm_slot *slots = segment_slot(segment, column, 0);
""", """        const struct shm_slot *slots = segment_slot(segment, column, 0);
        if (shm_load(&segment_column(segment, column)->state) ==
            SHM_COLUMN_DYING)
            continue;
"""),
    ("the origin forgets the ledger's total (A5)", "shm/key_table_entry.c",
     "(int64_t)(sum - ledger_total[unit])",
     "(int64_t)(sum - 0 * ledger_total[unit])"),
    ("the ring's tail before the batch (F5 before F4)", "accountant/flush.c",
     """    add_records(flush);
    crash_point("F2");
""", """    add_records(flush);
    drain_release(&store->drain, &flush->drained);
"""),
    ("the position is not in the batch (F4)", "accountant/flush.c",
     """        if (flush->drained.moved[i])
            ledger_batch_position""", """        if (flush->drained.moved[i] && i > COLUMNS)
            ledger_batch_position""".replace("COLUMNS", "1000")),
    ("a new period is shown before it is durable (P3 before P2)",
     "accountant/flush.c",
     """    flush->rolls[flush->roll_count++] =
""", """    object_budgets(object)[row] = *budget;
    publish_budgets(flush->store, object);
    flush->rolls[flush->roll_count++] =
"""),
    ("a period may go back with the clock", "accountant/roll.c",
     "now->no[budget->period] > budget->period_no",
     "now->no[budget->period] != budget->period_no"),
    ("what the start waits for is answered like a client's change",
     "accountant/store.c",
     "    if (store->restore != NULL)\n        return;\n",
     ""),
    ("the first error of LevelDB is forgotten",
     "accountant/ledger/ledger_batch_write.c",
     """    if (rc < 0)
        ledger_mark_suspect(ledger);
    return rc;
""", """    return rc;
"""),
    ("the main batch is not synced",
     "accountant/ledger/ledger_batch_write.c",
     """    rc = write_ops(ledger->main, ledger->sync, &batch->main,
""", """    rc = write_ops(ledger->main, ledger->lazy, &batch->main,
"""),
    ("the rows are not synced", "accountant/ledger/ledger_batch_write.c",
     "rc = write_converted(db, ledger->sync, pages,",
     "rc = write_converted(db, ledger->lazy, pages,"),
    ("the names of days are not synced again", "accountant/ledger/ledger_open.c",
     """    if (rc == 0)
        rc = ledger_sync_dir(path, error);
    if (rc == 0)
        rc = ledger_sync_dir(ledger->dir, error);
""", """    if (rc == 0)
        rc = ledger_sync_dir(ledger->dir, error);
"""),
    ("a day whose creation was cut stops the start",
     "accountant/ledger/ledger_recover.c",
     "if (rc == -ENOENT) {", "if (rc == -ENOSYS) {", 650000),
]


class Copy:
    """The sources and what was built of them."""

    def __init__(self, build):
        self.path = os.path.join(ROOT, build, "sim-mutants")
        self.build = build
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        for name in ("common", "shm", "accountant", "Makefile", "tests/sim",
                     "tools/package/package.mk"):
            self.copy(name)
        self.copy(os.path.join(build, "obj/sim"))
        self.copy(os.path.join(build, "obj/common"))

    def copy(self, name):
        target = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["cp", "-a", os.path.join(ROOT, name), target],
                       check=True)

    def run(self, file, old, new, first, schedules):
        """The simulator's output with the mistake in; None: does not build."""
        source = os.path.join(self.path, file)
        made = os.path.join(self.path, self.build, "obj/sim",
                            file[:-2] + ".o")
        with open(source, encoding="utf-8") as f:
            text = f.read()
        if text.count(old) != 1:
            return None, "its text stands %d times in %s" % (text.count(old),
                                                           file)
        shutil.copy2(made, made + ".good")
        try:
            with open(source, "w", encoding="utf-8") as f:
                f.write(text.replace(old, new))
            program = os.path.join(self.build, "sim/sim")
            make = subprocess.run(["make", "-s", program], cwd=self.path,
                                  capture_output=True, text=True)
            if make.returncode != 0:
                return None, make.stderr[-2000:]
            done = subprocess.run(
                [program, "-s", str(first), "-n", str(schedules), "-j", "2"],
                cwd=self.path,
                capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr
        finally:
            with open(source, "w", encoding="utf-8") as f:
                f.write(text)
            shutil.copyfile(made + ".good", made)


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    schedules = int(os.environ.get("SIM_SCHEDULES") or 5000000)
    copy = Copy(build)
    passed = failed = 0
    for name, file, old, new, *first in MUTANTS:
        if wanted and not any(word in name for word in wanted):
            continue
        start = time.monotonic()
        status, output = copy.run(file, old, new, *first or [1], schedules)
        took = time.monotonic() - start
        after = re.search(r"^(\d+) schedules", output, re.M)
        how = re.search(r"^(BROKEN: .*|.*check failed.*)$", output, re.M)
        if status == 1 and after:
            passed += 1
            print("found after %6s schedules, %3d s: %s\n    %s" % (
                after.group(1), took, name, how.group(1) if how else "died"))
        else:
            failed += 1
            print("NOT FOUND: %s (%s)\n%s" % (name, status, output[-600:]))
        sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
