"""What the fault suite's tests share: a seed, a load that is remembered, ways to
hurt processes, and the audit that every one of them ends with.

The rows of the failure model are test methods named test_row_NN_...; which file
has which, and how large each is in CI and in full, stands in tests/README.md.

The audit holds three books against each other: what clients were given
(Outcome), what the gateway settled (log rows, ledger, segment), and what the
provider served (the mock's own book, which the gateway cannot touch). Per
request and in sum: acknowledged <= settled <= served.
"""
import asyncio
import http.client
import json
import os
import random
import signal
import socket
import struct
import subprocess
import tempfile
import time

from gateway import BUILD, GatewayCase, wait_for
from load import Connection, chat
from mock_provider import MockProvider

SEED = int(os.environ.get("AIGW_SEED", "0")) or random.randrange(1, 1 << 30)


def size(name, usual):
    """A number that an environment variable makes larger than CI's."""
    return int(os.environ.get(name, usual))


def percentiles(values):
    """(median, p99, largest); zeros for none."""
    values = sorted(values)
    if not values:
        return 0, 0, 0
    return (values[len(values) // 2],
            values[min(len(values) - 1, int(len(values) * 0.99))], values[-1])


# ---- ways to hurt ----

def send_signal(pid, number):
    """False when the process is gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def hit(gw, role, number, rng):
    """Signals one child of the role, chosen by the seed; None: there is none."""
    victims = sorted(gw.children(role))
    if not victims:
        return None
    pid = rng.choice(victims)
    return pid if send_signal(pid, number) else None


class RawConnection(Connection):
    """Looks into no answer: outcome.body and whether it ended are enough."""

    @staticmethod
    def _take_event(outcome, event):
        pass

    @staticmethod
    def _take_plain(outcome):
        pass


class Script(MockProvider):
    """A provider that misbehaves: `x_fault` of a request names the method here
    (or in the test's own class) that answers it; without one it is a mock."""

    def __init__(self):
        super().__init__()
        self.writers = set()

    async def _serve(self, reader, writer):
        writer.reader = reader # for those who wait for the gateway to leave
        self.writers.add(writer)
        await super()._serve(reader, writer)
        self.writers.discard(writer)

    async def answer(self, path, body, writer, request_id=None):
        name = json.loads(body).get("x_fault")
        if name is None:
            return await super().answer(path, body, writer, request_id)
        return await getattr(self, name)(json.loads(body), writer, request_id)

    def _on_loop(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def down(self):
        """Refuses connections, and drops those that there are."""
        async def go():
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()
        self._on_loop(go())

    def up(self):
        async def go():
            self.server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, backlog=4096,
                limit=64 << 20, reuse_address=True)
        self._on_loop(go())

    @staticmethod
    def reset(writer):
        """Ends the connection by RST, as a process that was killed may."""
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False


def provider_text(name, base_url, options=""):
    """A [provider] and a [model] of the same name."""
    return "[provider.%s]\nkind = openai\nbase_url = %s\napi_key = sk-x\n%s\n" \
        "[model.%s]\nproviders = %s\n" % (name, base_url, options, name, name)


class Admin:
    """Management on one kept-alive connection, opened again when it broke."""

    def __init__(self, gw):
        self.gw, self.connection = gw, None

    def __call__(self, method, path, body=None):
        """(status, data); status 0 where no answer came."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.gw.admin_port, timeout=30)
            self.connection.request(
                method, "/admin/v1" + path,
                None if body is None else json.dumps(body),
                {"Authorization": "Bearer test-admin-token-1",
                 "Content-Type": "application/json"})
            answer = self.connection.getresponse()
            data = json.loads(answer.read() or b"{}")
            return answer.status, data.get("data", data)
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return 0, None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


# ---- the books ----

def all_rows(gw):
    """Every log row of the ledger, one after the other."""
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(
            [os.path.join(BUILD, "aigwctl"), "-c", gw.config, "--format", "jsonl",
             "logs", "--limit", "0"], stdout=subprocess.PIPE, stderr=errors,
            text=True, env=gw.env) as done:
        for line in done.stdout:
            yield json.loads(line)
        if done.wait(60) != 0:
            errors.seek(0)
            raise AssertionError("aigwctl logs: %s" % errors.read())


def segment_sums(gw):
    """{(kind, id): row} of the segment, by the dump tool."""
    done = gw.tool("aigw-shmdump", "--instance", gw.instance, "--json", "keys")
    return {(k["kind"], k["id"]): k for k in json.loads(done.stdout)["keys"]}


def ledger_sums(gw):
    """{(kind, id): total} of LevelDB, by the ledger tool."""
    done = gw.tool("aigw-ledger", "-c", gw.config, "--json", "sum", timeout=300)
    sums = json.loads(done.stdout)
    return {(kind, k["id"]): k["total"] for kind, members in
            (("key", sums["keys"]), ("group", sums["groups"])) for k in members}


def check_tables(case, gw, settled):
    """Nothing reserved, no slot in use, segment = ledger = sum of rows."""
    case.assertEqual(gw.ctl("status")["in_flight"], 0)
    slots = gw.tool("aigw-shmdump", "--instance", gw.instance, "--json", "slots")
    case.assertEqual(json.loads(slots.stdout)["slots"], [])
    in_ledger = ledger_sums(gw)
    for who, row in segment_sums(gw).items():
        case.assertEqual((row["tokens_reserved"], row["nano_reserved"],
                          row["in_flight"]), (0, 0, 0), row)
        total = in_ledger.get(who, {"tokens": 0, "cost_nano": 0})
        case.assertEqual((row["tokens"], row["nano"]),
                         (total["tokens"], total["cost_nano"]), row)
    groups = sum(t["tokens"] for (kind, _), t in in_ledger.items()
                 if kind == "group")
    case.assertEqual(groups, settled)
    gw.verify()


class Audit:
    """What the books of one instance say; .rows by request id, .settled."""

    def __init__(self, case, gw, seconds=120):
        self.case, self.gw = case, gw
        try:
            wait_for(gw.settled, seconds, "nothing in flight, rings flushed")
        except AssertionError as e: # what is left over, and where
            says = gw.tool("aigw-shmdump", "--instance", gw.instance, "--verify",
                           "--quiet", ok=False)
            raise AssertionError("%s\n%s%s" % (e, says.stdout, says.stderr)) from e
        self.rows = {}
        for row in all_rows(gw):
            case.assertNotIn(row["request_id"], self.rows, "booked twice")
            self.rows[row["request_id"]] = row
        self.settled = sum(r["tokens"] for r in self.rows.values())

    def clients(self, calls, allowed=(0, 200, 503)):
        """Every answer that a client was given is in the books, and its own."""
        acknowledged = 0
        for name, o in calls:
            self.case.assertIn(o.status, allowed, o.body[:300])
            if o.status != 200:
                continue
            row = self.rows.get(o.id)
            self.case.assertIsNotNone(row, "an answered request was lost: %s" % o.id)
            if o.clean:
                self.case.assertNotEqual(row["cause"], "lost")
                if o.usage: # equal to what the client was told
                    self.case.assertEqual(row["tokens"], o.usage["total_tokens"])
            self.case.assertEqual(row["key_id"], self.case.key_ids[name],
                                  "charged to another key")
            self.case.assertLessEqual(o.tokens, row["tokens"], row)
            acknowledged += o.tokens
        self.case.assertLessEqual(acknowledged, self.settled)
        return self

    def provider(self, served, lost_too=True):
        """Nothing is charged that was not served. `served`: {id: tokens}.
        lost_too: False where a dead request is charged by its lease."""
        for row in self.rows.values():
            if row["tokens"] > 0 and (lost_too or row["cause"] != "lost"):
                self.case.assertLessEqual(
                    row["tokens"], served.get(row["request_id"], 0), row)
        if lost_too:
            self.case.assertLessEqual(self.settled, sum(served.values()))
        return self

    def tables(self):
        check_tables(self.case, self.gw, self.settled)
        return self


class FaultCase(GatewayCase):
    """A seeded test with one gateway, a mock provider and remembered calls."""

    def setUp(self):
        print("%s seed %d" % (self.id(), SEED), flush=True)
        self.rng = random.Random(SEED)
        self.provider = self.mock()
        self.gw = None
        self.keys = []    # (name, secret)
        self.key_ids = {} # name -> id
        self.calls = [] # (name of the key, Outcome)

    def start(self, keys=4, key_args=("--quota", "1000000000", "--period", "daily"),
              **kw):
        """The gateway before the mock, with keys in group `team`."""
        kw.setdefault("provider", self.provider.base_url)
        if "flush_interval" not in kw.get("server", ""):
            kw["server"] = "flush_interval = 100ms\n" + kw.get("server", "")
        # A deletion is D1..D4 once its time is over.
        kw["server"] = "delete_grace = 200ms\n" + kw["server"]
        self.gw = self.gateway(**kw).start()
        self.gw.ctl("group", "create", "team")
        for i in range(keys):
            self.make_key("k%d" % i, "--group", "team", *key_args)
        return self.gw

    def make_key(self, name, *args):
        made = self.gw.ctl("key", "create", name, *args)
        self.keys.append((name, made["vApiKey"]))
        self.key_ids[name] = made["id"]
        return made["vApiKey"]

    def body(self, rng, i):
        """One call of the usual load."""
        return chat(tokens=rng.randint(1, 12), stream=rng.random() < 0.5,
                    delay_ms=rng.choice((0, 0, 1, 3)), tag="%d" % i)

    async def call(self, body, key=0, connection=None, fields=""):
        """One call by key number `key`, remembered."""
        name, secret = self.keys[key % len(self.keys)]
        own = connection or Connection(self.gw.port)
        outcome = await own.call(secret, body, fields=fields)
        self.calls.append((name, outcome))
        if connection is None:
            own.close()
        return outcome

    async def client(self, i, stop):
        rng = random.Random(SEED * 1000 + i)
        connection = Connection(self.gw.port)
        while not stop.is_set():
            outcome = await self.call(self.body(rng, i), i, connection)
            if outcome.error or outcome.status != 200:
                await asyncio.sleep(0.005)
        connection.close()

    async def under_load(self, action, clients=24):
        """Runs `action` while clients call; they end their last call."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.client(i, stop)) for i in range(clients)]
        try:
            await action()
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 180)

    async def until(self, condition, seconds=60, what="condition"):
        """wait_for() beside running tasks; the condition may block a little."""
        end = time.monotonic() + seconds
        loop = asyncio.get_running_loop()
        while not await loop.run_in_executor(None, condition):
            if time.monotonic() > end:
                raise AssertionError("timed out after %d s: %s" % (seconds, what))
            await asyncio.sleep(0.02)

    async def answered(self, count, seconds=60):
        """`count` more calls have been answered in full."""
        want = count + sum(o.clean for _, o in self.calls)
        await self.until(lambda: sum(o.clean for _, o in list(self.calls)) >= want,
                         seconds, "%d more answers" % count)

    def audit(self, allowed=(0, 200, 503), lost_too=True, gw=None):
        return Audit(self, gw or self.gw).clients(self.calls, allowed).provider(
            self.provider.book.served_by_id(), lost_too).tables()

    def deaths(self, role):
        """How many of the role the log says were killed."""
        return sum("%s[" % role in line and "was killed" in line
                   for line in self.gw.log().splitlines())


def kill(gw, role, rng):
    return hit(gw, role, signal.SIGKILL, rng)
