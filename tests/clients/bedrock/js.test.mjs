// The AWS SDK for JS (over HTTP/1.1, and with its default handler, which speaks HTTP/2, to the port and through nginx), @anthropic-ai/bedrock-sdk,
// AI SDK's amazon-bedrock, and Claude Code in Bedrock and in Mantle mode.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import AnthropicBedrock from '@anthropic-ai/bedrock-sdk';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import {
  BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, CountTokensCommand, InvokeModelCommand, InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import { API_KEY, BASE_URL, CLAUDE, NO_NGINX, NOVA, OPUS, POOR_KEY, REVOKED_KEY, bare, ledger, reset, run, spend, tlsFront } from './bed.mjs';

let home, tls;
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'claude-home-'));
  tls = NO_NGINX ? null : await tlsFront();
});
after(async () => {
  await tls?.stop();
  await rm(home, { recursive: true, force: true });
});
beforeEach(reset);

const user = (text) => [{ role: 'user', content: [{ text }] }];
const schema = { type: 'object', properties: { city: { type: 'string' } } };
const aws = (endpoint, token, more = {}) => new BedrockRuntimeClient({ endpoint, region: 'us-west-2', token: { token }, authSchemePreference: ['httpBearerAuth'], maxAttempts: 2, ...more });
const plain = (token) => aws(BASE_URL, token, { requestHandler: new NodeHttpHandler() });
const failure = (promise) => promise.then(() => 'no error', (e) => [e.name ?? e.constructor.name, e.$metadata?.httpStatusCode, e.$metadata?.attempts]);
const asInvoke = (text, more = {}) => ({ modelId: CLAUDE, contentType: 'application/json',
  body: JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 500, messages: [{ role: 'user', content: text }], ...more }) });
const USE = 'use tool weather {"city":"Ulm"}';

// What the gateway says no to, with each of the four operations; client: of a key.
async function refusals(client) {
  const four = (c, modelId) => Promise.all([new ConverseCommand({ modelId, messages: user('hi') }), new ConverseStreamCommand({ modelId, messages: user('hi') }),
    new InvokeModelCommand({ ...asInvoke('hi'), modelId }), new InvokeModelWithResponseStreamCommand({ ...asInvoke('hi'), modelId })].map((command) => failure(c.send(command))));
  const poor = client(POOR_KEY), all = [client(API_KEY), client(REVOKED_KEY), poor];
  assert.deepEqual(await four(all[0], 'no-such'), Array(4).fill(['ResourceNotFoundException', 404, 1]));
  assert.deepEqual(await four(all[1], CLAUDE), Array(4).fill(['AccessDeniedException', 403, 1]));
  await spend();
  assert.deepEqual(await four(poor, CLAUDE), Array(4).fill(['ServiceQuotaExceededException', 400, 1]));
  for (const c of all) c.destroy();
}

async function asAws(client) {
  const whole = await client.send(new InvokeModelCommand(asInvoke('say: one two three')));
  assert.equal(JSON.parse(Buffer.from(whole.body)).content[0].text, 'one two three');
  let text = '', tools = '', last;
  for await (const e of (await client.send(new InvokeModelWithResponseStreamCommand(asInvoke('say: one two three')))).body) {
    last = JSON.parse(Buffer.from(e.chunk.bytes));
    text += last.delta?.text ?? '';
  }
  assert.deepEqual([text, last.type], ['one two three', 'message_stop']);
  const used = asInvoke(USE, { tools: [{ name: 'weather', input_schema: schema }] });
  const call = JSON.parse(Buffer.from((await client.send(new InvokeModelCommand(used))).body)).content.find((c) => c.type === 'tool_use');
  for await (const e of (await client.send(new InvokeModelWithResponseStreamCommand(used))).body) tools += JSON.parse(Buffer.from(e.chunk.bytes)).delta?.partial_json ?? '';
  assert.deepEqual([call.input, JSON.parse(tools)], [{ city: 'Ulm' }, { city: 'Ulm' }]);
  for (const modelId of [CLAUDE, NOVA]) {
    const r = await client.send(new ConverseCommand({ modelId, messages: user('say: guten Tag') }));
    assert.deepEqual([r.output.message.content[0].text, r.stopReason], ['guten Tag', 'end_turn']);
    tools = '';
    const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: schema } } }] };
    const t = await client.send(new ConverseCommand({ modelId, toolConfig, messages: user(USE) }));
    assert.deepEqual([t.output.message.content.find((c) => c.toolUse).toolUse.input, t.stopReason], [{ city: 'Ulm' }, 'tool_use']);
    for await (const e of (await client.send(new ConverseStreamCommand({ modelId, toolConfig, messages: user(USE) }))).stream) {
      tools += e.contentBlockDelta?.delta?.toolUse?.input ?? '';
      last = e;
    }
    assert.deepEqual([JSON.parse(tools), last.metadata.usage.outputTokens > 0], [{ city: 'Ulm' }, true]);
  }
  assert.ok((await client.send(new CountTokensCommand({ modelId: CLAUDE, input: { converse: { messages: user('hi') } } }))).inputTokens > 0);
  await assert.rejects(async () => {
    const r = await client.send(new ConverseStreamCommand({ modelId: 'anthropic.claude-sonnet-4-5--stream-internal', messages: user('say: one two three four five six') }));
    for await (const e of r.stream) assert.ok(e);
  }, { name: 'InternalServerException' });
}

