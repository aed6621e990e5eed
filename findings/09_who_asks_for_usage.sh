#!/usr/bin/env bash
# Half of the clients of Chat Completions never ask a gateway what a stream used, and then tell their user nothing or 0.
#
# Software: langchain-openai 1.7.4, openai-agents 0.24.0, openai 3.57.0 (PyPI); ai 7.0.173, @ai-sdk/openai-compatible 3.0.92, @ai-sdk/openai
#           4.0.118, @langchain/openai 1.6.0 (npm).
# Input:    one streamed call of each, as it comes, to a server on loopback that does as the API says: a usage chunk when the request has
#           stream_options.include_usage, none otherwise.
# Seen:     @ai-sdk/openai and LangChain in JavaScript ask. openai-compatible of the same AI SDK, LangChain in Python and the Agents SDK do not:
#           their usage is absent, None, and 0 tokens (with 1 request). No warning. The two Python ones ask only where the base URL is OpenAI's
#           own (by their source, not tried here); they count rightly if the chunk comes unasked, and with their switch.
# Why:      the same program shows its costs at api.openai.com and none behind a gateway; two packages of one make differ. Callers must say
#           stream_usage=True, ModelSettings(include_usage=True), includeUsage: true. A gateway that bills must count for itself.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 @ai-sdk/openai@4.0.118 @langchain/openai@1.6.0 @langchain/core@1.4.0
pip_install langchain-openai==1.7.4 langchain-core==1.8.3 openai-agents==0.24.0 openai==3.57.0
cat >program.py <<'END'
import asyncio
from importlib.metadata import version

from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from server import Server, chat

for name in "langchain-openai", "openai-agents", "openai":
    print(name, version(name))
set_tracing_disabled(True)
HELLO = ({"role": "assistant", "content": "Hello"}, None), ({}, "stop")
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def server(unasked):
    def answer(request):
        asked = bool((request.get("stream_options") or {}).get("include_usage"))
        print("  asked" if asked else "  not asked", end="")
        return chat(*HELLO, USAGE) if asked or unasked else chat(*HELLO)
    return Server(answer)


def langchain(url, asks):
    whole = None
    for chunk in ChatOpenAI(model="m", api_key="key", base_url=url, **({"stream_usage": True} if asks else {})).stream("hi"):
        whole = chunk if whole is None else whole + chunk
    usage = whole.usage_metadata
    return usage and f"{usage['input_tokens']} in, {usage['output_tokens']} out"


def agents(url, asks):
    async def run():
        agent = Agent(name="a", model=OpenAIChatCompletionsModel("m", AsyncOpenAI(api_key="key", base_url=url)),
                      model_settings=ModelSettings(include_usage=True) if asks else ModelSettings())
        result = Runner.run_streamed(agent, "hi")
        async for _ in result.stream_events():
            pass
        usage = result.context_wrapper.usage
        return f"{usage.requests} request, {usage.input_tokens} in, {usage.output_tokens} out"
    return asyncio.run(run())


for title, client in ("LangChain (Python)", langchain), ("Agents SDK", agents):
    print(title)
    print(", as it comes:", client(server(False).url, False))
    print(", told unasked:", client(server(True).url, False))
    print(", with its switch:", client(server(False).url, True))
END
cat >program.mjs <<'END'
import http from 'node:http';
import { createRequire } from 'node:module';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { streamText } from 'ai';

const require = createRequire(import.meta.url);
for (const name of ['ai', '@ai-sdk/openai-compatible', '@ai-sdk/openai', '@langchain/openai'])
  console.log(name, require(`./node_modules/${name}/package.json`).version);

const base = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const hello = [{ ...base, choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: null }] },
  { ...base, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }];
const usage = { ...base, choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } };
let asked;
const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  asked = JSON.parse(body).stream_options?.include_usage === true;
  const chunks = asked ? [...hello, usage] : hello;
  response.writeHead(200, { 'content-type': 'text/event-stream' })
    .end(chunks.map((c) => `data: ${JSON.stringify(c)}\n\n`).join('') + 'data: [DONE]\n\n');
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;

async function sdk(model) {
  const { inputTokens, outputTokens } = await streamText({ model, prompt: 'hi', maxRetries: 0 }).totalUsage;
  return `${inputTokens} in, ${outputTokens} out`;
}
const clients = {
  'AI SDK, openai-compatible': () => sdk(createOpenAICompatible({ name: 'own', baseURL, apiKey: 'key' })('m')),
  'AI SDK, openai-compatible, with its switch': () => sdk(createOpenAICompatible({ name: 'own', baseURL, apiKey: 'key', includeUsage: true })('m')),
  'AI SDK, openai': () => sdk(createOpenAI({ baseURL, apiKey: 'key' }).chat('m')),
  'LangChain (JavaScript)': async () => {
    let whole;
    for await (const chunk of await new ChatOpenAI({ model: 'm', apiKey: 'key', maxRetries: 0, configuration: { baseURL } }).stream('hi'))
      whole = whole ? whole.concat(chunk) : chunk;
    return `${whole.usage_metadata?.input_tokens} in, ${whole.usage_metadata?.output_tokens} out`;
  },
};
for (const [title, call] of Object.entries(clients)) {
  const told = await call();
  console.log(`${title}: ${asked ? 'asked' : 'not asked'}: ${told}`);
}
server.closeAllConnections();
server.close();
END
timeout 100 "$PYTHON" program.py >seen
timeout 60 node program.mjs >>seen
holds <<'END'
langchain-openai 1.7.4
openai-agents 0.24.0
openai 3.57.0
LangChain (Python)
  not asked, as it comes: None
  not asked, told unasked: 5 in, 7 out
  asked, with its switch: 5 in, 7 out
Agents SDK
  not asked, as it comes: 1 request, 0 in, 0 out
  not asked, told unasked: 1 request, 5 in, 7 out
  asked, with its switch: 1 request, 5 in, 7 out
ai 7.0.173
@ai-sdk/openai-compatible 3.0.92
@ai-sdk/openai 4.0.118
@langchain/openai 1.6.0
AI SDK, openai-compatible: not asked: undefined in, undefined out
AI SDK, openai-compatible, with its switch: asked: 5 in, 7 out
AI SDK, openai: asked: 5 in, 7 out
LangChain (JavaScript): asked: 5 in, 7 out
END
