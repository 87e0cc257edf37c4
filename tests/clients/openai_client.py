"""The official PyPI client, unmodified: what a program does with its first key."""
import asyncio

import openai

client = openai.OpenAI(max_retries=0)
MODEL = "builtin/echo"
MESSAGES = [{"role": "user", "content": "Grüße, 世界 and hello 😀"}]

plain = client.chat.completions.create(model=MODEL, messages=MESSAGES)
assert "世界" in plain.choices[0].message.content
assert plain.usage.total_tokens == (plain.usage.prompt_tokens +
                                    plain.usage.completion_tokens)

text, usage = "", None
for chunk in client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True,
        stream_options={"include_usage": True}):
    text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    usage = chunk.usage or usage
assert "😀" in text and usage.total_tokens > 0

for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES,
                                            stream=True):
    assert chunk.choices and chunk.usage is None

assert "one two" in client.completions.create(
    model=MODEL, prompt="one two").choices[0].text
vectors = client.embeddings.create(model=MODEL, input=["a", "b"])
assert len(vectors.data) == 2 and isinstance(vectors.data[0].embedding[0], float)
assert MODEL in {m.id for m in client.models.list()}
assert client.models.retrieve(MODEL).id == MODEL

try:
    client.chat.completions.create(model="none", messages=MESSAGES)
    raise SystemExit("an unknown model answered")
except openai.NotFoundError as e:
    assert e.code == "model_not_found" and e.request_id.startswith("req_")
try:
    openai.OpenAI(api_key="sk-aigw-wrong", max_retries=3).models.list()
    raise SystemExit("a wrong key was let in")
except openai.AuthenticationError as e:
    assert e.code == "invalid_api_key"


async def many():
    async with openai.AsyncOpenAI(max_retries=0) as c:
        answers = await asyncio.gather(*[c.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "n %d" % i}])
            for i in range(50)])
    for i, answer in enumerate(answers):
        assert "n %d" % i in answer.choices[0].message.content

asyncio.run(many())
print("PyPI openai: fine")
