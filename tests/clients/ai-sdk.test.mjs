// Vercel's AI SDK with its Anthropic provider: it checks every answer against a schema.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CONVERSE_MODEL, MODEL, faulty, reset } from './bed.mjs';

const anthropic = createAnthropic({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1` });
beforeEach(reset);

const weather = tool({
  description: 'Weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

for (const [path, id] of [['InvokeModel', MODEL], ['Converse', CONVERSE_MODEL]]) {
  test(`${path}: generateText`, async () => {
    const { text, finishReason, usage } = await generateText({ model: anthropic(id), prompt: 'say: guten Tag' });
    assert.equal(text, 'guten Tag');
    assert.equal(finishReason, 'stop');
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  });

  test(`${path}: generateText runs a tool and goes on`, async () => {
    const { steps, text } = await generateText({
      model: anthropic(id), prompt: 'use tool weather {"city":"Bonn"}', tools: { weather }, stopWhen: stepCountIs(3) });
    assert.equal(steps.length, 2);
    assert.deepEqual(steps[0].toolCalls[0].input, { city: 'Bonn' });
    assert.match(text, /The tool said: "?sunny in Bonn/);
  });

  test(`${path}: streamText`, async () => {
    const result = streamText({ model: anthropic(id), prompt: 'say: one two three four five' });
    const parts = [];
    for await (const part of result.textStream) parts.push(part);
    assert.equal(parts.join(''), 'one two three four five');
    assert.ok(parts.length > 1);
    assert.equal(await result.finishReason, 'stop');
  });

  test(`${path}: streamText with a tool`, async () => {
    const result = streamText({
      model: anthropic(id), prompt: 'use tool weather {"city":"Ulm"}', tools: { weather }, stopWhen: stepCountIs(3) });
    const kinds = new Set();
    for await (const part of result.fullStream) kinds.add(part.type);
    assert.ok(kinds.has('tool-call') && kinds.has('tool-result') && !kinds.has('error'), [...kinds].join());
    assert.match(await result.text, /sunny in Ulm/);
  });
}

test('thinking becomes reasoning', async () => {
  const { reasoningText, text } = await generateText({
    model: anthropic(MODEL), prompt: 'x', providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } } });
  assert.ok(reasoningText.length > 0);
  assert.equal(text, 'Echo: x');
});

test('an error inside the stream is an error part', async () => {
  const errors = [];
  const result = streamText({
    model: anthropic(faulty('tokens-9--stream-internal-3')), prompt: 'x', maxRetries: 0, onError: ({ error }) => errors.push(error) });
  for await (const part of result.fullStream) if (part.type === 'error') errors.push(part.error);
  assert.ok(errors.length > 0);
});

test('a refused request is an error', async () => {
  await assert.rejects(generateText({ model: anthropic(faulty('denied')), prompt: 'x', maxRetries: 0 }),
    (e) => e.statusCode === 404 && !/arn:aws|123456789012/.test(e.message));
});
