#!/usr/bin/python3
"""CPU per request of the whole gateway, as a ratio to nginx in the same run.

Same cores, interleaved pairs, all of it twice: `together`, where load, proxy and
origin take turns on one core, which is full for either proxy; `apart`, where the
proxy has a core of its own and waits for the other, the more the less it needs.
Everything on: virtual keys with token and money
budgets, requests and tokens per minute, a group, counters, durable log. CPU is
utime + stime of all processes of the target, reaped children included, taken
after the backlog was flushed. nginx: one worker, keep-alive proxy, a map of
1,000 keys, buffering off, no access log. Both forward to the same nginx origin.
Needs Debian's nginx and wrk. Raw pairs go to the file named by --raw.

usage: tests/bench/bench_http.py [--pairs 11] [--seconds 3] [--connections 16,64]
                                 [--workers 1] [--cores together,apart]
                                 [--raw FILE]
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from gateway import Gateway, free_port, wait_for # noqa: E402

KEYS = 1000
TICK = os.sysconf("SC_CLK_TCK")


def answer_text():
    """A chat answer of 1 KiB with usage."""
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
              "model": "m1", "choices": [{"index": 0, "finish_reason": "stop",
              "message": {"role": "assistant", "content": ""}}],
              "usage": {"prompt_tokens": 200, "completion_tokens": 150,
                        "total_tokens": 350}}
    answer["choices"][0]["message"]["content"] = "x" * (
        1024 - len(json.dumps(answer)))
    return json.dumps(answer)


def request_text():
    body = {"model": "m1", "max_tokens": 200,
            "messages": [{"role": "user", "content": ""}]}
    body["messages"][0]["content"] = "y" * (1024 - len(json.dumps(body)))
    return json.dumps(body)


class Nginx:
    def __init__(self, folder, name, server, extra=""):
        self.port = free_port()
        self.dir = os.path.join(folder, name)
        os.mkdir(self.dir)
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write("""daemon off; worker_processes 1; pid %s/pid;
error_log %s/error.log; worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
tcp_nodelay on; client_body_temp_path %s; proxy_temp_path %s;
fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
client_body_buffer_size 64k; map_hash_max_size 16384; map_hash_bucket_size 256;
%s
server { listen 127.0.0.1:%d backlog=4096; %s } }
""" % ((self.dir,) * 7 + (extra, self.port, server)))
        self.process = subprocess.Popen(["nginx", "-p", self.dir, "-c", conf],
                                        start_new_session=True)

    def pids(self):
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                             capture_output=True, text=True).stdout
        return [self.process.pid] + [int(p) for p in out.split()]

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)


def cpu_ticks(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
        total += sum(int(x) for x in fields[11:15]) # u, s, and of reaped children
    return total


def pin(pids, cpu):
    for pid in pids:
        subprocess.run(["taskset", "-apc", cpu, str(pid)],
                       stdout=subprocess.DEVNULL)


def create_keys(gateway, plain):
    """KEYS keys in a group with a budget; unless `plain`, with all limits."""
    gateway.ctl("group", "create", "bench")
    gateway.ctl("group", "set-quota", "bench", "--quota", "1000000000000",
                "--period", "monthly")
    limits = [] if plain else [
        "--quota", "1000000000000", "--period", "daily", "--rpm", "100000000",
        "--tpm", "100000000000"]
    keys = [gateway.create_key("k%d" % i, "--group", "bench", *limits)
            for i in range(KEYS)]
    if not plain:
        for i in range(KEYS):
            gateway.ctl("key", "set-quota", "k%d" % i, "--unit", "currency",
                        "--quota", "1000000", "--period", "total")
    return keys


def start_proxy(folder, origin, keys, server=""):
    """nginx as what we are compared with; `server`: more for its server block."""
    key_map = "map $http_authorization $known { default 0; %s }" % " ".join(
        '"Bearer %s" 1;' % k for k in keys)
    return Nginx(folder, "proxy", server + """location / {
        if ($known = 0) { return 401; }
        proxy_pass http://origin; proxy_http_version 1.1; proxy_buffering off;
        proxy_request_buffering off; proxy_set_header Connection ""; }""",
                 key_map + " upstream origin { server 127.0.0.1:%d; "
                 "keepalive 512; keepalive_requests 1000000000; }" % origin.port)


def write_script(folder, keys, fields=""):
    """The load: each call with the next key. `fields`: more of a Lua table."""
    script = os.path.join(folder, "load.lua")
    with open(script, "w") as f:
        f.write("local keys = {%s}\nlocal body = '%s'\nlocal i = 0\n"
                "request = function()\n i = i %% #keys + 1\n return wrk.format("
                "'POST', '/v1/chat/completions', {['Authorization'] = 'Bearer ' .. "
                "keys[i], %s['Content-Type'] = 'application/json'}, body)\nend\n"
                % (",".join('"%s"' % k for k in keys), request_text(), fields))
    return script


def wrk(port, connections, seconds, script, cpu, scheme="http"):
    out = subprocess.run(
        ["taskset", "-c", cpu, "wrk", "-t1", "-c%d" % connections,
         "-d%ds" % seconds, "-s", script, "%s://127.0.0.1:%d" % (scheme, port)],
        capture_output=True, text=True).stdout
    line = [x for x in out.splitlines() if " requests in " in x]
    bad = [x for x in out.splitlines() if "Non-2xx" in x or "Socket errors" in x]
    if not line or bad:
        raise SystemExit("load failed: %s" % out)
    return int(line[0].split()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", default="16,64")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cores", default="together,apart")
    parser.add_argument("--plain-keys", action="store_true",
                        help="keys without budgets and limits")
    parser.add_argument("--split", action="store_true",
                        help="also the CPU of each process of the gateway")
    parser.add_argument("--raw")
    args = parser.parse_args()
    for tool in ("nginx", "wrk", "taskset"):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    os.environ["PATH"] += ":/usr/sbin"
    origin = Nginx(folder, "origin", "location / { default_type "
                   "application/json; return 200 '%s'; }" % answer_text())
    gateway = Gateway(provider="http://127.0.0.1:%d/v1" % origin.port,
                      workers=args.workers,
                      model_options="price_input = 2\nprice_output = 8")
    gateway.start()
    keys = create_keys(gateway, args.plain_keys)
    proxy = start_proxy(folder, origin, keys)
    script = write_script(folder, keys)

    all_cores = os.sched_getaffinity(0)
    target_cpu = str(max(all_cores))
    gateway_pids = [gateway.process.pid] + list(gateway.children())
    pin(gateway_pids + proxy.pids(), target_cpu)

    def measure(port, pids, connections, load_cpu, flushed):
        before, each = cpu_ticks(pids), [cpu_ticks([p]) for p in pids]
        requests = wrk(port, connections, args.seconds, script, load_cpu)
        if flushed:
            wait_for(gateway.drained, 60, "backlog flushed")
        if args.split and flushed:
            titles = gateway.children()
            for pid, ticks in zip(pids, each):
                print("  %-20s %6.2f us" % (
                    titles.get(pid, "aigw: master").split("/")[0],
                    (cpu_ticks([pid]) - ticks) / TICK / requests * 1e6))
        return (cpu_ticks(pids) - before) / TICK / requests * 1e6, requests

    def pairs(cores, connections):
        load_cpu = target_cpu if cores == "together" else str(min(all_cores))
        pin(origin.pids(), load_cpu)
        wrk(gateway.port, connections, 1, script, load_cpu)
        wrk(proxy.port, connections, 1, script, load_cpu)
        rows = []
        for pair in range(args.pairs):
            ours, n1 = measure(gateway.port, gateway_pids, connections, load_cpu, True)
            theirs, n2 = measure(proxy.port, proxy.pids(), connections, load_cpu, False)
            rows.append({"cores": cores, "connections": connections, "pair": pair,
                         "aigw_us": ours, "nginx_us": theirs,
                         "aigw_requests": n1, "nginx_requests": n2})
        ratios = [r["aigw_us"] / r["nginx_us"] for r in rows]
        print("%-8s %4d connections: aigw %.1f us, nginx %.1f us, ratio %.3f "
              "(median of %d pairs, %.3f to %.3f)" % (
                  cores, connections, statistics.median(r["aigw_us"] for r in rows),
                  statistics.median(r["nginx_us"] for r in rows),
                  statistics.median(ratios), len(rows), min(ratios), max(ratios)),
              flush=True)
        return rows

    raw = []
    try:
        for cores in args.cores.split(","):
            for connections in args.connections.split(","):
                raw += pairs(cores, int(connections))
        gateway.verify()
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
