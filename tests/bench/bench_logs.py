#!/usr/bin/python3
"""A running gateway on a log of millions of rows: pages of a key's hour, a day's
export, a search for a text, usage and cost by model over a month; and while a day
is exported, and pages are asked for, calls that pass the data plane: how late
their records become durable.

record_load.c writes the log through the rings, so all is booked as it always is:
29 days of --month-rows each, then one day of --rows, by 1,000 keys and 20 models.
With --folder it is made once and kept there. flush_interval is 50ms, so the age of
the oldest record of a flush is what the accountant and the disk add to that.

Needs Debian's wrk and nginx.

usage: tests/bench/bench_logs.py [--rows 10000000] [--month-rows 100000]
           [--keys 1000] [--rate 2000] [--folder FOLDER] [--only-make] [--raw FILE]
"""
import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
sys.path.insert(0, HERE)
import bench_http  # noqa: E402
from bench_http import TICK, Nginx, answer_text, cpu_ticks  # noqa: E402
from bench_http import request_text  # noqa: E402
from bench_accountant import LOAD, disk_bytes, wait_idle  # noqa: E402
from gateway import Gateway, wait_for  # noqa: E402

PAGE_BAR_MS, LAG_BAR_MS, GROWTH_BAR_MIB = 50, 100, 16
DAY_MS = 86400000
MODELS = ["m%d" % i for i in range(1, 21)]
QUESTIONS = 300
CONNECTIONS = 20

WRK = """
local keys, i = {%s}, 0
local body = '%s'
function delay() return %d end
request = function()
  i = i %% #keys + 1
  return wrk.format('POST', '/v1/chat/completions',
    {['Authorization'] = 'Bearer ' .. keys[i],
     ['Content-Type'] = 'application/json'}, body)
end
"""


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


def open_gateway(folder, port, server):
    """A gateway whose data are `folder`/data; its own temp folder has the rest."""
    gateway = Gateway(
        provider="http://127.0.0.1:%d/v1" % port, workers=1, models=MODELS,
        server="log_retention = 400d\n" + server,
        model_options="price_input = 2\nprice_output = 8")
    with open(gateway.config) as f:
        text = f.read()
    with open(gateway.config, "w") as f:
        f.write(text.replace("data_dir = %s/data" % gateway.dir,
                             "data_dir = %s/data" % folder))
    return gateway


def make_log(folder, args, day_ms):
    gateway = open_gateway(folder, 9, "ring_mib = 64")
    gateway.start()
    try:
        keys = []
        for i in range(args.keys):
            status, _, body = gateway.admin(
                "POST", "/admin/v1/keys", {"name": "k%d" % i})
            if status != 201:
                raise SystemExit("no key: %d %s" % (status, body[:200]))
            keys.append(json.loads(body)["key"])
        segment = "/dev/shm/aigw-" + gateway.instance
        began = time.monotonic()
        for rows, since, until in (
                (29 * args.month_rows, day_ms - 29 * DAY_MS, day_ms),
                (args.rows, day_ms, day_ms + DAY_MS)):
            if rows > 0:
                subprocess.run([LOAD, segment, str(rows), str(since), str(until)],
                               stdout=subprocess.DEVNULL, check=True)
        wait_for(gateway.settled, 300, "rows written")
        wait_idle(list(gateway.children("accountant"))[0])
        print("%d rows written and compacted in %.0f s" % (
            args.rows + 29 * args.month_rows, time.monotonic() - began),
            flush=True)
        gateway.stop(seconds=120)
    finally:
        gateway.cleanup()
    with open(os.path.join(folder, "made.json"), "w") as f:
        json.dump({"day_ms": day_ms, "keys": keys, "rows": args.rows}, f)


class Admin:
    """Questions over one connection that is kept."""

    def __init__(self, gateway):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", gateway.admin_port, timeout=300)

    def ask(self, path):
        """(milliseconds, answer)"""
        began = time.monotonic()
        self.connection.request("GET", path, headers={
            "Authorization": "Bearer test-admin-token-1"})
        answer = self.connection.getresponse()
        body = answer.read()
        ms = (time.monotonic() - began) * 1000
        if answer.status != 200:
            raise SystemExit("%s: %d %s" % (path, answer.status, body[:200]))
        return ms, json.loads(body)


