#!/usr/bin/env bash
# LangChain's JavaScript client fetches a tokenizer from the internet before it gives out an answer that it has.
#
# Software: @langchain/openai 1.6.0, @langchain/core 1.4.0 (npm).
# Input:    one Chat Completions call to a server on loopback that streams a good answer and tells its usage at the end. `fetch` lets loopback
#           through and fails for every other host, as in a closed network; timers are recorded and run at once, so that nobody waits.
# Seen:     model.stream() asks nobody else. invoke() of the same model with `streaming: true` has the whole answer and its usage, then counts
#           tokens itself: 14 fetches of a tokenizer from tiktoken.pages.dev, two times seven with pauses that double (1 s, 2 s, ... 32 s, each
#           up to twice as long by chance). Only then the caller gets the answer. The next call does it all again. The estimate goes into
#           response_metadata.estimatedTokenUsage, beside the true usage; the vocabulary asked for is gpt2's, for gpt-4o too.
# Why:      behind a gateway in a closed network each call takes more than two minutes, and the gateway's log shows a fast, good answer. With a
#           network it is an unasked-for request to a third party, and an estimate by a vocabulary that no model of today has. Use stream(), or leave
#           `streaming` out.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install @langchain/openai@1.6.0 @langchain/core@1.4.0
cat >program.mjs <<'END'
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
for (const name of ['@langchain/openai', '@langchain/core']) console.log(name, require(`./node_modules/${name}/package.json`).version);

const elsewhere = {}; // what is asked of the world
const loopback = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const url = new URL(input.url ?? input);
  if (url.hostname === '127.0.0.1') return loopback(input, init);
  elsewhere[url] = (elsewhere[url] ?? 0) + 1;
  throw new TypeError('fetch failed');
};
let paused = 0; // ms that would have been waited, at least: the pauses are multiplied by a random 1 to 2
const timer = globalThis.setTimeout;
globalThis.setTimeout = (call, ms, ...more) => {
  if (ms < 500 || ms > 100_000) return timer(call, ms, ...more);
  paused += ms;
  return timer(call, 0, ...more);
};
console.warn = () => {};
const { ChatOpenAI } = await import('@langchain/openai');

const base = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const chunks = [
  { ...base, choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: null }] },
  { ...base, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  { ...base, choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } },
];
const server = http.createServer((request, response) => request.resume().on('end', () => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
    .end(chunks.map((c) => `data: ${JSON.stringify(c)}\n\n`).join('') + 'data: [DONE]\n\n');
}));
await new Promise((done) => server.listen(0, '127.0.0.1', done));

async function show(title, name, streaming, call) {
  const model = new ChatOpenAI({ model: name, apiKey: 'key', maxRetries: 0, streaming,
    configuration: { baseURL: `http://127.0.0.1:${server.address().port}/v1` } });
  paused = 0;
  for (const url of Object.keys(elsewhere)) delete elsewhere[url];
  const answer = await call(model);
  console.log(title);
  console.log('  usage', answer.usage_metadata.input_tokens, answer.usage_metadata.output_tokens);
  console.log('  estimated', JSON.stringify(answer.response_metadata.estimatedTokenUsage));
  console.log('  asked elsewhere', JSON.stringify(elsewhere), paused > 120_000 ? 'pauses of more than two minutes' : `pauses of ${paused} ms`);
}
await show('stream()', 'gpt-4o', undefined, async (model) => {
  let whole;
  for await (const chunk of await model.stream('hi')) whole = whole ? whole.concat(chunk) : chunk;
  return whole;
});
await show('invoke() with streaming: true', 'gpt-4o', true, (model) => model.invoke('hi'));
await show('again, another model', 'qwen3-32b', true, (model) => model.invoke('hi'));
server.closeAllConnections();
server.close();
END
timeout 60 node program.mjs >seen
holds <<'END'
@langchain/openai 1.6.0
@langchain/core 1.4.0
stream()
  usage 5 7
  estimated undefined
  asked elsewhere {} pauses of 0 ms
invoke() with streaming: true
  usage 5 7
  estimated {"promptTokens":8,"completionTokens":2,"totalTokens":10}
  asked elsewhere {"https://tiktoken.pages.dev/js/gpt2.json":14} pauses of more than two minutes
again, another model
  usage 5 7
  estimated {"promptTokens":8,"completionTokens":2,"totalTokens":10}
  asked elsewhere {"https://tiktoken.pages.dev/js/gpt2.json":14} pauses of more than two minutes
END
