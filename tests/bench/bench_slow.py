#!/usr/bin/python3
"""What slow clients take from the others: the rate of served calls beside
4,000 connections that send heads and bodies or read answers byte by byte, as a
ratio to the rate without them, in interleaved pairs; and the CPU that they cost
the gateway by themselves, which a busy machine does not change.

The slow ones come again when they are cut. They run in a process of their own
on the load's core: what they cost there counts against us. A second row gives
the gateway fewer places than there are slow clients (--max-connections), so
that each new connection takes the place of a slow one; the load keeps its own.
Needs Debian's nginx (as provider) and wrk.

usage: tests/bench/bench_slow.py [--pairs 5] [--seconds 4] [--slow 4000]
                                 [--max-connections 2048] [--connections 64]
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
from bench_http import (  # noqa: E402
    TICK, Nginx, answer_text, cpu_ticks, pin, write_script, wrk)
from gateway import Gateway, wait_for  # noqa: E402
from slow_clients import SlowClients  # noqa: E402

PAUSE = 5  # seconds between two bytes
KINDS = ("head", "body", "read")


def be_slow(port, key, count):
    """The other process: says how many are open until its input ends."""
    clients = SlowClients(port, key, {k: count // len(KINDS) for k in KINDS},
                          pause=PAUSE, answer_bytes=256 << 10).start()
    while True:
        print(json.dumps({"open": sum(clients.open.values()),
                          "opened": sum(clients.opened.values())}), flush=True)
        time.sleep(0.25)


class Slow:
    def __init__(self, port, key, count, cpu):
        self.process = subprocess.Popen(
            ["taskset", "-c", cpu, sys.executable, os.path.abspath(__file__),
             "--be-slow", str(port), key, str(count)],
            stdout=subprocess.PIPE, text=True)
        self.last = {}

    def read(self):
        self.last = json.loads(self.process.stdout.readline())
        return self.last

    def wait_opened(self, count):
        wait_for(lambda: self.read()["opened"] >= count, 120, "slow clients")

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure(args, script, cpus, folder, server):
    origin = Nginx(folder, "origin-%d" % len(os.listdir(folder)),
                   "location / { default_type application/json; return 200 '%s'; }"
                   % answer_text())
    gateway = Gateway(provider="http://127.0.0.1:%d/v1" % origin.port,
                      workers=1, server=server)
    ratios, costs = [], []
    try:
        gateway.start()
        key = gateway.create_key("load")
        path = script(folder, [key])
        pids = [gateway.process.pid] + list(gateway.children())
        pin(origin.pids(), cpus[0])
        pin(pids, cpus[1])
        wrk(gateway.port, args.connections, 1, path, cpus[0])
        for _ in range(args.pairs):
            without = wrk(gateway.port, args.connections, args.seconds, path, cpus[0])
            slow = Slow(gateway.port, key, args.slow, cpus[0])
            try:
                slow.wait_opened(args.slow * 9 // 10)
                before, begun = cpu_ticks(pids), time.monotonic()
                time.sleep(args.seconds)
                costs.append((cpu_ticks(pids) - before) / TICK /
                             (time.monotonic() - begun))
                beside = wrk(gateway.port, args.connections, args.seconds, path,
                             cpus[0])
            finally:
                slow.stop()
            ratios.append(beside / without)
            print("  %6d calls without, %6d beside them: %.3f; alone they cost "
                  "%.1f %% of a core" % (without, beside, ratios[-1],
                                         100 * costs[-1]), flush=True)
        wait_for(gateway.settled, 60, "all settled")
        gateway.verify()
    finally:
        gateway.cleanup()
        origin.stop()
    return ratios, costs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--slow", type=int, default=4000)
    parser.add_argument("--max-connections", type=int, default=2048)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--be-slow", nargs=3, metavar=("PORT", "KEY", "COUNT"))
    args = parser.parse_args()
    if args.be_slow:
        return be_slow(int(args.be_slow[0]), args.be_slow[1], int(args.be_slow[2]))
    for tool in ("nginx", "wrk", "taskset"):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    os.environ["PATH"] += ":/usr/sbin"
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    cores = os.sched_getaffinity(0)
    cpus = (str(min(cores)), str(max(cores)))
    try:
        for places in (16384, args.max_connections):
            ratios, costs = measure(args, write_script, cpus, folder,
                             "max_connections = %d\n" % places)
            print("%d slow clients, %d places: %.3f of the calls (median of %d, "
                  "%.3f to %.3f); they cost %.1f %% of a core" % (
                      args.slow, places, statistics.median(ratios), len(ratios),
                      min(ratios), max(ratios), 100 * statistics.median(costs)),
                  flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
