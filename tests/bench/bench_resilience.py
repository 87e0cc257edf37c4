#!/usr/bin/python3
"""How fast trouble is over, in time, where tests only ask for the outcome.

death       an endpoint dies under an open load of --rate calls a second: what it
            is sent behind its first failure, before its cool-down, and its probes.
            Three deaths: errors at once, errors after 50 ms, a closed connection.
            Bar: 3 a worker more than were under way. `alone`: with no other
            endpoint a call that nobody else can take is sent whatever is known.
flight      1,000 equal calls at once with the cache: calls upstream (bar: one a
            worker); and with the leading worker killed -9: how long until each
            call that was cut has its answer, asked again at once (bar: 1 s).
revocation  50 running streams of a key with cut_on_revoke: from the moment the
            management call is sent until each has its end (bar: 100 ms).

Figures are of the machine and what else it does; each part prints one line, and
the exit code says whether all bars hold. bench_instructions.py --cache has the
bar of a cache hit.

usage: tests/bench/bench_resilience.py [--rate 1000] [--workers 2] [PART...]
"""
import argparse
import asyncio
import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import gateway # noqa: E402
from load import Connection, chat # noqa: E402

ANSWER = json.dumps({
    "id": "c", "object": "chat.completion", "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop",
         "message": {"role": "assistant", "content": "ok"}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1,
              "total_tokens": 6}}).encode()
ERROR = b'{"error":{"message":"dead","type":"t","code":"c"}}'


def head(status, data):
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n" \
           b"Content-Length: %d\r\n\r\n" % (status, len(data)) + data


class Endpoint(asyncio.Protocol):
    """One connection of a provider; `state` is shared by all of its."""

    def __init__(self, state):
        self.state, self.pending = state, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.pending += data
        while True:
            end = self.pending.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self.pending.lower().find(b"content-length: ", 0, end)
            length = int(self.pending[at + 16:self.pending.index(b"\r", at)])
            if len(self.pending) < end + 4 + length:
                return
            self.pending = self.pending[end + 4 + length:]
            self.state.asked(self.transport)


class State:
    """When it was asked, and what it answers."""

    def __init__(self, loop):
        self.loop, self.mode = loop, "good"
        self.times, self.first_failure = [], None
        self.open, self.open_at_death = 0, 0

    def asked(self, transport):
        self.times.append(time.monotonic())
        if self.mode == "good":
            transport.write(head(200, ANSWER))
        elif self.mode == "late":
            self.open += 1
            self.loop.call_later(0.05, self.fail, transport)
        else:
            self.fail(transport)

    def fail(self, transport):
        if self.first_failure is None:
            self.first_failure = time.monotonic()
            self.open_at_death = self.open
        if self.mode == "close":
            transport.abort()
        elif not transport.is_closing():
            transport.write(head(500, ERROR))


class Asker(asyncio.Protocol):
    """A client's connection; answers are counted by status."""

    def __init__(self, idle, statuses):
        self.idle, self.statuses, self.pending = idle, statuses, b""

    def connection_made(self, transport):
        self.transport = transport
        self.idle.append(self)

    def data_received(self, data):
        self.pending += data
        end = self.pending.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self.pending.lower().find(b"content-length: ", 0, end)
        length = int(self.pending[at + 16:self.pending.index(b"\r", at)])
        if len(self.pending) < end + 4 + length:
            return
        status = int(self.pending[9:12])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.pending = b""
        self.idle.append(self)


async def load(port, request, rate, until, statuses):
    """An open load: calls leave by the clock, whoever waits."""
    loop, idle = asyncio.get_running_loop(), []
    sent, began = 0, time.monotonic()
    while not until():
        due = int((time.monotonic() - began) * rate)
        for _ in range(due - sent):
            if not idle:
                await loop.create_connection(
                    lambda: Asker(idle, statuses), "127.0.0.1", port)
            idle.pop().transport.write(request)
        sent = max(due, sent)
        await asyncio.sleep(0.001)
    for asker in idle:
        asker.transport.close()
    return sent


async def death(args, how, alone):
    loop = asyncio.get_running_loop()
    states, servers, extra = [], [], ""
    for name in ("a",) if alone else ("a", "b"):
        state = State(loop)
        server = await loop.create_server(lambda s=state: Endpoint(s),
                                          "127.0.0.1", 0, backlog=4096)
        port = server.sockets[0].getsockname()[1]
        extra += ("[provider.%s]\nkind = openai\nbase_url = http://127.0.0.1:%d"
                  "\ncooldown = 1s\ncooldown_max = 1s\n" % (name, port))
        states.append(state)
        servers.append(server)
    extra += "[model.m]\nproviders = %s\n" % ("a" if alone else "a, b")
    a, statuses = states[0], {}
    g = gateway.Gateway(extra=extra, models=(), workers=args.workers)
    try:
        await loop.run_in_executor(None, g.start)
        key = await loop.run_in_executor(None, g.create_key, "k")
        body = json.dumps({"model": "m", "messages": [
            {"role": "user", "content": "x" * 200}]}).encode()
        request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                   b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" %
                   (key.encode(), len(body)) + body)
        loop.call_later(3, setattr, a, "mode", how)
        end = time.monotonic() + 8
        sent = await load(g.port, request, args.rate,
                          lambda: time.monotonic() > end, statuses)
    finally:
        g.cleanup()
        for server in servers:
            server.close()
    return report_death(args, how, alone, a, sent, statuses)


