// The mock Bedrock is accepted by AWS's own SDK: what this client decodes is what Bedrock would send.
// Needs only the mock (MOCK_URL), not the converter.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const { MOCK_URL } = process.env;
const MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const CREDENTIALS = {
  accessKeyId: process.env.MOCK_ACCESS_KEY ?? 'AKIAMOCKMOCKMOCKMOCK',
  secretAccessKey: process.env.MOCK_SECRET ?? 'mock-secret-access-key',
};

const clients = [];
// HTTP/1.1: the SDK's default handler for this service speaks HTTP/2. One attempt: errors must show.
function client(credentials = CREDENTIALS) {
  const made = new BedrockRuntimeClient({
    endpoint: MOCK_URL,
    region: 'us-west-2',
    credentials,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ requestTimeout: 10_000 }),
  });
  clients.push(made);
  return made;
}
const bedrock = client();
after(() => clients.forEach((c) => c.destroy()));

const admin = (path, body) =>
  fetch(MOCK_URL + path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
const ledger = async () => (await admin('/__ledger')).json();
beforeEach(() => admin('/__reset', {}));

const claude = (text, more = {}) => ({
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 1000,
  messages: [{ role: 'user', content: text }],
  ...more,
});
const utf8 = (bytes) => new TextDecoder().decode(bytes);

async function invoke(body, modelId = MODEL, on = bedrock) {
  const answer = await on.send(new InvokeModelCommand({ modelId, body: JSON.stringify(body) }));
  return JSON.parse(utf8(answer.body));
}

async function invokeStream(body, modelId = MODEL) {
  const answer = await bedrock.send(
    new InvokeModelWithResponseStreamCommand({ modelId, body: JSON.stringify(body) }));
  const events = [];
  for await (const part of answer.body) events.push(part);
  return events.map((e) => JSON.parse(utf8(e.chunk.bytes)));
}

async function converseStream(input, modelId = MODEL) {
  const answer = await bedrock.send(new ConverseStreamCommand({ modelId, ...input }));
  const events = [];
  for await (const part of answer.stream) events.push(part);
  return events;
}
const said = (text) => [{ role: 'user', content: [{ text }] }];
const bashTool = { name: 'Bash', description: 'Run', input_schema: { type: 'object', properties: {} } };
const bashSpec = { tools: [{ toolSpec: { name: 'Bash', description: 'Run', inputSchema: { json: { type: 'object' } } } }] };

test('InvokeModel answers as Claude does', async () => {
  const message = await invoke(claude('Hi there'));
  assert.match(message.id, /^msg_bdrk_/);
  assert.deepEqual(message.content, [{ type: 'text', text: 'Echo: Hi there' }]);
  assert.equal(message.stop_reason, 'end_turn');
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
});

test('model ids travel percent-encoded', async () => {
  const arn = 'arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abcd1234efgh';
  assert.equal((await invoke(claude('x'), arn)).model, arn);
  const { last } = await ledger();
  assert.equal(last[0].model, arn);
  assert.match(last[0].path, /%2Fabcd1234efgh\/invoke$/);
  assert.match(last[0].headers.authorization, /^AWS4-HMAC-SHA256 Credential=.*SignedHeaders=[a-z0-9;-]+$/);
});

test('the ledger keeps bodies byte for byte', async () => {
  const body = claude('Zeichen: \u00e4\u20ac\u{1f600} \\u0041');
  await invoke(body);
  const kept = Buffer.from(await (await admin('/__body?n=0')).arrayBuffer());
  assert.equal(kept.toString(), JSON.stringify(body));
  const entry = (await ledger()).last[0];
  assert.equal(entry.body_sha256, createHash('sha256').update(kept).digest('hex'));
  assert.equal(entry.body_bytes, kept.length);
});

test('InvokeModel stops at max_tokens and at stop sequences', async () => {
  assert.equal((await invoke(claude('say: one two three four', { max_tokens: 2 }))).stop_reason, 'max_tokens');
  const stopped = await invoke(claude('say: one STOP two', { stop_sequences: ['STOP'] }));
  assert.equal(stopped.stop_reason, 'stop_sequence');
  assert.equal(stopped.stop_sequence, 'STOP');
  assert.equal(stopped.content[0].text, 'one ');
});

test('InvokeModel: cache marks show in usage', async () => {
  const message = await invoke(claude('x', {
    system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '1h' } }] }));
  assert.equal(message.usage.cache_read_input_tokens, 64);
  assert.equal(message.usage.cache_creation.ephemeral_1h_input_tokens, 32);
});

