#!/usr/bin/env bash
# AWS's JavaScript client for Bedrock speaks HTTP/2 to an http:// endpoint without asking whether it can.
#
# Software: @aws-sdk/client-bedrock-runtime 3.1164.0, @smithy/node-http-handler 4.14.2 (npm).
# Input:    one Converse call, its endpoint an HTTP/1.1 server on loopback that answers with a good Converse answer.
# Seen:     the first bytes on the wire are the HTTP/2 preface ("PRI * HTTP/2.0"): no Upgrade, no ALPN (there is no TLS), no
#           second try. The server cannot know them; the call ends in "Protocol error", a bare Error without a code of AWS's.
#           With requestHandler: new NodeHttpHandler() the same call is an HTTP/1.1 request and works.
# Why:      the service has a bidirectional operation, so its client brings an HTTP/2 handler as the default for all of them
#           (most other clients of the SDK do not). A stand-in, proxy or gateway for Bedrock that speaks HTTP/1.1 only works with boto3
#           and with curl, and fails with this client until its user gives it another handler.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install @aws-sdk/client-bedrock-runtime@3.1164.0 @smithy/node-http-handler@4.14.2
cat >program.mjs <<'END'
import { createRequire } from 'node:module';
import net from 'node:net';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const require = createRequire(import.meta.url);
for (const name of ['@aws-sdk/client-bedrock-runtime', '@smithy/node-http-handler'])
  console.log(name, require(`./node_modules/${name}/package.json`).version);

const answer = JSON.stringify({
  output: { message: { role: 'assistant', content: [{ text: 'hi' }] } }, stopReason: 'end_turn',
  usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, metrics: { latencyMs: 1 },
});
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (bytes) => {
    console.log('  the server reads:', bytes.toString('latin1').split('\r\n')[0]);
    socket.end(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\nConnection: close\r\n\r\n${answer}`);
  });
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

for (const [title, more] of [['as it comes', {}], ['with NodeHttpHandler', { requestHandler: new NodeHttpHandler() }]]) {
  console.log(title);
  const client = new BedrockRuntimeClient({
    endpoint: `http://127.0.0.1:${server.address().port}`, region: 'us-east-1', maxAttempts: 1,
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' }, ...more,
  });
  const call = new ConverseCommand({ modelId: 'amazon.nova-lite-v1:0', messages: [{ role: 'user', content: [{ text: 'hi' }] }] });
  await client.send(call).then(
    (good) => console.log('  the caller gets:', good.output.message.content[0].text),
    (bad) => console.log('  the caller gets:', bad.name, bad.message));
}
server.close();
END
timeout 60 node program.mjs >seen
holds <<'END'
@aws-sdk/client-bedrock-runtime 3.1164.0
@smithy/node-http-handler 4.14.2
as it comes
  the server reads: PRI * HTTP/2.0
  the caller gets: Error Protocol error
with NodeHttpHandler
  the server reads: POST /model/amazon.nova-lite-v1%3A0/converse HTTP/1.1
  the caller gets: hi
END
