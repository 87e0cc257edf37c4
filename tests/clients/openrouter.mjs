// The official npm client of OpenRouter, unmodified: it checks every answer against
// the types of their API. Models, their endpoints, the key, chat with routing.
import assert from "node:assert/strict";
import { OpenRouter } from "@openrouter/sdk";

const { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_MODEL, AIGW_GREETING } = process.env;
const make = (apiKey) => new OpenRouter({ apiKey, serverURL: `${AIGW_URL}/api/v1`,
                                          retryConfig: { strategy: "none" } });
const client = make(AIGW_KEY);
const messages = [{ role: "user", content: "hello" }];
const ask = (of, chatRequest) => of.chat.send({ chatRequest });

const all = [];
for await (const page of await client.models.list()) all.push(...page.result.data);
const model = all.find((m) => m.id === AIGW_MODEL);
assert.equal(model.pricing.prompt, "0.000002");
const { data } = await client.endpoints.list({ author: "mock", slug: AIGW_MODEL });
assert.equal(data.endpoints.length, 1);
assert.equal(data.endpoints[0].providerName, "mock");
const key = (await client.apiKeys.getCurrentKeyMetadata()).data;
assert.equal(key.label.includes(AIGW_KEY), false);
assert.equal(typeof key.usage, "number");
const spent = (await make(AIGW_SPENT_KEY).apiKeys.getCurrentKeyMetadata()).data;
assert.ok(spent.usage >= 0);

const answer = await ask(client, { model: AIGW_MODEL, messages, provider: { sort: "price", allowFallbacks: true } });
assert.equal(answer.choices[0].message.content, AIGW_GREETING);
assert.ok(answer.usage.promptTokens > 0);
const second = await ask(client, { models: [AIGW_MODEL, "claude-sonnet-4-5"], messages });
assert.equal(second.choices[0].message.content, AIGW_GREETING);
let text = "", usage = null;
for await (const piece of await ask(client, { model: AIGW_MODEL, messages, stream: true })) {
  text += piece.choices[0]?.delta.content ?? "";
  usage = piece.usage ?? usage;
}
assert.equal(text, AIGW_GREETING);
assert.ok(usage.completionTokens > 0);

const status = (e) => e.statusCode;
await assert.rejects(ask(make("sk-none"), { model: AIGW_MODEL, messages }), (e) => status(e) === 401);
await assert.rejects(ask(client, { model: "no-such-model", messages }), (e) => status(e) === 404);
await assert.rejects(ask(make(AIGW_SPENT_KEY), { model: AIGW_MODEL, messages }), (e) => [402, 429].includes(status(e)));
console.log("spent calls: 1");