const REFUSED_BODIES = [
  ['no version', { anthropic_version: undefined }, /anthropic_version/],
  ['no max_tokens', { max_tokens: undefined }, /max_tokens/],
  ['no messages', { messages: undefined }, /messages/],
  ['model', { model: 'x' }, /^model: Extra inputs are not permitted$/],
  ['stream', { stream: true }, /^stream: Extra inputs/],
  ['betas', { betas: ['x'] }, /^betas: Extra inputs/],
  ['unknown beta', { anthropic_beta: ['oauth-2025-04-20'] }, /^invalid beta flag$/],
  ['context management without its beta', { context_management: {} }, /^context_management: Extra/],
  ['cache scope', { system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', scope: 'global' } }] }, /scope: Extra/],
  ['assistant first', { messages: [{ role: 'assistant', content: 'x' }] }, /first message/],
  ['empty text', { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] }, /non-empty/],
];
for (const [name, change, wording] of REFUSED_BODIES) {
  test(`InvokeModel refuses: ${name}`, async () => {
    await assert.rejects(invoke(claude('x', change)), (e) => e.name === 'ValidationException' && wording.test(e.message));
  });
}

test('InvokeModelWithResponseStream: events in order, text whole', async () => {
  const events = await invokeStream(claude('say: Grüße \u{1f600}\u{1f600}\u{1f600} aus dem Strom'));
  const types = events.map((e) => e.type).filter((t, i, all) => t !== all[i - 1]);
  assert.deepEqual(types, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop',
    'message_delta', 'message_stop']);
  const text = events.filter((e) => e.delta?.type === 'text_delta').map((e) => e.delta.text).join('');
  assert.equal(text, 'Grüße \u{1f600}\u{1f600}\u{1f600} aus dem Strom');
  assert.ok(events.at(-1)['amazon-bedrock-invocationMetrics'].outputTokenCount > 0);
  assert.equal(events.at(-2).delta.stop_reason, 'end_turn');
});

test('InvokeModelWithResponseStream: thinking, then a tool call', async () => {
  const events = await invokeStream(claude('run it with bash', {
    tools: [bashTool], thinking: { type: 'enabled', budget_tokens: 1024 } }));
  const starts = events.filter((e) => e.type === 'content_block_start');
  assert.deepEqual(starts.map((e) => [e.index, e.content_block.type]), [[0, 'thinking'], [1, 'text'], [2, 'tool_use']]);
  assert.ok(events.some((e) => e.delta?.type === 'signature_delta' && e.delta.signature.length > 20));
  const json = events.filter((e) => e.delta?.type === 'input_json_delta').map((e) => e.delta.partial_json).join('');
  assert.equal(JSON.parse(json).command, 'echo hello');
  assert.equal(events.at(-2).delta.stop_reason, 'tool_use');
});

test('InvokeModel: named tools are called, results are quoted', async () => {
  const tools = [{ name: 'add', input_schema: {} }, { name: 'now', input_schema: {} }];
  const call = await invoke(claude('use tool add {"a":1,"b":{"c":"}"}} and use tool now', { tools }));
  const uses = call.content.filter((b) => b.type === 'tool_use');
  assert.deepEqual(uses.map((b) => [b.name, b.input]), [['add', { a: 1, b: { c: '}' } }], ['now', {}]]);
  const messages = [{ role: 'user', content: 'x' }, { role: 'assistant', content: call.content },
    { role: 'user', content: uses.map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: '42' })) }];
  assert.equal((await invoke(claude('', { tools, messages }))).content[0].text, 'The tool said: 42');
});

