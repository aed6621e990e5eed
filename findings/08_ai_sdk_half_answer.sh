#!/usr/bin/env bash
# The AI SDK's `await result.text` gives half an answer as if it were whole, when the stream breaks off with an error.
#
# Software: ai 7.0.173, @ai-sdk/openai 4.0.118, @ai-sdk/openai-compatible 3.0.92, @ai-sdk/anthropic 4.0.105 (npm).
# Input:    streamText against servers that (a) answer 500 with an error body, (b) stream "Half" and then the error (Chat Completions: a chunk
#           {"error": ...}; Messages: `event: error`), (c) stream the error at once, (d) stream "Half" and end without a last word.
# Seen:     (a) result.text rejects. (b) it resolves to "Half", and so do result.steps and the loop over textStream: nothing throws. The error is
#           told to onError (by default it is printed) and in finishReason "error" only. (c) differs by provider: openai-compatible resolves to
#           "", the two others reject. (d) "Half" as well: openai-compatible calls it an error; the two others have a finishReason that is not
#           "stop" but "interrupted", and onError is not called.
# Why:      one and the same failure of a gateway's upstream is an exception or a good-looking answer, depending on when it comes; and once a
#           stream has begun no gateway can tell it otherwise. `const text = await streamText(...).text` stores and shows half answers: look at
#           finishReason, where only "stop" (and "tool-calls") is whole.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install ai@7.0.173 @ai-sdk/openai@4.0.118 @ai-sdk/openai-compatible@3.0.92 @ai-sdk/anthropic@4.0.105
cat >program.mjs <<'END'
import http from 'node:http';
import { createRequire } from 'node:module';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;
const require = createRequire(import.meta.url);
for (const name of ['ai', '@ai-sdk/openai', '@ai-sdk/openai-compatible', '@ai-sdk/anthropic'])
  console.log(name, require(`./node_modules/${name}/package.json`).version);

const error = { message: 'words', type: 'server_error', code: null, param: null };
const chat = {
  start: [], error: { error },
  half: [{ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm',
    choices: [{ index: 0, delta: { role: 'assistant', content: 'Half' }, finish_reason: null }] }],
};
const messages = {
  start: [{ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [],
    stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } }],
  error: { type: 'error', error: { type: 'api_error', message: 'words' } },
  half: [{ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Half' } }],
};
const providers = {
  'openai (chat)': [chat, (baseURL) => createOpenAI({ baseURL, apiKey: 'key' }).chat('m')],
  'openai-compatible': [chat, (baseURL) => createOpenAICompatible({ name: 'own', baseURL, apiKey: 'key' })('m')],
  'anthropic': [messages, (baseURL) => createAnthropic({ baseURL, apiKey: 'key' })('m')],
};
const stream = (response, events) => response.writeHead(200, { 'content-type': 'text/event-stream' })
  .end(events.map((e) => (e.type ? `event: ${e.type}\n` : '') + `data: ${JSON.stringify(e)}\n\n`).join(''));
const ways = {
  '(a) 500': (response, said) => response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(said.error)),
  '(b) half, then the error': (response, said) => stream(response, [...said.start, ...said.half, said.error]),
  '(c) the error at once': (response, said) => stream(response, [said.error]),
  '(d) half, then the end': (response, said) => stream(response, [...said.start, ...said.half]),
};
for (const [way, answer] of Object.entries(ways)) {
  console.log(way);
  for (const [provider, [said, model]] of Object.entries(providers)) {
    const server = http.createServer((request, response) => request.resume().on('end', () => answer(response, said)));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    let told = 'nothing';
    const result = streamText({ model: model(`http://127.0.0.1:${server.address().port}/v1`), prompt: 'hi', maxRetries: 0,
      onError: () => { told = 'the error'; } });
    let loop = '';
    try { for await (const text of result.textStream) loop += text; } catch { loop = 'an exception'; }
    const show = (promise) => Promise.resolve(promise).then(JSON.stringify, (e) => `rejected, ${e.name}`);
    console.log(`  ${provider}: text ${await show(result.text)}; loop "${loop}"; finishReason ${await show(result.finishReason)}; onError ${told}`);
    server.closeAllConnections();
    server.close();
  }
}
END
timeout 60 node program.mjs >seen
holds <<'END'
ai 7.0.173
@ai-sdk/openai 4.0.118
@ai-sdk/openai-compatible 3.0.92
@ai-sdk/anthropic 4.0.105
(a) 500
  openai (chat): text rejected, AI_NoOutputGeneratedError; loop ""; finishReason rejected, AI_NoOutputGeneratedError; onError the error
  openai-compatible: text rejected, AI_NoOutputGeneratedError; loop ""; finishReason rejected, AI_NoOutputGeneratedError; onError the error
  anthropic: text rejected, AI_NoOutputGeneratedError; loop ""; finishReason rejected, AI_NoOutputGeneratedError; onError the error
(b) half, then the error
  openai (chat): text "Half"; loop "Half"; finishReason "error"; onError the error
  openai-compatible: text "Half"; loop "Half"; finishReason "error"; onError the error
  anthropic: text "Half"; loop "Half"; finishReason "error"; onError the error
(c) the error at once
  openai (chat): text rejected, AI_NoOutputGeneratedError; loop ""; finishReason rejected, AI_NoOutputGeneratedError; onError the error
  openai-compatible: text ""; loop ""; finishReason "error"; onError the error
  anthropic: text rejected, AI_NoOutputGeneratedError; loop ""; finishReason rejected, AI_NoOutputGeneratedError; onError the error
(d) half, then the end
  openai (chat): text "Half"; loop "Half"; finishReason "interrupted"; onError nothing
  openai-compatible: text "Half"; loop "Half"; finishReason "error"; onError the error
  anthropic: text "Half"; loop "Half"; finishReason "interrupted"; onError nothing
END
