// What the tests of command-line clients share.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import assert from "node:assert/strict";

export const { AIGW_URL, AIGW_KEY, AIGW_SPENT_KEY, AIGW_GREETING, AIGW_WORK, HOME } = process.env;
export { assert };

export function write(name, text) {
  const file = path.join(HOME, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

// Runs a client in a folder of its own; its status and all that it printed.
export function run(name, args, env = {}, timeout = 60) {
  const cwd = path.join(HOME, "project");
  mkdirSync(cwd, { recursive: true });
  const done = spawnSync(path.join(AIGW_WORK, "node_modules", ".bin", name), args, {
    cwd, timeout: timeout * 1000, encoding: "utf8", input: "",
    env: { ...process.env, PWD: cwd, TERM: "dumb", CI: "1", ...env } });
  const output = `${done.stdout}\n${done.stderr}`;
  return { status: done.status, output,
    has: (text) => assert.ok(output.includes(text),
      `${name}: no "${text}" in status ${done.status}:\n${output.slice(-3000)}`) };
}
