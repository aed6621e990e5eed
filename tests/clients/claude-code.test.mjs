// Claude Code itself: one turn with a Bash call, through the converter to the mock. Its licence is not open: it is
// installed for the test by npm and never shipped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { API_KEY, BASE_URL, MAPPED_URL, ledger, reset, upstreamBody } from './bed.mjs';

// The wrapper finds the native binary; npm does not run the package's install script that would copy it.
const wrapper = path.join(path.dirname(createRequire(import.meta.url).resolve('@anthropic-ai/claude-code/package.json')),
  'cli-wrapper.cjs');
const MODEL = 'claude-sonnet-4-5-20250929';
let home;
before(async () => (home = await mkdtemp(path.join(tmpdir(), 'claude-home-'))));
after(() => rm(home, { recursive: true, force: true }));
beforeEach(reset);

function claude(args, env = {}) {
  const child = spawn(process.execPath, [wrapper, ...args], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing of the caller's environment: no keys, no proxies.
    env: {
      HOME: home, PATH: process.env.PATH, ANTHROPIC_BASE_URL: BASE_URL, ANTHROPIC_API_KEY: API_KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', ...env,
    },
  });
  let stdout = '', stderr = '';
  child.stdout.on('data', (d) => (stdout += d));
  child.stderr.on('data', (d) => (stderr += d));
  const killer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  return new Promise((resolve) => child.on('close', (code) => {
    clearTimeout(killer);
    resolve({ code, stdout, stderr });
  }));
}

test('a turn with a Bash call', async () => {
  const { code, stdout, stderr } = await claude(
    ['-p', 'Run echo hello with bash', '--allowedTools', 'Bash', '--model', MODEL]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /The tool said: hello/);
  const seen = await ledger();
  assert.ok(seen.operations.InvokeModelWithResponseStream >= 2, JSON.stringify(seen.operations));
  assert.equal(seen.refused, 0, 'Bedrock refused a request');
});

test('the same turn as JSON events, key as Bearer', async () => {
  const { code, stdout, stderr } = await claude(
    ['-p', 'Run echo hello with bash', '--allowedTools', 'Bash', '--model', MODEL, '--output-format', 'stream-json', '--verbose'],
    { ANTHROPIC_API_KEY: undefined, ANTHROPIC_AUTH_TOKEN: API_KEY });
  assert.equal(code, 0, stdout + stderr);
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line));
  const blocks = events.filter((e) => e.type === 'assistant').flatMap((e) => e.message.content);
  assert.equal(blocks.find((b) => b.type === 'tool_use').input.command, 'echo hello');
  assert.equal(events.at(-1).subtype, 'success');
  assert.ok(events.at(-1).usage.output_tokens > 0);
});

test('a wrong key ends at once with an error', async () => {
  const began = performance.now();
  const { code, stdout, stderr } = await claude(['-p', 'hi', '--model', MODEL], { ANTHROPIC_API_KEY: 'sk-wrong' });
  assert.notEqual(code, 0, stdout);
  assert.ok(performance.now() - began < 20_000, 'it retried');
  assert.match(stdout + stderr, /401|authenticat|API key/i);
});

test('a turn with a Bash call, its model mapped to Qwen', async () => {
  const { code, stdout, stderr } = await claude(
    ['-p', 'Run echo hello with bash', '--allowedTools', 'Bash', '--model', MODEL], { ANTHROPIC_BASE_URL: MAPPED_URL });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /The tool said: hello/);
  const seen = await ledger();
  assert.ok(seen.operations.ConverseStream >= 2, JSON.stringify(seen.operations));
  assert.equal(seen.refused, 0, 'Bedrock refused a request');
  const body = JSON.stringify(await upstreamBody());
  assert.match(body, /working directory/i, 'the environment prompt did not reach the model');
  assert.doesNotMatch(body, /x-anthropic-billing-header|cache_control|context_management/);
});
