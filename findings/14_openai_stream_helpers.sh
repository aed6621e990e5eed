#!/usr/bin/env bash
# OpenAI's stream helpers in Python and Node build two different messages of the same chunks, and one raises where the other answers.
#
# Software: openai 3.57.0 (PyPI), openai 7.59.0 (npm).
# Input:    chat.completions.stream(), no response_format, no tools to be parsed. Chunks of one answer "Hello": (a) with the role in the first
#           chunk only, (b) with the role in each, (c) a tool call whose id and name stand in each of its pieces, (d) reasoning_content
#           in two pieces before the text, (e) finish_reason "length", (f) "content_filter". The finished message is
#           what one sends back with the next turn.
# Seen:     Python joins every string it does not know better: (b) role "assistantassistant", (c) id "t1t1" and name "ff". Node has both right,
#           but for (d) it keeps the last piece only, where Python has the whole. (e), (f): Python's loop raises LengthFinishReasonError
#           ("Could not parse response content") and ContentFilterFinishReasonError though nothing was to be parsed; Node answers. The
#           same chunks through create(stream=True) are handed on in peace by both.
# Why:      every field of a delta is optional, so nothing forbids a server to repeat them: a gateway that passes such chunks on has good
#           transcripts in one language, and in the other a next turn with a role that no server knows and a tool result for a call that no
#           one made. Send role, id and name once; and expect a caller in Python to lose an answer at max_tokens, but for
#           exception.completion.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install openai@7.59.0
pip_install openai==3.57.0
cat >program.py <<'END'
import json

import openai
from server import Server, chat

print("openai (Python)", openai.__version__)
ROLE = {"role": "assistant"}


def call(**function):
    return {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", **function}}]}


CASES = {
    "(a) role once": [({**ROLE, "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "stop")],
    "(b) role in each": [({**ROLE, "content": "Hel"}, None), ({**ROLE, "content": "lo"}, None), ({}, "stop")],
    "(c) id and name in each": [(ROLE, None), (call(arguments='{"a":'), None), (call(arguments="1}"), None), ({}, "tool_calls")],
    "(d) reasoning in two": [({**ROLE, "reasoning_content": "thi"}, None), ({"reasoning_content": "nk"}, None), ({"content": "Hello"}, None),
                             ({}, "stop")],
    "(e) length": [({**ROLE, "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "length")],
    "(f) content_filter": [({**ROLE, "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "content_filter")],
}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
bodies = {}
for title, chunks in CASES.items():
    answer = chat(*chunks)
    bodies[title] = answer[2].decode()
    client = openai.OpenAI(api_key="key", base_url=Server(answer).url, max_retries=0)
    raw = sum(1 for _ in client.chat.completions.create(stream=True, **ASK))
    try:
        with client.chat.completions.stream(**ASK) as events:
            for _ in events:
                pass
        message = events.get_final_completion().choices[0].message.to_dict()
        told = [message["role"], message["content"], message.get("reasoning_content")]
        told += [f"{c['id']} {c['function']['name']} {c['function']['arguments']}" for c in message["tool_calls"] or []]
        told = json.dumps([t for t in told if t])
    except openai.OpenAIError as e:
        completion = getattr(e, "completion", None)
        told = f"{type(e).__name__}, its completion: {completion and completion.choices[0].message.content}"
    print(f"{title}: {raw} chunks; {told}")
with open("bodies.json", "w") as f:
    json.dump(bodies, f)
END
cat >program.mjs <<'END'
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import OpenAI from 'openai';

console.log('openai (Node)', createRequire(import.meta.url)('./node_modules/openai/package.json').version);
const ask = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
for (const [title, body] of Object.entries(JSON.parse(fs.readFileSync('bodies.json')))) {
  const server = http.createServer((request, response) => request.resume().on('end', () =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body)));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const client = new OpenAI({ apiKey: 'key', baseURL: `http://127.0.0.1:${server.address().port}`, maxRetries: 0 });
  let raw = 0;
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) raw += chunk ? 1 : 0;
  const told = await client.chat.completions.stream(ask).finalChatCompletion().then(({ choices: [{ message }] }) => JSON.stringify(
    [message.role, message.content, message.reasoning_content,
      ...(message.tool_calls ?? []).map((c) => `${c.id} ${c.function.name} ${c.function.arguments}`)].filter((t) => t)),
  (e) => e.constructor.name);
  console.log(`${title}: ${raw} chunks; ${told}`);
  server.closeAllConnections();
  server.close();
}
END
timeout 60 "$PYTHON" program.py >seen
timeout 60 node program.mjs >>seen
holds <<'END'
openai (Python) 3.57.0
(a) role once: 3 chunks; ["assistant", "Hello"]
(b) role in each: 3 chunks; ["assistantassistant", "Hello"]
(c) id and name in each: 4 chunks; ["assistant", "t1t1 ff {\"a\":1}"]
(d) reasoning in two: 4 chunks; ["assistant", "Hello", "think"]
(e) length: 3 chunks; LengthFinishReasonError, its completion: Hello
(f) content_filter: 3 chunks; ContentFilterFinishReasonError, its completion: Hello
openai (Node) 7.59.0
(a) role once: 3 chunks; ["assistant","Hello"]
(b) role in each: 3 chunks; ["assistant","Hello"]
(c) id and name in each: 4 chunks; ["assistant","t1 f {\"a\":1}"]
(d) reasoning in two: 4 chunks; ["assistant","Hello","nk"]
(e) length: 3 chunks; ["assistant","Hello"]
(f) content_filter: 3 chunks; ["assistant","Hello"]
END
