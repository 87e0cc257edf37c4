// Codex CLI, unmodified: `codex exec` by the Responses API, a command that it
// runs itself, refusals.
import { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, run, write, assert } from "./cli.mjs";

write(".codex/config.toml", `
model = "gpt-5"
model_provider = "aigw"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.aigw]
name = "aigw"
base_url = "${AIGW_URL}/v1"
env_key = "AIGW_CODEX_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
supports_websockets = false
`);
const codex = (key, prompt) =>
  run("codex", ["exec", "--skip-git-repo-check", prompt], { AIGW_CODEX_KEY: key });

codex(AIGW_KEY, "hello").has(AIGW_GREETING);
codex(AIGW_KEY, "use the tool exec_command").has("tool-was-here");
for (const [key, words] of [["sk-aigw-wrong", /401|unauthorized/i],
  [AIGW_SPENT_KEY, /quota|budget|429|usage limit/i]]) {
  const refused = codex(key, "hello");
  assert.notEqual(refused.status, 0);
  assert.match(refused.output, words);
}