def report_death(args, how, alone, a, sent, statuses):
    behind = [t for t in a.times if t > a.first_failure]
    burst, probes = [], []
    for t in behind:
        (burst if t < a.first_failure + 0.8 else probes).append(t)
    gaps = [y - x for x, y in zip(probes, probes[1:])]
    # A closed connection that was used before is not yet a failure: once more.
    bar = 3 * args.workers + (2 if how == "close" else 0)
    print("death by %-5s%s: %d calls, %s; behind the first failure (%d under way) "
          "%d before the cool-down, then %d probes, %.2f s apart at least" %
          (how, ", alone" if alone else "", sent, statuses,
           a.open_at_death, len(burst), len(probes), min(gaps, default=0)),
          flush=True)
    return alone or (len(burst) <= bar and min(gaps, default=1) > 0.9)


def mock():
    from mock_provider import MockProvider
    return MockProvider().start()


async def at_once(port, key, body, count, fields, again=False):
    async def one(connection):
        began = time.monotonic()
        outcome = await connection.call(key, body, fields=fields)
        cut = outcome.status == 0
        while again and outcome.status == 0:
            outcome = await connection.call(key, body, fields=fields)
        return outcome, cut, began, time.monotonic()
    connections = [Connection(port) for _ in range(count)]
    return await asyncio.gather(*(one(c) for c in connections))


def flight(args):
    provider, ok = mock(), True
    g = gateway.Gateway(provider=provider.base_url, workers=args.workers)
    fields = "cf-aig-cache-ttl: 600\r\n"
    try:
        g.start()
        key = g.create_key("k")
        asyncio.run(at_once(g.port, key, chat(tag="1", delay_ms=1000), 1000,
                            fields))
        calls = len(provider.requests)
        print("flight: 1,000 equal calls at once, %d upstream" % calls)
        ok = calls <= args.workers

        async def killed():
            body = chat(tag="2", delay_ms=500)
            task = asyncio.create_task(at_once(g.port, key, body, 200, fields,
                                               True))
            while len(provider.requests) == calls:
                await asyncio.sleep(0.001)
            rows = json.loads((await asyncio.to_thread(
                g.tool, "aigw-shmdump", "--instance", g.instance, "--json",
                "workers")).stdout)["workers"]
            leader = max(rows, key=lambda w: w["in_flight"])["pid"]
            os.kill(leader, signal.SIGKILL)
            return time.monotonic(), await task
        when, outcomes = asyncio.run(killed())
        cut = [end - when for o, was_cut, _, end in outcomes if was_cut]
        # What the provider itself takes is no delay by the gateway.
        late = max(cut, default=0) - 0.5
        print("flight: leader killed -9, %d of 200 cut, answered %.3f s later "
              "than the provider takes" % (len(cut), late), flush=True)
        return ok and late < 1
    finally:
        g.cleanup()
        provider.stop()


def revocation(args):
    provider = mock()
    g = gateway.Gateway(provider=provider.base_url, workers=args.workers)
    try:
        g.start()
        key = g.create_key("k")
        number = g.ctl("key", "get", "k")["id"]
        path = "/admin/v1/keys/%s" % number
        g.admin("PATCH", path, {"settings": {"cut_on_revoke": True}})

        async def run():
            task = asyncio.create_task(at_once(
                g.port, key, chat(tokens=2000, stream=True, delay_ms=10), 50, ""))
            while sum(e["served"] > 5 for e in provider.book.snapshot()) < 50:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            status = (await asyncio.to_thread(
                g.admin, "PATCH", path, {"enabled": False}))[0]
            assert status == 200, status
            told = time.monotonic()
            return began, told, [end for _, _, _, end in await task]
        began, told, ends = asyncio.run(run())
        took = max(ends) - began
        print("revocation: 50 streams cut, the last one %.0f ms behind the call "
              "(answered after %.0f ms)" % (took * 1e3, (told - began) * 1e3),
              flush=True)
        return took < 0.1
    finally:
        g.cleanup()
        provider.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("parts", nargs="*",
                        default=["death", "flight", "revocation"])
    args = parser.parse_args()
    good = True
    for part in args.parts:
        if part == "death":
            for how, alone in (("500", False), ("late", False),
                               ("close", False), ("500", True)):
                good &= asyncio.run(death(args, how, alone))
        else:
            good &= {"flight": flight, "revocation": revocation}[part](args)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
