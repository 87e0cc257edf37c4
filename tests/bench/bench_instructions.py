#!/usr/bin/python3
"""Instructions of the worker per request, by callgrind: repeatable on any machine.

Counted between runs of N and 5 N requests, so that starts do not count; one
connection, 1 KiB each way. On: budgets of tokens and money on key and group,
requests and tokens per minute, prices, log. Off: a key without any limit, a
model without prices. SHA-256 counts far more here than where the processor has
instructions for it, so the keys are warm.

With --cache: the same call to builtin/echo, made and given from the cache, both
with everything on. With --keys: a call with everything on among so many keys, and
whether that costs more than with the first number (needs wrk, to make them).

usage: tests/bench/bench_instructions.py [--requests 500] [--cache] [--keys 10,100000]
"""
import argparse
import glob
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
import gateway # noqa: E402
from bench_http import Nginx, answer_text, request_text # noqa: E402

KEYS_SCRIPT = """
local n = 0
request = function()
  n = n + 1
  return wrk.format('POST', '/admin/v1/keys',
    {['Authorization'] = 'Bearer test-admin-token-1',
     ['Content-Type'] = 'application/json'},
    '{"name": "key%d-' .. n .. '", "budgets": [{"period": "daily", "limit": 1000000}]}')
end
"""


def start_counted(g, out):
    """Under callgrind, whose files begin with `out`."""
    real = subprocess.Popen
    for old in glob.glob(out + ".*"):
        os.unlink(old)

    def popen(args, **options):
        return real(["valgrind", "--tool=callgrind", "--quiet",
                     "--callgrind-out-file=%s.%%p" % out] + args, **options)
    gateway.subprocess.Popen = popen
    try:
        g.launch().wait_ready(600)
    finally:
        gateway.subprocess.Popen = real


def make_limited_key(g):
    g.ctl("group", "create", "bench")
    g.ctl("group", "set-quota", "bench", "--quota", "1000000000000",
          "--period", "monthly")
    key = g.create_key("k", "--group", "bench", "--quota", "1000000000000", "--period",
                       "daily", "--rpm", "100000000", "--tpm", "100000000000")
    g.ctl("key", "set-quota", "k", "--unit", "currency", "--quota", "1000000",
          "--period", "total")
    return key


def ask(g, key, count, model, fields):
    connection = http.client.HTTPConnection("127.0.0.1", g.port)
    body = request_text().replace("m1", model, 1)
    head = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
    head.update(fields or {})
    for _ in range(count):
        connection.request("POST", "/v1/chat/completions", body, head)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(text)
    connection.close()


def counted(out):
    """All instructions of the process that served."""
    served = 0
    for name in glob.glob(out + ".*"):
        with open(name, errors="replace") as f:
            text = f.read()
        if "relay_start" in text:
            served = max(served, int(re.search(
                r"^(?:summary|totals): (\d+)", text, re.M).group(1)))
    return served


def new_gateway(port, limits, **options):
    return gateway.Gateway(
        provider="http://127.0.0.1:%d/v1" % port, workers=1,
        model_options="price_input = 2\nprice_output = 8" if limits else "",
        **options)


def worker_instructions(port, folder, count, limits, model="m1", fields=None):
    out = os.path.join(folder, "callgrind.out")
    g = new_gateway(port, limits)
    start_counted(g, out)
    key = make_limited_key(g) if limits else g.create_key("k")
    ask(g, key, count, model, fields)
    g.stop()
    g.cleanup()
    return counted(out)


def among_keys(port, folder, keys, requests):
    """Instructions per request of one key, `keys` others beside it."""
    out, each = os.path.join(folder, "callgrind.out"), []
    g = new_gateway(port, True, server="max_keys = %d" % (keys + 1000)).start()
    key = make_limited_key(g)
    left = keys
    while left > 0: # of wrk's requests some are behind the last
        if keys <= 1000:
            for i in range(keys):
                g.create_key("key-%d" % i)
            break
        script = os.path.join(g.dir, "keys.lua")
        with open(script, "w") as f:
            f.write(KEYS_SCRIPT % left)
        subprocess.run(["wrk", "-t1", "-c64", "-d5s", "-s", script,
                        "http://127.0.0.1:%d" % g.admin_port], capture_output=True)
        left = keys - json.loads(g.admin("GET", "/admin/v1/keys?limit=1")[2])["total"]
    g.stop()
    for count in (requests, 5 * requests):
        start_counted(g, out)
        ask(g, key, count, "m1", None)
        g.stop(seconds=600)
        each.append(counted(out))
    g.cleanup()
    return (each[1] - each[0]) / (4 * requests)


def of_many_keys(folder, port, requests, numbers):
    each = [among_keys(port, folder, n, requests) for n in numbers]
    for number, n in zip(numbers, each):
        print("instructions per request among %d keys: %.0f, %+.1f %%" % (
            number, n, 100 * (n / each[0] - 1)))
    if max(each) > 1.03 * min(each):
        raise SystemExit("more than 3 % apart")


def of_a_hit(folder, requests):
    each = []
    for fields in ({}, {"cf-aig-cache-ttl": "86400"}):
        few, many = (worker_instructions(9, folder, n, True, "builtin/echo", fields)
                     for n in (requests, 5 * requests))
        each.append((many - few) / (4 * requests))
    print("instructions per request: builtin/echo %.0f, given from the cache %.0f, "
          "%.2f of it" % (each[0], each[1], each[1] / each[0]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--cache", action="store_true")
    parser.add_argument("--keys", help="how many, by comma: 10,100000")
    args = parser.parse_args()
    for tool in ("nginx", "valgrind"):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    os.environ["PATH"] += ":/usr/sbin"
    if args.cache:
        of_a_hit(folder, args.requests)
        shutil.rmtree(folder, ignore_errors=True)
        return
    origin = Nginx(folder, "origin", "location / { default_type "
                   "application/json; return 200 '%s'; }" % answer_text())
    each = {}
    if args.keys:
        try:
            of_many_keys(folder, origin.port, args.requests,
                         [int(n) for n in args.keys.split(",")])
        finally:
            origin.stop()
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        for limits in (True, False):
            few, many = (worker_instructions(origin.port, folder, n, limits)
                         for n in (args.requests, 5 * args.requests))
            each[limits] = (many - few) / (4 * args.requests)
    finally:
        origin.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("instructions per request: everything on %.0f, off %.0f, difference "
          "%.0f" % (each[True], each[False], each[True] - each[False]))


if __name__ == "__main__":
    main()
