#!/usr/bin/python3
"""Many slow streams and idle connections, against nginx in the same run.

Streams: 1,000 with an event of 240 bytes each 100 ms: CPU per event, age of an
event at the client, user memory per stream. Idle: 10,000 connections without a
request: user memory per connection. Memory is the growth of PSS over all
processes of the target (shared memory of the segment included), socket buffers
of the kernel not. The provider and the clients are stream_load.c.

usage: tests/bench/bench_streams.py [--pairs 11] [--seconds 5] [--streams 1000]
                                    [--idle 10000] [--raw FILE]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
from bench_http import TICK, Nginx, cpu_ticks, pin # noqa: E402
from gateway import BUILD, Gateway, free_port, wait_for # noqa: E402

LOAD = os.path.join(BUILD, "bench", "stream_load")


def pss_kib(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            total += next(int(line.split()[1]) for line in f
                          if line.startswith("Pss:"))
    return total


class Load:
    """stream_load on the cores that the target does not have."""

    def __init__(self, cpu, *words):
        self.process = subprocess.Popen(
            ["taskset", "-c", cpu, LOAD] + [str(w) for w in words],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            raise SystemExit("the load did not begin: %s" % line)

    def result(self):
        out = self.process.stdout.read().split()
        if self.process.wait(60) != 0:
            raise SystemExit("the load failed")
        return [int(x) for x in out]

    def stop(self):
        self.process.kill()
        self.process.wait(10)


def streams(port, pids, key, args, cpu):
    memory = pss_kib(pids)
    load = Load(cpu, "client", port, args.streams, args.seconds, key)
    before, kib = cpu_ticks(pids), pss_kib(pids) - memory
    events, p50, p99, broken = load.result()
    if broken:
        raise SystemExit("%d streams broke" % broken)
    return {"us": (cpu_ticks(pids) - before) / TICK / events * 1e6,
            "p50": p50, "p99": p99, "kib": kib / args.streams}


def idle(port, pids, args, cpu):
    memory = pss_kib(pids)
    load = Load(cpu, "idle", port, args.idle, 2)
    kib = pss_kib(pids) - memory
    left = load.result()[0]
    if left != args.idle:
        raise SystemExit("%d of %d idle connections stayed" % (left, args.idle))
    return kib / args.idle


def report(name, raw, field, form):
    ours = [r["aigw"][field] for r in raw]
    theirs = [r["nginx"][field] for r in raw]
    print("%-22s aigw %s, nginx %s, ratio %.3f (median of %d pairs, %.3f to "
          "%.3f)" % (name, form % statistics.median(ours),
                     form % statistics.median(theirs),
                     statistics.median(a / b for a, b in zip(ours, theirs)),
                     len(raw), min(a / b for a, b in zip(ours, theirs)),
                     max(a / b for a, b in zip(ours, theirs))), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--raw")
    args = parser.parse_args()
    for tool in ("nginx", "taskset", LOAD):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    os.environ["PATH"] += ":/usr/sbin"
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    cores = os.sched_getaffinity(0)
    load_cpu, target_cpu = str(min(cores)), str(max(cores))
    origin_port = free_port()
    origin = Load(load_cpu, "origin", origin_port, 100)
    gateway = Gateway(provider="http://127.0.0.1:%d/v1" % origin_port, workers=1,
                      server="max_connections = 20000",
                      model_options="price_input = 2\nprice_output = 8")
    gateway.start()
    key = gateway.create_key("k", "--quota", "1000000000000", "--period",
                             "daily", "--rpm", "100000000", "--tpm",
                             "100000000000")
    proxy = Nginx(folder, "proxy", """location / { proxy_pass http://origin;
        proxy_http_version 1.1; proxy_buffering off;
        proxy_request_buffering off; proxy_set_header Connection ""; }""",
                  "client_header_timeout 600s; upstream origin { server "
                  "127.0.0.1:%d; keepalive 2000; }" % origin_port)
    ours = [gateway.process.pid] + list(gateway.children())
    theirs = proxy.pids()
    pin(ours + theirs, target_cpu)
    raw, raw_idle = [], {}
    try:
        for name, port, pids in (("aigw", gateway.port, ours),
                                 ("nginx", proxy.port, theirs)):
            kib = idle(port, pids, args, load_cpu)
            raw_idle[name] = kib
            print("memory per idle connection: %s %.2f KiB" % (name, kib))
        for pair in range(args.pairs):
            row = {}
            for name, port, pids in (("aigw", gateway.port, ours),
                                     ("nginx", proxy.port, theirs)):
                row[name] = streams(port, pids, key, args, load_cpu)
                if name == "aigw":
                    wait_for(gateway.drained, 60, "backlog flushed")
            raw.append(row)
        report("CPU per event, us", raw, "us", "%.1f")
        report("age p50, us", raw, "p50", "%.0f")
        # Memory once had is used again: the first pair is the one that grows.
        for name in ("aigw", "nginx"):
            print("memory per stream: %s %.1f KiB" % (name, raw[0][name]["kib"]))
        gateway.verify()
    finally:
        if args.raw:
            with open(args.raw, "w") as f:
                json.dump({"idle_kib": raw_idle, "pairs": raw}, f, indent=1)
        origin.stop()
        proxy.stop()
        gateway.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