test('Converse: text, usage, stop sequence', async () => {
  const answer = await bedrock.send(new ConverseCommand({
    modelId: MODEL, messages: said('say: a b STOP c'), system: [{ text: 's' }, { cachePoint: { type: 'default' } }],
    inferenceConfig: { maxTokens: 100, stopSequences: ['STOP'] }, additionalModelResponseFieldPaths: ['/stop_sequence'],
  }));
  assert.deepEqual(answer.output.message, { role: 'assistant', content: [{ text: 'a b ' }] });
  assert.equal(answer.stopReason, 'stop_sequence');
  assert.equal(answer.additionalModelResponseFields.stop_sequence, 'STOP');
  assert.equal(answer.usage.cacheReadInputTokens, 64);
  assert.deepEqual(answer.usage.cacheDetails, [{ ttl: '5m', inputTokens: 32 }]);
  assert.ok(answer.metrics.latencyMs > 0);
});

test('Converse: reasoning and tool use', async () => {
  const answer = await bedrock.send(new ConverseCommand({
    modelId: MODEL, messages: said('hello'), toolConfig: bashSpec,
    additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
  }));
  const [reasoning, , tool] = answer.output.message.content;
  assert.ok(reasoning.reasoningContent.reasoningText.signature);
  assert.equal(tool.toolUse.input.command, 'echo hello');
  assert.equal(answer.stopReason, 'tool_use');
});

test('ConverseStream: text has no contentBlockStart, metadata comes last', async () => {
  const events = await converseStream({ messages: said('say: eins zwei drei vier') });
  const kinds = events.map((e) => Object.keys(e)[0]);
  assert.ok(!kinds.includes('contentBlockStart'));
  assert.equal(kinds[0], 'messageStart');
  assert.deepEqual(kinds.slice(-3), ['contentBlockStop', 'messageStop', 'metadata']);
  assert.equal(events.map((e) => e.contentBlockDelta?.delta.text ?? '').join(''), 'eins zwei drei vier');
  assert.ok(events.at(-1).metadata.usage.totalTokens > 0);
});

test('ConverseStream: reasoning and tool input', async () => {
  const events = await converseStream({
    messages: said('hello'), toolConfig: bashSpec, additionalModelRequestFields: { thinking: { type: 'adaptive' } } });
  assert.ok(events.some((e) => e.contentBlockDelta?.delta.reasoningContent?.text));
  assert.ok(events.some((e) => e.contentBlockDelta?.delta.reasoningContent?.signature));
  assert.equal(events.find((e) => e.contentBlockStart).contentBlockStart.start.toolUse.name, 'Bash');
  const input = events.map((e) => e.contentBlockDelta?.delta.toolUse?.input ?? '').join('');
  assert.equal(JSON.parse(input).command, 'echo hello');
  assert.equal(events.find((e) => e.messageStop).messageStop.stopReason, 'tool_use');
});

const REFUSED_CONVERSE = [
  ['same role twice', { messages: [...said('a'), ...said('b')] }, /alternate/],
  ['tool result without toolConfig', { messages: [...said('a'), { role: 'assistant', content: [{ toolUse: { toolUseId: 'x', name: 'y', input: {} } }] }] }, /toolConfig/],
  ['blank text', { messages: said('') }, /blank/],
  ['bad tool name', { messages: said('a'), toolConfig: { tools: [{ toolSpec: { name: 'a b', inputSchema: { json: {} } } }] } }, /toolSpec/],
];
for (const [name, input, wording] of REFUSED_CONVERSE) {
  test(`Converse refuses: ${name}`, async () => {
    await assert.rejects(bedrock.send(new ConverseCommand({ modelId: MODEL, ...input })),
      (e) => e.name === 'ValidationException' && wording.test(e.message));
  });
}

