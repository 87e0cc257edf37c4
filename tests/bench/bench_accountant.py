#!/usr/bin/python3
"""CPU of the accountant per record at a steady rate, compaction included.

record_load.c plays a worker: it holds and settles for 1,000 keys with budgets,
20,000 times a second for a minute, by the protocol of the segment. The
accountant drains, rolls up, writes and syncs once a second, on a core of its own;
its CPU is counted until the rings are empty and LevelDB has done its
compactions. Then the books are verified: no record may be missing.

usage: tests/bench/bench_accountant.py [--rate 20000] [--seconds 60]
                                       [--keys 1000] [--runs 1] [--raw FILE]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
import bench_http  # noqa: E402
from bench_http import TICK, cpu_ticks, create_keys, pin  # noqa: E402
from gateway import BUILD, Gateway, wait_for  # noqa: E402

LOAD = os.path.join(BUILD, "bench", "record_load")
BAR_US = 8


def wait_idle(pid):
    """Until the process takes next to no CPU: nothing is being compacted."""
    last = [cpu_ticks([pid])]

    def is_idle():
        before, last[0] = last[0], cpu_ticks([pid])
        return last[0] - before <= 1
    for _ in range(3):
        wait_for(is_idle, 120, "compactions done")


def disk_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(folder) for name in names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=20000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--raw")
    args = parser.parse_args()
    for tool in ("taskset", LOAD):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    cores = os.sched_getaffinity(0)
    load_cpu, target_cpu = str(min(cores)), str(max(cores))
    bench_http.KEYS = args.keys
    raw = []
    for _ in range(args.runs):
        gateway = Gateway(provider="http://127.0.0.1:9/v1", workers=1,
                          model_options="price_input = 2\nprice_output = 8")
        try:
            gateway.start()
            create_keys(gateway, False)
            pin(list(gateway.children()), target_cpu)
            pid = list(gateway.children("accountant"))[0]
            wait_for(gateway.drained, 60, "backlog flushed")
            wait_idle(pid)
            before = cpu_ticks([pid])
            out = subprocess.run(
                ["taskset", "-c", load_cpu, LOAD,
                 "/dev/shm/aigw-" + gateway.instance, str(args.rate),
                 str(args.seconds)], capture_output=True, text=True, check=True)
            wait_for(gateway.drained, 120, "backlog flushed")
            wait_idle(pid)
            ticks = cpu_ticks([pid]) - before
            records, stalled, own_us = out.stdout.split()
            groups = gateway.ctl("group", "get", "bench")["quotas"]
            used = [q["usage"] for q in groups if q["unit"] == "tokens"]
            if used != [int(records) * 350]:
                raise SystemExit("records are missing: %s" % groups)
            gateway.verify()
            raw.append({"records": int(records), "stalled_ms": int(stalled),
                        "us": ticks / TICK / int(records) * 1e6,
                        "disk_bytes": disk_bytes(
                            os.path.join(gateway.dir, "data"))})
            print("%d records in %d s, %s ms without room: accountant %.2f us "
                  "each (bar %d), %.0f bytes on disk each; who wrote them "
                  "%s us" % (int(records), args.seconds, stalled,
                             raw[-1]["us"], BAR_US,
                             raw[-1]["disk_bytes"] / int(records), own_us),
                  flush=True)
        finally:
            gateway.cleanup()
    if args.runs > 1:
        print("median %.2f us" % statistics.median(r["us"] for r in raw))
    if args.raw:
        with open(args.raw, "w") as f:
            json.dump(raw, f, indent=1)
    if statistics.median(r["us"] for r in raw) > BAR_US:
        raise SystemExit("over the bar")


if __name__ == "__main__":
    main()
