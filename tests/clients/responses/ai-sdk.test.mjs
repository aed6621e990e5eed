// Vercel's AI SDK with its OpenAI provider as it comes: createOpenAI(...)(model) speaks Responses.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { API_KEY, BASE_URL, MODELS, PIXEL, faulty, reset, upstreamBody } from './bed.mjs';

const openai = createOpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1` });
const weather = tool({ description: 'Weather of a city', inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}` });
// Nothing is stored here. With its default this SDK (@ai-sdk/openai 4.0.118) sends ids in place of what the model has said,
// although the answer was marked store: false; then the gateway says so (below).
const providerOptions = { openai: { store: false } };
const steps = { tools: { weather }, stopWhen: stepCountIs(3), providerOptions };
beforeEach(reset);

for (const model of MODELS) {
  test(`${model}: generateText`, async () => {
    const { text, finishReason, usage } = await generateText({ model: openai(model), prompt: 'say: guten Tag' });
    assert.equal(text, 'guten Tag');
    assert.equal(finishReason, 'stop');
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  });

  test(`${model}: generateText runs two tools and goes on`, async () => {
    const { steps: all, text } = await generateText({ model: openai(model), ...steps,
      prompt: 'use tool weather {"city":"Bonn"} use tool weather {"city":"Ulm"}' });
    assert.deepEqual(all[0].toolCalls.map((c) => c.input), [{ city: 'Bonn' }, { city: 'Ulm' }]);
    assert.match(text, /sunny in Ulm/);
    const { messages } = await upstreamBody();
    assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user']);
  });

  test(`${model}: streamText with a tool`, async () => {
    const errors = [];
    const result = streamText({ model: openai(model), ...steps, prompt: 'use tool weather {"city":"Ulm"}', onError: (e) => errors.push(e) });
    const kinds = new Set();
    for await (const part of result.fullStream) kinds.add(part.type);
    assert.ok(kinds.has('tool-call') && kinds.has('tool-result') && !kinds.has('error'), [...kinds].join());
    assert.match(await result.text, /sunny in Ulm/);
    assert.deepEqual(errors, []);
  });

  test(`${model}: objects, whole and streamed`, async () => {
    const ask = { model: openai(model), prompt: 'say: {"city":"Bonn","sunny":true}',
      output: Output.object({ schema: z.object({ city: z.string(), sunny: z.boolean() }) }) };
    assert.deepEqual((await generateText(ask)).output, { city: 'Bonn', sunny: true });
    const parts = [];
    for await (const part of streamText(ask).partialOutputStream) parts.push(part);
    assert.deepEqual(parts.at(-1), { city: 'Bonn', sunny: true });
  });
}

test('without store: false the second step is refused in words', async () => {
  await assert.rejects(generateText({ model: openai(MODELS[0]), ...steps, providerOptions: {}, prompt: 'use tool weather {"city":"Bonn"}' }),
    (e) => e.statusCode === 400 && !e.isRetryable && /nothing is stored here/.test(e.message));
});

test('an image', async () => {
  await generateText({ model: openai(MODELS[0]), messages: [{ role: 'user',
    content: [{ type: 'text', text: 'what?' }, { type: 'file', mediaType: 'image/png', data: PIXEL }] }] });
  assert.equal((await upstreamBody()).messages[0].content[1].image.format, 'png');
});

test('an error inside the stream is an error', async () => {
  const errors = [];
  const result = streamText({ model: openai(faulty('stream-internal')), prompt: 'say: one two three four', maxRetries: 0, onError: ({ error }) => errors.push(error) });
  for await (const part of result.fullStream) if (part.type === 'error') errors.push(part.error);
  assert.ok(errors.length > 0);
});

test('a refused request is an error that is not tried again', async () => {
  await assert.rejects(generateText({ model: openai('no-such-model'), prompt: 'x' }), (e) => e.statusCode === 400 && !e.isRetryable);
});
