// Codex itself through the converter to the mock: shell calls, apply_patch, an MCP server, an image, a schema, compaction,
// and what it does when something goes wrong. "Reconnecting" in what it says is a request that it had to send again.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, beforeEach, test } from 'node:test';
import { CLAUDE, FULL, MODELS, MOCK_URL, PIXEL, THOUGHT, faulty, ledger, reset, sameMonth, upstreamBody } from './bed.mjs';
import { codex, dropHome, makeHome } from './codex.mjs';

const PATCH = '*** Begin Patch\n*** Update File: notes.txt\n@@\n-one\n+two\n*** End Patch';
const shell = (cmd) => `use tool exec_command ${JSON.stringify({ cmd })}`;
const calm = ({ code, text }) => {
  assert.equal(code, 0, text);
  assert.doesNotMatch(text, /Reconnecting|stream error|stream disconnected/i);
};
const script = (fault, count) => fetch(`${MOCK_URL}/__script`, { method: 'POST', body: JSON.stringify({ model: '', fault, count }) });
const asked = async () => (await ledger()).requests;
let home;
before(async () => (home = await makeHome()));
after(() => dropHome(home));
beforeEach(reset);

for (const model of MODELS) {
  test(`${model}: a turn with a shell call`, async () => {
    const run = await codex(home, model, shell('echo hello'));
    calm(run);
    assert.match(run.said, /The tool said: [\s\S]*hello/);
    assert.equal(run.items.find((i) => i.type === 'command_execution')?.exit_code, 0, run.text);
    assert.equal((await ledger()).refused, 0, 'Bedrock refused a request');
    assert.equal(await asked(), 2);
  });

  test(`${model}: the shell, a patch of its own, an answer`, { skip: FULL }, async () => {
    await writeFile(path.join(home, 'notes.txt'), 'one\n');
    await writeFile(path.join(home, 'plan.txt'), shell(`apply_patch <<'E'\n${PATCH}\nE`));
    const run = await codex(home, model, shell('cat plan.txt'));
    calm(run);
    assert.equal(await readFile(path.join(home, 'notes.txt'), 'utf8'), 'two\n', run.text);
    assert.equal(await asked(), 3);
  });

  test(`${model}: two calls at the same time`, { skip: FULL }, async () => {
    const run = await codex(home, model, `${shell('echo left')} and ${shell('echo right')}`);
    calm(run);
    const { messages } = await upstreamBody();
    assert.equal(messages.at(-2).content.filter((b) => b.toolUse).length, 2);
    assert.deepEqual(messages.at(-1).content.filter((b) => b.toolResult).map((b) => JSON.stringify(b).match(/left|right/)[0]), ['left', 'right']);
  });

  test(`${model}: a tool of an MCP server`, { skip: FULL }, async () => {
    const own = await makeHome(`[mcp_servers.weather]\ncommand = "${process.execPath}"\nargs = ["${fileURLToPath(new URL('../mcp.mjs', import.meta.url))}"]\n`);
    const first = await codex(own, model, 'say: hi');
    calm(first);
    const name = (await upstreamBody()).toolConfig.tools.map((t) => t.toolSpec?.name).find((n) => n?.includes('city_weather'));
    assert.ok(name, 'the tool is offered');
    const run = await codex(own, model, `use tool ${name} {"city":"Bonn"}`);
    await dropHome(own);
    calm(run);
    assert.match(run.said, /sunny in Bonn/);
  });

  test(`${model}: --output-schema`, { skip: FULL }, async () => {
    const schema = path.join(home, 'schema.json');
    await writeFile(schema, JSON.stringify({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }));
    const run = await codex(home, model, 'say: {"city":"Ulm"}', ['--output-schema', schema]);
    calm(run);
    assert.deepEqual(JSON.parse(run.said), { city: 'Ulm' });
    assert.match(JSON.stringify(await upstreamBody()), /additionalProperties/);
  });

  test(`${model}: compaction at a small window`, { skip: FULL }, async () => {
    const own = await makeHome('model_context_window = 30000\nmodel_auto_compact_token_limit = 20000\n');
    const first = await codex(own, model, shell('echo one'));
    calm(first);
    const run = await codex(own, model, 'usage 25000 10 0 0 0', ['resume', '--last']);
    calm(run);
    const again = await codex(own, model, 'say: after', ['resume', '--last']);
    await dropHome(own);
    calm(again);
    assert.match(again.said, /after/);
    const bodies = await Promise.all([0, 1].map((k) => upstreamBody(k)));
    assert.ok(bodies.some((b) => /summary|handoff|compact/i.test(JSON.stringify(b.messages))), 'it was asked for a summary');
    assert.equal((await ledger()).refused, 0, 'Bedrock refused a request');
  });
}

