// The official npm client, unmodified: chat, completions' kin, Responses.
import assert from "node:assert/strict";

const { default: OpenAI } = await import(process.env.AIGW_OPENAI ?? "openai");
const { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_MODEL: model } = process.env;
const baseURL = `${AIGW_URL}/v1`;
const client = new OpenAI({ baseURL, apiKey: AIGW_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "Grüße, 世界 and hello 😀" }];
const ask = [{ role: "user", content: "Please use the tool weather" }];
const parameters = { type: "object", required: ["city"], properties: { city: { type: "string" } } };
const tools = [{ type: "function", function: { name: "weather", parameters } }];

const names = [];
for await (const m of client.models.list()) names.push(m.id);
assert.ok(names.includes(model));
assert.equal((await client.models.retrieve(model)).id, model);

const plain = await client.chat.completions.create({ model, messages });
assert.equal(plain.choices[0].message.content, AIGW_GREETING);
assert.equal(plain.usage.total_tokens, plain.usage.prompt_tokens + plain.usage.completion_tokens);

let text = "", usage = null;
for await (const chunk of await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true } })) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, AIGW_GREETING);
assert.equal(usage.prompt_tokens, 20);
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
  assert.ok(chunk.choices.length > 0, "no chunk that the client did not ask for");

const runner = client.chat.completions.runTools({
  model, messages: ask, stream: true,
  tools: [{ type: "function", function: { ...tools[0].function, parse: JSON.parse,
    function: ({ city }) => `sunny in ${city}` } }] });
assert.equal(await runner.finalContent(), "The tool said: sunny in Paris");

const embedding = await client.embeddings.create({ model, input: ["a", "b"] });
assert.deepEqual(embedding.data.map((d) => d.embedding[2]), [0, 1]);

// Responses: the provider speaks chat only, so the gateway translates.
const response = await client.responses.create({ model, input: "hello" });
assert.equal(response.output_text, AIGW_GREETING);
assert.equal(response.usage.input_tokens_details.cached_tokens, 8);
const events = [];
const stream = client.responses.stream({ model, input: "hello" });
for await (const event of stream) events.push(event.type);
assert.equal((await stream.finalResponse()).output_text, AIGW_GREETING);
assert.equal(events[0], "response.created");
assert.equal(events.at(-1), "response.completed");
const called = await client.responses.create({ model, input: ask[0].content,
  tools: [{ type: "function", name: "weather", parameters, strict: false }] });
const call = called.output.find((item) => item.type === "function_call");
assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
const told = await client.responses.create({ model, input: [
  { role: "user", content: ask[0].content }, call,
  { type: "function_call_output", call_id: call.call_id, output: "rain" }] });
assert.equal(told.output_text, "The tool said: rain");

for (const create of [
  (c, m) => c.chat.completions.create({ model: m, messages }),
  (c, m) => c.responses.create({ model: m, input: "x" }),
]) {
  await assert.rejects(create(client, "none"),
    (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
  await assert.rejects(create(new OpenAI({ baseURL, apiKey: "sk-aigw-wrong" }), model),
    (e) => e instanceof OpenAI.AuthenticationError && e.requestID?.startsWith("req_"));
  await assert.rejects(create(new OpenAI({ baseURL, apiKey: AIGW_SPENT_KEY }), model),
    (e) => e instanceof OpenAI.RateLimitError && e.code === "insufficient_quota");
}
console.log("spent calls: 2");
