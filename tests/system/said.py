"""What an answer says, whatever its dialect: text, tool calls, why it stopped.

An independent reader of each dialect, plain and streamed, for tests that compare
what a provider said with what a client of another dialect was told. `read()` takes
the bytes of a whole answer and gives a Said; only the first choice counts.
"""
import base64
import json
import re
import struct


class Said:
    def __init__(self):
        self.text, self.tools, self.stop = "", [], None
        self.usage = None

    def tool(self, name, arguments):
        """arguments: an object, or JSON text ("" is {})."""
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments) if arguments.strip() else {}
            except ValueError:
                arguments = {"(no JSON)": arguments}
        self.tools.append((name, arguments if arguments is not None else {}))

    def finish(self, stop):
        if self.tools and stop in ("stop", None):
            stop = "tools"
        self.stop = stop or "stop"
        return self

    def __repr__(self):
        return "Said(%r, %r, %r)" % (self.text, self.tools, self.stop)


def sse(body):
    """The data of each event, [DONE] left out, parsed."""
    text = body.decode("utf-8", "surrogatepass").lstrip("\ufeff")
    events = []
    for block in re.split(r"(?:\r\n|\n|\r){2}", text):
        lines = [re.sub(r"^data: ?", "", line) for line in re.split(r"\r\n|\n|\r", block)
                 if line.startswith("data:")]
        data = "\n".join(lines).strip()
        if data and data != "[DONE]":
            events.append(json.loads(data))
    return events


def frames(body):
    """(event type, payload) of AWS event streams."""
    at, found = 0, []
    while at + 16 <= len(body):
        total, headers = struct.unpack(">II", body[at:at + 8])
        names, p = {}, at + 12
        while p < at + 12 + headers:
            n = body[p]
            name = body[p + 1:p + 1 + n].decode()
            length = struct.unpack(">H", body[p + 2 + n:p + 4 + n])[0]
            names[name] = body[p + 4 + n:p + 4 + n + length].decode()
            p += 4 + n + length
        payload = body[at + 12 + headers:at + total - 4]
        found.append((names.get(":event-type"), json.loads(payload or b"{}")))
        at += total
    return found


# ---- OpenAI chat ----

CHAT_STOPS = {"stop": "stop", "eos": "stop", "length": "length", "model_length": "length",
              "tool_calls": "tools", "function_call": "tools",
              "content_filter": "filter", "sensitive": "filter"}


def chat_text(content):
    if isinstance(content, str):
        return content
    return "".join(p.get("text", "") for p in content or () if p.get("type") == "text")


def chat_plain(answer):
    said, choice = Said(), answer["choices"][0]
    message = choice.get("message") or {}
    said.text = chat_text(message.get("content")) or message.get("refusal") or \
        (message.get("audio") or {}).get("transcript") or ""
    if message.get("function_call"):
        said.tool(message["function_call"]["name"], message["function_call"]["arguments"])
    for call in message.get("tool_calls") or ():
        said.tool(call["function"]["name"], call["function"].get("arguments"))
    said.usage = answer.get("usage")
    return said.finish(CHAT_STOPS.get(choice.get("finish_reason")))


def chat_stream(events):
    said, calls, stop = Said(), [], None
    for event in events:
        said.usage = event.get("usage") or said.usage
        for choice in event.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            said.text += chat_text(delta.get("content")) + (delta.get("refusal") or "")
            for piece in delta.get("tool_calls") or ():
                chat_piece(calls, piece)
            stop = stop or CHAT_STOPS.get(choice.get("finish_reason"))
    for call in calls:
        said.tool(call["name"], call["arguments"])
    return said.finish(stop)


def chat_piece(calls, piece):
    function, index = piece.get("function") or {}, piece.get("index")
    found = [c for c in calls if c["index"] == index] if index is not None else \
        [c for c in calls[-1:] if not piece.get("id") or c["id"] == piece["id"]]
    if not found:
        calls.append({"index": index, "id": piece.get("id"), "name": "", "arguments": ""})
        found = calls[-1:]
    found[0]["name"] = found[0]["name"] or function.get("name") or ""
    arguments = function.get("arguments") or ""
    found[0]["arguments"] += arguments if isinstance(arguments, str) \
        else json.dumps(arguments)


# ---- OpenAI Responses ----

def responses_plain(answer):
    if "choices" in answer:  # Azure's models of others answer so by this path
        return chat_plain(answer)
    said = Said()
    for item in answer.get("output") or ():
        if item["type"] == "message":
            said.text += "".join(p.get("text") or p.get("refusal") or ""
                                 for p in item.get("content") or ())
        elif item["type"] == "function_call":
            said.tool(item["name"], item["arguments"])
    said.usage = answer.get("usage")
    reason = (answer.get("incomplete_details") or {}).get("reason")
    return said.finish({"max_output_tokens": "length",
                        "content_filter": "filter"}.get(reason))


