#!/usr/bin/python3
"""What TLS adds: CPU per request with and without it, of the gateway and nginx.

As bench_http.py (same keys, limits, bodies, origin and pinning), with four
targets in turn: gateway and nginx, each with HTTPS and with HTTP. Both serve
the same ECDSA P-256 certificate and choose for themselves what else they speak.
--new: each call on a connection of its own, that is a full handshake each.

usage: tests/bench/bench_tls.py [--pairs 11] [--seconds 3] [--connections 64]
                                [--new] [--raw FILE]
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
import bench_http as bench # noqa: E402
from gateway import Gateway, free_port, wait_for # noqa: E402
from tls_files import Authority # noqa: E402


class Targets:
    """The four of them, and how they are loaded and measured."""

    def __init__(self, folder, new):
        self.folder = folder
        self.origin = bench.Nginx(folder, "origin", "location / { default_type "
                                  "application/json; return 200 '%s'; }"
                                  % bench.answer_text())
        cert, key = Authority(folder).make("server")
        tls_port, proxy_tls_port = free_port(), free_port()
        self.gateway = Gateway(
            provider="http://127.0.0.1:%d/v1" % self.origin.port, workers=1,
            model_options="price_input = 2\nprice_output = 8",
            server="tls_listen = 127.0.0.1:%d\ntls_cert = %s\ntls_key = %s"
            % (tls_port, cert, key))
        self.gateway.start()
        keys = bench.create_keys(self.gateway, False)
        self.proxy = bench.start_proxy(
            folder, self.origin, keys, "listen 127.0.0.1:%d ssl backlog=4096; "
            "ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.2 "
            "TLSv1.3; " % (proxy_tls_port, cert, key))
        self.script = bench.write_script(
            folder, keys, "['Connection'] = 'close', " if new else "")
        cores = os.sched_getaffinity(0)
        self.load_cpu = str(min(cores))
        gateway_pids = [self.gateway.process.pid] + list(self.gateway.children())
        bench.pin(self.origin.pids(), self.load_cpu)
        bench.pin(gateway_pids + self.proxy.pids(), str(max(cores)))
        #            name            port               scheme   processes
        self.rows = [("aigw_tls", tls_port, "https", gateway_pids),
                     ("nginx_tls", proxy_tls_port, "https", self.proxy.pids()),
                     ("aigw", self.gateway.port, "http", gateway_pids),
                     ("nginx", self.proxy.port, "http", self.proxy.pids())]

    def measure(self, row, connections, seconds):
        """Microseconds of CPU a request."""
        name, port, scheme, pids = row
        before = bench.cpu_ticks(pids)
        requests = bench.wrk(port, connections, seconds, self.script,
                             self.load_cpu, scheme)
        if requests == 0:
            raise SystemExit("load failed: no answer in %d s" % seconds)
        if name.startswith("aigw"):
            wait_for(self.gateway.drained, 60, "backlog flushed")
        return (bench.cpu_ticks(pids) - before) / bench.TICK / requests * 1e6

    def stop(self):
        self.origin.stop()
        self.proxy.stop()
        self.gateway.cleanup()


def report(raw, connections):
    rows = [r for r in raw if r["connections"] == connections]
    middle = {name: statistics.median(r[name] for r in rows)
              for name in ("aigw_tls", "nginx_tls", "aigw", "nginx")}
    ratios = [r["aigw_tls"] / r["nginx_tls"] for r in rows]
    print("%4d connections, TLS: aigw %.1f us, nginx %.1f us, ratio %.3f (median "
          "of %d pairs, %.3f to %.3f); plain: aigw %.1f us, nginx %.1f us; TLS "
          "adds %.1f us to aigw, %.1f us to nginx" % (
              connections, middle["aigw_tls"], middle["nginx_tls"],
              statistics.median(ratios), len(rows), min(ratios), max(ratios),
              middle["aigw"], middle["nginx"],
              statistics.median(r["aigw_tls"] - r["aigw"] for r in rows),
              statistics.median(r["nginx_tls"] - r["nginx"] for r in rows)),
          flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", default="64")
    parser.add_argument("--new", action="store_true",
                        help="a new connection for each call")
    parser.add_argument("--raw")
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    for tool in ("nginx", "wrk", "taskset", "openssl"):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    folder = tempfile.mkdtemp(prefix="aigw-bench-")
    targets = Targets(folder, args.new)
    raw = []
    try:
        for connections in (int(c) for c in args.connections.split(",")):
            for row in targets.rows:
                targets.measure(row, connections, 1)
            for pair in range(args.pairs):
                result = {"connections": connections, "pair": pair}
                for row in targets.rows:
                    result[row[0]] = targets.measure(row, connections,
                                                     args.seconds)
                raw.append(result)
            report(raw, connections)
        targets.gateway.verify()
    finally:
        if args.raw:
            with open(args.raw, "w") as f:
                json.dump(raw, f, indent=1)
        targets.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
