#!/usr/bin/env bash
# The AI SDK's OpenAI provider sends ids in place of what the model has said, also to a server that has just said it stores nothing.
#
# Software: ai 7.0.173, @ai-sdk/openai 4.0.118, run by node 22.23.3 (all npm).
# Input:    generateText with one tool, which takes two requests. The first is answered by a whole Responses object: reasoning with a summary, a
#           message, a function call. Its member "store" is (a) true, (b) false; (c) false, and the caller sets providerOptions.openai.store: false.
# Seen:     (a) and (b) alike: the second request has an item_reference for the reasoning and for the message, and the call and its output whole.
#           (c): the message goes whole, the reasoning not at all.
# Why:      the answer's "store" is not looked at. Gateways and local servers that keep nothing cannot know what rs_1 and msg_1 were: they either
#           refuse the second step of every tool loop, or answer a question that lacks the model's own words. Each caller has to set
#           store: false; a server can only say so in its error.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install node@22.23.3 ai@7.0.173 @ai-sdk/openai@4.0.118 zod@4.6.7
(cd node_modules/node && "$(command -v node)" installArchSpecificPackage.js >&2) # ignored above with all scripts; it brings the program
cat >program.mjs <<'END'
import fs from 'node:fs';
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, tool } from 'ai';
import { z } from 'zod';

for (const name of ['ai', '@ai-sdk/openai']) console.log(name, JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).version);
const usage = { input_tokens: 1, input_tokens_details: { cached_tokens: 0 }, output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2 };
const text = (id, words) => ({ id, type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: words, annotations: [] }] });
const first = [
  { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'I have to look.' }] },
  text('msg_1', 'Let me look.'),
  { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Ulm"}', status: 'completed' },
];

async function run(title, store, providerOptions) {
  const inputs = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; }).on('end', () => {
      const asked = JSON.parse(body);
      inputs.push(asked.input);
      const answer = { id: `resp_${inputs.length}`, object: 'response', created_at: 1, model: 'm', status: 'completed', error: null,
        incomplete_details: null, instructions: null, metadata: {}, parallel_tool_calls: true, tool_choice: 'auto', tools: asked.tools ?? [],
        temperature: 1, top_p: 1, store, output: inputs.length === 1 ? first : [text('msg_2', 'Sunny.')], usage };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const openai = createOpenAI({ apiKey: 'key', baseURL: `http://127.0.0.1:${server.address().port}` });
  const weather = tool({ description: 'Weather', inputSchema: z.object({ city: z.string() }), execute: async () => 'sunny' });
  await generateText({ model: openai('gpt-5'), prompt: 'Weather in Ulm?', tools: { weather }, stopWhen: stepCountIs(3), providerOptions });
  server.closeAllConnections();
  server.close();
  console.log(`${title}: ${inputs[1].map((i) => [i.type ?? i.role, i.id, i.call_id].filter((x) => x).join(' ')).join(', ')}`);
}
await run('(a) the answer says store: true', true, {});
await run('(b) the answer says store: false', false, {});
await run('(c) the caller says store: false', false, { openai: { store: false } });
END
timeout 60 node_modules/node/bin/node program.mjs >seen
holds <<'END'
ai 7.0.173
@ai-sdk/openai 4.0.118
(a) the answer says store: true: user, item_reference rs_1, item_reference msg_1, function_call call_1, function_call_output call_1
(b) the answer says store: false: user, item_reference rs_1, item_reference msg_1, function_call call_1, function_call_output call_1
(c) the caller says store: false: user, assistant, function_call call_1, function_call_output call_1
END
