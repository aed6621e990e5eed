// Vercel's provider for anything that speaks Chat Completions: it reads reasoning_content and checks shapes.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CONVERSE_MODEL, reset } from './bed.mjs';

const provider = createOpenAICompatible({ name: 'converter', apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, includeUsage: true });
beforeEach(reset);
const weather = tool({
  description: 'Weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

test('generateText', async () => {
  const { text, usage, finishReason } = await generateText({ model: provider(CONVERSE_MODEL), prompt: 'say: guten Tag' });
  assert.equal(text, 'guten Tag');
  assert.equal(finishReason, 'stop');
  assert.ok(usage.inputTokens > 0);
});

test('streamText runs a tool and goes on', async () => {
  const result = streamText({
    model: provider(CONVERSE_MODEL), prompt: 'use tool weather {"city":"Ulm"}', tools: { weather }, stopWhen: stepCountIs(3) });
  const kinds = new Set();
  for await (const part of result.fullStream) kinds.add(part.type);
  assert.ok(kinds.has('tool-call') && kinds.has('tool-result') && !kinds.has('error'), [...kinds].join());
  assert.match(await result.text, /sunny in Ulm/);
  assert.ok((await result.totalUsage).inputTokens > 0);
});
