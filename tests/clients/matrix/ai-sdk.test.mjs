// Vercel's AI SDK, newest: its Anthropic and its OpenAI-compatible provider; tools, streams, and objects of a type with limits.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Output, generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, FULL, QWEN, judged, reset } from './bed.mjs';

const at = { apiKey: API_KEY, baseURL: `${BASE_URL}/v1` };
const PROVIDERS = [['anthropic', createAnthropic(at)],
  ['openai-compatible', createOpenAICompatible({ ...at, name: 'gateway', includeUsage: true, supportsStructuredOutputs: true })]];
const weather = tool({ description: 'Weather of a city', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `sunny in ${city}` });
beforeEach(reset);

for (const [name, provider] of PROVIDERS) {
  for (const id of [CLAUDE, 'claude-sonnet-4-5', QWEN]) {
    const skip = id === CLAUDE ? false : FULL;
    test(`${name}, ${id}: a tool, then the answer`, { skip }, async () => {
      const { steps, text, usage } = await generateText({ model: provider(id), prompt: 'use tool weather {"city":"Bonn"}', tools: { weather }, stopWhen: isStepCount(3) });
      assert.equal(steps.length, 2);
      assert.deepEqual(steps[0].toolCalls[0].input, { city: 'Bonn' });
      assert.match(text, /The tool said: "?sunny in Bonn/);
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
      assert.equal((await judged()).length, 2);
    });

    test(`${name}, ${id}: streamed, with its usage`, { skip }, async () => {
      const result = streamText({ model: provider(id), prompt: 'use tool weather {"city":"Ulm"}', tools: { weather }, stopWhen: isStepCount(3) });
      const kinds = new Set();
      for await (const part of result.fullStream) kinds.add(part.type);
      assert.ok(kinds.has('tool-call') && kinds.has('tool-result') && !kinds.has('error'), [...kinds].join());
      assert.match(await result.text, /sunny in Ulm/);
      const usage = await result.usage;
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0, JSON.stringify(usage));
      await judged();
    });

    test(`${name}, ${id}: an object of a type with limits`, { skip }, async () => {
      const type = z.object({ n: z.number().int().min(1).max(9), tags: z.array(z.string().min(2)).max(4), at: z.object({ x: z.number() }).nullable() });
      const value = { n: 3, tags: ['ab'], at: null };
      const result = await generateText({ model: provider(id), prompt: `say: ${JSON.stringify(value)}`, output: Output.object({ schema: type }) });
      assert.deepEqual(result.output, value);
      const [{ body }] = await judged();
      assert.match(JSON.stringify(body), /tags/);
    });
  }
}
