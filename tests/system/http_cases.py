"""Plays HTTP cases against a server and says what each came to.

A case is one connection: what is sent, and the outcomes that pass. The format
is that of the shared file http-cases.json (its member "about" explains it);
http_cases_own.py has ours in the same form.

Whether the server left the connection open is found out by asking once more:
a probe is sent behind the last expected answer. It must be answered, once. So
nothing here depends on how long something took; deadlines only end a test that
hangs.
"""
import asyncio
import gzip
import json
import re
import socket

DEADLINE = 60
PROTOCOL_REFUSALS = {400, 408, 411, 413, 414, 417, 421, 426, 431} | set(
    range(494, 506))
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")


class Words:
    """What stands for {{HOST}}, {{X}} ... in one run of one case."""

    def __init__(self, host, key, model, mark):
        self.model = model
        self.body = json.dumps({
            "model": model, "max_tokens": 3,
            "messages": [{"role": "user", "content": mark}]})
        self.table = {
            "HOST": host, "X": "Authorization: Bearer %s\r\n" % key,
            "XLF": "Authorization: Bearer %s\n" % key,
            "P": "/v1/chat/completions", "G": "/v1/models", "B": self.body,
            "BLEN": str(len(self.body)), "BHEX": "%x" % len(self.body)}

    def fill(self, text, case_id):
        smuggled = self.put(
            "GET /smuggled-%s HTTP/1.1\r\nHost: {{HOST}}\r\n{{X}}\r\n" % case_id)
        self.table.update({"SM": smuggled, "SMLEN": str(len(smuggled)),
                           "SMHEX": "%x" % len(smuggled),
                           "CLTE": str(len(smuggled) + 5)})
        return self.put(text).encode("latin-1")

    def put(self, text):
        return re.sub(r"\{\{(\w+)\}\}", lambda m: self.table[m.group(1)], text)

    def post(self, body, fields=""):
        return ("POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json"
                "\r\n%sContent-Length: %d\r\n\r\n" % (
                    self.table["P"], self.table["HOST"], self.table["X"], fields,
                    len(body))).encode() + body


def make_steps(case, words):
    """[bytes, or the number of seconds to wait, or None for a half-close]"""
    steps = []
    for step in case["send"]:
        if isinstance(step, str):
            steps.append(words.fill(step, case["id"]))
        elif "fill" in step:
            steps.append(words.fill(step["fill"], case["id"]) * step["n"])
        elif "drip" in step:
            for byte in words.fill(step["drip"], case["id"]):
                steps += [bytes([byte]), step["ms"] / 1000]
        elif "wait" in step:
            steps.append(step["wait"] / 1000)
        elif "fin" in step:
            steps.append(None)
        elif "json" in step:
            text = step["json"].replace("{M}", words.model)
            steps.append(words.post(text.encode("latin-1")))
        elif "gzipbomb" in step:
            packed = gzip.compress(b"\0" * step["gzipbomb"], 1)
            steps.append(words.post(packed, "Content-Encoding: gzip\r\n"))
        else:
            raise ValueError("unknown step %r" % step)
    return steps


