// The official npm client of Gemini, unmodified; the provider speaks chat.
import assert from "node:assert/strict";

const { GoogleGenAI } = await import(process.env.AIGW_GENAI ?? "@google/genai");
const { AIGW_URL: baseUrl, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_MODEL: model } = process.env;
const make = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });
const client = make(AIGW_KEY);

const names = [];
for await (const m of await client.models.list()) names.push(m.name);
assert.ok(names.includes(`models/${model}`));

const plain = await client.models.generateContent({ model, contents: "hello" });
assert.equal(plain.text, AIGW_GREETING);
assert.equal(plain.usageMetadata.promptTokenCount, 20);
assert.equal(plain.usageMetadata.cachedContentTokenCount, 8);

let text = "", usage;
for await (const chunk of await client.models.generateContentStream({ model, contents: "hello" })) {
  text += chunk.text ?? "";
  usage = chunk.usageMetadata ?? usage;
}
assert.equal(text, AIGW_GREETING);
assert.ok(usage.candidatesTokenCount > 0);

const config = { tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: {
  type: "object", required: ["city"], properties: { city: { type: "string" } } } }] }] };
const question = { role: "user", parts: [{ text: "use the tool weather" }] };
const asked = await client.models.generateContent({ model, contents: [question], config });
assert.deepEqual(asked.functionCalls[0].args, { city: "Paris" });
const told = await client.models.generateContent({ model, config, contents: [question,
  asked.candidates[0].content, { role: "user", parts: [{ functionResponse: {
    name: "weather", id: asked.functionCalls[0].id, response: { output: "rain" } } }] }] });
assert.match(told.text, /rain/);

const embedded = await client.models.embedContent({ model, contents: ["a", "b"] });
assert.equal(embedded.embeddings.length, 2);
const counted = await client.models.countTokens({ model, contents: "hello" });
assert.ok(counted.totalTokens > 0);

const create = (c, m) => c.models.generateContent({ model: m, contents: "x" });
await assert.rejects(create(client, "none"), (e) => e.status === 404);
await assert.rejects(create(make("sk-aigw-wrong"), model), (e) => e.status === 401 || e.status === 400);
await assert.rejects(create(make(AIGW_SPENT_KEY), model), (e) => e.status === 429);
console.log("spent calls: 1");
