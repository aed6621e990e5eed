// LangChain for JS, both its integrations: the usage of a stream, tools, structured output with limits.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ChatAnthropic } from '@langchain/anthropic';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, FULL, QWEN, judged, reset } from './bed.mjs';

const MAKES = {
  anthropic: (model) => new ChatAnthropic({ model, apiKey: API_KEY, anthropicApiUrl: BASE_URL, maxTokens: 1000, maxRetries: 0 }),
  openai: (model) => new ChatOpenAI({ model, apiKey: API_KEY, configuration: { baseURL: `${BASE_URL}/v1` }, maxRetries: 0, useResponsesApi: false }),
};
const weather = tool(async ({ city }) => `sunny in ${city}`, { name: 'weather', description: 'Weather of a city', schema: z.object({ city: z.string() }) });
beforeEach(reset);

for (const [make, chat] of Object.entries(MAKES)) {
  for (const id of [CLAUDE, 'claude-sonnet-4-5', QWEN]) {
    const skip = id === CLAUDE ? false : FULL;
    test(`${make}, ${id}: a stream and its usage`, { skip }, async () => {
      let all;
      for await (const chunk of await chat(id).stream('say: one two three four')) all = all ? all.concat(chunk) : chunk;
      assert.equal(all.text, 'one two three four');
      const { input_tokens: input, output_tokens: output, total_tokens: total } = all.usage_metadata;
      // ChatAnthropic of JS reads the input's counts in message_start alone, where Converse has not told them yet (findings/18).
      assert.ok(make === 'anthropic' && id === QWEN ? input === 0 : input > 0);
      assert.ok(output > 0 && total === input + output, JSON.stringify(all.usage_metadata));
      await judged();
    });

    test(`${make}, ${id}: a tool`, { skip }, async () => {
      const { tool_calls: calls } = await chat(id).bindTools([weather]).invoke('use tool weather {"city":"Bonn"}');
      assert.deepEqual(calls.map((c) => [c.name, c.args]), [['weather', { city: 'Bonn' }]]);
      await judged();
    });

    test(`${make}, ${id}: structured output with limits`, { skip }, async () => {
      const type = z.object({ n: z.number().int().min(1).max(9), tags: z.array(z.string()).max(4) }), value = { n: 3, tags: ['a'] };
      const method = 'jsonSchema';
      assert.deepEqual(await chat(id).withStructuredOutput(type, { name: 'out', method }).invoke(`say: ${JSON.stringify(value)}`), value);
      await judged();
    });
  }
}
