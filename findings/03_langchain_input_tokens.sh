#!/usr/bin/env bash
# LangChain counts no input tokens of a streamed Claude answer whose closing event names only the output.
#
# Software: langchain-anthropic 1.7.10, langchain-core 1.8.3, anthropic 2.14.0 (PyPI).
# Input:    the same answer three times: streamed, with the input's counts in message_start and only `output_tokens` in message_delta (the
#           API's first form, which the SDK's own type still allows: input_tokens is optional there); streamed, with all counts
#           repeated in message_delta; and not streamed.
# Seen:     usage_metadata has input_tokens 0 and no cache details in the first case, 6500 in the two others. anthropic's own
#           stream helper, under it, has the right numbers in all three. No warning.
# Why:      ChatAnthropic takes usage from message_delta alone. Behind a gateway, or any service that writes the older form, costs and
#           context windows computed from usage_metadata are those of the output only. Whoever serves LangChain repeats the counts of
#           message_start in message_delta.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install langchain-anthropic==1.7.10 langchain-core==1.8.3 anthropic==2.14.0
cat >program.py <<'END'
from importlib.metadata import version

import anthropic
from langchain_anthropic import ChatAnthropic
from server import Server, document, stream

for name in "langchain-anthropic", "langchain-core", "anthropic":
    print(name, version(name))
INPUT = {"input_tokens": 1200, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 5000}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None}


def streamed(usage):
    return stream(
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": {**INPUT, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"})


def langchain(server, **more):
    chat = ChatAnthropic(model="claude-sonnet-4-5", api_key="key", base_url=server.url, max_tokens=9, **more)
    usage = chat.invoke("hi").usage_metadata
    return f"{usage['input_tokens']} in, {usage['output_tokens']} out, cache read {usage['input_token_details'].get('cache_read')}"


for title, usage in ("output only in message_delta", {"output_tokens": 7}), ("all counts in message_delta", {**INPUT, "output_tokens": 7}):
    server = Server(streamed(usage))
    with anthropic.Anthropic(api_key="key", base_url=server.url).messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as events:
        counted = events.get_final_message().usage
    print(title)
    print("  LangChain:", langchain(server, streaming=True))
    print(f"  anthropic: {counted.input_tokens} + {counted.cache_creation_input_tokens} + {counted.cache_read_input_tokens} in,"
          f" {counted.output_tokens} out")
whole = {**MESSAGE, "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage": {**INPUT, "output_tokens": 7}}
print("not streamed")
print("  LangChain:", langchain(Server(document(200, whole))))
END
timeout 60 "$PYTHON" program.py >seen
holds <<'END'
langchain-anthropic 1.7.10
langchain-core 1.8.3
anthropic 2.14.0
output only in message_delta
  LangChain: 0 in, 7 out, cache read None
  anthropic: 1200 + 300 + 5000 in, 7 out
all counts in message_delta
  LangChain: 6500 in, 7 out, cache read 5000
  anthropic: 1200 + 300 + 5000 in, 7 out
not streamed
  LangChain: 6500 in, 7 out, cache read 5000
END
