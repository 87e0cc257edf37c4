"""The official PyPI client of Anthropic, unmodified; the provider speaks chat."""
import os

import anthropic

URL, KEY, SPENT, GREETING, MODEL = (os.environ["AIGW_" + n] for n in (
    "URL", "KEY", "SPENT_KEY", "GREETING", "MODEL"))
ASK = {"model": MODEL, "max_tokens": 500,
       "messages": [{"role": "user", "content": "hello"}]}


def make(key, **more):
    return anthropic.Anthropic(base_url=URL, api_key=key, **more)


client = make(KEY, max_retries=0)
assert MODEL in {m.id for m in client.models.list()}

plain = client.messages.create(**ASK)
assert plain.content[0].text == GREETING and plain.stop_reason == "end_turn"
assert (plain.usage.input_tokens, plain.usage.cache_read_input_tokens) == (12, 8)

with client.messages.stream(system="be brief", **ASK) as stream:
    assert "".join(stream.text_stream) == GREETING
    assert stream.get_final_message().usage.output_tokens > 0

tools = [{"name": "weather", "input_schema": {
    "type": "object", "required": ["city"],
    "properties": {"city": {"type": "string"}}}}]
question = {"role": "user", "content": "use the tool weather"}
asked = client.messages.create(**dict(ASK, messages=[question]), tools=tools)
use = [b for b in asked.content if b.type == "tool_use"][0]
assert asked.stop_reason == "tool_use" and use.input == {"city": "Paris"}
told = client.messages.create(**dict(ASK, messages=[
    question, {"role": "assistant", "content": asked.content},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id,
                                  "content": "rain"}]}]), tools=tools)
assert told.content[0].text == "The tool said: rain"

assert client.messages.count_tokens(
    model=MODEL, messages=ASK["messages"]).input_tokens > 0


def fails(kind, client, **more):
    try:
        client.messages.create(**dict(ASK, **more))
    except kind as e:
        assert e.body["type"] == "error" and e.request_id.startswith("req_"), e.body
        return
    raise SystemExit("no error where one was due")


fails(anthropic.NotFoundError, client, model="none")
fails(anthropic.AuthenticationError, make("sk-aigw-wrong"))
fails(anthropic.RateLimitError, make(SPENT))
print("spent calls: 1")
