"""A fleet of providers that fail as a call tells them to, and know what they did.

A call carries its plan in the text of its message: for each provider and model the
words for its first, second ... attempt there ("ok" where the plan says nothing).
WORDS is what a word means: what the provider does, what a gateway is to make of it.
The providers' own book, by request id, is the truth that rows and totals are held to.
"""
import asyncio
import json

NAMES = ("alpha", "beta", "gamma")
PRICES = {"alpha": 3, "beta": 1, "gamma": 2}  # of a million tokens, in and out

STATED, NOTHING, GUESSED = "what it stated", "nothing", "an estimate"


class Word:
    """goes_on: the next candidate is asked. status: what the provider said (0: no
    head). told: what the client is told where no other is asked after it, in a
    dialect of its own where that differs. charge: for the attempt, where another
    one follows. last_charge: where none does."""

    def __init__(self, goes_on, status, told, charge, last_charge=None,
                 cools=False, translated=None):
        self.goes_on, self.status, self.told = goes_on, status, told
        self.translated, self.charge = translated or told, charge
        self.last_charge = last_charge or charge
        self.cools = cools


WORDS = {
    "ok": Word(False, 200, 200, STATED),
    "slow": Word(False, 200, 200, STATED),
    "lie": Word(False, 200, 200, GUESSED),       # states absurd usage
    "400": Word(False, 400, 400, NOTHING),
    "413": Word(False, 413, 413, NOTHING),
    "422": Word(False, 422, 422, NOTHING),
    "451": Word(False, 451, 451, NOTHING),
    "401": Word(True, 401, 401, NOTHING, cools=True),
    "403": Word(True, 403, 403, NOTHING, cools=True),
    "404": Word(True, 404, 404, NOTHING),
    "408": Word(True, 408, 408, NOTHING),
    "409": Word(True, 409, 409, NOTHING),
    "429": Word(True, 429, 429, NOTHING, cools=True),
    "500": Word(True, 500, 500, NOTHING),
    "503": Word(True, 503, 503, NOTHING, cools=True),  # with Retry-After
    "529": Word(True, 529, 503, NOTHING),
    "500 billed": Word(True, 500, 500, STATED),
    "hang": Word(True, 0, 504, NOTHING),
    "torn": Word(True, 0, 502, NOTHING),         # ends in its head
    "half": Word(True, 200, 502, NOTHING, GUESSED),  # ends in its body
    "half billed": Word(True, 200, 502, STATED),     # behind its usage
    "error": Word(True, 200, 200, NOTHING, translated=502),  # under a good status
    "coded": Word(True, 200, 502, NOTHING, GUESSED),  # compressed, unasked
    "cut": Word(False, 200, 200, GUESSED),       # a stream, behind its first words
}
FOR_STREAMS, FOR_PLAIN = ("cut",), ("half billed",)


class Fleet:
    """The handler of a MockProvider: all providers of all fleets, by their path
    /FLEET/NAME/v1/..."""

    def __init__(self):
        self.book = {}     # request id: [{name, model, word, tokens, ...}]
        self.outside = []  # what nobody planned

    async def __call__(self, method, path, headers, body, writer):
        _, fleet, name, _ = path.split("/", 3)
        call = json.loads(body)
        plan = json.loads(call["messages"][-1]["content"])
        attempts = self.book.setdefault(headers.get("x-request-id"), [])
        place = "%s/%s" % (name, call["model"].split("-")[0])
        words = plan["words"].get(place, [])
        before = sum(a["place"] == place for a in attempts)
        word = words[before] if before < len(words) else "ok"
        entry = {"place": place, "name": name, "fleet": fleet, "word": word,
                 "prompt": len(body) // 4, "output": 0, "stated": 0}
        attempts.append(entry)
        entry["output"] = plan["tokens"]
        return await self.act(entry, word, call, writer)

    async def act(self, entry, word, call, writer):
        usage = {"prompt_tokens": entry["prompt"],
                 "completion_tokens": entry["output"],
                 "total_tokens": entry["prompt"] + entry["output"]}
        if WORDS[word].charge is STATED:
            entry["stated"] = usage["total_tokens"]
        if word == "lie":
            usage = {"prompt_tokens": 10 ** 14, "completion_tokens": -3,
                     "total_tokens": 7}
        if word == "slow":
            await asyncio.sleep(0.05)
        if word == "hang":
            await asyncio.sleep(3600)
        if word == "torn":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-")
            await writer.drain()
            return False
        if WORDS[word].status >= 400:
            return await self.refuse(word, usage, writer)
        if word == "coded":
            return await self.send(writer, 200, b"\x1f\x8b" + bytes(100),
                                   b"Content-Encoding: gzip\r\n")
        if word == "error" and not call.get("stream"):
            return await self.send(writer, 200, json.dumps({"error": {
                "message": "no", "type": "t", "code": "c"}}).encode())
        if call.get("stream"):
            return await self.stream(word, entry, usage, writer)
        return await self.plain(word, entry, usage, call, writer)

    @staticmethod
    async def send(writer, status, data, fields=b"", most=None):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s"
                     b"Content-Length: %d\r\n\r\n" % (status, fields, len(data)) +
                     data[:most])
        await writer.drain()
        return most is None

    async def refuse(self, word, usage, writer):
        answer = {"error": {"message": "no", "type": "t", "code": "c"}}
        if word == "500 billed":
            answer["usage"] = usage
        fields = b"Retry-After: 1\r\n" if word in ("429", "503") else b""
        return await self.send(writer, WORDS[word].status,
                               json.dumps(answer).encode(), fields)

    async def plain(self, word, entry, usage, call, writer):
        answer = {"id": "c", "object": "chat.completion", "model": call["model"]}
        if word == "half billed":
            answer["usage"] = usage
        answer["choices"] = [{"index": 0, "finish_reason": "stop", "message": {
            "role": "assistant", "content": "tok " * entry["output"]}}]
        answer["usage"] = usage
        data = json.dumps(answer).encode()
        most = len(data) - 4 if word == "half billed" else 7 if word == "half" \
            else None
        return await self.send(writer, 200, data, b"", most)

    async def stream(self, word, entry, usage, writer):
        def event(choices, usage=None):
            data = b"data: " + json.dumps({
                "id": "c", "object": "chat.completion.chunk", "model": "m",
                "choices": choices, "usage": usage}).encode() + b"\n\n"
            return b"%x\r\n" % len(data) + data + b"\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        if word == "half":
            await writer.drain()
            return False
        if word == "error":
            data = b'data: {"error":{"message":"no","type":"t","code":"c"}}\n\n'
            writer.write(b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n")
            await writer.drain()
            return True
        for i in range(entry["output"]):
            if word == "cut" and i == entry["output"] // 2:
                await writer.drain()
                return False
            writer.write(event([{"index": 0, "delta": {"content": "tok "},
                                 "finish_reason": None}]))
        writer.write(event([{"index": 0, "delta": {}, "finish_reason": "stop"}]) +
                     event([], usage) +
                     b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()
        return True
