// The conformance cases whose point is what a real SDK does: 6, 10, 43, 44, 47, 65, 78, 79. The rest of the list is in
// tests/system/35_* to 38_*. Limits are tested on a server of this file's own, because the shared one has none.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import * as current from '@anthropic-ai/sdk';
import * as old from 'anthropic-sdk-0';
import OpenAI from 'openai';
import { API_KEY, BASE_URL, CONVERSE_MODEL, MODEL, MOCK_URL, faulty, faultyConverse, ledger, reset, sameMonth } from './bed.mjs';

const SDKS = [['SDK 1.x', current], ['SDK 0.x', old]];
const WINDOW_S = 4;
const messages = [{ role: 'user', content: 'say: one two three four five' }];
const question = { model: MODEL, max_tokens: 100, messages };
const client = (sdk, more = {}) => new sdk.default({ apiKey: API_KEY, baseURL: BASE_URL, maxRetries: 0, ...more });
const chat = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
const failure = (promise) => promise.then(() => assert.fail('no error'), (e) => e);

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const work = mkdtempSync(join(tmpdir(), 'cases-'));
let env, limited, server;
const makeKey = (...options) => JSON.parse(execFileSync(process.env.PROGRAM,
  ['create-api-key', '-u', 'tester', '-n', 'cases', '--output', 'json', ...options], { cwd: work, env })).api_key;

before(async () => {
  const port = await freePort();
  limited = `http://127.0.0.1:${port}`;
  env = {
    PATH: process.env.PATH, HOME: work, HOST: '127.0.0.1', PORT: `${port}`, STATE_DIR: join(work, 'state'),
    STORAGE_BACKEND: 'sqlite', BEDROCK_ENDPOINT_URL: MOCK_URL, AWS_REGION: 'us-west-2', WORKERS: '1',
    AWS_ACCESS_KEY_ID: 'AKIAMOCKMOCKMOCKMOCK', AWS_SECRET_ACCESS_KEY: 'mock-secret-access-key',
    RATE_LIMIT_WINDOW_SECONDS: `${WINDOW_S}`,
  };
  server = spawn(process.env.PROGRAM, ['serve'], { cwd: work, env, stdio: 'ignore' });
  for (let i = 0; i < 200; i++) {
    if (await fetch(`${limited}/ready`).then((r) => r.ok, () => false)) return;
    await new Promise((r) => setTimeout(r, 50));
  }
  assert.fail('the server with limits did not start');
});

after(async () => {
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill();
  await gone;
  rmSync(work, { recursive: true });
});

beforeEach(reset);

for (const [name, sdk] of SDKS) {
  for (const model of [MODEL, CONVERSE_MODEL]) {
    test(`case 6: ${name}, ${model}: events in the order of the API, message_stop last`, async () => {
      const types = [];
      for await (const { type } of await client(sdk).messages.create({ ...question, model, stream: true })) types.push(type);
      assert.equal(types.filter((t, i) => t !== 'ping' && t !== types[i - 1]).join(' '),
        'message_start content_block_start content_block_delta content_block_stop message_delta message_stop');
    });

    test(`case 10: ${name}, ${model}: a tool without arguments has input {}`, async () => {
      const tools = [{ name: 'now', input_schema: { type: 'object' } }];
      const asked = { ...question, model, tools, messages: [{ role: 'user', content: 'use tool now' }] };
      const message = await client(sdk).messages.stream(asked).finalMessage();
      assert.deepEqual(message.content.find((b) => b.type === 'tool_use').input, {});
    });
  }

  test(`case 43: ${name}: a key over its limit: the SDK waits as long as it is told, then succeeds`, async () => {
    const patient = client(sdk, { apiKey: makeKey('-l', '1'), baseURL: limited, maxRetries: 1 });
    await patient.messages.create(question);
    const began = performance.now();
    assert.equal((await patient.messages.create(question)).type, 'message');
    const waited = performance.now() - began;
    assert.ok(waited > 900 && waited < (WINDOW_S + 20) * 1000, `${waited} ms`);
    assert.equal((await ledger()).requests, 2);
  });

  test(`case 44: ${name}: a budget that is used up is not tried again`, async () => {
    await sameMonth(30);
    let asked = 0;
    const counted = (...request) => { asked++; return fetch(...request); };
    const poor = client(sdk, { apiKey: makeKey('--monthly-budget', '0.00001'), baseURL: limited, maxRetries: 5, fetch: counted });
    let error;
    for (let i = 0; i < 20 && !error; i++) await poor.messages.create(question).catch((e) => { error = e; });
    assert.ok(error instanceof sdk.RateLimitError, `${error}`);
    assert.equal(error.error.error.type, 'billing_error');
    assert.equal(error.headers.get('x-should-retry'), 'false');
    asked = 0;
    await failure(poor.messages.create(question));
    assert.equal(asked, 1, 'it was tried again');
  });

  for (const [model, type] of [
    [faulty('tokens-9--stream-throttle-3'), 'rate_limit_error'],
    [faulty('tokens-9--stream-unavailable-3'), 'overloaded_error'],
    [faultyConverse('tokens-9--stream-throttle-3'), 'rate_limit_error'],
  ]) {
    test(`case 47: ${name}, ${model}: an error after the start is raised with its type`, async () => {
      const error = await failure(client(sdk).messages.stream({ ...question, model }).finalMessage());
      assert.ok(error instanceof sdk.APIError, `${error}`);
      assert.equal(error.type ?? error.error?.error?.type ?? JSON.parse(error.message).error.type, type);
    });
  }
}

for (const model of [MODEL, CONVERSE_MODEL]) {
  test(`case 65: ${model}: the stream helper's final completion`, async () => {
    const final = await chat.chat.completions.stream({ model, messages, stream_options: { include_usage: true } }).finalChatCompletion();
    assert.equal(final.choices[0].message.role, 'assistant');
    assert.equal(final.choices[0].message.content, 'one two three four five');
    assert.equal(final.choices[0].finish_reason, 'stop');
    assert.equal(final.usage.total_tokens, final.usage.prompt_tokens + final.usage.completion_tokens);
  });
}

for (const [what, run, type, code] of [
  ['401', () => new OpenAI({ apiKey: 'sk-wrong', baseURL: `${BASE_URL}/v1` }).chat.completions.create({ model: MODEL, messages }),
    OpenAI.AuthenticationError, 'invalid_api_key'],
  ['404', () => chat.chat.completions.create({ model: 'no-such-model', messages }), OpenAI.NotFoundError, 'model_not_found'],
  ['429', () => chat.chat.completions.create({ model: faultyConverse('throttle'), messages }), OpenAI.RateLimitError, 'rate_limit_exceeded'],
  ['400', () => chat.chat.completions.create({ model: MODEL, messages: [] }), OpenAI.BadRequestError, 'empty_array'],
]) {
  test(`case 78: ${what} is the SDK's class, with its code`, async () => {
    const error = await failure(run());
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.code, code);
    assert.match(error.requestID, /^req_/);
  });
}

test('case 79: an error in the middle of a stream is raised with its code', async () => {
  const model = faultyConverse('tokens-9--stream-throttle-3');
  const chunks = [];
  const error = await failure((async () => {
    for await (const chunk of await chat.chat.completions.create({ model, messages, stream: true })) chunks.push(chunk);
  })());
  assert.ok(chunks.length > 0);
  assert.ok(error instanceof OpenAI.APIError, `${error}`);
  assert.equal(error.code, 'rate_limit_exceeded');
});
