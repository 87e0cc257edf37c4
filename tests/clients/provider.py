"""A chat provider that does as the last user's text says, for clients that are
not ours: a tool is called when the text asks to "use the tool NAME" (or the
first one), its result is told, and everything else is answered with a greeting.

Its arguments are made from the tool's schema, so that a client's own check of
them passes. Handler of MockProvider (tests/system/mock_provider.py).
"""
import base64
import json
import re
import struct

GREETING = "Hello 世界 😀, this is the mock."
TOOL_SAID = "The tool said: "
WANTED = re.compile(r"use the tool (?:named )?[`\"']?([\w.-]+)?", re.I)
COMMAND = "echo tool-was-here"
KNOWN = {"city": "Paris", "command": COMMAND, "cmd": COMMAND, "description": "say a word",
         "path": "/tmp", "file_path": "/etc/hostname"}


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(p.get("text", "") for p in content or ()
                     if isinstance(p, dict))


def value_for(name, schema):
    kind = schema.get("type")
    kind = next((k for k in kind if k != "null"), None) if isinstance(kind, list) \
        else kind
    if schema.get("enum"):
        return schema["enum"][0]
    if kind == "array":
        if name in ("command", "cmd"):
            return ["bash", "-lc", COMMAND]
        return [value_for("", schema.get("items") or {"type": "string"})]
    if kind == "object":
        return arguments_for(schema)
    return {"integer": 1, "number": 1.5, "boolean": True}.get(
        kind, KNOWN.get(name, "word"))


def arguments_for(schema):
    properties = (schema or {}).get("properties") or {}
    required = (schema or {}).get("required") or list(properties)[:1]
    return {n: value_for(n, properties.get(n) or {}) for n in required}


def decide(request):
    """(text, tool call or None) for one request."""
    messages = request["messages"]
    if messages[-1]["role"] == "tool":
        said = [text_of(m["content"]) for m in messages if m["role"] == "tool"]
        return TOOL_SAID + said[-1].strip(), None
    asked = [m for m in messages if m["role"] == "user"]
    last = text_of(asked[-1]["content"]) if asked else ""
    tools = {t["function"]["name"]: t["function"] for t in request.get("tools") or ()
             if t.get("type") == "function"}
    wanted = WANTED.search(last)
    if not wanted or not tools:
        return GREETING, None
    tool = tools.get(wanted.group(1)) or next(iter(tools.values()))
    return None, {"id": "call_mock_1", "type": "function", "function": {
        "name": tool["name"], "arguments":
            json.dumps(arguments_for(tool.get("parameters")), ensure_ascii=False)}}


def usage_of(text, call):
    output = len(text or call["function"]["arguments"]) // 2 + 1
    return {"prompt_tokens": 20, "completion_tokens": output,
            "total_tokens": 20 + output,
            "prompt_tokens_details": {"cached_tokens": 8}}


def plain(request):
    text, call = decide(request)
    message = {"role": "assistant", "content": text}
    if call:
        message["tool_calls"] = [call]
    return {"id": "chatcmpl-mock", "object": "chat.completion", "created": 1,
            "system_fingerprint": "fp_mock",
            "model": request["model"], "usage": usage_of(text, call), "choices": [{
                "index": 0, "message": message, "logprobs": None,
                "finish_reason": "tool_calls" if call else "stop"}]}


def chunks(request):
    text, call = decide(request)
    deltas = [{"role": "assistant", "content": ""}]
    if call:
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [{"index": 0, "id": call["id"],
                                       "type": "function", "function": {
                                           "name": call["function"]["name"],
                                           "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
                   for piece in re.findall(r"(?s).{1,5}", arguments)]
    else:
        deltas += [{"content": piece} for piece in re.findall(r"(?s)\S+\s*", text)]
    base = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1,
            "model": request["model"]}
    for delta in deltas:
        yield dict(base, choices=[{"index": 0, "delta": delta,
                                   "finish_reason": None}])
    yield dict(base, choices=[{"index": 0, "delta": {},
                               "finish_reason": "tool_calls" if call else "stop"}])
    yield dict(base, choices=[], usage=usage_of(text, call))


def vector(request, i):
    values = (0.5, -0.25, i)
    if request.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack("<3f", *values)).decode()
    return values


def embeddings(request):
    inputs = request["input"]
    count = len(inputs) if isinstance(inputs, list) else 1
    return {"object": "list", "model": request["model"],
            "data": [{"object": "embedding", "index": i, "embedding": vector(request, i)}
                     for i in range(count)],
            "usage": {"prompt_tokens": 3 * count, "total_tokens": 3 * count}}


async def handle(_method, path, _headers, body, writer):
    request = json.loads(body)
    if request.get("stream"):
        events = b"".join(b"data: " + json.dumps(c, ensure_ascii=False).encode() +
                          b"\n\n" for c in chunks(request)) + b"data: [DONE]\n\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(events), 300):
            piece = events[at:at + 300]
            writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    else:
        answer = embeddings(request) if path.endswith("/embeddings") \
            else plain(request)
        data = json.dumps(answer, ensure_ascii=False).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) + data)
    await writer.drain()
    return True
