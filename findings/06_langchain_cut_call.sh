#!/usr/bin/env bash
# LangChain's agents run a tool whose arguments max_tokens cut off, if the answer was streamed.
#
# Software: langchain 1.5.2, langchain-core 1.8.3, langgraph 1.2.24, langchain-openai 1.7.4, langchain-anthropic 1.7.10 (PyPI).
# Input:    an answer that ends in the middle of a tool call, with finish_reason "length" (Chat Completions) or stop_reason "max_tokens"
#           (Messages): the arguments stop within a string. Then, if it is asked again, "done".
# Seen:     not streamed, the call is in invalid_tool_calls and the agent ends. Streamed, quote and brace are closed for it: the call is in
#           tool_calls like a good one, invalid_tool_calls is empty, and the agent runs the tool with half of the text and goes on. The
#           model need not be set to stream: agent.stream(stream_mode="messages") is enough. No warning.
# Why:      chunks of a message parse the arguments so far leniently, which helps to show them while they come; the whole is never parsed
#           strictly after that. A "write file" writes half a file and tells the model "ok". Whoever sets low output limits
#           for LangChain's agents, in a gateway too, cuts files and not only answers: look at finish_reason before a tool runs. (openai-agents
#           0.24.0, pydantic-ai 2.68.0, strands 1.62.0 and ai 7.0.173 refused the same call.)
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install langchain==1.5.2 langchain-core==1.8.3 langgraph==1.2.24 langchain-openai==1.7.4 langchain-anthropic==1.7.10 openai==3.57.0 \
    anthropic==2.14.0
cat >program.py <<'END'
from importlib.metadata import version

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from server import Server, chat, document, stream

for name in "langchain", "langchain-core", "langgraph", "langchain-openai", "langchain-anthropic":
    print(name, version(name))
CUT = '{"path": "notes.txt", "text": "the first line and the sec'
CALL = {"id": "t1", "type": "function", "function": {"name": "write", "arguments": CUT}}
CHAT = [chat(({"role": "assistant", "tool_calls": [{"index": 0, **CALL}]}, None), ({}, "length")),
        chat(({"role": "assistant", "content": "done"}, None), ({}, "stop"))]
WHOLE = document(200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{
    "index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}]})


def messages(block, delta, reason):
    return stream(
        {"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"})


MESSAGES = [messages({"type": "tool_use", "id": "t1", "name": "write", "input": {}}, {"type": "input_json_delta", "partial_json": CUT}, "max_tokens"),
            messages({"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}, "end_turn")]
ran = []


@tool
def write(path: str, text: str) -> str:
    """Write a text into a file."""
    ran.append((path, text))
    return "ok"


def show(title, server, model, **more):
    ran.clear()
    agent = create_agent(model, [write])
    if more:
        for _ in agent.stream({"messages": [("user", "hi")]}, **more):
            pass
        calls = ""
    else:
        answer = agent.invoke({"messages": [("user", "hi")]})["messages"][1]
        calls = f"{len(answer.tool_calls)} good and {len(answer.invalid_tool_calls)} invalid calls, "
    print(f"{title}: {calls}the tool ran {ran}, requests {server.requests}")


server = Server(WHOLE)
show("chat, not streamed", server, ChatOpenAI(model="m", api_key="key", base_url=server.url))
server = Server(*CHAT)
show("chat, streamed", server, ChatOpenAI(model="m", api_key="key", base_url=server.url, streaming=True))
server = Server(*CHAT)
show("chat, read with stream_mode messages", server, ChatOpenAI(model="m", api_key="key", base_url=server.url), stream_mode="messages")
server = Server(*MESSAGES)
show("messages, streamed", server, ChatAnthropic(model="m", api_key="key", base_url=server.url, max_tokens=9, streaming=True))
END
timeout 100 "$PYTHON" program.py >seen
holds <<'END'
langchain 1.5.2
langchain-core 1.8.3
langgraph 1.2.24
langchain-openai 1.7.4
langchain-anthropic 1.7.10
chat, not streamed: 0 good and 1 invalid calls, the tool ran [], requests 1
chat, streamed: 1 good and 0 invalid calls, the tool ran [('notes.txt', 'the first line and the sec')], requests 2
chat, read with stream_mode messages: the tool ran [('notes.txt', 'the first line and the sec')], requests 2
messages, streamed: 1 good and 0 invalid calls, the tool ran [('notes.txt', 'the first line and the sec')], requests 2
END
