"""Every dialect as a client writes it and as a provider answers it, for tests that
cross them. One class a dialect; nothing in here is taken from the gateway.

A scene is what a call is about: text, tools, image, reasoning, error. `ask()` gives
path and body of a client's call; `seen()` tells what a provider of this dialect finds
in a request; `answer()` is what it says; `thinking()` what a client reads of it.
"""
import base64
import json
import struct
import zlib

import said

TEXT = "Grüße, 世界 😀 \\ \"quoted\"\n"
THOUGHT = "Let me see … ∑"
TOOL, ARGUMENTS = "weather", {"city": "Zürich \"ZH\"", "days": 3}
# As models write them: with line feeds, which stand in no line of an event stream.
WRITTEN = json.dumps(ARGUMENTS, ensure_ascii=False, indent=1)
IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(60))).decode()
SCHEMA = {"type": "object", "required": ["city"], "properties": {
    "city": {"type": "string"}, "days": {"type": "integer"}}}
SYSTEM, PROMPT = "Be brief.", "How is it — outside?"
SCENES = ("text", "tools", "image", "reasoning")
# What each answer states to have used.
USED = {"input": 20, "cached": 8, "output": 12, "reasoning": 5}


def dump(value):
    return json.dumps(value, ensure_ascii=False).encode()


def sse(events, named=False, end=b""):
    """Bytes of an event stream."""
    out = b""
    for event in events:
        out += (b"event: %s\n" % event["type"].encode() if named else b"")
        out += b"data: " + dump(event) + b"\n\n"
    return out + end


def halves(text):
    """Pieces that a stream tells one after the other."""
    middle = len(text) // 2
    return text[:middle], text[middle:]


class Chat:
    api, path = "chat", "/v1/chat/completions"
    stream_type = "text/event-stream"
    error_status = 429

    @staticmethod
    def ask(model, scene, stream):
        content = PROMPT if scene != "image" else [
            {"type": "text", "text": PROMPT},
            {"type": "image_url",
             "image_url": {"url": "data:image/png;base64," + IMAGE}}]
        body = {"model": model, "max_completion_tokens": 4000, "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": content}]}
        if stream:
            body.update(stream=True, stream_options={"include_usage": True})
        if scene == "tools":
            body["tools"] = [{"type": "function", "function": {
                "name": TOOL, "parameters": SCHEMA}}]
        if scene == "reasoning":
            body["reasoning_effort"] = "medium"
        return Chat.path, body

    @staticmethod
    def seen(_path, body):
        found = {"text"} if SYSTEM in json.dumps(body["messages"]) else set()
        if any(t["function"]["name"] == TOOL and t["function"]["parameters"] == SCHEMA
               for t in body.get("tools") or ()):
            found.add("tools")
        for message in body["messages"]:
            if message["role"] == "user" and isinstance(message["content"], list):
                found |= {"image" for p in message["content"]
                          if p["type"] == "image_url" and
                          p["image_url"]["url"].endswith(IMAGE)}
        if any(k in body for k in ("reasoning_effort", "reasoning", "thinking")):
            found.add("reasoning")
        return found

    @staticmethod
    def usage():
        return {"prompt_tokens": USED["input"], "completion_tokens": USED["output"],
                "total_tokens": USED["input"] + USED["output"],
                "prompt_tokens_details": {"cached_tokens": USED["cached"]},
                "completion_tokens_details": {"reasoning_tokens": USED["reasoning"]}}

    @staticmethod
    def answer(scene, stream):
        base = {"id": "chatcmpl-1", "created": 1, "model": "m",
                "object": "chat.completion.chunk" if stream else "chat.completion"}
        finish = "tool_calls" if scene == "tools" else "stop"
        call = {"id": "call_1", "type": "function", "function": {
            "name": TOOL, "arguments": WRITTEN}}
        if not stream:
            message = {"role": "assistant", "content": TEXT}
            if scene == "tools":
                message.update(content=None, tool_calls=[call])
            if scene == "reasoning":
                message["reasoning_content"] = THOUGHT
            return dump(dict(base, usage=Chat.usage(), choices=[{
                "index": 0, "message": message, "finish_reason": finish}]))
        deltas = [{"role": "assistant", "content": ""}]
        if scene == "tools":
            deltas.append({"tool_calls": [dict(call, index=0, function={
                "name": TOOL, "arguments": ""})]})
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]}
                       for p in halves(WRITTEN)]
        else:
            if scene == "reasoning":
                deltas += [{"reasoning_content": p} for p in halves(THOUGHT)]
            deltas += [{"content": p} for p in halves(TEXT)]
        events = [dict(base, choices=[{"index": 0, "delta": d, "finish_reason": None}])
                  for d in deltas]
        events.append(dict(base, choices=[{"index": 0, "delta": {},
                                           "finish_reason": finish}]))
        events.append(dict(base, choices=[], usage=Chat.usage()))
        return sse(events, end=b"data: [DONE]\n\n")

    @staticmethod
    def error():
        return {"error": {"message": "slow down", "type": "rate_limit_error",
                          "param": None, "code": "rate_limit_exceeded"}}

    @staticmethod
    def is_error(body):
        return isinstance(body["error"]["message"], str) and "type" in body["error"]

    @staticmethod
    def thinking(body, stream):
        if not stream:
            return json.loads(body)["choices"][0]["message"].get("reasoning_content")
        return "".join((c.get("delta") or {}).get("reasoning_content") or ""
                       for e in said.sse(body) for c in e.get("choices") or ())