def responses_stream(events):
    """By the deltas; the last event must repeat what they said."""
    text, final = "", None
    for event in events:
        if event["type"] in ("response.output_text.delta", "response.refusal.delta"):
            text += event["delta"]
        elif event["type"] in ("response.completed", "response.incomplete"):
            final = responses_plain(event["response"])
    if final is None:
        final = Said().finish(None)
    if not final.text:
        final.text = text
    assert final.text == text or not text, (final.text, text)
    return final


# ---- Anthropic ----

MESSAGE_STOPS = {"end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop",
                 "max_tokens": "length", "model_context_window_exceeded": "length",
                 "tool_use": "tools", "refusal": "filter"}


def messages_plain(answer):
    said = Said()
    for block in answer["content"]:
        if block["type"] == "text":
            said.text += block["text"]
        elif block["type"] == "tool_use":
            said.tool(block["name"], block["input"])
    said.usage = answer.get("usage")
    return said.finish(MESSAGE_STOPS.get(answer.get("stop_reason")))


def messages_stream(events):
    said, stop, blocks = Said(), None, {}
    for event in events:
        kind = event["type"]
        if kind == "content_block_start":
            blocks[event["index"]] = [event["content_block"], ""]
            said.text += event["content_block"].get("text") or ""
        elif kind == "content_block_delta":
            delta = event["delta"]
            said.text += delta.get("text") or ""
            blocks[event["index"]][1] += delta.get("partial_json") or ""
        elif kind == "content_block_stop":
            block, arguments = blocks[event["index"]]
            if block["type"] == "tool_use":
                said.tool(block["name"], arguments or block.get("input"))
        elif kind == "message_delta":
            stop = MESSAGE_STOPS.get(event["delta"].get("stop_reason"))
            said.usage = event.get("usage")
    return said.finish(stop)


# ---- Gemini ----

FILTERS = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE")


def gemini_add(said, answer):
    said.usage = answer.get("usageMetadata") or said.usage
    if (answer.get("promptFeedback") or {}).get("blockReason"):
        return "filter"
    stop = None
    for candidate in answer.get("candidates") or ():
        if candidate.get("index", 0) != 0:
            continue
        for part in (candidate.get("content") or {}).get("parts") or ():
            if part.get("functionCall"):
                said.tool(part["functionCall"]["name"],
                          part["functionCall"].get("args"))
            elif not part.get("thought"):
                said.text += part.get("text") or ""
        reason = candidate.get("finishReason")
        if isinstance(reason, int):  # by the number of the enum
            reason = "MAX_TOKENS" if reason == 2 else "STOP"
        if reason:
            stop = "length" if reason == "MAX_TOKENS" else \
                "filter" if reason in FILTERS or reason.startswith("IMAGE_") else "stop"
    return stop


def gemini_plain(answer):
    said = Said()
    return said.finish(gemini_add(said, answer))


def gemini_stream(events):
    said, stop = Said(), None
    for event in events:
        stop = gemini_add(said, event) or stop
    return said.finish(stop)


# ---- Bedrock Converse ----

def converse_plain(answer):
    said = Said()
    for block in answer["output"]["message"]["content"]:
        said.text += block.get("text") or ""
        if "toolUse" in block and "type" not in block["toolUse"]:
            said.tool(block["toolUse"]["name"], block["toolUse"]["input"])
    stop = answer.get("stopReason")
    return said.finish("filter" if stop in ("guardrail_intervened", "content_filtered")
                       else MESSAGE_STOPS.get(stop))


def converse_stream(events):
    said, stop, calls = Said(), None, {}
    for kind, payload in events:
        index = payload.get("contentBlockIndex")
        if kind == "contentBlockStart" and "type" not in payload.get(
                "start", {}).get("toolUse", {"type": "none"}):
            calls[index] = [payload["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta":
            delta = payload["delta"]
            said.text += delta.get("text") or ""
            if "toolUse" in delta and index in calls:
                calls[index][1] += delta["toolUse"].get("input") or ""
        elif kind == "messageStop":
            stop = payload.get("stopReason")
    for name, arguments in calls.values():
        said.tool(name, arguments)
    return said.finish("filter" if stop in ("guardrail_intervened", "content_filtered")
                       else MESSAGE_STOPS.get(stop))


READERS = {"chat": (chat_plain, chat_stream),
           "responses": (responses_plain, responses_stream),
           "messages": (messages_plain, messages_stream),
           "generate": (gemini_plain, gemini_stream),
           "converse": (converse_plain, converse_stream)}


def read(api, body, stream):
    """body: the bytes of a whole answer with status 200."""
    plain, streamed = READERS[api]
    if not stream:
        return plain(json.loads(body))
    if api == "converse":
        return streamed(frames(body))
    return streamed(sse(body))


def recorded_body(recording):
    response = recording["response"]
    if response["body_encoding"] == "base64":
        return base64.b64decode(response["body"])
    return response["body"].encode("utf-8")
