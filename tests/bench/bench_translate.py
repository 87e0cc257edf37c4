#!/usr/bin/python3
"""What translating costs, in instructions by callgrind (repeatable on any machine):
a request of 3 kB from each client dialect to each provider's, and an event of a
stream the other way. Counted between two runs, so that starts do not count.

usage: tests/bench/bench_translate.py BUILD
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import dialects as d  # noqa: E402

CLIENTS = {"openai": d.Chat, "responses": d.Responses, "anthropic": d.Messages,
           "gemini": d.Generate}
PROVIDERS = ("openai", "responses", "anthropic", "gemini", "bedrock")
REQUEST_BYTES, EVENTS, BAR_REQUEST, BAR_EVENT = 3000, 200, 60000, 8000
WORDS = "The quick brown fox \"jumps\" over\nthe lazy dog — 世界. "


def request_of(dialect):
    """A call with a tool, and a prompt that makes it 3 kB."""
    d.PROMPT = ""
    size = len(json.dumps(dialect.ask("m", "tools", True)[1]))
    d.PROMPT = (WORDS * 60)[:REQUEST_BYTES - size]
    return json.dumps(dialect.ask("m", "tools", True)[1], ensure_ascii=False).encode()


def stream_of(dialect):
    """A stream of many pieces of text; and how many."""
    pieces = [WORDS[i % 40:i % 40 + 9] for i in range(EVENTS)]
    d.TEXT, whole = "".join(pieces), d.halves
    d.halves = lambda text: pieces if text == d.TEXT else whole(text)
    try:
        return dialect.answer("text", True)
    finally:
        d.halves = whole


def instructions(program, words, times):
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=%s" % out.name,
             program] + words + [str(times)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1)), \
            [int(n) for n in done.stdout.split()]


def per_time(program, words):
    few, (_, result) = instructions(program, words, 5)
    many, _ = instructions(program, words, 55)
    return (many - few) / 50, result


def main():
    if not shutil.which("valgrind"):
        raise SystemExit("skipped: this bench needs valgrind")
    program = os.path.join(sys.argv[1], "bench", "bench_translate")
    worst = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "body")
        for client, dialect in CLIENTS.items():
            for provider in PROVIDERS:
                if client == provider:
                    continue
                with open(path, "wb") as f:
                    f.write(request_of(dialect))
                cost, _ = per_time(program, ["request", client, provider, path])
                line = "%-9s -> %-9s %6.0f a request" % (client, provider, cost)
                worst[0] = max(worst[0], cost)
                if provider in CLIENTS:
                    with open(path, "wb") as f:
                        f.write(stream_of(CLIENTS[provider]))
                    cost, events = per_time(program, ["stream", provider, client, path])
                    line += ", %5.0f an event back" % (cost / events)
                    worst[1] = max(worst[1], cost / events)
                print(line, flush=True)
    print("most: %.0f a request of %d bytes (bar %d), %.0f an event (bar %d)" % (
        worst[0], REQUEST_BYTES, BAR_REQUEST, worst[1], BAR_EVENT))


if __name__ == "__main__":
    main()
