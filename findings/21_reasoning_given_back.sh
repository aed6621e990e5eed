#!/usr/bin/env bash
# Haystack and LlamaIndex give Bedrock its model's reasoning back joined, cut or not at all, so that its signature is no longer the text's.
#
# Software: haystack-ai 3.4.1, amazon-bedrock-haystack 9.0.0; llama-index-core 0.14.25, llama-index-llms-bedrock-converse 0.15.5 (PyPI).
# Input:    a Converse answer with reasoning and a tool call, streamed and whole; the reasoning (a) one block with text and signature, (b) a
#           signature without text, as models answer that do not show their thinking, (c) redactedContent, (d) two blocks one after the
#           other, (e) two blocks with text between them, (f) one block and a redacted one. Then the next turn, with the tool's result, as the
#           library's own documentation has it: what does its request carry of the reasoning?
# Seen:     (a) is right in both. Haystack: (c) and (f) lose what is redacted, and whole, (f) loses the readable block, too; (d) and (e) are one block
#           with the signature of the last: of both texts if streamed, of the last text if whole. LlamaIndex: (b), (c) and the redacted part of
#           (f) are gone; (d) and (e) streamed are one block with both texts and both signatures in a row, whole they are right. No warning.
# Why:      text and signature go back unmodified, says Bedrock's API reference (ReasoningTextBlock): the signature proves the text. A program that works
#           with one model gets an error in the second turn, or a model without its plan, from one that thinks between its words or
#           shows no thinking; a gateway sees a body that is false already and cannot mend it. strands 1.62.0, langchain-aws 1.9.1,
#           pydantic-ai 2.68.0 and @ai-sdk/amazon-bedrock 4.0.186 gave all six back as they came, streamed.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install haystack-ai==3.4.1 amazon-bedrock-haystack==9.0.0 llama-index-core==0.14.25 llama-index-llms-bedrock-converse==0.15.5
cat >program.py <<'END'
import json
import os
import struct
import zlib
from importlib.metadata import version

os.environ.update(AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="example", AWS_DEFAULT_REGION="us-east-1", HAYSTACK_TELEMETRY_ENABLED="False")

from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack_integrations.components.generators.amazon_bedrock import AmazonBedrockChatGenerator
from llama_index.core.llms import ChatMessage as LlamaMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.bedrock_converse import BedrockConverse
from server import Server, document

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def frame(name, payload):
    """One message of application/vnd.amazon.eventstream."""
    headers = b""
    for key, value in {":message-type": "event", ":event-type": name, ":content-type": "application/json"}.items():
        headers += struct.pack("B", len(key)) + key.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    whole = start + struct.pack(">I", zlib.crc32(start)) + headers + body
    return whole + struct.pack(">I", zlib.crc32(whole))


def streamed(content, reason):
    frames = frame("messageStart", {"role": "assistant"})
    for i, block in enumerate(content):
        (kind, value), = block.items()
        if kind == "text":
            deltas = [{"text": value}]
        elif kind == "toolUse":
            frames += frame("contentBlockStart", {"contentBlockIndex": i, "start": {"toolUse": {k: value[k] for k in ("toolUseId", "name")}}})
            deltas = [{"toolUse": {"input": json.dumps(value["input"])}}]
        else:
            deltas = [{"reasoningContent": {k: v}} for k, v in (value.get("reasoningText") or value).items() if v]
        for delta in deltas:
            frames += frame("contentBlockDelta", {"contentBlockIndex": i, "delta": delta})
        frames += frame("contentBlockStop", {"contentBlockIndex": i})
    frames += frame("messageStop", {"stopReason": reason}) + frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
    return 200, {"content-type": "application/vnd.amazon.eventstream"}, frames


def whole(content, reason):
    return document(200, {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 1}})


def haystack(url, stream):
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    tool = Tool(name="a", description="a", parameters={"type": "object", "properties": {"x": {"type": "string"}}}, function=lambda x: "ok")
    model = AmazonBedrockChatGenerator(model=MODEL, tools=[tool], streaming_callback=(lambda chunk: None) if stream else None)
    question = ChatMessage.from_user("hi")
    reply = model.run([question])["replies"][0]
    model.run([question, reply, ChatMessage.from_tool("ok", reply.tool_calls[0])])


