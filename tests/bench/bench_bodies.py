#!/usr/bin/python3
"""CPU per request with large bodies, as a ratio to nginx in the same run.

512 KiB of chat text at 8 connections, and one message of 3.9 MiB in base64 at 4:
every byte of both is scanned by the gateway, and none by nginx. Interleaved
pairs as in bench_http.py, nginx without request buffering.

usage: tests/bench/bench_bodies.py [--pairs 11] [--seconds 4] [--raw FILE]
"""
import argparse
import base64
import json
import os
import random
import shutil
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
from bench_http import TICK, Nginx, answer_text, cpu_ticks, pin, wrk # noqa: E402
from bench_streams import LOAD, Load # noqa: E402
from gateway import Gateway, free_port, wait_for # noqa: E402


def chat_text(size):
    """Messages of 50 lines each, as of documents or code, with some quotes."""
    rng = random.Random(1)
    body = {"model": "m1", "max_tokens": 200, "messages": []}
    while size > 0:
        lines = [" ".join("".join(rng.choices("abcdefghij", k=rng.randint(2, 9)))
                          for _ in range(rng.randint(6, 18)))
                 for _ in range(50)]
        lines[7] = "and \"so\" on"
        body["messages"].append({"role": "user", "content": "\n".join(lines)})
        size -= len(json.dumps(body["messages"][-1]))
    return json.dumps(body)


def base64_text(size):
    data = base64.b64encode(random.Random(2).randbytes(size * 3 // 4)).decode()
    return json.dumps({"model": "m1", "max_tokens": 200, "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {
            "url": "data:image/png;base64," + data}}]}]})


CASES = (("512 KiB of chat", 8, chat_text(512 * 1024)),
         ("3.9 MiB of base64", 4, base64_text(int(3.9 * 1024 * 1024))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--raw")
    args = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset", LOAD):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    os.environ["PATH"] += ":/usr/sbin"
    large = "client_max_body_size 64m;"
    cores = os.sched_getaffinity(0)
    load_cpu, target_cpu = str(min(cores)), str(max(cores))
    answer = os.path.join(folder, "answer.json")
    with open(answer, "w") as f:
        f.write(answer_text())
    origin_port = free_port()
    origin = Load(load_cpu, "sink", origin_port, answer)
    gateway = Gateway(provider="http://127.0.0.1:%d/v1" % origin_port, workers=1,
                      model_options="price_input = 2\nprice_output = 8")
    gateway.start()
    key = gateway.create_key("k", "--quota", "1000000000000000", "--period",
                             "daily", "--rpm", "100000000", "--tpm",
                             "100000000000000")
    proxy = Nginx(folder, "proxy", """location / { proxy_pass http://origin;
        proxy_http_version 1.1; proxy_buffering off;
        proxy_request_buffering off; proxy_set_header Connection ""; }""",
                  large + " upstream origin { server 127.0.0.1:%d; keepalive 64; }"
                  % origin_port)
    ours = [gateway.process.pid] + list(gateway.children())
    pin(ours + proxy.pids(), target_cpu)

    def measure(port, pids, connections, script):
        before = cpu_ticks(pids)
        requests = wrk(port, connections, args.seconds, script, load_cpu)
        wait_for(gateway.drained, 60, "backlog flushed")
        return (cpu_ticks(pids) - before) / TICK / requests * 1e6

    raw = []
    try:
        for name, connections, body in CASES:
            file = os.path.join(folder, "body.json")
            with open(file, "w") as f:
                f.write(body)
            script = os.path.join(folder, "load.lua")
            with open(script, "w") as f:
                f.write("local f = io.open('%s')\nwrk.method = 'POST'\n"
                        "wrk.path = '/v1/chat/completions'\n"
                        "wrk.body = f:read('*a')\n"
                        "wrk.headers['Authorization'] = 'Bearer %s'\n"
                        "wrk.headers['Content-Type'] = 'application/json'\n"
                        % (file, key))
            rows = []
            for pair in range(args.pairs):
                rows.append({"case": name, "pair": pair,
                             "aigw_us": measure(gateway.port, ours, connections,
                                                script),
                             "nginx_us": measure(proxy.port, proxy.pids(),
                                                 connections, script)})
            raw += rows
            ratios = [r["aigw_us"] / r["nginx_us"] for r in rows]
            print("%s: aigw %.0f us, nginx %.0f us, ratio %.3f (median of %d "
                  "pairs, %.3f to %.3f)" % (
                      name, statistics.median(r["aigw_us"] for r in rows),
                      statistics.median(r["nginx_us"] for r in rows),
                      statistics.median(ratios), len(rows), min(ratios),
                      max(ratios)), flush=True)
    finally:
        if args.raw:
            with open(args.raw, "w") as f:
                json.dump(raw, f, indent=1)
        origin.stop()
        proxy.stop()
        gateway.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
