// Anthropic's TypeScript SDK, the current major (Bearer, version 2026-10-21) and 0.x (x-api-key, 2023-06-01),
// against the converter, on the InvokeModel path and on the Converse path.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import * as current from '@anthropic-ai/sdk';
import * as old from 'anthropic-sdk-0';
import { API_KEY, BASE_URL, CONVERSE_MODEL, MODEL, PIXEL, faulty, faultyConverse, ledger, reset, upstreamBody } from './bed.mjs';

const WEATHER = {
  name: 'get_weather',
  description: 'Weather of a city',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const user = (content) => [{ role: 'user', content }];
const textOf = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');

function suite(name, sdk) {
  const make = (more = {}) => new sdk.default({ apiKey: API_KEY, baseURL: BASE_URL, maxRetries: 0, ...more });
  const client = make();
  const ask = (content, more = {}) =>
    client.messages.create({ model: MODEL, max_tokens: 1000, messages: user(content), ...more });
  const stream = (content, more = {}) =>
    client.messages.stream({ model: MODEL, max_tokens: 1000, messages: user(content), ...more });
  const failure = async (promise) => promise.then(() => assert.fail('no error'), (e) => e);

  describe(name, () => {
    beforeEach(reset);

    for (const [path, model] of [['InvokeModel', MODEL], ['Converse', CONVERSE_MODEL]]) {
      describe(path, () => {
        test('message', async () => {
          const message = await ask('say: Grüße \u{1f600}', { model });
          assert.equal(message.type, 'message');
          assert.equal(textOf(message), 'Grüße \u{1f600}');
          assert.equal(message.stop_reason, 'end_turn');
          assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
          assert.match(message._request_id, /^req_/);
        });

        test('stream helper gives the final message', async () => {
          const deltas = [];
          const helper = stream('say: one two three four five six seven', { model }).on('text', (t) => deltas.push(t));
          const message = await helper.finalMessage();
          assert.equal(textOf(message), 'one two three four five six seven');
          assert.equal(deltas.join(''), textOf(message));
          assert.ok(deltas.length > 1);
          assert.equal(message.stop_reason, 'end_turn');
          assert.ok(message.usage.output_tokens > 1);
        });

        test('raw events come in order', async () => {
          const types = [];
          for await (const event of await ask('x', { model, stream: true })) types.push(event.type);
          const runs = types.filter((t, i) => t !== 'ping' && t !== types[i - 1]);
          assert.deepEqual(runs, ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop',
            'message_delta', 'message_stop']);
        });

        test('tool call, its result, and the answer', async () => {
          const tools = [WEATHER];
          const question = 'use tool get_weather {"city":"Köln","days":[1,2]}';
          const call = await ask(question, { model, tools });
          const use = call.content.find((b) => b.type === 'tool_use');
          assert.equal(call.stop_reason, 'tool_use');
          assert.deepEqual(use.input, { city: 'Köln', days: [1, 2] });
          const messages = [...user(question), { role: 'assistant', content: call.content },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'sunny' }] }];
          assert.equal(textOf(await ask('', { model, tools, messages })), 'The tool said: sunny');
        });

        test('two tool calls streamed, one without arguments', async () => {
          const tools = [WEATHER, { name: 'now', input_schema: { type: 'object' } }];
          const message = await stream('use tool get_weather {"city":"Rom"} use tool now', { model, tools }).finalMessage();
          const uses = message.content.filter((b) => b.type === 'tool_use');
          assert.deepEqual(uses.map((b) => [b.name, b.input]), [['get_weather', { city: 'Rom' }], ['now', {}]]);
          assert.equal(message.stop_reason, 'tool_use');
        });

        test('stop sequence', async () => {
          const message = await ask('say: one END two', { model, stop_sequences: ['END'] });
          assert.equal(message.stop_reason, 'stop_sequence');
          assert.equal(textOf(message), 'one ');
        });

        test('max_tokens', async () => {
          assert.equal((await ask('say: one two three four five', { model, max_tokens: 2 })).stop_reason, 'max_tokens');
        });

        test('an image travels', async () => {
          const source = { type: 'base64', media_type: 'image/png', data: PIXEL };
          await ask([{ type: 'image', source }, { type: 'text', text: 'what is it' }], { model });
          assert.ok(JSON.stringify(await upstreamBody()).includes(PIXEL));
        });
      });
    }

    test('thinking, streamed and not', async () => {
      const thinking = { type: 'enabled', budget_tokens: 1024 };
      const more = { thinking, max_tokens: 4000 };
      for (const message of [await ask('x', more), await stream('x', more).finalMessage()]) {
        assert.equal(message.content[0].type, 'thinking');
        assert.ok(message.content[0].thinking.length > 0 && message.content[0].signature.length > 0);
        assert.equal(textOf(message), 'Echo: x');
      }
    });

    test('cache marks show in usage', async () => {
      const system = [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }];
      const { usage } = await ask('x', { system });
      assert.equal(usage.cache_read_input_tokens, 64);
      assert.equal(usage.cache_creation_input_tokens, 32);
    });

    test('the model list can be walked', async () => {
      const ids = [];
      for await (const model of client.models.list({ limit: 100 })) ids.push(model.id);
      assert.ok(ids.some((id) => id.includes('claude')));
    });

    // Each row: who is asked, status (null: any 5xx, 0: any error), and the SDK's class for it.
    const ERRORS = [
      ['validation', () => ask('x', { model: faulty('validation') }), 400, sdk.BadRequestError],
      ['too long', () => ask('x', { model: faulty('too-long') }), 400, sdk.BadRequestError],
      ['wrong key', () => make({ apiKey: 'sk-wrong' }).messages.create({ model: MODEL, max_tokens: 1, messages: user('x') }),
        401, sdk.AuthenticationError],
      ['denied', () => ask('x', { model: faulty('denied') }), 404, sdk.NotFoundError],
      ['not found', () => ask('x', { model: faulty('notfound') }), 404, sdk.NotFoundError],
      ['no such model', () => ask('x', { model: 'no such model' }), 404, sdk.NotFoundError],
      ['throttled', () => ask('x', { model: faulty('throttle') }), 429, sdk.RateLimitError],
      ['quota', () => ask('x', { model: faulty('quota') }), 429, sdk.RateLimitError],
      ['internal', () => ask('x', { model: faulty('internal') }), 500, sdk.InternalServerError],
      ['HTML with 500', () => ask('x', { model: faulty('html-500') }), null, sdk.APIError],
      ['HTML with 200', () => ask('x', { model: faulty('html-200') }), null, sdk.APIError],
      ['HTML with 403', () => ask('x', { model: faulty('html-403') }), 0, sdk.APIError],
      ['body cut', () => ask('x', { model: faulty('cutbody') }), null, sdk.APIError],
      ['connection reset', () => ask('x', { model: faulty('cut-20') }), null, sdk.APIError],
      ['unavailable', () => ask('x', { model: faulty('unavailable') }), 529, sdk.APIError],
      ['converse throttled', () => ask('x', { model: faultyConverse('throttle') }), 429, sdk.RateLimitError],
    ];
    for (const [what, run, status, type] of ERRORS) {
      test(`error: ${what}`, async () => {
        const error = await failure(run());
        assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
        if (status) assert.equal(error.status, status);
        else assert.ok(error.status >= (status === null ? 500 : 400), `${error.status}`);
        assert.equal(error.error.type, 'error');
        assert.match(error.error.error.type, /^[a-z_]+$/);
        assert.match(error.requestID, /^req_/);
        assert.doesNotMatch(error.message, /arn:aws|123456789012|<html/);
      });
    }

    for (const [what, model] of [
      ['throttled', faulty('tokens-9--stream-throttle-3')],
      ['model failed', faulty('tokens-9--stream-model-error-3')],
      ['bad checksum', faulty('tokens-9--bad-crc-3')],
      ['no end', faulty('tokens-9--missing-end')],
      ['reset', faulty('tokens-99--cut-4000')],
      ['Converse, throttled', faultyConverse('tokens-9--stream-throttle-3')],
      ['Converse, no end', faultyConverse('tokens-9--missing-end')],
    ]) {
      test(`error inside the stream: ${what}`, async () => {
        const error = await failure(stream('x', { model }).finalMessage());
        assert.ok(error instanceof sdk.APIError, `${error.constructor.name}: ${error.message}`);
        assert.match(error.message, /"type":"error"|_error/);
      });
    }

    test('a retried 429 succeeds', async () => {
      const retrying = make({ maxRetries: 2 });
      const model = faulty('throttle-once');
      const message = await retrying.messages.create({ model, max_tokens: 10, messages: user('x') });
      assert.equal(message.type, 'message');
    });

    test('leaving a stream stops it upstream', async () => {
      const events = await ask('x', { model: faulty('tokens-500--pace-20'), stream: true });
      for await (const event of events) if (event.type === 'content_block_delta') break;
      events.controller.abort();
      let now;
      for (let i = 0; i < 500 && !(now = await ledger()).aborts; i++) await new Promise((r) => setTimeout(r, 20));
      assert.equal(now.aborts, 1);
      assert.equal(now.streams_open, 0);
    });
  });
}

suite('SDK 1.x', current);
suite('SDK 0.x', old);
