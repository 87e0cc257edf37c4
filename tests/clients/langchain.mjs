// LangChain.js with its OpenAI binding, unmodified.
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { z } from "zod";
import assert from "node:assert/strict";

const { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_MODEL } = process.env;
const make = (apiKey, model = AIGW_MODEL) => new ChatOpenAI({
  model, apiKey, maxRetries: 0, configuration: { baseURL: `${AIGW_URL}/v1` } });
const chat = make(AIGW_KEY);

const plain = await chat.invoke("hello");
assert.equal(plain.text, AIGW_GREETING);
assert.equal(plain.usage_metadata.input_tokens, 20);
let text = "", usage = null;
for await (const chunk of await chat.stream("hello")) {
  text += chunk.text;
  usage = chunk.usage_metadata ?? usage;
}
assert.equal(text, AIGW_GREETING);
assert.ok(usage.output_tokens > 0);

const weather = tool(async ({ city }) => `sunny in ${city}`, {
  name: "weather", description: "the weather", schema: z.object({ city: z.string() }) });
const question = new HumanMessage("use the tool weather");
const bound = chat.bindTools([weather]);
const asked = await bound.invoke([question]);
assert.deepEqual(asked.tool_calls[0].args, { city: "Paris" });
const told = await bound.invoke([question, asked, new ToolMessage({
  content: await weather.invoke({ city: "Paris" }), tool_call_id: asked.tool_calls[0].id })]);
assert.match(told.text, /sunny in Paris/);

const vectors = await new OpenAIEmbeddings({ model: AIGW_MODEL, apiKey: AIGW_KEY, maxRetries: 0,
  configuration: { baseURL: `${AIGW_URL}/v1` } }).embedDocuments(["a", "b"]);
assert.equal(vectors.length, 2);

await assert.rejects(make("sk-aigw-wrong").invoke("x"), (e) => e.status === 401);
await assert.rejects(make(AIGW_KEY, "none").invoke("x"), (e) => e.status === 404);
await assert.rejects(make(AIGW_SPENT_KEY).invoke("x"), (e) => e.status === 429);
console.log("spent calls: 1");
