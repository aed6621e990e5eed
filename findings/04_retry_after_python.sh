#!/usr/bin/env bash
# Two Python SDKs of one make read the same `retry-after: 3600` as "sleep for an hour" and as "give up at once".
#
# Software: anthropic 2.14.0, openai 3.57.0 (PyPI).
# Input:    a 429 with retry-after 60, 120, 121 or 3600, then a good answer. time.sleep is recorded instead of slept.
# Seen:     both SDKs, with their default of two retries, wait exactly as told up to 120 s. Above that openai raises RateLimitError without
#           a second request; anthropic sleeps the whole time inside messages.create() (its own cap: 4,294,967 s) and says so at log level info only.
# Why:      both are generated alike, and anthropic 0.40.0 and openai 1.50.0 still shared one rule: over 60 s the header is ignored. A
#           server that tells the truth about a budget or a window ("in an hour") freezes one client's thread and fails the other's call. To be safe
#           with both: answer with `x-should-retry: false` where waiting is of no use, and keep retry-after to what one would wait.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install anthropic==2.14.0 openai==3.57.0
cat >program.py <<'END'
import time

import anthropic
import openai
from server import Server, document

print("anthropic", anthropic.__version__)
print("openai", openai.__version__)
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": "end_turn",
           "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
              "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CALLS = {
    "anthropic": (MESSAGE, lambda url: anthropic.Anthropic(api_key="key", base_url=url).messages.create(max_tokens=9, **ASK)),
    "openai": (COMPLETION, lambda url: openai.OpenAI(api_key="key", base_url=url).chat.completions.create(**ASK)),
}
slept = []
time.sleep = slept.append
for seconds in "60", "120", "121", "3600":
    for name, (good, call) in CALLS.items():
        slept.clear()
        server = Server(document(429, {"error": {"message": "later"}}, retry_after=seconds), document(200, good))
        try:
            call(server.url)
            end = "an answer"
        except Exception as e:
            end = type(e).__name__
        print(f"retry-after {seconds}: {name} sleeps {slept}, {server.requests} requests, {end}")
END
timeout 60 "$PYTHON" program.py >seen
holds <<'END'
anthropic 2.14.0
openai 3.57.0
retry-after 60: anthropic sleeps [60.0], 2 requests, an answer
retry-after 60: openai sleeps [60.0], 2 requests, an answer
retry-after 120: anthropic sleeps [120.0], 2 requests, an answer
retry-after 120: openai sleeps [120.0], 2 requests, an answer
retry-after 121: anthropic sleeps [121.0], 2 requests, an answer
retry-after 121: openai sleeps [], 1 requests, RateLimitError
retry-after 3600: anthropic sleeps [3600.0], 2 requests, an answer
retry-after 3600: openai sleeps [], 1 requests, RateLimitError
END
