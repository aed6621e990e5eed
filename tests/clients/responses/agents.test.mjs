// OpenAI Agents with its own model class (Responses): tools, and two agents with a hand-off.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Agent, OpenAIResponsesModel, run, setDefaultOpenAIClient, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, MODELS, ledger, reset, upstreamBody } from './bed.mjs';

const client = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
setDefaultOpenAIClient(client);
setTracingDisabled(true);
const weather = tool({ name: 'weather', description: 'Weather of a city', parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}` });
beforeEach(reset);

for (const model of MODELS) {
  test(`${model}: an agent with a tool`, async () => {
    const agent = new Agent({ name: 'Asker', instructions: 'Be short.', model, tools: [weather] });
    const result = await run(agent, 'use tool weather {"city":"Bonn"}');
    assert.match(result.finalOutput, /sunny in Bonn/);
    assert.equal((await upstreamBody()).system[0].text, 'Be short.');
  });

  test(`${model}: a hand-off, streamed`, async () => {
    const expert = new Agent({ name: 'Expert', instructions: 'You know the weather.', model, tools: [weather] });
    const desk = Agent.create({ name: 'Desk', instructions: 'Hand off.', model, handoffs: [expert] });
    const result = await run(desk, 'use tool transfer_to_Expert {}', { stream: true });
    for await (const _ of result);
    await result.completed;
    assert.equal(result.lastAgent.name, 'Expert');
    assert.match(result.finalOutput, /The tool said/);
    assert.match((await upstreamBody()).system[0].text, /You know the weather/);
    assert.equal((await ledger()).refused, 0);
  });

  test(`${model}: an output of a type`, async () => {
    const agent = new Agent({ name: 'Typed', instructions: 'JSON.', model, outputType: z.object({ city: z.string() }) });
    assert.deepEqual((await run(agent, 'say: {"city":"Ulm"}')).finalOutput, { city: 'Ulm' });
  });
}

test('it is the model class that nobody chose', async () => {
  assert.ok(new OpenAIResponsesModel(client, CLAUDE));
  const agent = new Agent({ name: 'A', instructions: 'x', model: CLAUDE });
  const result = await run(agent, 'say: hi');
  assert.match(result.lastResponseId ?? '', /^resp_/);
});