test('a patch by the tool that Codex has for models it knows, thinking shown and sent back', { skip: FULL }, async () => {
  // A name that Codex knows, which the gateway's operator has mapped to Claude.
  await writeFile(path.join(home, 'notes.txt'), 'one\n');
  await writeFile(path.join(home, 'plan.txt'), `use tool apply_patch ${JSON.stringify({ input: PATCH })}`);
  const run = await codex(home, 'gpt-5.5-codex', shell('cat plan.txt'), ['-c', 'model_reasoning_summary="auto"', '-c', 'model_reasoning_effort="low"']);
  calm(run);
  assert.equal(await readFile(path.join(home, 'notes.txt'), 'utf8'), 'two\n', run.text);
  assert.ok(run.items.some((i) => i.type === 'reasoning' && i.text.includes(THOUGHT)), run.text);
  const thoughts = (await upstreamBody()).messages.flatMap((m) => m.content).filter((b) => b.reasoningContent);
  assert.equal(thoughts.length, 2, 'both thoughts came back');
});

test('an image', { skip: FULL }, async () => {
  const file = path.join(home, 'pixel.png');
  await writeFile(file, Buffer.from(PIXEL, 'base64'));
  const run = await codex(home, CLAUDE, 'say: seen', ['--image', file]);
  calm(run);
  assert.ok((await upstreamBody()).messages.some((m) => m.content.some((b) => b.image?.format === 'png')));
});

test('a stream that breaks once is asked for again', { skip: FULL }, async () => {
  await script('stream-internal', 1);
  const run = await codex(home, CLAUDE, 'say: one two three four five');
  assert.equal(run.code, 0, run.text);
  assert.match(run.said, /one two three four five/);
  assert.equal(await asked(), 2);
});

test('a throttled model: it waits as long as it is told', { skip: FULL }, async () => {
  await script('throttle', 4); // each request of its is two of the gateway's
  const run = await codex(home, CLAUDE, 'say: done');
  assert.equal(run.code, 0, run.text);
  assert.match(run.said, /done/);
});

for (const [what, model, env, words] of [
  ['an unknown model', 'no-such-model', {}, /no-such-model/],
  ['a model that the gateway may not use', faulty('denied'), {}, /denied/],
  ['too long a conversation', faulty('too-long'), {}, /context|too long/i],
]) {
  test(`${what} ends it at once`, async () => {
    const run = await codex(home, model, 'say: x', [], env);
    assert.notEqual(run.code, 0, run.text);
    assert.match(run.text, words);
    assert.doesNotMatch(run.text, /Reconnecting/);
    assert.ok((await asked()) <= 1);
  });
}

test('a spent budget ends it at once, and says until when', { skip: FULL }, async () => {
  await sameMonth(100);
  const key = { GATEWAY_KEY: process.env.POOR_KEY };
  await codex(home, CLAUDE, 'usage 60000 20000 0 0 0', [], key);
  const run = await codex(home, CLAUDE, 'say: x', [], key);
  assert.notEqual(run.code, 0, run.text);
  assert.match(run.text, /usage limit. Try again at/);
  assert.doesNotMatch(run.text, /Reconnecting/);
  assert.equal(await asked(), 1);
});

test('with WebSockets switched on it goes on without', { skip: FULL }, async () => {
  const own = await makeHome('', 'supports_websockets = true');
  const run = await codex(own, CLAUDE, 'say: guten Tag');
  await dropHome(own);
  calm(run);
  assert.equal(run.said, 'guten Tag');
});

test('a model that is silent at first', { skip: FULL }, async () => {
  const run = await codex(home, faulty('silence-1000'), 'say: one two');
  calm(run);
  assert.equal(run.said, 'one two');
});

test('a wrong key ends with words about it', { skip: FULL }, async () => {
  const run = await codex(home, CLAUDE, 'say: x', [], { GATEWAY_KEY: 'sk-wrong' });
  assert.notEqual(run.code, 0, run.text);
  assert.match(run.text, /401|key/i);
});