test('the AWS SDK for JS over HTTP/1.1', () => asAws(plain(API_KEY)));
test('the AWS SDK for JS with its default handler, HTTP/2 straight to the port', async () => {
  const client = aws(BASE_URL, API_KEY);
  assert.equal(client.config.requestHandler.constructor.name, 'NodeHttp2Handler');
  await asAws(client);
  const many = await Promise.all([...Array(20)].map((_, i) => client.send(new ConverseCommand({ modelId: CLAUDE, messages: user(`say: n${i}`) }))));
  assert.deepEqual(many.map((r) => r.output.message.content[0].text), [...Array(20)].map((_, i) => `n${i}`));
  client.destroy();
});
test('the AWS SDK for JS: no such model, a revoked key, a spent budget', async () => {
  await refusals(plain);
  await refusals((key) => aws(BASE_URL, key)); // over HTTP/2
});
// Nothing but the environment says where it goes, and with what.
test('the AWS SDK for JS with its default handler, HTTP/2 through nginx', { skip: NO_NGINX }, async () => {
  const script = `import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
    const b = new BedrockRuntimeClient({ maxAttempts: 1 }), model = process.argv[1];
    const ask = (text) => ({ modelId: model, messages: [{ role: 'user', content: [{ text }] }], toolConfig: { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: ${JSON.stringify(schema)} } } }] } });
    const failure = (command) => b.send(command).then(() => 'no error', (e) => e.name);
    if (process.argv[2]) {
      console.log(JSON.stringify([await failure(new ConverseCommand(ask('hi'))), await failure(new ConverseStreamCommand(ask('hi')))]));
    } else {
      const r = await b.send(new ConverseCommand(ask('say: guten Tag')));
      let text = '', tool = '';
      for await (const e of (await b.send(new ConverseStreamCommand(ask('say: one two three')))).stream) text += e.contentBlockDelta?.delta?.text ?? '';
      for await (const e of (await b.send(new ConverseStreamCommand(ask(${JSON.stringify(USE)})))).stream) tool += e.contentBlockDelta?.delta?.toolUse?.input ?? '';
      console.log(JSON.stringify([b.config.requestHandler.constructor.name, r.output.message.content[0].text, text, JSON.parse(tool)]));
    }
    b.destroy();`;
  const at = async (key, ...args) => JSON.parse((await run(process.execPath, ['--input-type=module', '-e', script, ...args],
    { cwd: import.meta.dirname, env: bare({ NODE_EXTRA_CA_CERTS: tls.ca, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: tls.url, AWS_BEARER_TOKEN_BEDROCK: key }), timeout: 240_000 })).stdout);
  assert.deepEqual(await at(API_KEY, CLAUDE), ['NodeHttp2Handler', 'guten Tag', 'one two three', { city: 'Ulm' }]);
  assert.deepEqual(await at(API_KEY, 'no-such', 'fails'), Array(2).fill('ResourceNotFoundException'));
  assert.deepEqual(await at(REVOKED_KEY, CLAUDE, 'fails'), Array(2).fill('AccessDeniedException'));
  await spend();
  assert.deepEqual(await at(POOR_KEY, CLAUDE, 'fails'), Array(2).fill('ServiceQuotaExceededException'));
});

test('@anthropic-ai/bedrock-sdk', async () => {
  const a = (apiKey) => new AnthropicBedrock({ apiKey, baseURL: BASE_URL, awsRegion: 'us-west-2', maxRetries: 0 });
  const ask = { model: OPUS, max_tokens: 500, messages: [{ role: 'user', content: 'say: guten Tag' }] };
  const used = { ...ask, tools: [{ name: 'weather', input_schema: schema }], messages: [{ role: 'user', content: USE }] };
  const call = (m) => m.content.find((c) => c.type === 'tool_use').input;
  assert.equal((await a(API_KEY).messages.create(ask)).content[0].text, 'guten Tag');
  assert.deepEqual(call(await a(API_KEY).messages.create(used)), { city: 'Ulm' });
  assert.deepEqual(call(await a(API_KEY).messages.stream(used).finalMessage()), { city: 'Ulm' });
  await spend();
  for (const [key, model, status] of [[API_KEY, 'no-such', 404], [REVOKED_KEY, OPUS, 403], [POOR_KEY, OPUS, 400]]) {
    await assert.rejects(a(key).messages.create({ ...ask, model }), { status });
    await assert.rejects(a(key).messages.stream({ ...ask, model }).finalMessage(), { status });
  }
});