test('CountTokens: both inputs, no profiles', async () => {
  const body = new TextEncoder().encode(JSON.stringify(claude('count me')));
  const byInvoke = await bedrock.send(new CountTokensCommand({ modelId: MODEL, input: { invokeModel: { body } } }));
  assert.equal(byInvoke.inputTokens, Math.floor(body.length / 4) + 1);
  const byConverse = await bedrock.send(new CountTokensCommand({ modelId: MODEL, input: { converse: { messages: said('x') } } }));
  assert.ok(byConverse.inputTokens > 0);
  await assert.rejects(
    bedrock.send(new CountTokensCommand({ modelId: 'us.' + MODEL, input: { invokeModel: { body } } })),
    { name: 'ValidationException' });
});

const EXCEPTIONS = {
  throttle: ['ThrottlingException', 429],
  quota: ['ServiceQuotaExceededException', 400],
  validation: ['ValidationException', 400],
  'too-long': ['ValidationException', 400],
  denied: ['AccessDeniedException', 403],
  notfound: ['ResourceNotFoundException', 404],
  'not-ready': ['ModelNotReadyException', 429],
  'model-timeout': ['ModelTimeoutException', 408],
  'model-error': ['ModelErrorException', 424],
  internal: ['InternalServerException', 500],
  unavailable: ['ServiceUnavailableException', 503],
  'expired-token': ['ExpiredTokenException', 403],
};
for (const [fault, [name, status]] of Object.entries(EXCEPTIONS)) {
  test(`fault ${fault} is a ${name}`, async () => {
    await assert.rejects(invoke(claude('x'), `mock.${fault}`), (e) => {
      assert.equal(e.name, name);
      assert.equal(e.$metadata.httpStatusCode, status);
      assert.ok(e.$metadata.requestId);
      return true;
    });
  });
}

const STREAM_EXCEPTIONS = {
  'stream-throttle': 'ThrottlingException',
  'stream-internal': 'InternalServerException',
  'stream-model-error': 'ModelStreamErrorException',
  'stream-validation': 'ValidationException',
  'stream-unavailable': 'ServiceUnavailableException',
  'stream-timeout': 'ModelTimeoutException',
};
for (const [fault, name] of Object.entries(STREAM_EXCEPTIONS)) {
  test(`fault ${fault} surfaces inside the stream`, async () => {
    await assert.rejects(invokeStream(claude('x'), `anthropic.claude-x--tokens-9--${fault}-3`), { name });
  });
}

test('an error frame surfaces inside the stream', async () => {
  await assert.rejects(invokeStream(claude('x'), 'mock.stream-error-frame'), /An internal server error/);
});

for (const fault of ['bad-crc', 'bad-prelude', 'cut-500', 'truncated-frame']) {
  test(`fault ${fault} breaks the stream`, async () => {
    await assert.rejects(invokeStream(claude('x'), `mock.tokens-20--${fault}`));
  });
}

test('missing-end ends cleanly without message_stop', async () => {
  const events = await invokeStream(claude('x'), 'mock.tokens-3--missing-end');
  assert.equal(events.at(-1).type, 'content_block_stop');
});

test('bytewise and unknown events do no harm', async () => {
  const events = await converseStream({ messages: said('x') }, 'mock.bytewise--tokens-5--unknown-event');
  assert.equal(events.filter((e) => e.contentBlockDelta).length, 5);
});

test('a long stream arrives whole', async () => {
  const events = await invokeStream(claude('x'), 'mock.size-300000');
  assert.equal(events.map((e) => e.delta?.text ?? '').join('').length, 300_000);
});

test('cutbody: fewer bytes than announced', async () => {
  await assert.rejects(invoke(claude('x'), 'mock.cutbody'));
});

