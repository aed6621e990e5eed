#!/usr/bin/env bash
# PydanticAI's run_stream() takes what a model says before its tool call for the final answer, runs the tool all the same, and drops the result.
#
# Software: pydantic-ai-slim 2.68.0, openai 3.57.0 (PyPI).
# Input:    an agent with one tool, its model a Chat Completions server: first a tool call, then, asked again, "It is 7.". The call comes alone or behind
#           the words "Let me look." Run by run(), run_stream(), run_stream() with end_strategy "early", and run_stream_events().
# Seen:     alone, all four give "It is 7." after two requests. Behind words, run_stream() gives "Let me look.", after one request, and the tool has
#           run; with "early" it has not. run() and run_stream_events() still give "It is 7.". No warning.
# Why:      run_stream()'s own docstring says that tool calls behind the first output are not executed; by default they are. A tool that
#           books or deletes does so, and neither model nor user hears how it went. Whether a model speaks before it calls depends on
#           the model: a program that worked goes wrong when a gateway puts another one behind the same name, and the gateway's log shows a
#           good answer that nobody followed up.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install 'pydantic-ai-slim[openai]==2.68.0' openai==3.57.0
cat >program.py <<'END'
import asyncio
from importlib.metadata import version

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from server import Server, chat, document

CALL = {"id": "t1", "type": "function", "function": {"name": "a", "arguments": '{"x": "1"}'}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def answers(words, streamed):
    if streamed:
        return (chat(({"role": "assistant", "content": words}, None), ({"tool_calls": [{"index": 0, **CALL}]}, None), ({}, "tool_calls"), USAGE),
                chat(({"role": "assistant", "content": "It is 7."}, None), ({}, "stop"), USAGE))
    base = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE}
    choices = [({"role": "assistant", "content": words, "tool_calls": [CALL]}, "tool_calls"), ({"role": "assistant", "content": "It is 7."}, "stop")]
    return tuple(document(200, {**base, "choices": [{"index": 0, "message": m, "finish_reason": r}]}) for m, r in choices)


async def run(agent):
    return (await agent.run("hi")).output


async def run_stream(agent):
    async with agent.run_stream("hi") as result:
        return await result.get_output()


async def run_stream_events(agent):
    async with agent.run_stream_events("hi") as events:
        async for event in events:
            last = event
    return last.result.output


print("pydantic-ai-slim", version("pydantic-ai-slim"))
for words in None, "Let me look.":
    for way, more in (run, {}), (run_stream, {}), (run_stream, {"end_strategy": "early"}), (run_stream_events, {}):
        server, ran = Server(*answers(words, way is not run)), []
        agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(base_url=server.url + "/v1", api_key="k")), **more)

        @agent.tool_plain
        def a(x: str) -> str:
            ran.append(x)
            return "7"

        output = asyncio.run(way(agent))
        print(f"{'behind words' if words else 'alone'}, {way.__name__}{' early' if more else ''}: \"{output}\", tool run {len(ran)} times, requests {server.requests}")
END
timeout 100 "$PYTHON" -W ignore program.py >seen
holds <<'END'
pydantic-ai-slim 2.68.0
alone, run: "It is 7.", tool run 1 times, requests 2
alone, run_stream: "It is 7.", tool run 1 times, requests 2
alone, run_stream early: "It is 7.", tool run 1 times, requests 2
alone, run_stream_events: "It is 7.", tool run 1 times, requests 2
behind words, run: "It is 7.", tool run 1 times, requests 2
behind words, run_stream: "Let me look.", tool run 1 times, requests 1
behind words, run_stream early: "Let me look.", tool run 0 times, requests 1
behind words, run_stream_events: "It is 7.", tool run 1 times, requests 2
END
