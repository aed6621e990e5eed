// A model that Bedrock has Responses of its own for: OpenAI's SDKs and Codex through the gateway to the mock's, which refuses what
// AWS's does. None of these requests may be refused there, and none may go by Converse.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { API_KEY, BASE_URL, FULL, MOCK_URL, PIXEL, THOUGHT, ledger, reset, upstreamBody } from './bed.mjs';
import { codex, dropHome, makeHome } from './codex.mjs';

const GPT = 'global.openai.gpt-6-sol';
const KNOWN = 'gpt-5.5'; // a name that Codex has tools for, mapped to it
const PATCH = '*** Begin Patch\n*** Update File: notes.txt\n@@\n-one\n+two\n*** End Patch';
const { PYTHON_OPENAI, PYTHON_OPENAI_MISSING } = process.env;
const client = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
const weather = { type: 'function', name: 'weather', strict: false, description: 'Weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } } };
const patch = { type: 'custom', name: 'patch', description: 'edits', format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' } };
const thinking = { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
const create = (body) => client.responses.create({ model: GPT, ...body });
const shell = (cmd) => `use tool exec_command ${JSON.stringify({ cmd })}`;
const script = (fault, count) => fetch(`${MOCK_URL}/__script`, { method: 'POST', body: JSON.stringify({ model: '', fault, count }) });
let home;
before(async () => (home = await makeHome()));
after(() => dropHome(home));
beforeEach(reset);
afterEach(async (t) => {
  if (/refused|throttled/.test(t.name)) return;
  const { refused, operations } = await ledger();
  assert.equal(refused, 0, 'Bedrock refused a request');
  assert.equal((operations.Converse ?? 0) + (operations.ConverseStream ?? 0), 0, 'one went by Converse');
});

test('create', async () => {
  const answer = await create({ input: 'say: guten Tag', metadata: { a: 'b' } });
  assert.equal(answer.output_text, 'guten Tag');
  assert.deepEqual([answer.status, answer.model, answer.store, answer.metadata], ['completed', GPT, false, { a: 'b' }]);
  assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
});

test('create, streamed', async () => {
  const events = [];
  for await (const e of await create({ input: 'say: one two three four', stream: true })) events.push(e);
  assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'one two three four');
  events.forEach((e, i) => assert.equal(e.sequence_number, i));
  assert.equal(events.at(-1).response.model, GPT);
});

test('the stream helper, thoughts and tools', async () => {
  const stream = client.responses.stream({ model: GPT, ...thinking, tools: [weather, patch],
    input: 'use tool weather {"city":"Ulm"} use tool patch {"input":"*** Begin"} use tool weather {"city":"Bonn"}' });
  const { output } = await stream.finalResponse();
  assert.equal(output[0].summary[0].text, THOUGHT);
  assert.deepEqual(output.filter((i) => i.type === 'function_call').map((i) => JSON.parse(i.arguments)), [{ city: 'Ulm' }, { city: 'Bonn' }]);
  assert.deepEqual(output.filter((i) => i.type === 'custom_tool_call').map((i) => [i.name, i.input]), [['patch', '*** Begin']]);
});

test('calls, thoughts and results, two turns', async () => {
  const input = [{ role: 'user', content: 'use tool weather {"city":"Bonn"} use tool patch {"input":"*** Begin"}' }];
  const first = await create({ input, tools: [weather, patch], ...thinking });
  input.push(...first.output);
  for (const item of first.output) {
    if (item.type === 'function_call') input.push({ type: 'function_call_output', call_id: item.call_id, output: 'sunny' });
    if (item.type === 'custom_tool_call') input.push({ type: 'custom_tool_call_output', call_id: item.call_id, output: 'Done' });
  }
  const second = await create({ input, tools: [weather, patch], ...thinking });
  assert.match(second.output_text, /The tool said: "?(sunny|Done)/);
  assert.equal((await upstreamBody()).input.filter((i) => i.type === 'reasoning').length, 1, 'the thought went back');
});

test('parse: an object of a schema', async () => {
  const City = z.object({ city: z.string(), sunny: z.boolean() });
  const answer = await client.responses.parse({ model: GPT, input: 'say: {"city":"Bonn","sunny":true}', text: { format: zodTextFormat(City, 'city') } });
  assert.deepEqual(answer.output_parsed, { city: 'Bonn', sunny: true });
});

test('an image, and a limit', async () => {
  const content = [{ type: 'input_text', text: 'say: a long answer that is cut' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PIXEL}` }];
  const answer = await create({ input: [{ role: 'user', content }], max_output_tokens: 2 });
  assert.deepEqual([answer.status, answer.incomplete_details.reason], ['incomplete', 'max_output_tokens']);
});

test('a stream that breaks is an error', async () => {
  for (const fault of ['stream-throttle', 'stream-internal', 'missing-end', 'truncated-frame']) {
    await script(fault, 1);
    const events = [];
    await assert.rejects(async () => {
      for await (const e of await create({ input: 'say: one two three', stream: true })) events.push(e);
    }, OpenAI.APIError, fault);
    assert.equal(events.at(-1).type, 'response.failed', fault);
    assert.equal(events.at(-1).response.output[0].content[0].text, 'one two three', fault);
  }
});

test('OpenAI for Python, Agents', { skip: PYTHON_OPENAI ? false : PYTHON_OPENAI_MISSING ?? 'not asked for' }, async () => {
  const { stdout } = await promisify(execFile)(PYTHON_OPENAI, ['-W', 'error', fileURLToPath(new URL('python_sdk.py', import.meta.url)), GPT, 'native'],
    { env: { ...process.env, PIXEL, OPENAI_AGENTS_DISABLE_TRACING: '1' }, timeout: 240_000 });
  assert.deepEqual(Object.fromEntries(stdout.trim().split('\n').map((line) => JSON.parse(line))), {
    create: ['guten Tag', 'completed', true],
    streamed: ['weather', { city: 'Ulm' }, true],
    parsed: { city: 'Bonn', sunny: true },
    image: 'Echo: what?',
    agents: [true, 'Expert'],
  });
});

const calm = ({ code, text }) => {
  assert.equal(code, 0, text);
  assert.doesNotMatch(text, /Reconnecting|stream error|stream disconnected/i);
};

for (const model of [GPT, KNOWN]) {
  test(`Codex, ${model}: a turn with a shell call`, { skip: model === GPT ? false : FULL }, async () => {
    const run = await codex(home, model, shell('echo hello'));
    calm(run);
    assert.match(run.said, /The tool said: [\s\S]*hello/);
    assert.equal(run.items.find((i) => i.type === 'command_execution')?.exit_code, 0, run.text);
    assert.equal((await ledger()).operations.NativeResponses, 2);
  });
}

test('Codex: a patch by its own tool, thoughts shown and sent back', async () => {
  await writeFile(path.join(home, 'notes.txt'), 'one\n');
  await writeFile(path.join(home, 'plan.txt'), `use tool apply_patch ${JSON.stringify({ input: PATCH })}`);
  const run = await codex(home, KNOWN, shell('cat plan.txt'), ['-c', 'model_reasoning_summary="auto"', '-c', 'model_reasoning_effort="low"']);
  calm(run);
  assert.equal(await readFile(path.join(home, 'notes.txt'), 'utf8'), 'two\n', run.text);
  assert.ok(run.items.some((i) => i.type === 'reasoning' && i.text.includes(THOUGHT)), run.text);
  const { input, tools } = await upstreamBody();
  assert.equal(input.filter((i) => i.type === 'reasoning').length, 2, 'both thoughts came back');
  assert.ok(tools.some((t) => t.type === 'custom'), 'the tool is as Codex has it');
});

test('Codex: two calls at the same time, an image, a schema', { skip: FULL }, async () => {
  calm(await codex(home, GPT, `${shell('echo left')} and ${shell('echo right')}`));
  assert.equal((await upstreamBody()).input.filter((i) => i.type === 'function_call_output').length, 2);
  const file = path.join(home, 'pixel.png'), schema = path.join(home, 'schema.json');
  await writeFile(file, Buffer.from(PIXEL, 'base64'));
  await writeFile(schema, JSON.stringify({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }));
  const run = await codex(home, KNOWN, 'say: {"city":"Ulm"}', ['--image', file, '--output-schema', schema]);
  calm(run);
  assert.deepEqual(JSON.parse(run.said), { city: 'Ulm' });
  assert.equal((await upstreamBody()).text.format.type, 'json_schema');
});

test('Codex: compaction at a small window', { skip: FULL }, async () => {
  const own = await makeHome('model_context_window = 30000\nmodel_auto_compact_token_limit = 20000\n');
  calm(await codex(own, GPT, shell('echo one')));
  calm(await codex(own, GPT, 'usage 25000 10 0 0 0', ['resume', '--last']));
  const again = await codex(own, GPT, 'say: after', ['resume', '--last']);
  await dropHome(own);
  calm(again);
  assert.match(again.said, /after/);
});

test('Codex: a stream that breaks once is asked for again', { skip: FULL }, async () => {
  await script('stream-internal', 1);
  const run = await codex(home, GPT, 'say: one two three four five');
  assert.equal(run.code, 0, run.text);
  assert.match(run.said, /one two three four five/);
});

test('Codex: refused there, Converse answers', { skip: FULL }, async () => {
  await script('native-invalid', 9);
  const run = await codex(home, GPT, shell('echo hello'));
  calm(run);
  assert.match(run.said, /hello/);
});
