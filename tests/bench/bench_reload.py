#!/usr/bin/python3
"""Requests that reloads cut: wrk on kept-alive connections, a reload ten times a
second. With --upgrade the program's file is replaced as well, once a second.

Aim: 0 of at least 500,000 requests. The usual proxies, same test, two cores:
nginx 1.22 cut 4,367 of 960,893 with 100 reloads, HAProxy 2.6 313 of 631,626 with
50. Needs Debian's wrk; the builtin provider answers, so that nothing else can be
at fault.

usage: tests/bench/bench_reload.py [--seconds 10] [--rounds 1] [--connections 50]
                                   [--workers 2] [--upgrade]
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from gateway import BUILD, Gateway, wait_for # noqa: E402

SCRIPT = """wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"builtin/echo","messages":[{"role":"user","content":"hi"}]}'
"""


def storm(gw, seconds, program, wrk):
    """Signals until wrk ends: (reloads, upgrades)."""
    reloads = upgrades = 0
    begin = time.monotonic()
    while wrk.poll() is None:
        if time.monotonic() - begin < seconds:
            gw.signal(signal.SIGHUP)
            reloads += 1
            if program and reloads % 10 == 0:
                shutil.copy(os.path.join(BUILD, "aigw"), program + ".new")
                os.rename(program + ".new", program)
                gw.signal(signal.SIGUSR2)
                upgrades += 1
        time.sleep(0.1)
    return reloads, upgrades


def one_round(gw, options, program, script):
    wrk = subprocess.Popen(
        ["wrk", "-t", "2", "-c", str(options.connections), "-d",
         "%ds" % (options.seconds + 1), "-s", script,
         "http://127.0.0.1:%d/v1/chat/completions" % gw.port],
        stdout=subprocess.PIPE, text=True)
    reloads, upgrades = storm(gw, options.seconds, program, wrk)
    text = wrk.stdout.read()
    served = int(re.search(r"(\d+) requests in", text)[1])
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), "
                       r"timeout (\d+)", text)
    cut = sum(int(n) for n in errors.groups()) if errors else 0
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    refused = int(refused[1]) if refused else 0
    print("%d served, %d cut, %d refused; %d reload signals, %d upgrade signals"
          % (served, cut, refused, reloads, upgrades), flush=True)
    return served, cut + refused


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--upgrade", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("bench_reload: Debian's package wrk is needed")
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    program = os.path.join(folder, "aigw")
    shutil.copy(os.path.join(BUILD, "aigw"), program)
    gw = Gateway(workers=options.workers, program=program)
    try:
        gw.start()
        script = os.path.join(folder, "post.lua")
        with open(script, "w") as f:
            f.write(SCRIPT % gw.create_key("k"))
        rounds = [one_round(gw, options, program if options.upgrade else None,
                            script) for _ in range(options.rounds)]
        served, bad = (sum(column) for column in zip(*rounds))
        generation = gw.ctl("status")["config"]["generation"]
        print("in all %d served, %d cut or refused, %d generations" % (
            served, bad, generation), flush=True)
        wait_for(gw.settled, 60, "settled")
        gw.verify()
        return bad > 0
    finally:
        gw.cleanup()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
