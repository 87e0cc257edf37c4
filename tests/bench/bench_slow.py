#!/usr/bin/python3
"""What slow clients take from the others: calls served beside 4,000 connections
that send heads and bodies or read answers byte by byte, as a ratio to the calls
without them, each measured between two measurements without; and what they cost
the gateway by themselves.

The slow ones are a C program (slow_load.c) on the load's core that takes next to
none of it, and come again when they are cut. The gateway's worker has a core of
its own and is what limits the rate; so a second ratio, of the gateway's CPU per
call, says the same with less noise where others use the machine too. A second row
gives the gateway fewer places than there are slow clients (--max-connections),
so that each new connection takes the place of a slow one; the load keeps its own.
Needs Debian's nginx (as provider) and wrk.

usage: tests/bench/bench_slow.py [--pairs 11] [--seconds 3] [--slow 4000]
                                 [--max-connections 2048] [--connections 64]
                                 [--raw FILE]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
from bench_http import (  # noqa: E402
    TICK, Nginx, answer_text, cpu_ticks, pin, write_script, wrk)
from gateway import BUILD, Gateway, wait_for  # noqa: E402

LOAD = os.path.join(BUILD, "bench", "slow_load")
PAUSE_MS = 5000  # between two bytes


class Slow:
    """The slow clients, from when all have been there to stop()."""

    def __init__(self, port, key, count, cpu):
        self.process = subprocess.Popen(
            ["taskset", "-c", cpu, LOAD, str(port), key, str(count),
             str(PAUSE_MS)], stdout=subprocess.PIPE, text=True)
        wait_for(lambda: sum(self.read()[1:]) >= count, 120, "slow clients")

    def read(self):
        return [int(n) for n in self.process.stdout.readline().split()]

    def ticks(self):
        return cpu_ticks([self.process.pid])

    def stop(self):
        self.process.kill()
        self.process.wait()


def wait_calm(pids):
    """Until what the slow clients began with has been worked off."""
    last = [cpu_ticks(pids)]

    def is_calm():
        time.sleep(0.5)
        before, last[0] = last[0], cpu_ticks(pids)
        return last[0] - before < 0.05 * TICK
    wait_for(is_calm, 60, "the gateway calm again")


def measure(args, cpus, folder, places):
    origin = Nginx(folder, "origin-%d" % places,
                   "location / { default_type application/json; return 200 '%s'; }"
                   % answer_text())
    gateway = Gateway(provider="http://127.0.0.1:%d/v1" % origin.port, workers=1,
                      server="max_connections = %d\n" % places)
    rows = []
    try:
        gateway.start()
        key = gateway.create_key("load")
        script = write_script(folder, [key])
        pids = [gateway.process.pid] + list(gateway.children())
        pin(origin.pids(), cpus[0])
        pin(pids, cpus[1])

        def run():
            """Calls, and the gateway's CPU for each. Each run after a rest:
            shared machines are faster then."""
            time.sleep(args.seconds)
            before = cpu_ticks(pids)
            calls = wrk(gateway.port, args.connections, args.seconds, script,
                        cpus[0])
            return calls, (cpu_ticks(pids) - before) / TICK / calls * 1e6

        run()
        last = run()
        for _ in range(args.pairs):
            slow = Slow(gateway.port, key, args.slow, cpus[0])
            try:
                wait_calm(pids)
                before, own, begun = cpu_ticks(pids), slow.ticks(), time.monotonic()
                time.sleep(2)
                passed = time.monotonic() - begun
                alone = (cpu_ticks(pids) - before) / TICK / passed
                theirs = (slow.ticks() - own) / TICK / passed
                beside = run()
            finally:
                slow.stop()
            after = run()
            without = [(last[i] + after[i]) / 2 for i in range(2)]
            last = after
            rows.append({"places": places, "calls": without[0],
                         "calls_beside": beside[0], "us": without[1],
                         "us_beside": beside[1], "core_alone": alone,
                         "core_of_slow_clients": theirs})
        wait_for(gateway.drained, 60, "all settled")
        gateway.verify()
    finally:
        gateway.cleanup()
        origin.stop()
    return rows


def tell(args, rows):
    calls = [r["calls_beside"] / r["calls"] for r in rows]
    cpu = [r["us"] / r["us_beside"] for r in rows]
    print("%d slow clients, %d places: %.3f of the calls (median of %d, %.3f to "
          "%.3f), %.3f of the calls per CPU (%.3f to %.3f); alone they cost the "
          "gateway %.1f %% of a core and themselves %.1f %%" % (
              args.slow, rows[0]["places"], statistics.median(calls), len(rows),
              min(calls), max(calls), statistics.median(cpu), min(cpu), max(cpu),
              100 * statistics.median(r["core_alone"] for r in rows),
              100 * statistics.median(r["core_of_slow_clients"] for r in rows)),
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--slow", type=int, default=4000)
    parser.add_argument("--max-connections", type=int, default=2048)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--raw")
    args = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset", LOAD):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    os.environ["PATH"] += ":/usr/sbin"
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    cores = os.sched_getaffinity(0)
    cpus = (str(min(cores)), str(max(cores)))
    raw = []
    try:
        for places in (16384, args.max_connections):
            rows = measure(args, cpus, folder, places)
            raw += rows
            tell(args, rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if args.raw:
            with open(args.raw, "w") as f:
                json.dump(raw, f, indent=1)


if __name__ == "__main__":
    main()
