#!/usr/bin/python3
"""Clients of others, unmodified, against a gateway whose provider is a mock that
speaks OpenAI chat: whatever dialect a client speaks, it is translated.

Each client lists models, asks for a plain answer, a stream with its usage, has a
tool called, and meets a bad key, an unknown model and a spent quota: typed errors,
and no storm of repeats (counted by a relay in front of the gateway). Run by tests/clients/run.sh.

usage: tests/clients/clients.py WORK [NAME...]
"""
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "system")]
import provider  # noqa: E402
from gateway import Gateway, wait_for  # noqa: E402
from mock_provider import MockProvider  # noqa: E402

MODELS = ("mock-chat", "claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5",
          "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite")
# A client that repeats a refused call this often or less makes no storm.
REPEATS_MAX = 2

# name, its program (node, python: a script beside this one; else a shell line)
CLIENTS = [
    ("npm openai", "node", "openai.mjs", {}),
    ("npm openai, previous major", "node", "openai.mjs",
     {"AIGW_OPENAI": "openai-previous"}),
    ("npm @anthropic-ai/sdk", "node", "anthropic.mjs", {}),
    ("npm @google/genai 3", "node", "genai.mjs", {}),
    ("npm @google/genai 2", "node", "genai.mjs",
     {"AIGW_GENAI": "google-genai-previous"}),
    ("npm ai (Vercel), four providers", "node", "vercel.mjs", {}),
    ("npm @langchain/openai", "node", "langchain.mjs", {}),
    ("PyPI openai", "python", "openai_client.py", {}),
    ("PyPI anthropic", "python", "anthropic_client.py", {}),
    ("npm cloudflare", "node", "cloudflare.mjs", {}),
    ("PyPI cloudflare", "python", "cloudflare_client.py", {}),
    ("npm @openrouter/sdk", "node", "openrouter.mjs", {}),
    ("PyPI types, of recorded answers", "python", "types_client.py", {}),
    ("Claude Code", "node", "claude_code.mjs", {}),
    ("Codex CLI", "node", "codex.mjs", {}),
    ("opencode", "node", "opencode.mjs", {}),
    ("Gemini CLI", "node", "gemini_cli.mjs", {}),
]


class Counter:
    """A relay in front of the gateway that counts how often a secret passes: each
    request tells its key once."""

    def __init__(self, port, secret):
        self.upstream, self.secret, self.count = port, secret.encode(), 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait(10)

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    async def serve(self, reader, writer):
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.upstream)
        await asyncio.gather(self.pump(reader, ours, True),
                             self.pump(theirs, writer, False))

    async def pump(self, reader, writer, counts):
        tail = b""
        try:
            while data := await reader.read(65536):
                if counts:
                    seen = tail + data
                    self.count += seen.count(self.secret)
                    tail = seen[-(len(self.secret) - 1):]
                    if self.secret in tail:
                        tail = b""
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Bench:
    """The gateway, its mock, its keys."""

    def __init__(self, work):
        self.work = work
        self.home = tempfile.mkdtemp(prefix="aigw-clients-", dir=work)
        self.mock = MockProvider(handler=provider.handle).start()
        self.gateway = Gateway(provider=self.mock.base_url, models=MODELS,
                               model_options="price_input = 2\nprice_output = 8")
        self.gateway.start()
        self.key = self.gateway.create_key("client")
        self.spent = self.gateway.create_key("spent", "--quota", "1",
                                             "--period", "daily")
        self.counter = Counter(self.gateway.port, self.spent)

    def close(self):
        self.gateway.cleanup()
        self.counter.stop()
        self.mock.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def environment(self, more):
        keep = {k: v for k, v in os.environ.items()
                if not k.endswith(("_API_KEY", "_BASE_URL", "_TOKEN"))
                and not k.lower().endswith("_proxy")}
        home = tempfile.mkdtemp(prefix="home-", dir=self.home)
        url = "http://127.0.0.1:%d" % self.counter.port
        return dict(keep, HOME=home, XDG_CONFIG_HOME=home + "/.config",
                    AIGW_URL=url, AIGW_KEY=self.key, AIGW_SPENT_KEY=self.spent,
                    AIGW_GREETING=provider.GREETING, AIGW_MODEL="mock-chat",
                    AIGW_ADMIN_URL="http://127.0.0.1:%d" % self.gateway.admin_port,
                    AIGW_ADMIN_TOKEN="test-admin-token-1",
                    AIGW_WORK=self.work, NO_COLOR="1", **more)


def run(bench, name, kind, script, more):
    program = {"node": ["node", os.path.join(bench.work, script)],
               "python": [os.path.join(bench.work, "venv", "bin", "python"),
                          os.path.join(HERE, script)]}[kind]
    before = bench.counter.count
    try:
        done = subprocess.run(program, env=bench.environment(more), timeout=240,
                              cwd=bench.home, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as e:
        output, status = (e.stdout or b"").decode(errors="replace"), "time out"
    asked = int(output.rsplit("spent calls: ", 1)[1].split()[0]) \
        if "spent calls: " in output else 0
    repeats = bench.counter.count - before
    if status == 0 and asked and not 0 < repeats <= asked * (1 + REPEATS_MAX):
        status = "%d calls with a spent quota were sent %d times" % (asked, repeats)
    if status != 0:
        print(output[-6000:])
        print("not fine: %s (%s)" % (name, status), flush=True)
    else:
        print("fine: %s" % name, flush=True)
    return status == 0


def main():
    work, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    bench = Bench(work)
    passed = failed = skipped = 0
    try:
        for name, kind, script, more in CLIENTS:
            if names and not any(n in name for n in names):
                continue
            have = os.path.exists(os.path.join(
                work, "node_modules" if kind == "node" else "venv"))
            if not have:
                print("skipped: %s needs %s" % (
                    name, "npm" if kind == "node" else "python3-venv"))
                skipped += 1
            # Others' programs, with time limits of their own: a second try.
            elif any(run(bench, name, kind, script, more) for _ in range(2)):
                passed += 1
            else:
                print("FAILED: %s" % name, flush=True)
                failed += 1
        wait_for(bench.gateway.settled, 60, "all settled")
        bench.gateway.verify()
    finally:
        bench.close()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
