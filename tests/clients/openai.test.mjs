// The OpenAI SDK, this major and 4.x, on /v1/chat/completions: non-Claude models and Claude, all by Converse.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import OpenAI6 from 'openai';
import OpenAI4 from 'openai-4';
import { API_KEY, BASE_URL, CONVERSE_MODEL, MODEL, PIXEL, faultyConverse, reset, upstreamBody } from './bed.mjs';

beforeEach(reset);
const weather = {
  type: 'function',
  function: { name: 'weather', description: 'Weather of a city', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};
const user = (content) => [{ role: 'user', content }];

for (const [name, OpenAI] of [['openai 6', OpenAI6], ['openai 4', OpenAI4]]) {
  const client = new OpenAI({ apiKey: API_KEY, baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
  const create = (body) => client.chat.completions.create({ model: CONVERSE_MODEL, ...body });

  for (const model of [CONVERSE_MODEL, MODEL]) {
    test(`${name}: ${model}: a whole answer`, async () => {
      const answer = await create({ model, messages: user('say: guten Tag') });
      assert.equal(answer.object, 'chat.completion');
      assert.equal(answer.model, model);
      assert.equal(answer.choices[0].message.content, 'guten Tag');
      assert.equal(answer.choices[0].finish_reason, 'stop');
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
      assert.ok(answer._request_id);
    });

    test(`${name}: ${model}: a stream with usage`, async () => {
      const chunks = [];
      const stream = await create({
        model, messages: user('say: one two three four'), stream: true, stream_options: { include_usage: true } });
      for await (const chunk of stream) chunks.push(chunk);
      assert.equal(chunks[0].choices[0].delta.role, 'assistant');
      assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), 'one two three four');
      assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
      assert.deepEqual(chunks.at(-1).choices, []);
      assert.ok(chunks.at(-1).usage.prompt_tokens > 0);
      assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    });
  }

  test(`${name}: no usage chunk unless asked for`, async () => {
    const stream = await create({ messages: user('say: x'), stream: true });
    for await (const chunk of stream) assert.equal(chunk.choices.length, 1);
  });

  test(`${name}: a tool call, its result, the end`, async () => {
    const messages = user('use tool weather {"city":"Bonn"}');
    const first = await create({ messages, tools: [weather] });
    const [call] = first.choices[0].message.tool_calls;
    assert.equal(first.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.type, 'function');
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Bonn' });
    messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'sunny' });
    const second = await create({ messages, tools: [weather] });
    assert.match(second.choices[0].message.content, /The tool said: "?sunny/);
  });

  test(`${name}: a streamed tool call`, async () => {
    const stream = await create({ messages: user('use tool weather {"city":"Ulm"}'), tools: [weather], stream: true });
    let call, args = '', finish;
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      const part = choice.delta.tool_calls?.[0];
      if (part?.id) call = part;
      args += part?.function?.arguments ?? '';
      finish = choice.finish_reason ?? finish;
    }
    assert.equal(call.index, 0);
    assert.equal(call.function.name, 'weather');
    assert.deepEqual(JSON.parse(args), { city: 'Ulm' });
    assert.equal(finish, 'tool_calls');
  });

  test(`${name}: parallel results become one user turn`, async () => {
    await create({
      tools: [weather],
      messages: [
        { role: 'user', content: 'two cities' },
        { role: 'assistant', content: '', tool_calls: ['a', 'b'].map((id) => ({ id, type: 'function', function: { name: 'weather', arguments: '' } })) },
        { role: 'tool', tool_call_id: 'a', content: 'sunny' },
        { role: 'tool', tool_call_id: 'b', content: 'rain' },
      ],
    });
    const { messages } = await upstreamBody();
    assert.deepEqual(messages.map((m) => m.role), ['user', 'assistant', 'user']);
    assert.equal(messages[1].content.filter((b) => b.text !== undefined).length, 0);
    assert.deepEqual(messages[2].content.map((b) => b.toolResult.toolUseId), ['a', 'b']);
  });

  test(`${name}: an image as data URL; a real URL is refused`, async () => {
    const image = (url) => user([{ type: 'text', text: 'what is it?' }, { type: 'image_url', image_url: { url } }]);
    await create({ messages: image(`data:image/png;base64,${PIXEL}`) });
    assert.equal((await upstreamBody()).messages[0].content[1].image.format, 'png');
    await assert.rejects(create({ messages: image('https://example.com/a.png') }), (e) => e.status === 400);
  });

  test(`${name}: every error has its class and code`, async () => {
    const bad = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${BASE_URL}/v1`, maxRetries: 0 });
    await assert.rejects(bad.chat.completions.create({ model: CONVERSE_MODEL, messages: user('x') }),
      (e) => e instanceof OpenAI.AuthenticationError && e.code === 'invalid_api_key');
    await assert.rejects(create({ model: 'gpt-unknown', messages: user('x') }),
      (e) => e instanceof OpenAI.NotFoundError && e.code === 'model_not_found');
    await assert.rejects(create({ messages: [] }), (e) => e instanceof OpenAI.BadRequestError);
    await assert.rejects(create({ messages: user('x'), n: 2 }), (e) => e instanceof OpenAI.BadRequestError);
    await assert.rejects(create({ model: faultyConverse('throttle'), messages: user('x') }),
      (e) => e instanceof OpenAI.RateLimitError && e.code === 'rate_limit_exceeded');
    await assert.rejects(create({ model: faultyConverse('internal'), messages: user('x') }),
      (e) => e instanceof OpenAI.InternalServerError);
  });

  test(`${name}: an error inside the stream is raised`, async () => {
    const stream = await create({ model: faultyConverse('stream-throttle'), messages: user('x'), stream: true });
    await assert.rejects(async () => { for await (const _ of stream); });
  });

  test(`${name}: models`, async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes('claude-sonnet-4-5'));
    assert.equal((await client.models.retrieve(CONVERSE_MODEL)).id, CONVERSE_MODEL);
    await assert.rejects(client.models.retrieve('nothing'), (e) => e.status === 404);
  });
}