class Responses:
    api, path = "responses", "/v1/responses"
    stream_type = "text/event-stream"
    error_status = 429

    @staticmethod
    def ask(model, scene, stream):
        content = [{"type": "input_text", "text": PROMPT}]
        if scene == "image":
            content.append({"type": "input_image",
                            "image_url": "data:image/png;base64," + IMAGE})
        body = {"model": model, "instructions": SYSTEM, "max_output_tokens": 4000,
                "input": [{"role": "user", "content": content}], "stream": stream}
        if scene == "tools":
            body["tools"] = [{"type": "function", "name": TOOL, "parameters": SCHEMA,
                              "strict": False}]
        if scene == "reasoning":
            body["reasoning"] = {"effort": "medium", "summary": "auto"}
        return Responses.path, body

    @staticmethod
    def seen(_path, body):
        text = json.dumps(body)
        found = {"text"} if SYSTEM in text else set()
        if any(t.get("name") == TOOL and t["parameters"] == SCHEMA
               for t in body.get("tools") or ()):
            found.add("tools")
        if IMAGE in text and "input_image" in text:
            found.add("image")
        if (body.get("reasoning") or {}).get("effort"):
            found.add("reasoning")
        return found

    @staticmethod
    def whole(scene, status="completed"):
        output = []
        if scene == "reasoning":
            output.append({"type": "reasoning", "id": "rs_1", "summary": [
                {"type": "summary_text", "text": THOUGHT}]})
        if scene == "tools":
            output.append({"type": "function_call", "id": "fc_1", "call_id": "call_1",
                           "name": TOOL, "arguments": WRITTEN,
                           "status": "completed"})
        else:
            output.append({"type": "message", "id": "msg_1", "role": "assistant",
                           "status": "completed", "content": [
                               {"type": "output_text", "text": TEXT,
                                "annotations": []}]})
        return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m",
                "status": status, "error": None, "incomplete_details": None,
                "output": output, "usage": {
                    "input_tokens": USED["input"], "output_tokens": USED["output"],
                    "total_tokens": USED["input"] + USED["output"],
                    "input_tokens_details": {"cached_tokens": USED["cached"]},
                    "output_tokens_details": {"reasoning_tokens": USED["reasoning"]}}}

    @staticmethod
    def answer(scene, stream):
        whole = Responses.whole(scene)
        if not stream:
            return dump(whole)
        begun = dict(whole, status="in_progress", output=[], usage=None)
        events = [{"type": "response.created", "response": begun},
                  {"type": "response.in_progress", "response": begun}]
        for i, item in enumerate(whole["output"]):
            at = {"item_id": item["id"], "output_index": i}
            bare = dict(item, status="in_progress")
            if item["type"] == "message":
                bare["content"] = []
                deltas = [dict(at, type="response.content_part.added", content_index=0,
                               part={"type": "output_text", "text": "",
                                     "annotations": []})]
                deltas += [dict(at, type="response.output_text.delta", content_index=0,
                                delta=p, logprobs=[]) for p in halves(TEXT)]
                deltas += [dict(at, type="response.output_text.done", content_index=0,
                                text=TEXT, logprobs=[]),
                           dict(at, type="response.content_part.done", content_index=0,
                                part=item["content"][0])]
            elif item["type"] == "function_call":
                bare["arguments"] = ""
                deltas = [dict(at, type="response.function_call_arguments.delta", delta=p)
                          for p in halves(item["arguments"])]
                deltas.append(dict(at, type="response.function_call_arguments.done",
                                   arguments=item["arguments"], name=TOOL))
            else:
                bare["summary"] = []
                deltas = [dict(at, type="response.reasoning_summary_part.added",
                               summary_index=0, part={"type": "summary_text",
                                                      "text": ""})]
                deltas += [dict(at, type="response.reasoning_summary_text.delta",
                                summary_index=0, delta=p) for p in halves(THOUGHT)]
                deltas += [dict(at, type="response.reasoning_summary_text.done",
                                summary_index=0, text=THOUGHT)]
            events.append({"type": "response.output_item.added", "output_index": i,
                           "item": bare})
            events += deltas
            events.append({"type": "response.output_item.done", "output_index": i,
                           "item": item})
        events.append({"type": "response.completed", "response": whole})
        return sse([dict(e, sequence_number=n) for n, e in enumerate(events)], True)

    error, is_error = Chat.error, Chat.is_error

    @staticmethod
    def thinking(body, stream):
        if stream:
            final = [e for e in said.sse(body)
                     if e["type"] in ("response.completed", "response.incomplete")]
            answer = final[-1]["response"]
        else:
            answer = json.loads(body)
        return "".join(p["text"] for item in answer["output"]
                       if item["type"] == "reasoning"
                       for p in (item.get("summary") or item.get("content") or ()))


