// Vercel's AI SDK with four of its providers, unmodified.
import { generateText, streamText, tool, stepCountIs, APICallError } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { z } from "zod";
import assert from "node:assert/strict";

const { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_MODEL: name } = process.env;
const providers = {
  openai: (apiKey) => createOpenAI({ apiKey, baseURL: `${AIGW_URL}/v1` }),
  anthropic: (apiKey) => createAnthropic({ apiKey, baseURL: `${AIGW_URL}/v1` }),
  google: (apiKey) => createGoogleGenerativeAI({ apiKey, baseURL: `${AIGW_URL}/v1beta` }),
  compatible: (apiKey) => createOpenAICompatible({ name: "aigw", apiKey, baseURL: `${AIGW_URL}/v1`,
    includeUsage: true }),
};

for (const [which, make] of Object.entries(providers)) {
  const model = make(AIGW_KEY)(name);
  const plain = await generateText({ model, prompt: "hello" });
  assert.equal(plain.text, AIGW_GREETING, which);
  assert.equal(plain.usage.inputTokens, 20, which);

  const stream = streamText({ model, prompt: "hello" });
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, AIGW_GREETING, which);
  assert.ok((await stream.usage).outputTokens > 0, which);

  const steps = streamText({ model, prompt: "use the tool weather", stopWhen: stepCountIs(3),
    tools: { weather: tool({ inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `sunny in ${city}` }) } });
  assert.match(await steps.text, /sunny in Paris/, which);

  const fails = (key, model, status) => assert.rejects(
    generateText({ model: make(key)(model), prompt: "x", maxRetries: 0 }),
    (e) => APICallError.isInstance(e) && status.includes(e.statusCode), which);
  await fails("sk-aigw-wrong", name, [400, 401]);
  await fails(AIGW_KEY, "none", [404]);
  await fails(AIGW_SPENT_KEY, name, [429]);
}
console.log("spent calls: 4");
