// The AWS SDKs for Python and Go, AnthropicBedrock and langchain-aws (programs of their own), with TLS in front.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { API_KEY, BASE_URL, CLAUDE, DEAR, NOVA, NO_NGINX, OPUS, POOR_KEY, REVOKED_KEY, bare, lines, reset, run, sameMonth, tlsFront } from './bed.mjs';

const { PYTHON_BEDROCK, PYTHON_BEDROCK_MISSING, GO_BEDROCK, GO_BEDROCK_MISSING } = process.env;
let tls;
before(async () => (tls = NO_NGINX ? null : await tlsFront()));
after(() => tls?.stop());
beforeEach(reset);
const env = () => bare({ AWS_CA_BUNDLE: tls.ca, API_KEY, POOR_KEY, REVOKED_KEY, DEAR });

const twice = (value) => [value, value]; // whole, streamed
const langchain = (kind) => ({
  [kind]: ['guten Tag', 'one two three'],
  [`${kind} tool`]: twice({ city: 'Ulm' }),
  [`${kind} no model`]: twice('ResourceNotFoundException'),
  [`${kind} revoked`]: twice('AccessDeniedException'),
  [`${kind} spent`]: twice('ServiceQuotaExceededException'),
});
test('boto3, AnthropicBedrock, langchain-aws', { skip: NO_NGINX || (PYTHON_BEDROCK ? false : PYTHON_BEDROCK_MISSING) }, async () => {
  const script = fileURLToPath(new URL('./python_sdk.py', import.meta.url));
  await sameMonth(100);
  const { stdout } = await run(PYTHON_BEDROCK, [script, tls.url, BASE_URL, CLAUDE, NOVA, OPUS], { env: env(), timeout: 240_000 });
  assert.deepEqual(lines(stdout), {
    invoke: ['guten Tag', 'application/json'],
    'invoke stream': ['one two three', 'message_stop'],
    'invoke tool': [[{ city: 'Ulm' }], { city: 'Ulm' }],
    [`converse ${CLAUDE}`]: ['guten Tag', 'end_turn', true],
    [`converse tool ${CLAUDE}`]: [{ city: 'Ulm' }],
    [`converse stream ${CLAUDE}`]: [{ city: 'Ulm' }, 'metadata'],
    [`converse ${NOVA}`]: ['guten Tag', 'end_turn', true],
    [`converse tool ${NOVA}`]: [{ city: 'Ulm' }],
    [`converse stream ${NOVA}`]: [{ city: 'Ulm' }, 'metadata'],
    count: true,
    profiles: true,
    models: true,
    'no model': ['ResourceNotFoundException', 404, 0],
    revoked: ['AccessDeniedException', 403, 0],
    spent: ['ServiceQuotaExceededException', 400, 0],
    broken: 'EventStreamError',
    signed: ['AccessDeniedException', true],
    anthropic: ['guten Tag', 'end_turn'],
    'anthropic stream': [{ city: 'Ulm' }],
    'anthropic tool': [{ city: 'Ulm' }],
    'anthropic no model': [404, 404],
    'anthropic revoked': [403, 403],
    'anthropic spent': [400, 400],
    ...langchain('ChatBedrockConverse'),
    ...langchain('ChatBedrock'),
  });
});

test('the AWS SDK for Go', { skip: NO_NGINX || (GO_BEDROCK ? false : GO_BEDROCK_MISSING) }, async () => {
  await sameMonth(100);
  const { stdout } = await run(GO_BEDROCK, [tls.url, CLAUDE], { env: env(), timeout: 240_000 });
  assert.deepEqual(lines(stdout), {
    invoke: 'guten Tag',
    'invoke stream': ['one two three', 'message_stop'],
    'invoke tool': twice({ city: 'Ulm' }),
    converse: ['guten Tag', 'end_turn'],
    'converse stream': ['one two three', true],
    'converse tool': twice({ city: 'Ulm' }),
    count: true,
    'no model': Array(4).fill('ResourceNotFoundException'),
    revoked: Array(4).fill('AccessDeniedException'),
    spent: Array(4).fill('ServiceQuotaExceededException'),
  });
});
