// opencode, unmodified: `opencode run` with its OpenAI-compatible provider.
import { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, run, write, assert } from "./cli.mjs";

const config = (key) => write("project/opencode.json", JSON.stringify({
  $schema: "https://opencode.ai/config.json", autoupdate: false, share: "disabled",
  model: "aigw/mock-chat", small_model: "aigw/mock-chat", permission: { bash: "allow" },
  provider: { aigw: { npm: "@ai-sdk/openai-compatible", name: "aigw",
    options: { baseURL: `${AIGW_URL}/v1`, apiKey: key },
    models: { "mock-chat": { name: "mock" } } } } }));
const opencode = (key, prompt, seconds = 90) => {
  config(key);
  return run("opencode", ["run", prompt], { OPENCODE_DISABLE_AUTOUPDATE: "1" }, seconds);
};

opencode(AIGW_KEY, "hello").has(AIGW_GREETING);
opencode(AIGW_KEY, "use the tool bash").has("tool-was-here");
assert.match(opencode("sk-aigw-wrong", "hello").output, /API key|401|unauthorized/i);
// It repeats every 429, whatever is said beside it, and waits longer each time:
// no storm, but it has to be ended.
opencode(AIGW_SPENT_KEY, "hello", 20);
console.log("spent calls: 3");
