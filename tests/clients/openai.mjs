// The official npm client, unmodified: what a program does with its first key.
import OpenAI from "openai";
import assert from "node:assert/strict";

const client = new OpenAI({ maxRetries: 0 });
const model = "builtin/echo";
const messages = [{ role: "user", content: "Grüße, 世界 and hello 😀" }];

const plain = await client.chat.completions.create({ model, messages });
assert.match(plain.choices[0].message.content, /世界/);
assert.equal(plain.usage.total_tokens,
  plain.usage.prompt_tokens + plain.usage.completion_tokens);

let text = "", chunks = 0, usage = null;
const stream = await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
  chunks++;
}
assert.match(text, /😀/);
assert.ok(chunks > 3);
assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);

for await (const chunk of await client.chat.completions.create({
  model, messages, stream: true }))
  assert.ok(chunk.choices.length > 0, "no chunk that the client did not ask for");

const completion = await client.completions.create({ model, prompt: "one two" });
assert.match(completion.choices[0].text, /one two/);
const embedding = await client.embeddings.create({ model, input: ["a", "b"] });
assert.equal(embedding.data.length, 2);
assert.equal(typeof embedding.data[0].embedding[0], "number");
const names = [];
for await (const m of client.models.list()) names.push(m.id);
assert.ok(names.includes(model));
assert.equal((await client.models.retrieve(model)).id, model);

await assert.rejects(client.chat.completions.create({ model: "none", messages }),
  (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
await assert.rejects(new OpenAI({ apiKey: "sk-aigw-wrong", maxRetries: 3 })
  .chat.completions.create({ model, messages }),
  (e) => e instanceof OpenAI.AuthenticationError && e.requestID?.startsWith("req_"));
console.log("npm openai: fine");
