// Gemini CLI, unmodified: `gemini -p` by the Gemini API, refusals.
import { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, run, write, assert } from "./cli.mjs";

write(".gemini/settings.json", JSON.stringify({
  security: { auth: { selectedType: "gemini-api-key" } },
  general: { disableAutoUpdate: true, enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false } }));
const gemini = (key, ...args) => run("gemini", ["-m", "gemini-2.5-pro", ...args], {
  GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: AIGW_URL,
  GEMINI_CLI_TRUST_WORKSPACE: "true", GEMINI_SANDBOX: "false" }, 90);

gemini(AIGW_KEY, "-p", "hello").has(AIGW_GREETING);
gemini(AIGW_KEY, "--yolo", "-p", "use the tool run_shell_command").has("tool-was-here");
for (const [key, words] of [["sk-aigw-wrong", /API key|401|400/i],
  [AIGW_SPENT_KEY, /quota|budget|429/i]]) {
  const refused = gemini(key, "-p", "hello");
  assert.notEqual(refused.status, 0);
  assert.match(refused.output, words);
}
