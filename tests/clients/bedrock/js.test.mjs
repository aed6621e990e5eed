// The AWS SDK for JS (over HTTP/1.1, and with its default handler, which speaks HTTP/2, through nginx), @anthropic-ai/bedrock-sdk,
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
import { API_KEY, BASE_URL, CLAUDE, DEAR, NO_NGINX, NOVA, OPUS, POOR_KEY, REVOKED_KEY, bare, ledger, reset, run, tlsFront } from './bed.mjs';

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

async function asAws(client) {
  const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 500, messages: [{ role: 'user', content: 'say: one two three' }] });
  const whole = await client.send(new InvokeModelCommand({ modelId: CLAUDE, body, contentType: 'application/json' }));
  assert.equal(JSON.parse(Buffer.from(whole.body)).content[0].text, 'one two three');
  let text = '', tools = '', last;
  for await (const e of (await client.send(new InvokeModelWithResponseStreamCommand({ modelId: CLAUDE, body, contentType: 'application/json' }))).body) {
    last = JSON.parse(Buffer.from(e.chunk.bytes));
    text += last.delta?.text ?? '';
  }
  assert.deepEqual([text, last.type], ['one two three', 'message_stop']);
  for (const modelId of [CLAUDE, NOVA]) {
    const r = await client.send(new ConverseCommand({ modelId, messages: user('say: guten Tag') }));
    assert.deepEqual([r.output.message.content[0].text, r.stopReason], ['guten Tag', 'end_turn']);
    tools = '';
    const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: schema } } }] };
    for await (const e of (await client.send(new ConverseStreamCommand({ modelId, toolConfig, messages: user('use tool weather {"city":"Ulm"}') }))).stream) {
      tools += e.contentBlockDelta?.delta?.toolUse?.input ?? '';
      last = e;
    }
    assert.deepEqual([JSON.parse(tools), last.metadata.usage.outputTokens > 0], [{ city: 'Ulm' }, true]);
  }
  assert.ok((await client.send(new CountTokensCommand({ modelId: CLAUDE, input: { converse: { messages: user('hi') } } }))).inputTokens > 0);
  assert.deepEqual(await failure(client.send(new ConverseCommand({ modelId: 'no-such', messages: user('hi') }))), ['ResourceNotFoundException', 404, 1]);
  await assert.rejects(async () => {
    const r = await client.send(new ConverseStreamCommand({ modelId: 'anthropic.claude-sonnet-4-5--stream-internal', messages: user('say: one two three four five six') }));
    for await (const e of r.stream) assert.ok(e);
  }, { name: 'InternalServerException' });
}

test('the AWS SDK for JS over HTTP/1.1', () => asAws(plain(API_KEY)));
test('the AWS SDK for JS: a revoked key, a spent budget', async () => {
  const ask = (key, text) => failure(plain(key).send(new ConverseCommand({ modelId: CLAUDE, messages: user(text) })));
  assert.deepEqual(await ask(REVOKED_KEY, 'hi'), ['AccessDeniedException', 403, 1]);
  await ask(POOR_KEY, DEAR);
  assert.deepEqual(await ask(POOR_KEY, 'hi'), ['ServiceQuotaExceededException', 400, 1]);
});
test('the AWS SDK for JS with its default handler, HTTP/2 through nginx', { skip: NO_NGINX }, async () => {
  const script = `import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
    const b = new BedrockRuntimeClient({ maxAttempts: 1 });
    const ask = (text) => ({ modelId: ${JSON.stringify(CLAUDE)}, messages: [{ role: 'user', content: [{ text }] }] });
    const r = await b.send(new ConverseCommand(ask('say: guten Tag')));
    let text = '';
    for await (const e of (await b.send(new ConverseStreamCommand(ask('say: one two three')))).stream) text += e.contentBlockDelta?.delta?.text ?? '';
    console.log(JSON.stringify([b.config.requestHandler.constructor.name, r.output.message.content[0].text, text]));
    b.destroy();`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script],
    { cwd: import.meta.dirname, env: bare({ NODE_EXTRA_CA_CERTS: tls.ca, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: tls.url, AWS_BEARER_TOKEN_BEDROCK: API_KEY }), timeout: 30_000 });
  assert.deepEqual(JSON.parse(stdout), ['NodeHttp2Handler', 'guten Tag', 'one two three']);
});

test('@anthropic-ai/bedrock-sdk', async () => {
  const a = (apiKey) => new AnthropicBedrock({ apiKey, baseURL: BASE_URL, awsRegion: 'us-west-2', maxRetries: 0 });
  const ask = { model: OPUS, max_tokens: 500, messages: [{ role: 'user', content: 'say: guten Tag' }] };
  assert.equal((await a(API_KEY).messages.create(ask)).content[0].text, 'guten Tag');
  const s = a(API_KEY).messages.stream({ ...ask, tools: [{ name: 'weather', input_schema: schema }], messages: [{ role: 'user', content: 'use tool weather {"city":"Ulm"}' }] });
  assert.deepEqual((await s.finalMessage()).content.find((c) => c.type === 'tool_use').input, { city: 'Ulm' });
  await assert.rejects(a(API_KEY).messages.create({ ...ask, model: 'no-such' }), { status: 404 });
  await assert.rejects(a(REVOKED_KEY).messages.create(ask), { status: 403 });
  await assert.rejects(a(POOR_KEY).messages.create(ask).then(() => a(POOR_KEY).messages.create({ ...ask, messages: [{ role: 'user', content: DEAR }] })).then(() => a(POOR_KEY).messages.create(ask)), { status: 400 });
});

test("AI SDK's amazon-bedrock", async () => {
  const at = (apiKey) => createAmazonBedrock({ apiKey, baseURL: BASE_URL, region: 'us-west-2' });
  for (const id of [CLAUDE, NOVA]) {
    const model = at(API_KEY)(id);
    assert.equal((await generateText({ model, prompt: 'say: guten Tag', maxRetries: 0 })).text, 'guten Tag');
    const s = streamText({ model, prompt: 'use tool weather {"city":"Ulm"}', maxRetries: 0, tools: { weather: tool({ inputSchema: jsonSchema(schema) }) } });
    assert.deepEqual((await s.toolCalls).map((c) => c.input), [{ city: 'Ulm' }]);
    assert.ok((await s.usage).outputTokens > 0);
  }
  const refused = (model, statusCode) => assert.rejects(generateText({ model, prompt: 'hi', maxRetries: 0 }), { statusCode });
  await refused(at(API_KEY)('no-such'), 404);
  await refused(at(REVOKED_KEY)(CLAUDE), 403);
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
  const killer = setTimeout(() => child.kill('SIGKILL'), 120_000);
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
  for (const [key, model, words] of [[REVOKED_KEY, 'anthropic.claude-opus-5-5', /login|401|403|invalid/i], [POOR_KEY, 'anthropic.claude-opus-5-5', /budget/], [API_KEY, 'no-such', /no-such|model/]]) {
    const { code, said } = await claude(mantle(key), model, 'hi');
    assert.notEqual(code, 0, said);
    assert.match(said, words);
  }
});
test('Claude Code in Bedrock mode: a revoked key, a spent budget, no such model', async () => {
  // 403 is to it credentials that ran out, at Bedrock, too
  for (const [key, model, words] of [[REVOKED_KEY, CLAUDE, /login|403|invalid/i], [POOR_KEY, CLAUDE, /budget/], [API_KEY, 'no-such', /no-such|model/]]) {
    const { code, said } = await claude(bedrock(key), model, 'hi');
    assert.notEqual(code, 0, said);
    assert.match(said, words);
  }
});
