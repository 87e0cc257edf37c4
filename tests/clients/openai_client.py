"""The official PyPI client of OpenAI, unmodified: chat and Responses, sync and async."""
import asyncio
import json
import os

import openai

URL, KEY, SPENT, GREETING, MODEL = (os.environ["AIGW_" + n] for n in (
    "URL", "KEY", "SPENT_KEY", "GREETING", "MODEL"))
MESSAGES = [{"role": "user", "content": "Grüße, 世界 and hello 😀"}]
ASK = "use the tool weather"
PARAMETERS = {"type": "object", "required": ["city"],
              "properties": {"city": {"type": "string"}}}


def make(key, **more):
    return openai.OpenAI(base_url=URL + "/v1", api_key=key, **more)


client = make(KEY, max_retries=0)
assert MODEL in {m.id for m in client.models.list()}
assert client.models.retrieve(MODEL).id == MODEL

plain = client.chat.completions.create(model=MODEL, messages=MESSAGES)
assert plain.choices[0].message.content == GREETING
assert plain.usage.prompt_tokens == 20

text, usage = "", None
for chunk in client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True,
        stream_options={"include_usage": True}):
    text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    usage = chunk.usage or usage
assert text == GREETING and usage.total_tokens > 20
for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES,
                                            stream=True):
    assert chunk.choices and chunk.usage is None

asked = client.chat.completions.create(
    model=MODEL, messages=[{"role": "user", "content": ASK}],
    tools=[{"type": "function", "function": {"name": "weather",
                                             "parameters": PARAMETERS}}])
call = asked.choices[0].message.tool_calls[0]
assert json.loads(call.function.arguments) == {"city": "Paris"}
told = client.chat.completions.create(model=MODEL, messages=[
    {"role": "user", "content": ASK}, asked.choices[0].message,
    {"role": "tool", "tool_call_id": call.id, "content": "rain"}])
assert told.choices[0].message.content == "The tool said: rain"

vectors = client.embeddings.create(model=MODEL, input=["a", "b"])
assert [v.embedding[2] for v in vectors.data] == [0, 1]

response = client.responses.create(model=MODEL, input="hello")
assert response.output_text == GREETING and response.status == "completed"
assert response.usage.input_tokens_details.cached_tokens == 8
with client.responses.stream(model=MODEL, input="hello") as events:
    kinds = [e.type for e in events]
assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
called = client.responses.create(model=MODEL, input=ASK, tools=[
    {"type": "function", "name": "weather", "parameters": PARAMETERS,
     "strict": False}])
assert json.loads([i for i in called.output if i.type == "function_call"][0]
                  .arguments) == {"city": "Paris"}


def fails(kind, code, call):
    try:
        call()
    except kind as e:
        assert code is None or e.code == code, e
        assert e.request_id.startswith("req_")
        return
    raise SystemExit("no error where one was due")


for name in ("chat", "responses"):
    def create(client, model=MODEL, name=name):
        if name == "chat":
            return client.chat.completions.create(model=model, messages=MESSAGES)
        return client.responses.create(model=model, input="x")
    fails(openai.NotFoundError, "model_not_found", lambda: create(client, "none"))
    fails(openai.AuthenticationError, None, lambda: create(make("sk-aigw-wrong")))
    fails(openai.RateLimitError, "insufficient_quota", lambda: create(make(SPENT)))


async def in_parallel():
    other = openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY)
    answers = await asyncio.gather(*[other.chat.completions.create(
        model=MODEL, messages=MESSAGES) for _ in range(20)])
    assert all(a.choices[0].message.content == GREETING for a in answers)


asyncio.run(in_parallel())
print("spent calls: 2")
