#!/usr/bin/env bash
# LangChain's two Anthropic clients read the input's counts of a stream from opposite ends: Python from its last event, JavaScript from its first.
#
# Software: langchain-anthropic 1.7.10, langchain-core 1.8.3, anthropic 2.14.0 (PyPI); @langchain/anthropic 1.5.11, @langchain/core 1.4.0,
#           @anthropic-ai/sdk as it brings it (npm).
# Input:    one streamed answer, three times: the counts in message_start alone; 0 in message_start and all of them in message_delta, as a
#           server writes that learns them at the end (the API's counts there are cumulative); and in both.
# Seen:     Python: 0, 6500, 6500 tokens of input. JavaScript: 6500, 0, 6500; its message_delta has a constant `input_tokens: 0` in the code. The
#           SDKs below them have 6500 in all three. No warning.
# Why:      who translates a model that tells its counts at the end (Bedrock's ConverseStream, OpenAI's chunks) into a Messages stream cannot serve
#           JavaScript's users: costs and context windows from usage_metadata are those of the output only. Who has the counts early writes
#           them into both events.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install langchain-anthropic==1.7.10 langchain-core==1.8.3 anthropic==2.14.0
npm_install @langchain/anthropic@1.5.11 @langchain/core@1.4.0
cat >program.py <<'END'
import subprocess
from importlib.metadata import version

import anthropic
from langchain_anthropic import ChatAnthropic
from server import Server, stream

for name in "langchain-anthropic", "langchain-core", "anthropic":
    print(name, version(name))
INPUT = {"input_tokens": 1200, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 5000}
NONE = dict.fromkeys(INPUT, 0)
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None, "content": [], "stop_reason": None}
ASK = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def answer(first, last):
    return stream(
        {"type": "message_start", "message": {**MESSAGE, "usage": {**first, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {**last, "output_tokens": 7}},
        {"type": "message_stop"})


for title, first, last in ("in message_start", INPUT, {}), ("in message_delta", NONE, INPUT), ("in both", INPUT, INPUT):
    server = Server(answer(first, last))
    with anthropic.Anthropic(api_key="key", base_url=server.url).messages.stream(**ASK) as events:
        own = events.get_final_message().usage
    whole = None
    for chunk in ChatAnthropic(model="claude-sonnet-4-5", api_key="key", base_url=server.url, max_tokens=9).stream("hi"):
        whole = chunk if whole is None else whole + chunk
    print(title)
    print("  anthropic (Python):", own.input_tokens + own.cache_creation_input_tokens + own.cache_read_input_tokens)
    print("  LangChain (Python):", whole.usage_metadata["input_tokens"])
    print(subprocess.run(["node", "program.mjs", server.url], capture_output=True, text=True, timeout=60, check=True).stdout, end="")
END
cat >program.mjs <<'END'
import { ChatAnthropic } from '@langchain/anthropic';
import { createRequire } from 'node:module';

const Anthropic = createRequire(createRequire(import.meta.url).resolve('@langchain/anthropic'))('@anthropic-ai/sdk').default;
const at = process.argv[2], ask = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };
const { usage } = await new Anthropic({ apiKey: 'key', baseURL: at }).messages.stream(ask).finalMessage();
console.log('  @anthropic-ai/sdk:', usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens);
let whole;
for await (const chunk of await new ChatAnthropic({ model: ask.model, apiKey: 'key', anthropicApiUrl: at, maxTokens: 9 }).stream('hi')) whole = whole ? whole.concat(chunk) : chunk;
console.log('  LangChain (JavaScript):', whole.usage_metadata.input_tokens);
END
{
    for name in @langchain/anthropic @langchain/core; do
        node -p "\"$name \" + JSON.parse(require('fs').readFileSync('node_modules/$name/package.json')).version"
    done
    timeout 120 "$PYTHON" program.py
} >seen
holds <<'END'
@langchain/anthropic 1.5.11
@langchain/core 1.4.0
langchain-anthropic 1.7.10
langchain-core 1.8.3
anthropic 2.14.0
in message_start
  anthropic (Python): 6500
  LangChain (Python): 0
  @anthropic-ai/sdk: 6500
  LangChain (JavaScript): 6500
in message_delta
  anthropic (Python): 6500
  LangChain (Python): 6500
  @anthropic-ai/sdk: 6500
  LangChain (JavaScript): 0
in both
  anthropic (Python): 6500
  LangChain (Python): 6500
  @anthropic-ai/sdk: 6500
  LangChain (JavaScript): 6500
END
