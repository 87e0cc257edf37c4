// The official npm client of Anthropic, unmodified; the provider speaks chat.
import Anthropic from "@anthropic-ai/sdk";
import assert from "node:assert/strict";

const { AIGW_URL: baseURL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_MODEL: model } = process.env;
const client = new Anthropic({ baseURL, apiKey: AIGW_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const max_tokens = 500;
const tools = [{ name: "weather", input_schema: {
  type: "object", required: ["city"], properties: { city: { type: "string" } } } }];

const names = [];
for await (const m of client.models.list()) names.push(m.id);
assert.ok(names.includes(model));
assert.equal((await client.models.retrieve(model)).type, "model");

const plain = await client.messages.create({ model, max_tokens, messages });
assert.equal(plain.content[0].text, AIGW_GREETING);
assert.equal(plain.stop_reason, "end_turn");
assert.deepEqual([plain.usage.input_tokens, plain.usage.cache_read_input_tokens], [12, 8]);

const stream = client.messages.stream({ model, max_tokens, messages, system: "be brief" });
let text = "";
stream.on("text", (piece) => { text += piece; });
const message = await stream.finalMessage();
assert.equal(text, AIGW_GREETING);
assert.equal(message.content[0].text, AIGW_GREETING);
assert.ok(message.usage.output_tokens > 0);

for (const make of [(b) => client.messages.create(b),
  (b) => client.messages.stream(b).finalMessage()]) {
  const body = { model, max_tokens, tools, messages: [{ role: "user", content: "use the tool weather" }] };
  const asked = await make(body);
  assert.equal(asked.stop_reason, "tool_use");
  const use = asked.content.find((b) => b.type === "tool_use");
  assert.deepEqual(use.input, { city: "Paris" });
  const told = await make({ ...body, messages: [...body.messages,
    { role: "assistant", content: asked.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "rain" }] }] });
  assert.equal(told.content[0].text, "The tool said: rain");
}

const counted = await client.messages.countTokens({ model, messages });
assert.ok(counted.input_tokens > 0);

const create = (c, m) => c.messages.create({ model: m, max_tokens, messages });
await assert.rejects(create(client, "none"), (e) => e instanceof Anthropic.NotFoundError);
await assert.rejects(create(new Anthropic({ baseURL, apiKey: "sk-aigw-wrong" }), model),
  (e) => e instanceof Anthropic.AuthenticationError && e.error.error.type === "authentication_error");
await assert.rejects(create(new Anthropic({ baseURL, apiKey: AIGW_SPENT_KEY }), model),
  (e) => e instanceof Anthropic.RateLimitError && e.error.error.type === "rate_limit_error");
console.log("spent calls: 1");