def cut(steps, mode, random):
    """The same bytes in other pieces: "whole", "bytes" or "split"."""
    if mode == "whole":
        return steps
    result = []
    for step in steps:
        if not isinstance(step, bytes) or len(step) < 2:
            result.append(step)
        elif mode == "bytes":
            size = max(1, len(step) // 1500)
            for at in range(0, len(step), size):
                result += [step[at:at + size], 0]
        else:
            places = sorted({0, len(step)} | {
                random.randrange(len(step)) for _ in range(3)})
            for begin, end in zip(places, places[1:]):
                result += [step[begin:end], 0]
    return result


class Answer:
    def __init__(self, status, version, fields, body):
        self.status, self.version = status, version
        self.fields, self.body = fields, body

    def field(self, name):
        return self.fields.get(name)

    def says_close(self):
        options = (self.field("connection") or "").lower()
        return "close" in options or (self.version == 0 and
                                      "keep-alive" not in options)


class Seen:
    """What came back on one connection."""

    def __init__(self):
        self.raw = b""
        self.interim = []   # status of each 1xx
        self.answers = []   # Answer of each final one, the probe's left out
        self.closed = False
        self.faults = []    # what no answer may look like

    def __str__(self):
        return "%s%s %s%s" % ([a.status for a in self.answers],
                              " after %s" % self.interim if self.interim else "",
                              "closed" if self.closed else "open",
                              " " + "; ".join(self.faults) if self.faults else "")


class Socket:
    """A non-blocking connection. Unlike asyncio's streams it still reads what
    has come after a write failed."""

    def __init__(self, sock):
        self.sock, self.buffer, self.ended = sock, b"", False
        self.loop = asyncio.get_running_loop()

    @classmethod
    async def connect(cls, port):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(sock)

    async def send(self, data):
        await self.loop.sock_sendall(self.sock, data)

    def send_eof(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    async def more(self):
        if not self.ended:
            data = await self.loop.sock_recv(self.sock, 65536)
            self.ended = not data
            self.buffer += data

    def take(self, count):
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    async def readuntil(self, end):
        while end not in self.buffer:
            if self.ended:
                raise asyncio.IncompleteReadError(self.take(1 << 30), None)
            await self.more()
        return self.take(self.buffer.index(end) + len(end))

    async def readexactly(self, count):
        while len(self.buffer) < count:
            if self.ended:
                raise asyncio.IncompleteReadError(self.take(1 << 30), count)
            await self.more()
        return self.take(count)

    async def readall(self):
        while not self.ended:
            await self.more()
        return self.take(1 << 30)


class Reader:
    """Strict about what it reads: a gateway's answers are checked too."""

    def __init__(self, stream, seen):
        self.stream, self.seen = stream, seen

    async def head(self):
        try:
            head = await self.stream.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as e:
            if e.partial:
                self.seen.faults.append("half an answer: %r" % e.partial[:200])
            self.seen.raw += e.partial
            return None
        except ConnectionResetError:
            # Bytes that came behind an announced end may be answered so.
            if not (self.seen.answers and self.seen.answers[-1].says_close()):
                self.seen.faults.append("connection reset")
            return None
        self.seen.raw += head
        lines = head[:-4].split(b"\r\n")
        match = re.match(rb"HTTP/1\.([01]) (\d{3}) [\t -~]*\Z", lines[0])
        if match is None:
            self.seen.faults.append("no status line: %r" % lines[0][:200])
            return None
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                self.seen.faults.append("malformed field: %r" % line[:200])
            name = name.decode("latin-1").lower()
            if name in fields:
                self.seen.faults.append("field %s twice" % name)
            fields[name] = value.strip().decode("latin-1")
        return int(match.group(2)), int(match.group(1)), fields

    async def body(self, status, fields, method):
        if method == "HEAD" or status in (204, 304):
            return b""
        if "transfer-encoding" in fields:
            if "content-length" in fields:
                self.seen.faults.append("answer with two lengths")
            return await self.chunks()
        if "content-length" in fields:
            return await self.take(int(fields["content-length"]))
        body = await self.stream.readall()
        self.seen.raw += body
        return body

    async def take(self, count):
        data = await self.stream.readexactly(count)
        self.seen.raw += data
        return data

    async def chunks(self):
        body = b""
        while True:
            line = await self.stream.readuntil(b"\r\n")
            self.seen.raw += line
            size = int(line, 16)
            body += (await self.take(size + 2))[:-2]
            if size == 0:
                return body

    async def answer(self, method):
        """The next final answer, or None at the end."""
        while True:
            head = await self.head()
            if head is None:
                return None
            status, version, fields = head
            if status < 200 and status != 101:
                self.seen.interim.append(status)
                continue
            try:
                body = await self.body(status, fields, method)
            except (asyncio.IncompleteReadError, ConnectionResetError, ValueError):
                self.seen.faults.append("a broken body")
                body = b""
            return Answer(status, version, fields, body)


async def send_all(stream, steps):
    """Stops where the server takes no more."""
    try:
        for step in steps:
            if step is None:
                stream.send_eof()
            elif isinstance(step, bytes):
                await stream.send(step)
            else:
                await asyncio.sleep(step)
    except OSError:
        pass


def expected_answers(case, want):
    if want == "accept-then-reject":
        return 2
    return case.get("responses", 1)


async def play(case, port, steps, words, want):
    """Sends the steps, reads what comes, and probes. Returns Seen."""
    seen = Seen()
    stream = await Socket.connect(port)
    sender = asyncio.ensure_future(send_all(stream, steps))
    try:
        await asyncio.wait_for(
            read_all(case, Reader(stream, seen), words, sender,
                     expected_answers(case, want), seen), DEADLINE)
    except asyncio.TimeoutError:
        seen.faults.append("nothing more came within %d s" % DEADLINE)
    finally:
        sender.cancel()
        await asyncio.wait([sender])
        stream.close()
    return seen


async def read_all(case, reader, words, sender, expected, seen):
    methods = case.get("methods", [])
    probed = False
    while True:
        method = methods[len(seen.answers)] if len(seen.answers) < len(methods) \
            else "GET"
        answer = await reader.answer(method)
        if answer is None:
            seen.closed = True
            return
        if probed and answer.body == b'{"status":"ok"}':
            seen.closed = False
            if await reader.answer("GET") is not None:
                seen.faults.append("an answer behind the probe's")
            return
        seen.answers.append(answer)
        if len(seen.answers) == expected and not answer.says_close() and not probed:
            await sender
            probed = True
            await send_all(reader.stream, [(
                "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
                % words.table["HOST"]).encode()])


def is_outcome(case, seen, want):
    """Whether `seen` is the outcome `want` of the file's list."""
    kind, _, statuses = want.partition(":")
    listed = {int(s) for s in statuses.split(",")} if statuses else set()
    got = [a.status for a in seen.answers]
    one = len(got) == 1
    served = len(got) == case.get("responses", 1) and \
        not PROTOCOL_REFUSALS & set(got)
    if kind == "reject":
        return one and got[0] in listed and seen.closed
    if kind == "status":
        return one and got[0] in listed
    if kind == "accept":
        return served
    if kind == "accept+close":
        return served and seen.closed
    if kind == "accept-then-reject":
        return seen.closed and got and got[0] not in PROTOCOL_REFUSALS and (
            len(got) == 1 or len(got) == 2 and got[1] in PROTOCOL_REFUSALS)
    if kind == "accept2+close":
        return len(got) == 2 and not PROTOCOL_REFUSALS & set(got) and seen.closed
    if kind == "close":
        return not got and seen.closed
    return False


def judge(case, seen):
    """What is wrong with it, by the strict measure; None: nothing."""
    if seen.faults:
        return "; ".join(seen.faults)
    if len(seen.answers) > case.get("maxresp", case.get("responses", 1)):
        return "more answers than requests"
    got = [a.status for a in seen.answers] + seen.interim
    if case.get("no2xx") and any(200 <= s < 300 for s in got):
        return "2xx"
    if case.get("no101") and 101 in got:
        return "101"
    if case.get("nointerim") and seen.interim:
        return "an interim answer"
    if case.get("noecho") and case["noecho"].encode() in seen.raw:
        return "it echoes"
    if not any(is_outcome(case, seen, want) for want in case["allow"]):
        return "not allowed; %s" % case["allow"]
    if not is_outcome(case, seen, case["prefer"]):
        return "not preferred; wanted %s" % case["prefer"]
    return None


class StrictUpstream:
    """A provider that trusts nothing: every byte that is no part of one plain,
    well-framed call is a fault. Serves on loopback inside the running loop."""

    PATHS = (b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings")
    FORBIDDEN = {b"transfer-encoding", b"connection", b"keep-alive", b"upgrade",
                 b"te", b"trailer", b"proxy-connection", b"proxy-authorization",
                 b"expect", b"content-encoding", b"cookie", b"http2-settings"}

    def __init__(self, answer_fields=b""):
        self.calls = []   # (fields, body)
        self.faults = []
        self.answer_fields = answer_fields
        self.server = None

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0,
                                                 limit=64 << 20)
        return self.server.sockets[0].getsockname()[1]

    def stop(self):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except asyncio.IncompleteReadError as e:
            if e.partial:
                self.faults.append("an incomplete message: %r" % e.partial[:200])
        except ConnectionError:
            pass
        finally:
            writer.close()

    def fault(self, what, bytes_):
        self.faults.append("%s: %r" % (what, bytes_[:300]))
        return False

    def head(self, head):
        """Fields by lower-case name, or None."""
        lines = head[:-4].split(b"\r\n")
        parts = lines[0].split(b" ")
        if len(parts) != 3 or parts[0] != b"POST" or \
                parts[1] not in self.PATHS or parts[2] != b"HTTP/1.1":
            return self.fault("request line", lines[0]) or None
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            value = value.strip(b" \t")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                return self.fault("field line", line) or None
            name = name.lower()
            if name in fields or name in self.FORBIDDEN:
                return self.fault("field not allowed here", line) or None
            fields[name] = value
        for name in (b"host", b"content-length", b"authorization"):
            if name not in fields:
                return self.fault("no %s" % name.decode(), head) or None
        if not re.match(rb"\d{1,10}\Z", fields[b"content-length"]):
            return self.fault("length", head) or None
        return fields

    async def one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
            return self.fault("bare CR or LF", head)
        fields = self.head(head)
        if fields is None:
            return False
        body = await reader.readexactly(int(fields[b"content-length"]))
        self.calls.append((fields, body))
        try:
            request = json.loads(body)
        except ValueError:
            return self.fault("no JSON", body)
        answer = json.dumps({
            "id": "strict-1", "object": "chat.completion", "created": 1,
            "model": request.get("model"),
            "choices": [{"index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": "ok"}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1,
                      "total_tokens": 6}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s"
                     b"Content-Length: %d\r\n\r\n%s"
                     % (self.answer_fields, len(answer), answer))
        await writer.drain()
        return True
