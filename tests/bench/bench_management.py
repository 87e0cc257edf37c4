#!/usr/bin/python3
"""Management under load: many keys made by many clients at once, each answered
behind the synced batch that has it; then pages of their list, and the accountant
killed right after an answer: no key that was answered may be missing.

Needs Debian's wrk.

usage: tests/bench/bench_management.py [--keys 100000] [--clients 64] [--lists tag]
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
from bench_http import TICK, cpu_ticks # noqa: E402
from gateway import Gateway, wait_for # noqa: E402

RATE_BAR = 2000    # keys made a second
PAGE_BAR_MS = 10   # a page of the list
PAGES = 40

SCRIPT = """
local n = 0
request = function()
  n = n + 1
  local tags = n %% 2 == 0 and '{"team": "even", "note": "a long text of nobody", "user": "u'
    or '{"team": "odd", "user": "u'
  tags = tags .. n .. '"}'
  return wrk.format('POST', '/admin/v1/keys',
    {['Authorization'] = 'Bearer test-admin-token-1',
     ['Content-Type'] = 'application/json'},
    '{"name": "%s-' .. n .. '", "budgets": [{"period": "daily", "limit": 1000000}], "tags": ' ..
    tags .. '}')
end
"""


def total(gateway):
    return json.loads(gateway.admin("GET", "/admin/v1/keys?limit=1")[2])["total"]


def make_keys(gateway, clients, wanted):
    """Keys a second, until there are so many."""
    script = os.path.join(gateway.dir, "keys.lua")
    made, seconds, part = 0, 0.0, 0
    while made < wanted:
        with open(script, "w") as f:
            f.write(SCRIPT % ("key%d" % part))
        before, began = total(gateway), time.monotonic()
        out = subprocess.run(
            ["wrk", "-t1", "-c%d" % clients, "-d10s", "-s", script,
             "http://127.0.0.1:%d" % gateway.admin_port],
            capture_output=True, text=True).stdout
        seconds += time.monotonic() - began
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit("load failed: %s" % out)
        made += total(gateway) - before
        part += 1
    return made / seconds


def page_ms(gateway, query):
    """Of a page of 50: how many there are of all, median and 99th percentile of
    the time, and the accountant's CPU, which no busy machine changes."""
    pid = list(gateway.children("accountant"))
    times, before = [], cpu_ticks(pid)
    for _ in range(PAGES):
        began = time.monotonic()
        status, _, body = gateway.admin("GET", "/admin/v1/keys?limit=50&" + query)
        times.append((time.monotonic() - began) * 1000)
        if status != 200 or not json.loads(body)["data"]:
            raise SystemExit("list failed: %d %s" % (status, body[:200]))
    times.sort()
    return {"total": json.loads(body)["total"], "p50": statistics.median(times),
            "p99": times[len(times) * 99 // 100],
            "cpu": (cpu_ticks(pid) - before) / TICK / PAGES * 1000}


def lists(gateway, part):
    """The first, middle and last page of each list; the slowest median."""
    slowest = 0
    for query in ("", "name=key0-77", "name=key", "group=default",
                  "tags=%7B%22team%22%3A%22even%22%7D", "tag_keys=note",
                  "status=active", "status=1", "name=y0-7&status=active"):
        if part not in query:
            continue
        total_ = page_ms(gateway, query)["total"]
        for page in sorted({1, max(1, total_ // 100), (total_ + 49) // 50}):
            found = page_ms(gateway, "%s&page=%d" % (query, page))
            slowest = max(slowest, found["p50"])
            print("  %-38s %6d, page %4d: p50 %5.1f ms, p99 %5.1f, CPU %4.1f" % (
                query or "all", total_, page, found["p50"], found["p99"],
                found["cpu"]), flush=True)
    return slowest


def kill_behind_answers(gateway, clients):
    """How many keys were answered before the accountant died."""
    answered, lock = [], threading.Lock()
    dead = threading.Event()

    def client(number):
        for i in range(1000000):
            name = "kill%d-%d" % (number, i)
            try:
                status, _, _ = gateway.admin("POST", "/admin/v1/keys",
                                             {"name": name})
            except OSError:
                return
            if status != 201 or dead.is_set():
                return
            with lock:
                answered.append(name)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(answered) > 300, 60, "keys made")
    os.kill(list(gateway.children("accountant"))[0], signal.SIGKILL)
    dead.set()
    for thread in threads:
        thread.join()

    def is_back():
        try:
            return gateway.admin("GET", "/admin/v1/keys?limit=1")[0] == 200
        except OSError:
            return False
    wait_for(is_back, 60, "the accountant")
    for name in answered:
        listed = json.loads(gateway.admin(
            "GET", "/admin/v1/keys?name=%s&limit=1000" % name)[2])["data"]
        if name not in [key["name"] for key in listed]:
            raise SystemExit("key %s was answered and is lost" % name)
    return len(answered)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=100000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--lists", default="", help="only filters with this in it")
    args = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("skipped: this bench needs wrk")
    gateway = Gateway(workers=2, server="max_keys = %d" % (args.keys * 4))
    gateway.start()
    try:
        rate = make_keys(gateway, args.clients, args.keys)
        count = total(gateway)
        print("%d keys by %d clients: %.0f a second (bar %d)" % (
            count, args.clients, rate, RATE_BAR))
        slowest = lists(gateway, args.lists)
        print("the slowest page of 50: %.1f ms (bar %d)" % (slowest, PAGE_BAR_MS))
        print("killed right behind an answer: %d keys answered, none lost" %
              kill_behind_answers(gateway, 8))
        gateway.verify()
        if rate < RATE_BAR or slowest > PAGE_BAR_MS:
            raise SystemExit("over the bar")
    finally:
        gateway.cleanup()


if __name__ == "__main__":
    main()