def llama_index(url, stream):
    model = BedrockConverse(model=MODEL, endpoint_url=url)

    def a(x: str) -> str:
        """a"""
        return "ok"

    tools = [FunctionTool.from_defaults(a)]

    def ask(**more):
        return list(model.stream_chat_with_tools(tools, **more))[-1] if stream else model.chat_with_tools(tools, **more)

    reply = ask(user_msg="hi")
    result = LlamaMessage("ok", role="tool", additional_kwargs={"tool_call_id": "t1"})
    ask(chat_history=[LlamaMessage("hi"), reply.message, result])


def show(block):
    (kind, value), = block.items()
    if kind == "text":
        return value
    return "[redacted]" if "redactedContent" in value else "<{text}|{signature}>".format(**value["reasoningText"])


def signed(text, signature):
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}


REDACTED = {"reasoningContent": {"redactedContent": "cmVk"}}
CALL = {"toolUse": {"toolUseId": "t1", "name": "a", "input": {"x": "1"}}}
CASES = {"(a)": [signed("one", "S1")], "(b)": [signed("", "S1")], "(c)": [REDACTED], "(d)": [signed("one", "S1"), signed("two", "S2")],
         "(e)": [signed("one", "S1"), {"text": "Hm."}, signed("two", "S2")], "(f)": [signed("one", "S1"), REDACTED]}

for name in "haystack-ai", "amazon-bedrock-haystack", "llama-index-core", "llama-index-llms-bedrock-converse":
    print(name, version(name))
for case, reasoning in CASES.items():
    print(case, "the model:", *map(show, reasoning))
    for library in haystack, llama_index:
        for form in streamed, whole:
            asked = []

            def answer(body):
                asked.append(body)
                return form([*reasoning, CALL], "tool_use") if len(asked) == 1 else form([{"text": "done"}], "end_turn")

            library(Server(answer).url, form is streamed)
            back = [b for m in asked[1]["messages"] if m["role"] == "assistant" for b in m["content"] if "toolUse" not in b]
            print(f"    {'same ' if back == reasoning else 'OTHER'} {library.__name__}, {form.__name__}:", *map(show, back) if back else ["nothing"])
END
timeout 200 "$PYTHON" -W ignore program.py >seen
holds <<'END'
haystack-ai 3.4.1
amazon-bedrock-haystack 9.0.0
llama-index-core 0.14.25
llama-index-llms-bedrock-converse 0.15.5
(a) the model: <one|S1>
    same  haystack, streamed: <one|S1>
    same  haystack, whole: <one|S1>
    same  llama_index, streamed: <one|S1>
    same  llama_index, whole: <one|S1>
(b) the model: <|S1>
    same  haystack, streamed: <|S1>
    same  haystack, whole: <|S1>
    OTHER llama_index, streamed: nothing
    OTHER llama_index, whole: nothing
(c) the model: [redacted]
    OTHER haystack, streamed: nothing
    OTHER haystack, whole: nothing
    OTHER llama_index, streamed: nothing
    OTHER llama_index, whole: nothing
(d) the model: <one|S1> <two|S2>
    OTHER haystack, streamed: <onetwo|S2>
    OTHER haystack, whole: <two|S2>
    OTHER llama_index, streamed: <onetwo|S1S2>
    same  llama_index, whole: <one|S1> <two|S2>
(e) the model: <one|S1> Hm. <two|S2>
    OTHER haystack, streamed: <onetwo|S2> Hm.
    OTHER haystack, whole: <two|S2> Hm.
    OTHER llama_index, streamed: <onetwo|S1S2> Hm.
    same  llama_index, whole: <one|S1> Hm. <two|S2>
(f) the model: <one|S1> [redacted]
    OTHER haystack, streamed: <one|S1>
    OTHER haystack, whole: nothing
    OTHER llama_index, streamed: <one|S1>
    OTHER llama_index, whole: <one|S1>
END