class Messages:
    api, path = "messages", "/v1/messages"
    stream_type = "text/event-stream"
    error_status = 429

    @staticmethod
    def ask(model, scene, stream):
        content = [{"type": "text", "text": PROMPT}]
        if scene == "image":
            content.append({"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": IMAGE}})
        body = {"model": model, "max_tokens": 4000, "system": SYSTEM, "stream": stream,
                "messages": [{"role": "user", "content": content}]}
        if scene == "tools":
            body["tools"] = [{"name": TOOL, "input_schema": SCHEMA}]
        if scene == "reasoning":
            body["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        return Messages.path, body

    @staticmethod
    def seen(_path, body):
        text = json.dumps(body)
        found = {"text"} if SYSTEM in json.dumps(body.get("system")) else set()
        if any(t["name"] == TOOL and t["input_schema"] == SCHEMA
               for t in body.get("tools") or ()):
            found.add("tools")
        if IMAGE in text and '"image/png"' in text:
            found.add("image")
        if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
            found.add("reasoning")
        return found

    @staticmethod
    def blocks(scene):
        if scene == "tools":
            return [{"type": "tool_use", "id": "toolu_1", "name": TOOL,
                     "input": ARGUMENTS}]
        blocks = [{"type": "text", "text": TEXT}]
        if scene == "reasoning":
            blocks.insert(0, {"type": "thinking", "thinking": THOUGHT,
                              "signature": "c2ln"})
        return blocks

    @staticmethod
    def answer(scene, stream):
        usage = {"input_tokens": USED["input"] - USED["cached"],
                 "cache_read_input_tokens": USED["cached"],
                 "cache_creation_input_tokens": 0, "output_tokens": USED["output"],
                 "output_tokens_details": {"thinking_tokens": USED["reasoning"]}}
        stop = "tool_use" if scene == "tools" else "end_turn"
        base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "stop_sequence": None}
        blocks = Messages.blocks(scene)
        if not stream:
            return dump(dict(base, content=blocks, stop_reason=stop, usage=usage))
        events = [{"type": "message_start", "message": dict(
            base, content=[], stop_reason=None, usage=dict(usage, output_tokens=1))},
                  {"type": "ping"}]
        for i, block in enumerate(blocks):
            kind = block["type"]
            member, delta, pieces = {
                "text": ("text", "text_delta", halves(TEXT)),
                "thinking": ("thinking", "thinking_delta", halves(THOUGHT)),
                "tool_use": ("partial_json", "input_json_delta",
                             ("",) + halves(WRITTEN))}[kind]
            bare = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""},
                    "tool_use": {"input": {}}}[kind]
            events.append({"type": "content_block_start", "index": i,
                           "content_block": dict(block, **bare)})
            events += [{"type": "content_block_delta", "index": i,
                        "delta": {"type": delta, member: p}} for p in pieces]
            if kind == "thinking":
                events.append({"type": "content_block_delta", "index": i, "delta": {
                    "type": "signature_delta", "signature": "c2ln"}})
            events.append({"type": "content_block_stop", "index": i})
        events += [{"type": "message_delta", "usage": usage,
                    "delta": {"stop_reason": stop, "stop_sequence": None}},
                   {"type": "message_stop"}]
        return sse(events, True)

    @staticmethod
    def error():
        return {"type": "error", "request_id": "req_x", "error": {
            "type": "rate_limit_error", "message": "slow down"}}

    @staticmethod
    def is_error(body):
        return body["type"] == "error" and isinstance(body["error"]["message"], str)

    @staticmethod
    def thinking(body, stream):
        if not stream:
            return "".join(b.get("thinking") or "" for b in json.loads(body)["content"])
        return "".join(e["delta"].get("thinking") or "" for e in said.sse(body)
                       if e["type"] == "content_block_delta")


