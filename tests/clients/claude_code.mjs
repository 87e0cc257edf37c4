// Claude Code, unmodified: `claude -p`, a tool that it runs itself, refusals.
import { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, run, assert } from "./cli.mjs";

const claude = (key, ...args) => run("claude", ["-p", ...args], {
  ANTHROPIC_BASE_URL: AIGW_URL, ANTHROPIC_AUTH_TOKEN: key,
  ANTHROPIC_MODEL: "claude-sonnet-4-5", ANTHROPIC_SMALL_FAST_MODEL: "claude-haiku-4-5",
  ANTHROPIC_DEFAULT_HAIKU_MODEL: "claude-haiku-4-5",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1",
  CLAUDE_CODE_MAX_RETRIES: "1" });

claude(AIGW_KEY, "hello").has(AIGW_GREETING);
const json = claude(AIGW_KEY, "--output-format", "json", "hello");
assert.equal(JSON.parse(json.output.trim().split("\n").find((l) => l.startsWith("{"))).result,
  AIGW_GREETING);
claude(AIGW_KEY, "--allowedTools", "Bash", "--", "use the tool Bash").has("tool-was-here");
for (const [key, words] of [["sk-aigw-wrong", "401"], [AIGW_SPENT_KEY, "budget"]]) {
  const refused = claude(key, "hello");
  assert.notEqual(refused.status, 0);
  assert.ok(new RegExp(`${words}|API key|quota|Invalid`, "i").test(refused.output), refused.output);
}
