// OpenAI Agents over Chat Completions: tools, a hand-off, a stream, an output of a type with limits.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Agent, OpenAIChatCompletionsModel, run, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, FULL, QWEN, judged, reset } from './bed.mjs';

const client = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
setTracingDisabled(true);
const weather = tool({ name: 'weather', description: 'Weather of a city', parameters: z.object({ city: z.string() }), execute: async ({ city }) => `sunny in ${city}` });
beforeEach(reset);

for (const id of [CLAUDE, 'claude-sonnet-4-5', QWEN]) {
  const model = new OpenAIChatCompletionsModel(client, id), skip = id === CLAUDE ? false : FULL;
  test(`${id}: an agent with a tool`, { skip }, async () => {
    const result = await run(new Agent({ name: 'Asker', instructions: 'Be short.', model, tools: [weather] }), 'use tool weather {"city":"Bonn"}');
    assert.match(result.finalOutput, /sunny in Bonn/);
    const bodies = await judged();
    assert.equal(bodies.length, 2);
    assert.equal(bodies[1].body.system[0].text, 'Be short.');
  });

  test(`${id}: a hand-off, streamed`, { skip }, async () => {
    const expert = new Agent({ name: 'Expert', instructions: 'You know the weather.', model, tools: [weather] });
    const desk = Agent.create({ name: 'Desk', instructions: 'Hand off.', model, handoffs: [expert] });
    const result = await run(desk, 'use tool transfer_to_Expert {}', { stream: true });
    for await (const _ of result);
    await result.completed;
    assert.equal(result.lastAgent.name, 'Expert');
    assert.match(result.finalOutput, /The tool said/);
    assert.match((await judged()).at(-1).body.system[0].text, /You know the weather/);
  });

  test(`${id}: an output of a type with limits`, { skip }, async () => {
    const type = z.object({ city: z.string().min(2), degrees: z.number().int().min(-60).max(60) });
    const agent = new Agent({ name: 'Typed', instructions: 'JSON.', model, outputType: type });
    assert.deepEqual((await run(agent, 'say: {"city":"Ulm","degrees":7}')).finalOutput, { city: 'Ulm', degrees: 7 });
    await judged();
  });
}