class Generate:
    api = "generate"
    stream_type = "text/event-stream"
    error_status = 429

    @staticmethod
    def ask(model, scene, stream):
        parts = [{"text": PROMPT}]
        if scene == "image":
            parts.append({"inlineData": {"mimeType": "image/png", "data": IMAGE}})
        body = {"contents": [{"role": "user", "parts": parts}],
                "systemInstruction": {"parts": [{"text": SYSTEM}]},
                "generationConfig": {"maxOutputTokens": 4000}}
        if scene == "tools":
            body["tools"] = [{"functionDeclarations": [
                {"name": TOOL, "parametersJsonSchema": SCHEMA}]}]
        if scene == "reasoning":
            body["generationConfig"]["thinkingConfig"] = {
                "thinkingBudget": 4096, "includeThoughts": True}
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return "/v1beta/models/%s:%s" % (model, method), body

    @staticmethod
    def seen(_path, body):
        text = json.dumps(body)
        found = {"text"} if SYSTEM in json.dumps(body.get("systemInstruction")) else set()
        for tool in body.get("tools") or ():
            found |= {"tools" for d in tool.get("functionDeclarations") or ()
                      if d["name"] == TOOL and d.get("parametersJsonSchema") == SCHEMA}
        if IMAGE in text and "inlineData" in text:
            found.add("image")
        if (body.get("generationConfig") or {}).get("thinkingConfig"):
            found.add("reasoning")
        return found

    @staticmethod
    def answer(scene, stream):
        usage = {"promptTokenCount": USED["input"],
                 "cachedContentTokenCount": USED["cached"],
                 "candidatesTokenCount": USED["output"] - USED["reasoning"],
                 "thoughtsTokenCount": USED["reasoning"],
                 "totalTokenCount": USED["input"] + USED["output"]}
        base = {"modelVersion": "m", "responseId": "r1", "usageMetadata": usage}
        if scene == "tools":
            parts = [{"functionCall": {"name": TOOL, "args": ARGUMENTS}}]
        else:
            pieces = halves(TEXT) if stream else (TEXT,)
            thoughts = () if scene != "reasoning" else \
                halves(THOUGHT) if stream else (THOUGHT,)
            parts = [{"text": p, "thought": True} for p in thoughts] + \
                    [{"text": p} for p in pieces]
        if not stream:
            return dump(dict(base, candidates=[{"content": {
                "role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]))
        out = b""
        for i, part in enumerate(parts):
            candidate = {"content": {"role": "model", "parts": [part]}, "index": 0}
            if i == len(parts) - 1:
                candidate["finishReason"] = "STOP"
            out += b"data: " + dump(dict(base, candidates=[candidate])) + b"\r\n\r\n"
        return out

    @staticmethod
    def error():
        return {"error": {"code": 429, "message": "slow down",
                          "status": "RESOURCE_EXHAUSTED"}}

    @staticmethod
    def is_error(body):
        return isinstance(body["error"]["code"], int) and \
            body["error"]["status"].isupper()

    @staticmethod
    def thinking(body, stream):
        events = said.sse(body) if stream else [json.loads(body)]
        return "".join(p.get("text") or "" for e in events
                       for c in e.get("candidates") or ()
                       for p in (c.get("content") or {}).get("parts") or ()
                       if p.get("thought"))


def frame(kind, payload, message_type="event"):
    headers = b""
    for name, value in ((":message-type", message_type), (
            ":event-type" if message_type == "event" else ":exception-type", kind),
            (":content-type", "application/json")):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + \
            struct.pack(">H", len(value)) + value.encode()
    body = dump(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


class Converse:
    api = "converse"
    stream_type = "application/vnd.amazon.eventstream"
    error_status = 429

    @staticmethod
    def seen(_path, body):
        text = json.dumps(body)
        found = {"text"} if SYSTEM in json.dumps(body.get("system")) else set()
        for tool in (body.get("toolConfig") or {}).get("tools") or ():
            spec = tool.get("toolSpec") or {}
            if spec.get("name") == TOOL and spec["inputSchema"]["json"] == SCHEMA:
                found.add("tools")
        if IMAGE in text and '"png"' in text:
            found.add("image")
        if body.get("additionalModelRequestFields"):
            found.add("reasoning")
        return found

    @staticmethod
    def answer(scene, stream):
        usage = {"inputTokens": USED["input"] - USED["cached"],
                 "cacheReadInputTokens": USED["cached"], "cacheWriteInputTokens": 0,
                 "outputTokens": USED["output"],
                 "totalTokens": USED["input"] + USED["output"]}
        stop = "tool_use" if scene == "tools" else "end_turn"
        if not stream:
            blocks = [{"text": TEXT}]
            if scene == "tools":
                blocks = [{"toolUse": {"toolUseId": "t1", "name": TOOL,
                                       "input": ARGUMENTS}}]
            if scene == "reasoning":
                blocks.insert(0, {"reasoningContent": {"reasoningText": {
                    "text": THOUGHT, "signature": "c2ln"}}})
            return dump({"output": {"message": {"role": "assistant",
                                                "content": blocks}},
                         "stopReason": stop, "usage": usage,
                         "metrics": {"latencyMs": 1}})
        events, index = [("messageStart", {"role": "assistant"})], 0

        def delta(value):
            events.append(("contentBlockDelta", {
                "contentBlockIndex": index, "delta": value, "p": "abc"}))
        if scene == "reasoning":
            for piece in halves(THOUGHT):
                delta({"reasoningContent": {"text": piece}})
            delta({"reasoningContent": {"signature": "c2ln"}})
            events.append(("contentBlockStop", {"contentBlockIndex": index}))
            index += 1
        if scene == "tools":
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": {
                "toolUse": {"toolUseId": "t1", "name": TOOL}}}))
            for piece in halves(WRITTEN):
                delta({"toolUse": {"input": piece}})
        else:
            for piece in halves(TEXT):
                delta({"text": piece})
        events += [("contentBlockStop", {"contentBlockIndex": index}),
                   ("messageStop", {"stopReason": stop}),
                   ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})]
        return b"".join(frame(kind, payload) for kind, payload in events)

    @staticmethod
    def error():
        return {"message": "slow down"}
