// The OpenAI SDK on /v1/responses: create, stream (its helper checks the order of events), parse.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { API_KEY, BASE_URL, CLAUDE, MODELS, PIXEL, THOUGHT, failure, faulty, reset, upstreamBody } from './bed.mjs';

const client = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
const weather = { type: 'function', name: 'weather', strict: false, description: 'Weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } } };
const patch = { type: 'custom', name: 'patch', description: 'edits', format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' } };
const reasoning = { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
const sums = ({ usage: u }) => assert.ok(u.input_tokens > 0 && u.total_tokens === u.input_tokens + u.output_tokens);
beforeEach(reset);

for (const model of MODELS) {
  const create = (body) => client.responses.create({ model, ...body });

  test(`${model}: create`, async () => {
    const answer = await create({ input: 'say: guten Tag' });
    assert.equal(answer.output_text, 'guten Tag');
    assert.equal(answer.status, 'completed');
    assert.equal(answer.model, model);
    assert.ok(answer._request_id);
    sums(answer);
  });

  test(`${model}: create, streamed`, async () => {
    const events = [];
    for await (const e of await create({ input: 'say: one two three four', stream: true })) events.push(e);
    assert.equal(events[0].type, 'response.created');
    assert.equal(events.at(-1).type, 'response.completed');
    assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'one two three four');
    events.forEach((e, i) => assert.equal(e.sequence_number, i));
    sums(events.at(-1).response);
  });

  test(`${model}: the stream helper, text and tools`, async () => {
    const stream = client.responses.stream({ model, tools: [weather, patch],
      input: 'use tool weather {"city":"Ulm"} use tool patch {"input":"*** Begin"} use tool weather {"city":"Bonn"}' });
    let snapshot = '';
    stream.on('response.function_call_arguments.delta', (e) => (snapshot = e.snapshot));
    const { output } = await stream.finalResponse();
    assert.deepEqual(output.filter((i) => i.type === 'function_call').map((i) => JSON.parse(i.arguments)), [{ city: 'Ulm' }, { city: 'Bonn' }]);
    assert.deepEqual(output.filter((i) => i.type === 'custom_tool_call').map((i) => [i.name, i.input]), [['patch', '*** Begin']]);
    assert.deepEqual(JSON.parse(snapshot), { city: 'Bonn' });
  });

  test(`${model}: calls, their results, the end`, async () => {
    const input = [{ role: 'user', content: 'use tool weather {"city":"Bonn"} use tool patch {"input":"*** Begin"}' }];
    const first = await create({ input, tools: [weather, patch] });
    input.push(...first.output);
    for (const item of first.output) {
      if (item.type === 'function_call') input.push({ type: 'function_call_output', call_id: item.call_id, output: 'sunny' });
      if (item.type === 'custom_tool_call') input.push({ type: 'custom_tool_call_output', call_id: item.call_id, output: 'Done' });
    }
    const second = await create({ input, tools: [weather, patch] });
    assert.match(second.output_text, /The tool said: "?(sunny|Done)/);
    const { messages } = await upstreamBody();
    assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user']);
    assert.equal(messages[1].content.filter((b) => b.toolUse).length, 2);
    assert.equal(messages[2].content.filter((b) => b.toolResult).length, 2);
  });

  test(`${model}: parse`, async () => {
    const { output_parsed } = await client.responses.parse({ model, input: 'say: {"city":"Bonn","sunny":true}',
      text: { format: zodTextFormat(z.object({ city: z.string(), sunny: z.boolean() }), 'weather') } });
    assert.deepEqual(output_parsed, { city: 'Bonn', sunny: true });
  });

  test(`${model}: the maximum is reached`, async () => {
    const stream = client.responses.stream({ model, max_output_tokens: 16, input: `say: ${'many words '.repeat(30)}` });
    const answer = await stream.finalResponse();
    assert.equal(answer.status, 'incomplete');
    assert.equal(answer.incomplete_details.reason, 'max_output_tokens');
    assert.ok(answer.output_text.length > 0);
  });
}

test('thinking: shown, sent back, forwarded as it was', async () => {
  const input = [{ role: 'user', content: 'use tool weather {"city":"Bonn"}' }];
  const first = await client.responses.stream({ model: CLAUDE, input, tools: [weather], store: false, ...reasoning }).finalResponse();
  assert.equal(first.output[0].type, 'reasoning');
  assert.equal(first.output[0].summary[0].text, THOUGHT);
  input.push(...first.output, { type: 'function_call_output', call_id: first.output.at(-1).call_id, output: 'sunny' });
  await client.responses.create({ model: CLAUDE, input, tools: [weather], store: false, ...reasoning });
  const [block] = (await upstreamBody()).messages[1].content;
  assert.equal(block.reasoningContent.reasoningText.text, THOUGHT);
  assert.ok(block.reasoningContent.reasoningText.signature.length > 0);
});

test('an image and a file as data URLs; a real URL is refused', async () => {
  const ask = (...content) => client.responses.create({ model: CLAUDE, input: [{ role: 'user', content }] });
  await ask({ type: 'input_text', text: 'what?' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${PIXEL}` },
    { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${btoa('%PDF-1.4\n%%EOF\n')}` });
  const { content } = (await upstreamBody()).messages[0];
  assert.equal(content[1].image.format, 'png');
  assert.equal(content[2].document.format, 'pdf');
  const e = await failure(ask({ type: 'input_image', detail: 'auto', image_url: 'https://example.com/a.png' }));
  assert.equal(e.status, 400);
  assert.match(e.param, /^input\[0\]\.content\[0\]/);
});

test('every error has its class and code', async () => {
  const ask = (body) => failure(client.responses.create({ model: CLAUDE, input: 'x', ...body }));
  const bad = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
  const key = await failure(bad.responses.create({ model: CLAUDE, input: 'x' }));
  assert.ok(key instanceof OpenAI.AuthenticationError && key.code === 'invalid_api_key');
  for (const model of ['gpt-unknown', faulty('denied'), faulty('notfound')]) {
    const e = await ask({ model });
    assert.ok(e instanceof OpenAI.BadRequestError && e.code === 'model_not_found', `${model}: ${e}`);
    assert.doesNotMatch(e.message, /arn:aws|123456789012/);
  }
  const rate = await ask({ model: faulty('throttle') });
  assert.ok(rate instanceof OpenAI.RateLimitError && rate.code === 'rate_limit_exceeded');
  assert.equal((await ask({ model: faulty('too-long') })).code, 'context_length_exceeded');
  assert.equal((await ask({ previous_response_id: 'resp_1' })).param, 'previous_response_id');
  assert.ok((await ask({ model: faulty('internal') })) instanceof OpenAI.InternalServerError);
  assert.ok((await failure(client.responses.retrieve('resp_1'))) instanceof OpenAI.NotFoundError);
});

for (const fault of ['stream-throttle', 'stream-internal', 'cut', 'truncated-frame', 'missing-end']) {
  test(`${fault}: a stream that breaks is raised, by the helper and by the plain loop`, async () => {
    const body = { model: faulty(fault), input: 'say: one two three four five' };
    const e = await failure(client.responses.stream(body).finalResponse());
    assert.ok(e instanceof OpenAI.APIError, `${e?.constructor?.name}: ${e}`);
    await assert.rejects(async () => { for await (const _ of await client.responses.create({ ...body, stream: true })); }, OpenAI.APIError);
  });
}