def spread(times):
    times = sorted(times)
    return {"p50_ms": times[len(times) // 2],
            "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)],
            "most_ms": times[-1]}


def syncs_of_disk(folder, count=200):
    """Milliseconds of a small append that is synced, as each flush does two."""
    times, path = [], os.path.join(folder, "sync-probe")
    with open(path, "wb", buffering=0) as f:
        for _ in range(count):
            time.sleep(0.05)
            f.write(bytes(4096))
            began = time.monotonic()
            os.fdatasync(f.fileno())
            times.append((time.monotonic() - began) * 1000)
    os.unlink(path)
    return times


def told(figures):
    return "p50 %.1f ms, p99 %.1f, most %.1f" % (
        figures["p50_ms"], figures["p99_ms"], figures["most_ms"])


def pages(gateway, made, chance, stop=None):
    """100 rows of a key's hour, each asked for twice: the second time counts."""
    admin, times, rows = Admin(gateway), {"busy": [], "rare": []}, 0
    while len(times["busy"]) < QUESTIONS if stop is None else not stop.is_set():
        kind = chance.choice(("busy", "rare"))
        key = chance.randrange(10) if kind == "busy" else \
            chance.randrange(len(made["keys"]) // 2, len(made["keys"]))
        since = made["day_ms"] + chance.randrange(24) * 3600000
        path = "/admin/v1/logs?key=k%d&from=%s&to=%s&limit=100&order=%s" % (
            key, stamp(since), stamp(since + 3600000),
            chance.choice(("asc", "desc")))
        admin.ask(path)
        ms, answer = admin.ask(path)
        times[kind].append(ms)
        rows += len(answer["data"])
    if rows == 0:
        raise SystemExit("no rows")
    return times


def memory_kib(pid):
    """Its own memory and its stack, not mapped files or the segment."""
    with open("/proc/%d/smaps_rollup" % pid) as f:
        values = dict(line.split(":", 1) for line in f if ":" in line)
    with open("/proc/%d/status" % pid) as f:
        rss = dict(line.split(":", 1) for line in f if ":" in line)["RssAnon"]
    return {"pss": int(values["Pss"].split()[0]), "anon": int(rss.split()[0])}


def export(gateway, pid, path):
    """Reads all of it; lines, bytes, seconds, and how memory grew."""
    at_first, most = memory_kib(pid), {"pss": 0, "anon": 0}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port,
                                            timeout=300)
    began, lines, size = time.monotonic(), 0, 0
    connection.request("GET", path, headers={
        "Authorization": "Bearer test-admin-token-1"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit("%s: %d" % (path, answer.status))
    seen = began
    while True:
        piece = answer.read(1 << 20)
        if not piece:
            break
        lines += piece.count(b"\n")
        size += len(piece)
        if time.monotonic() - seen > 0.05:
            seen = time.monotonic()
            now = memory_kib(pid)
            most = {name: max(most[name], now[name]) for name in now}
    connection.close()
    return {"lines": lines, "bytes": size, "seconds": time.monotonic() - began,
            "grown_mib": {name: (most[name] - at_first[name]) / 1024
                          for name in most}}


def lags(gateway):
    """{le: flushes} of aigw_settle_lag_seconds until now."""
    text = gateway.admin("GET", "/metrics")[2].decode()
    return {line.split('"')[1]: int(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("aigw_settle_lag_seconds_bucket")}


def lag_since(gateway, before):
    """Flushes since, and the bucket that has all of them, in ms."""
    now = lags(gateway)
    grown = {le: now[le] - before[le] for le in now}
    count = grown["+Inf"]
    least = next(le for le in grown if grown[le] == count)
    return count, float(least) * 1000, grown


class Calls:
    """wrk, so many calls a second, until it is stopped."""

    def __init__(self, gateway, keys, rate):
        script = os.path.join(gateway.dir, "calls.lua")
        with open(script, "w") as f:
            f.write(WRK % (",".join("'%s'" % k for k in keys), request_text(),
                           CONNECTIONS * 1000 // rate))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["wrk", "-t1", "-c%d" % CONNECTIONS, "-d600s", "-s", script,
             "http://127.0.0.1:%d" % gateway.port],
            stdout=subprocess.DEVNULL)
        self.gateway, self.records = gateway, self.settled(gateway)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @staticmethod
    def settled(gateway):
        body = gateway.admin("GET", "/admin/v1/status")[2]
        return json.loads(body)["accountant"]["records"]

    def rate(self):
        """Calls a second that were settled."""
        return (self.settled(self.gateway) - self.records) / \
            (time.monotonic() - self.began)


def measure(gateway, made, folder, args):
    chance, raw, asked = random.Random(1), {}, 0
    pid = list(gateway.children("accountant"))[0]
    day = "from=%s&to=%s" % (stamp(made["day_ms"]), stamp(made["day_ms"] + DAY_MS))
    month = "from=%s&to=%s" % (stamp(made["day_ms"] - 29 * DAY_MS),
                               stamp(made["day_ms"] + DAY_MS))

    def say(name, figures, text):
        raw[name] = figures
        print("%s: %s" % (name, text), flush=True)

    before = cpu_ticks([pid])
    for kind, times in pages(gateway, made, chance).items():
        figures = spread(times)
        say("page of a %s key's hour" % kind, figures, told(figures))
        asked += 2 * len(times)
    cpu_ms = (cpu_ticks([pid]) - before) / TICK / asked * 1000
    say("CPU of such a page", {"ms": cpu_ms}, "%.1f ms" % cpu_ms)
    admin = Admin(gateway)
    for name, path in (
            ("usage by model, a month", "/admin/v1/usage?by=model&" + month),
            ("usage by model and day, a month",
             "/admin/v1/usage?by=model,day&" + month),
            ("usage of a key by model, a month",
             "/admin/v1/usage?key=k0&by=model&" + month),
            ("usage by key, the day", "/admin/v1/usage?by=key&" + day)):
        figures = spread([admin.ask(path)[0] for _ in range(9)])
        say(name, figures, told(figures))
    for name, text in (("upstream failed", "502"), ("in no row", "not-there-7")):
        ms, answer = admin.ask("/admin/v1/logs?limit=100&text=%s&%s" % (text, day))
        say("text, " + name, {"ms": ms, "rows": len(answer["data"])},
            "%.0f ms, %d rows" % (ms, len(answer["data"])))

    figures = spread(syncs_of_disk(folder))
    say("a sync of this disk, without a gateway", figures, told(figures))
    keys = made["keys"]
    for what in ("nothing", "jsonl", "csv"):
        before, stop, times = lags(gateway), threading.Event(), {}
        thread = threading.Thread(daemon=True, target=lambda: times.update(
            pages(gateway, made, random.Random(2), stop)))
        with Calls(gateway, keys, args.rate) as calls:
            if what == "nothing":
                time.sleep(10)
            else:
                thread.start()
                done = export(gateway, pid,
                              "/admin/v1/logs/export?format=%s&%s" % (what, day))
                stop.set()
                thread.join()
            rate = calls.rate()
        count, lag_ms, grown = lag_since(gateway, before)
        say("lag while exporting " + what,
            {"calls": rate, "flushes": count, "most_ms": lag_ms, "by": grown},
            "%.0f calls/s, %d flushes, oldest record at most %.0f ms; over "
            "100 ms %d" % (rate, count, lag_ms, count - grown["0.100"]))
        if what == "nothing":
            continue
        done["rows_s"] = done["lines"] / done["seconds"]
        say("export as " + what, done,
            "%d lines in %.1f s, %.0f a second, %.0f MB/s; grown by %.1f MiB "
            "(PSS %.1f)" % (done["lines"], done["seconds"], done["rows_s"],
                            done["bytes"] / done["seconds"] / 1e6,
                            done["grown_mib"]["anon"], done["grown_mib"]["pss"]))
        if done["lines"] < made["rows"]:
            raise SystemExit("rows are missing")
        figures = spread(times["busy"] + times["rare"])
        say("pages while exporting " + what, figures, told(figures))
    return raw


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10000000)
    parser.add_argument("--month-rows", type=int, default=100000)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--folder")
    parser.add_argument("--only-make", action="store_true")
    parser.add_argument("--raw")
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    for tool in ("nginx", "wrk", LOAD):
        if not shutil.which(tool):
            raise SystemExit("skipped: this bench needs %s" % tool)
    own = Gateway(models=())
    folder = args.folder or own.dir
    os.makedirs(folder, exist_ok=True)
    origin = gateway = None
    try:
        if not os.path.exists(os.path.join(folder, "made.json")):
            now_ms = int(time.time() * 1000)
            make_log(folder, args, now_ms - now_ms % DAY_MS - DAY_MS)
        if args.only_make:
            return
        with open(os.path.join(folder, "made.json")) as f:
            made = json.load(f)
        origin = Nginx(own.dir, "origin", "location / { default_type "
                       "application/json; return 200 '%s'; }" % answer_text())
        gateway = open_gateway(folder, origin.port, "flush_interval = 50ms")
        began = time.monotonic()
        gateway.start()
        print("started on %.2f GB in %.1f s" % (
            disk_bytes(os.path.join(folder, "data")) / 1e9,
            time.monotonic() - began), flush=True)
        raw = measure(gateway, made, folder, args)
        if args.raw:
            with open(args.raw, "w") as f:
                json.dump(raw, f, indent=1)
        over = [name for name, figures in raw.items() if
                ("page of" in name and figures["p99_ms"] > PAGE_BAR_MS) or
                ("lag" in name and figures["most_ms"] > LAG_BAR_MS) or
                ("export as" in name and
                 figures["grown_mib"]["anon"] > GROWTH_BAR_MIB)]
        if over:
            raise SystemExit("over the bar: %s" % ", ".join(over))
    finally:
        if gateway is not None:
            gateway.stop(seconds=120)
            gateway.cleanup()
        if origin is not None:
            origin.stop()
        own.cleanup()


if __name__ == "__main__":
    main()