test("AI SDK's amazon-bedrock", async () => {
  const at = (apiKey) => createAmazonBedrock({ apiKey, baseURL: BASE_URL, region: 'us-west-2' });
  const tools = { weather: tool({ inputSchema: jsonSchema(schema) }) };
  for (const id of [CLAUDE, NOVA]) {
    const model = at(API_KEY)(id);
    assert.equal((await generateText({ model, prompt: 'say: guten Tag', maxRetries: 0 })).text, 'guten Tag');
    assert.deepEqual((await generateText({ model, prompt: USE, maxRetries: 0, tools })).toolCalls.map((c) => c.input), [{ city: 'Ulm' }]);
    const s = streamText({ model, prompt: USE, maxRetries: 0, tools });
    assert.deepEqual((await s.toolCalls).map((c) => c.input), [{ city: 'Ulm' }]);
    assert.ok((await s.usage).outputTokens > 0);
  }
  await spend();
  for (const [key, id, statusCode] of [[API_KEY, 'no-such', 404], [REVOKED_KEY, CLAUDE, 403], [POOR_KEY, CLAUDE, 400]]) {
    await assert.rejects(generateText({ model: at(key)(id), prompt: 'hi', maxRetries: 0 }), { statusCode });
    let told;
    await streamText({ model: at(key)(id), prompt: 'hi', maxRetries: 0, onError: ({ error }) => (told = error) }).consumeStream();
    assert.equal(told?.statusCode, statusCode);
  }
});

// --- Claude Code

const wrapper = path.join(path.dirname(createRequire(new URL('../matrix/bed.mjs', import.meta.url)).resolve('@anthropic-ai/claude-code/package.json')), 'cli-wrapper.cjs');
function claude(env, model = CLAUDE, prompt = 'Run echo hello with bash') {
  const child = spawn(process.execPath, [wrapper, '-p', prompt, '--allowedTools', 'Bash', '--model', model], {
    cwd: home, stdio: ['ignore', 'pipe', 'pipe'],
    env: bare({ HOME: home, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_MAX_RETRIES: '0', ...env }),
  });
  let said = '';
  child.stdout.on('data', (d) => (said += d));
  child.stderr.on('data', (d) => (said += d));
  const killer = setTimeout(() => child.kill('SIGKILL'), 300_000);
  return new Promise((resolve) => child.on('close', (code) => { clearTimeout(killer); resolve({ code, said }); }));
}
const bedrock = (key) => ({ CLAUDE_CODE_USE_BEDROCK: '1', ANTHROPIC_BEDROCK_BASE_URL: `${BASE_URL}/bedrock`, AWS_BEARER_TOKEN_BEDROCK: key });

test('Claude Code in Bedrock mode', async () => {
  const { code, said } = await claude(bedrock(API_KEY));
  assert.equal(code, 0, said);
  assert.match(said, /The tool said: hello/);
  const seen = await ledger();
  assert.ok(seen.operations.InvokeModelWithResponseStream >= 2, JSON.stringify(seen.operations));
  assert.equal(seen.refused, 0, 'Bedrock refused a request');
});
const mantle = (key) => ({ CLAUDE_CODE_USE_MANTLE: '1', ANTHROPIC_BEDROCK_MANTLE_BASE_URL: `${BASE_URL}/mantle`, AWS_BEARER_TOKEN_BEDROCK: key });
test('Claude Code in Mantle mode', async () => {
  const { code, said } = await claude(mantle(API_KEY), 'anthropic.claude-opus-5-5');
  assert.equal(code, 0, said);
  assert.match(said, /The tool said: hello/);
  const seen = await ledger();
  assert.ok(seen.operations.InvokeModelWithResponseStream >= 2, JSON.stringify(seen.operations));
  assert.match(seen.last[0].path, /global\.anthropic\.claude-opus-5-5/);
  assert.equal(seen.refused, 0, 'Bedrock refused a request');
});
test('Claude Code in Mantle mode: a revoked key, a spent budget, no such model', async () => {
  await spend();
  for (const [key, model, words] of [[REVOKED_KEY, 'anthropic.claude-opus-5-5', /login|401|403|invalid/i], [POOR_KEY, 'anthropic.claude-opus-5-5', /budget/], [API_KEY, 'no-such', /no-such|model/]]) {
    const { code, said } = await claude(mantle(key), model, 'hi');
    assert.notEqual(code, 0, said);
    assert.match(said, words);
  }
});
test('Claude Code in Bedrock mode: a revoked key, a spent budget, no such model', async () => {
  await spend();
  // 403 is to it credentials that ran out, at Bedrock, too
  for (const [key, model, words] of [[REVOKED_KEY, CLAUDE, /login|403|invalid/i], [POOR_KEY, CLAUDE, /budget/], [API_KEY, 'no-such', /no-such|model/]]) {
    const { code, said } = await claude(bedrock(key), model, 'hi');
    assert.notEqual(code, 0, said);
    assert.match(said, words);
  }
});
