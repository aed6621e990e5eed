#!/usr/bin/env bash
# The documented `error` event of a Responses stream raises nothing in OpenAI's Python loop, and its helper loses every answer but a completed one.
#
# Software: openai 3.57.0 (PyPI), openai 7.59.0 (npm).
# Input:    responses.create(stream=True) in a loop, and responses.stream() with its final response. One message "Hello", in order and
#           numbered, that ends in (a) response.completed, (b) response.incomplete for max_output_tokens, (c) response.failed with a
#           reason, (d) the event `error` as OpenAI's reference has it: type, code, message, param beside one another; in (e) the same
#           inside a member "error", as other servers write it.
# Seen:     Python's loop raises for (e) and not for (d): the stream ends in peace. Its helper raises RuntimeError ("Didn't receive a
#           `response.completed` event") for (b), (c) and (d): text, status and reason are gone. Node raises APIError for (d) and (e), and
#           gives (b) and (c) back with their text and status.
# Why:      a server that tells a break as the reference says is not heard by loops in Python, which take half an answer for a whole one;
#           `error` as a member is heard by both (both forms fit in one event). And an answer cut by max_output_tokens, an everyday thing,
#           is an exception for Python's helper alone: there the loop's own events have to be kept.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install openai@7.59.0
pip_install openai==3.57.0
cat >program.py <<'END'
import json

import openai
from server import Server, stream

print("openai (Python)", openai.__version__)
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": [], "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "temperature": 1, "top_p": 1}
PART = {"type": "output_text", "text": "", "annotations": []}
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
BEGUN = [{"type": "response.created", "response": RESPONSE}, {"type": "response.in_progress", "response": RESPONSE},
         {"type": "response.output_item.added", "output_index": 0, "item": ITEM},
         {"type": "response.content_part.added", **AT, "part": PART},
         {"type": "response.output_text.delta", **AT, "delta": "Hello", "logprobs": []}]
WHOLE = {**ITEM, "status": "completed", "content": [{**PART, "text": "Hello"}]}
DONE = [{"type": "response.output_text.done", **AT, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **AT, "part": {**PART, "text": "Hello"}},
        {"type": "response.output_item.done", "output_index": 0, "item": WHOLE}]
ERROR = {"code": "server_error", "message": "boom", "param": None}
CASES = {
    "(a) completed": [*DONE, {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": [WHOLE]}}],
    "(b) incomplete": [*DONE, {"type": "response.incomplete", "response": {**RESPONSE, "status": "incomplete", "output": [WHOLE],
                       "incomplete_details": {"reason": "max_output_tokens"}}}],
    "(c) failed": [*DONE, {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "output": [WHOLE],
                   "error": {"code": "server_error", "message": "boom"}}}],
    "(d) error": [{"type": "error", **ERROR}],
    "(e) error, nested": [{"type": "error", "error": {"type": "server_error", **ERROR}}],
}


def numbered(events):
    return stream(*({**e, "sequence_number": n} for n, e in enumerate(events)))


def said(call):
    try:
        return call()
    except Exception as e:
        return f"{type(e).__name__}: {e}"


def loop(client):
    last = ""
    for event in client.responses.create(model="m", input="hi", stream=True):
        last = event.type
    return f"ends with {last}, raises nothing"


def helper(client):
    with client.responses.stream(model="m", input="hi") as events:
        final = events.get_final_response()
    return f"{final.status} {json.dumps(final.output_text)}"


bodies = {}
for title, end in CASES.items():
    answer = numbered(BEGUN + end)
    bodies[title] = answer[2].decode()
    client = openai.OpenAI(api_key="key", base_url=Server(answer).url, max_retries=0)
    print(f"{title}: loop: {said(lambda: loop(client))}; helper: {said(lambda: helper(client))}")
with open("bodies.json", "w") as f:
    json.dump(bodies, f)
END
cat >program.mjs <<'END'
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import OpenAI from 'openai';

console.log('openai (Node)', createRequire(import.meta.url)('./node_modules/openai/package.json').version);
const ask = { model: 'm', input: 'hi' };
const said = (promise) => promise.catch((e) => (e instanceof Error ? `${e.constructor.name}: ${e.message}` : `no Error is thrown, but ${JSON.stringify(e)}`));
async function loop(client) {
  let last = '';
  for await (const event of await client.responses.create({ ...ask, stream: true })) last = event.type;
  return `ends with ${last}, raises nothing`;
}
async function helper(client) {
  const final = await client.responses.stream(ask).finalResponse();
  return `${final.status} ${JSON.stringify(final.output_text)}`;
}
for (const [title, body] of Object.entries(JSON.parse(fs.readFileSync('bodies.json')))) {
  const server = http.createServer((request, response) => request.resume().on('end', () =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body)));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const client = new OpenAI({ apiKey: 'key', baseURL: `http://127.0.0.1:${server.address().port}`, maxRetries: 0 });
  console.log(`${title}: loop: ${await said(loop(client))}; helper: ${await said(helper(client))}`);
  server.closeAllConnections();
  server.close();
}
END
timeout 60 "$PYTHON" program.py >seen
timeout 60 node program.mjs >>seen
holds <<'END'
openai (Python) 3.57.0
(a) completed: loop: ends with response.completed, raises nothing; helper: completed "Hello"
(b) incomplete: loop: ends with response.incomplete, raises nothing; helper: RuntimeError: Didn't receive a `response.completed` event.
(c) failed: loop: ends with response.failed, raises nothing; helper: RuntimeError: Didn't receive a `response.completed` event.
(d) error: loop: ends with error, raises nothing; helper: RuntimeError: Didn't receive a `response.completed` event.
(e) error, nested: loop: APIError: boom; helper: APIError: boom
openai (Node) 7.59.0
(a) completed: loop: ends with response.completed, raises nothing; helper: completed "Hello"
(b) incomplete: loop: ends with response.incomplete, raises nothing; helper: incomplete "Hello"
(c) failed: loop: ends with response.failed, raises nothing; helper: failed "Hello"
(d) error: loop: APIError: boom; helper: APIError: boom
(e) error, nested: loop: APIError: boom; helper: APIError: boom
END
