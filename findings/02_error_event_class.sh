#!/usr/bin/env bash
# Anthropic's SDKs raise another class for the same error, when it comes inside a stream.
#
# Software: anthropic 2.14.0 (PyPI), @anthropic-ai/sdk 1.14.0 (npm).
# Input:    the documented error body {"type":"error","error":{"type":"overloaded_error",...}}: once as an HTTP answer (529, 429, 500),
#           once as the documented `event: error` behind a good message_start of a stream (HTTP 200).
# Seen:     as an answer it is OverloadedError, RateLimitError, InternalServerError, with that status. As an event it is the bare base
#           class: APIStatusError with status_code 200 in Python, APIError with status undefined in Node. Neither SDK repeats it.
#           Only the field `type` of the error is the same in all cases.
# Why:      `except anthropic.OverloadedError`, `if status >= 500` and retry tables by class never see the commonest failure of a long
#           stream. A gateway cannot help it: once a stream has begun, its status is sent. Decide by `error.type`.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install @anthropic-ai/sdk@1.14.0
pip_install anthropic==2.14.0
cat >program.py <<'END'
import anthropic
from server import Server, document, stream

print("anthropic", anthropic.__version__)
START = {"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1}}}
for kind, status in ("overloaded_error", 529), ("rate_limit_error", 429), ("api_error", 500):
    error = {"type": "error", "error": {"type": kind, "message": "words"}}
    for way, answer in ("answer", document(status, error, x_should_retry="false")), ("event ", stream(START, error)):
        server = Server(answer)
        client = anthropic.Anthropic(api_key="key", base_url=server.url)
        try:
            with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as events:
                for _ in events:
                    pass
        except anthropic.APIError as e:
            print(f"{way} {kind}: {type(e).__name__} {e.status_code}, type {e.type}, requests {server.requests}")
END
cat >program.mjs <<'END'
import http from 'node:http';
import { createRequire } from 'node:module';
import Anthropic from '@anthropic-ai/sdk';

console.log('@anthropic-ai/sdk', createRequire(import.meta.url)('./node_modules/@anthropic-ai/sdk/package.json').version);
const event = (e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`;
const START = { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [],
  stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } };
for (const [kind, status] of [['overloaded_error', 529], ['rate_limit_error', 429], ['api_error', 500]]) {
  const error = { type: 'error', error: { type: kind, message: 'words' } };
  for (const way of ['answer', 'event ']) {
    let requests = 0;
    const server = http.createServer((request, response) => {
      requests++;
      request.resume().on('end', () => way === 'answer'
        ? response.writeHead(status, { 'content-type': 'application/json', 'x-should-retry': 'false' }).end(JSON.stringify(error))
        : response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event(START) + event(error)));
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const client = new Anthropic({ apiKey: 'key', baseURL: `http://127.0.0.1:${server.address().port}` });
    await client.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }).finalMessage()
      .catch((e) => console.log(`${way} ${kind}: ${e.constructor.name} ${e.status}, type ${e.type}, requests ${requests}`));
    server.closeAllConnections();
    server.close();
  }
}
END
timeout 60 "$PYTHON" program.py >seen
timeout 60 node program.mjs >>seen
holds <<'END'
anthropic 2.14.0
answer overloaded_error: OverloadedError 529, type overloaded_error, requests 1
event  overloaded_error: APIStatusError 200, type overloaded_error, requests 1
answer rate_limit_error: RateLimitError 429, type rate_limit_error, requests 1
event  rate_limit_error: APIStatusError 200, type rate_limit_error, requests 1
answer api_error: InternalServerError 500, type api_error, requests 1
event  api_error: APIStatusError 200, type api_error, requests 1
@anthropic-ai/sdk 1.14.0
answer overloaded_error: OverloadedError 529, type overloaded_error, requests 1
event  overloaded_error: APIError undefined, type overloaded_error, requests 1
answer rate_limit_error: RateLimitError 429, type rate_limit_error, requests 1
event  rate_limit_error: APIError undefined, type rate_limit_error, requests 1
answer api_error: InternalServerError 500, type api_error, requests 1
event  api_error: APIError undefined, type api_error, requests 1
END
