#!/usr/bin/env bash
# fetch of Node 20 takes a stream that was cut for a whole one, if the answer said `connection: close`.
#
# Software: Node 20.20.2 (undici 6.24.1 in it), the last 20, and Node 22.23.3 (undici 6.28.1), openai 7.59.0, @anthropic-ai/sdk 1.14.0 (npm).
# Input:    a good stream, Chat Completions or Messages, whose server closes the connection in the middle: the body is chunked and its last
#           chunk never comes. Its head says `connection: keep-alive` or `connection: close`.
# Seen:     Node 20: behind keep-alive fetch and both SDKs raise "terminated"; behind close they end without an error, and the loop has half an
#           answer. node:http beside them raises in both cases. Node 22.23.3 raises everywhere; 22.22.2 and 24.15.0 were like 20.
# Why:      `connection: close` is said by servers that drain, by proxies on the last request of a connection and by all that speak to HTTP/1.0
#           clients, so just then when a stream may have to be cut. A gateway that breaks the connection to tell of a failure is not
#           heard; an `error` event is. Whoever reads looks for message_stop, finish_reason, [DONE], and not at how the body ended.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

need node
system=$(node -p 'process.platform + "-" + process.arch')
npm_install "node20@npm:node-$system@20.20.2" "node22@npm:node-$system@22.23.3" openai@7.59.0 @anthropic-ai/sdk@1.14.0
cat >program.mjs <<'END'
import http from 'node:http';
import net from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const data = (value, name) => (name ? `event: ${name}\n` : '') + `data: ${JSON.stringify(value)}\n\n`;
const chat = data({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'Half' }, finish_reason: null }] });
const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } };
const messages = data({ type: 'message_start', message }, 'message_start')
  + data({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, 'content_block_start')
  + data({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Half' } }, 'content_block_delta');

const asked = [{ role: 'user', content: 'hi' }];
const get = (url) => new Promise((resolve, reject) => {
  http.get(url, (answer) => answer.on('error', reject).on('data', () => {}).on('end', resolve)).on('error', reject);
});
const clients = {
  'node:http': [chat, get],
  fetch: [chat, async (url) => { await (await fetch(url)).text(); }],
  'openai, loop': [chat, async (baseURL) => {
    const stream = await new OpenAI({ baseURL, apiKey: 'k', maxRetries: 0 }).chat.completions.create({ model: 'm', messages: asked, stream: true });
    for await (const event of stream) void event;
  }],
  '@anthropic-ai/sdk, loop': [messages, async (baseURL) => {
    const stream = await new Anthropic({ baseURL, apiKey: 'k', maxRetries: 0 }).messages.create({ model: 'm', max_tokens: 9, messages: asked, stream: true });
    for await (const event of stream) void event;
  }],
};
for (const [name, [body, client]] of Object.entries(clients)) {
  const ends = [];
  for (const connection of ['keep-alive', 'close']) {
    const server = net.createServer((socket) => socket.on('error', () => {}).once('data', () => {
      socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: ${connection}\r\n\r\n${chunk(body)}`);
    }));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    let end = 'no error';
    try {
      await client(`http://127.0.0.1:${server.address().port}`);
    } catch (e) {
      end = `${e.constructor.name} "${e.message}"`;
    }
    ends.push(`${connection}: ${end}`);
    server.close();
  }
  console.log(`node ${process.versions.node}, ${name}: ${ends.join('; ')}`);
}
END
for node in node20 node22; do timeout 60 "node_modules/$node/bin/node" program.mjs; done >seen
holds <<'END'
node 20.20.2, node:http: keep-alive: Error "aborted"; close: Error "aborted"
node 20.20.2, fetch: keep-alive: TypeError "terminated"; close: no error
node 20.20.2, openai, loop: keep-alive: TypeError "terminated"; close: no error
node 20.20.2, @anthropic-ai/sdk, loop: keep-alive: TypeError "terminated"; close: no error
node 22.23.3, node:http: keep-alive: Error "aborted"; close: Error "aborted"
node 22.23.3, fetch: keep-alive: TypeError "terminated"; close: TypeError "terminated"
node 22.23.3, openai, loop: keep-alive: TypeError "terminated"; close: TypeError "terminated"
node 22.23.3, @anthropic-ai/sdk, loop: keep-alive: TypeError "terminated"; close: TypeError "terminated"
END
