// The tool runner of Anthropic's newest SDK: it begins with a message thread, is told that there are none here, and goes on
// with whole histories. Structured output by its zod helper, with limits.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodOutputFormat, betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, CONVERSE_MODEL, FULL, QWEN, judged, reset, watch } from './bed.mjs';

const MODELS = [CLAUDE, QWEN, CONVERSE_MODEL, 'claude-opus-4-8', 'claude-sonnet-4-5'];
const asked = [];
const weather = betaZodTool({ name: 'weather', description: 'Weather of a city', inputSchema: z.object({ city: z.string() }),
  run: async ({ city }) => { asked.push(city); return city === 'Bonn' ? 'sunny, now use tool weather {"city":"Ulm"}' : `rain in ${city}`; } });
beforeEach(reset);
beforeEach(() => { asked.length = 0; });
const begin = async () => {
  const eye = await watch(BASE_URL);
  return { eye, client: new Anthropic({ apiKey: API_KEY, baseURL: eye.url, maxRetries: 0 }) };
};

for (const [n, model] of MODELS.entries()) {
  for (const stream of [false, true]) {
    test(`${model}: the tool runner${stream ? ', streamed' : ''}`, { skip: n + stream ? FULL : false }, async () => {
      const { eye, client } = await begin();
      const runner = client.beta.messages.toolRunner({ model, max_tokens: 1000, stream, tools: [weather],
        messages: [{ role: 'user', content: 'use tool weather {"city":"Bonn"}' }] });
      for await (const turn of runner) if (stream) await turn.finalMessage();
      const last = await runner.done();
      await eye.close();
      assert.deepEqual(asked, ['Bonn', 'Ulm']);
      assert.equal(last.content.at(-1).text, 'The tool said: rain in Ulm');
      assert.equal(last.stop_reason, 'end_turn');
      // One request more than turns: the thread, which is refused in words that the SDK knows.
      assert.deepEqual(eye.seen.map((s) => [s.status, 'thread' in s.body]), [[400, true], [200, false], [200, false], [200, false]]);
      const { type, message, details } = JSON.parse(eye.seen[0].answer).error;
      assert.equal(type, 'invalid_request_error');
      assert.match(message, /thread/);
      assert.deepEqual(details, { error_code: 'thread_unsupported_request', unsupported: ['thread'] });
      const bodies = await judged();
      assert.equal(bodies.length, 3);
      assert.equal(bodies[2].body.messages.length, 5, 'the whole history');
    });
  }

  test(`${model}: a tool that is added while the runner runs`, { skip: n ? FULL : false }, async () => {
    const { eye, client } = await begin();
    const late = betaZodTool({ name: 'late', description: 'Comes later', inputSchema: z.object({ n: z.number() }), run: async ({ n }) => `late got ${n}` });
    const first = betaZodTool({ name: 'first', description: 'd', inputSchema: z.object({}), run: async () => 'use tool late {"n":7}' });
    const runner = client.beta.messages.toolRunner({ model, max_tokens: 1000, tools: [first], messages: [{ role: 'user', content: 'use tool first {}' }] });
    let turns = 0;
    for await (const _ of runner) if (turns++ === 0) runner.addTools(late);
    assert.equal((await runner.done()).content.at(-1).text, 'The tool said: late got 7');
    await eye.close();
    const names = (await judged()).map(({ body }) => (body.tools ?? body.toolConfig.tools.map((t) => t.toolSpec)).map((t) => t.name));
    assert.deepEqual(names, [['first'], ['first', 'late'], ['first', 'late']]);
    assert.match(eye.seen.at(-1).changes, /map:tool_addition/);
  });

  test(`${model}: parse() of a type with limits`, { skip: n ? FULL : false }, async () => {
    const { eye, client } = await begin();
    const type = z.object({ city: z.string().min(2).max(40), degrees: z.number().int().min(-60).max(60), words: z.array(z.string()).max(3), next: z.object({ day: z.string() }).nullable() });
    const value = { city: 'Ulm', degrees: 7, words: ['wet'], next: null };
    const answer = await client.beta.messages.parse({ model, max_tokens: 1000, messages: [{ role: 'user', content: `say: ${JSON.stringify(value)}` }],
      output_config: { format: betaZodOutputFormat(type) } });
    await eye.close();
    assert.deepEqual(answer.parsed_output, value);
    const [{ body }] = await judged();
    const text = JSON.stringify(body);
    assert.match(text, /degrees/);
    assert.equal(eye.seen[0].body.output_config.format.type, 'json_schema');
  });
}