test('scripts and -once', async () => {
  await admin('/__script', { model: 'claude-script', fault: 'throttle', count: 2 });
  await assert.rejects(invoke(claude('x'), 'claude-script'), { name: 'ThrottlingException' });
  await assert.rejects(invoke(claude('x'), 'claude-script'), { name: 'ThrottlingException' });
  await invoke(claude('x'), 'claude-script');
  await assert.rejects(invoke(claude('x'), 'claude--internal-once'), { name: 'InternalServerException' });
  await invoke(claude('x'), 'claude--internal-once');
  await assert.rejects(invoke(claude('x'), 'claude--no-such-fault'), /no fault/);
});

test('pace and slow-first take their time', async () => {
  const began = performance.now();
  await invokeStream(claude('x'), 'mock.slow-first-100--tokens-10--pace-20');
  const took = performance.now() - began;
  assert.ok(took >= 280 && took < 5000, `${took} ms`);
});

test('a signature by another secret is refused', async () => {
  const wrong = client({ ...CREDENTIALS, secretAccessKey: 'another' });
  await assert.rejects(invoke(claude('x'), MODEL, wrong), { name: 'InvalidSignatureException' });
  const unknown = client({ accessKeyId: 'AKIAOTHER', secretAccessKey: 'another' });
  await assert.rejects(invoke(claude('x'), MODEL, unknown), { name: 'UnrecognizedClientException' });
  const naked = await fetch(`${MOCK_URL}/model/x/invoke`, { method: 'POST', body: '{}' });
  assert.equal(naked.status, 403);
  assert.match(naked.headers.get('x-amzn-errortype'), /^MissingAuthenticationTokenException:/);
  assert.equal((await ledger()).signature_failures, 3);
});

test('a Bedrock API key is taken instead of a signature', async () => {
  const call = (key) => fetch(`${MOCK_URL}/model/x/invoke`, {
    method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(claude('x')) });
  assert.equal((await call(process.env.MOCK_BEARER ?? 'mock-bedrock-api-key')).status, 200);
  assert.equal((await call('wrong')).status, 403);
  assert.equal((await ledger()).last[0].headers.authorization, 'Bearer (hidden)');
});

test('signature-skew: refused until the client follows the clock', async () => {
  // The SDK learns the offset from the Date header of the refusal and signs the next attempt with it.
  const skewed = client();
  await assert.rejects(invoke(claude('x'), 'mock.signature-skew', skewed), { name: 'InvalidSignatureException' });
  await invoke(claude('x'), 'mock.signature-skew', skewed);
});

test('container credentials sign requests and rotate', async () => {
  const fetched = async () => (await admin('/credentials/role')).json();
  const use = ({ AccessKeyId, SecretAccessKey, Token }) =>
    client({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token });
  const first = await fetched();
  assert.ok(new Date(first.Expiration) > new Date());
  await invoke(claude('x'), MODEL, use(first));
  await assert.rejects(invoke(claude('x'), MODEL, use({ ...first, Token: 'wrong' })), { name: 'UnrecognizedClientException' });
  await admin('/__script', { credentials: { rotate: true, expires_s: 5 } });
  const second = await fetched();
  assert.notEqual(second.AccessKeyId, first.AccessKeyId);
  await invoke(claude('x'), MODEL, use(second));
});

test('an aborted stream is counted', async () => {
  const stop = new AbortController();
  const answer = await bedrock.send(
    new InvokeModelWithResponseStreamCommand({ modelId: 'mock.tokens-1000--pace-20', body: JSON.stringify(claude('x')) }),
    { abortSignal: stop.signal });
  await assert.rejects(async () => {
    for await (const _ of answer.body) stop.abort();
  });
  let now;
  for (let i = 0; i < 500 && !(now = await ledger()).aborts; i++) await new Promise((r) => setTimeout(r, 20));
  assert.equal(now.aborts, 1);
  assert.equal(now.streams_open, 0);
  assert.ok(now.output_tokens < 900);
});
