#!/usr/bin/env bash
# A ConverseStream that breaks off before messageStop is a finished answer: Strands says "end_turn", PydanticAI runs the tool, boto3 hears nothing.
#
# Software: boto3 1.44.8, strands-agents 1.62.0, pydantic-ai-slim 2.68.0, langchain-aws 1.9.1 (PyPI); @aws-sdk/client-bedrock-runtime 3.1164.0,
#           @smithy/node-http-handler 4.14.2, ai 7.0.173, @ai-sdk/amazon-bedrock 4.0.186 (npm).
# Input:    the text "Hello", or a tool call whose input is all there, without its contentBlockStop; then nothing more: no messageStop,
#           no metadata. All frames are whole. The body (a) ends with its last chunk, as HTTP wants it; (b) the connection closes without it.
#           To a second request the answer is "done".
# Seen:     (b) is an error in all. (a) is one in langchain-aws alone: boto3 and JavaScript's SDK end in peace. Strands gives "" with
#           stop_reason "end_turn", which nobody sent, the text gone; PydanticAI gives "Hello" with finish_reason None, and runs the
#           tool of a message that never ended; the AI SDK gives "Hello" with finishReason "other", and does not run it. No warning.
# Why:      the frames have checksums, the end of a stream has no mark but messageStop. A proxy or gateway that ends its body properly when its
#           upstream died makes half an answer a whole one, with 0 tokens of usage. Who serves these clients sends an
#           exception frame or breaks the connection; who calls them looks for the stop reason on the wire.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install @aws-sdk/client-bedrock-runtime@3.1164.0 @smithy/node-http-handler@4.14.2 ai@7.0.173 @ai-sdk/amazon-bedrock@4.0.186
pip_install boto3==1.44.8 botocore==1.44.8 strands-agents==1.62.0 'pydantic-ai-slim[bedrock]==2.68.0' langchain-aws==1.9.1
cat >sdk.mjs <<'END'
import { BedrockRuntimeClient, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const client = new BedrockRuntimeClient({ endpoint: process.argv[2], region: 'us-east-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
  requestHandler: new NodeHttpHandler() });
let events = 0;
try {
  const { stream } = await client.send(new ConverseStreamCommand({ modelId: process.argv[3], messages: [{ role: 'user', content: [{ text: 'hi' }] }] }));
  for await (const event of stream) events += Object.keys(event).length;
  console.log(`${events} events, then the end`);
} catch (e) {
  console.log(`${events} events, then ${e.name}: ${e.message}`);
}
END
cat >ai.mjs <<'END'
import { streamText, tool, isStepCount, jsonSchema } from 'ai';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';

const bedrock = createAmazonBedrock({ baseURL: process.argv[2], region: 'us-east-1', accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' });
const ran = [], told = [];
const inputSchema = jsonSchema({ type: 'object', properties: { x: { type: 'string' } }, required: ['x'] });
const a = tool({ description: 'a', inputSchema, execute: async ({ x }) => { ran.push(x); return 'ok'; } });
try {
  const result = streamText({ model: bedrock(process.argv[3]), prompt: 'hi', tools: { a }, stopWhen: isStepCount(3), onError: ({ error }) => told.push(error.name) });
  console.log(`"${await result.text}", finishReason ${await result.finishReason}, told to onError: [${told}], tool run ${ran.length} times`);
} catch (e) {
  console.log(`${e.name}: ${e.message}, tool run ${ran.length} times`);
}
END
cat >program.py <<'END'
import asyncio
import json
import os
import socketserver
import struct
import subprocess
import threading
import zlib
from importlib.metadata import version

os.environ.update(AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="example", AWS_DEFAULT_REGION="us-east-1")

import boto3
import strands
from langchain_aws import ChatBedrockConverse
from pydantic_ai import Agent
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.providers.bedrock import BedrockProvider
from strands.models import BedrockModel

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def frame(name, payload):
    """One message of application/vnd.amazon.eventstream."""
    headers = b""
    for key, value in {":message-type": "event", ":event-type": name, ":content-type": "application/json"}.items():
        headers += struct.pack("B", len(key)) + key.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    whole = start + struct.pack(">I", zlib.crc32(start)) + headers + body
    return whole + struct.pack(">I", zlib.crc32(whole))


def delta(value):
    return frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": value})


START = frame("messageStart", {"role": "assistant"})
STOP = frame("messageStop", {"stopReason": "end_turn"})
ANSWERS = {"text": START + delta({"text": "Hel"}) + delta({"text": "lo"}),
           "tool": START + frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t1", "name": "a"}}})
           + delta({"toolUse": {"input": '{"x": "1"}'}})}
DONE = START + delta({"text": "done"}) + frame("contentBlockStop", {"contentBlockIndex": 0}) + STOP
ENDS = {"(a)": (b"", b"0\r\n\r\n"), "(b)": (b"", b"")}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, body, last):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = [(body, last), (DONE, b"0\r\n\r\n")]
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        length = 0
        while (header := self.rfile.readline().strip().lower()):
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        self.rfile.read(length)
        body, last = self.server.answers.pop(0)
        close = b"connection: close\r\n" if last else b""
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n" + close + b"\r\n"
                         + b"%x\r\n%s\r\n" % (len(body), body) + last)


def botocore(url, ran):
    client = boto3.client("bedrock-runtime", endpoint_url=url)
    events = list(client.converse_stream(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "hi"}]}])["stream"])
    return f"{len(events)} events, then the end"


def strands_agents(url, ran):
    @strands.tool
    def a(x: str) -> str:
        """a"""
        ran.append(x)
        return "ok"

    result = strands.Agent(model=BedrockModel(model_id=MODEL, endpoint_url=url, region_name="us-east-1"), tools=[a], callback_handler=None)("hi")
    return f'"{str(result).strip()}", stop_reason {result.stop_reason}'


def pydantic_ai(url, ran):
    agent = Agent(BedrockConverseModel(MODEL, provider=BedrockProvider(base_url=url, region_name="us-east-1")))

    @agent.tool_plain
    def a(x: str) -> str:
        ran.append(x)
        return "ok"

    async def ask():
        async with agent.run_stream("hi") as result:
            return f'"{await result.get_output()}", finish_reason {result.response.finish_reason}'

    return asyncio.run(ask())


def langchain_aws(url, ran):
    *_, last = ChatBedrockConverse(model=MODEL, base_url=url, region_name="us-east-1").stream("hi")
    return "the end"


def node(program):
    def run(url, ran):
        return subprocess.run(["node", program, url, MODEL], capture_output=True, text=True, timeout=60).stdout.strip()

    return run


print(*(f"{name} {version(name)}" for name in ("boto3", "strands-agents", "pydantic-ai-slim", "langchain-aws")))
print(*(f"{name} {json.load(open(f'node_modules/{name}/package.json'))['version']}" for name in ("@aws-sdk/client-bedrock-runtime", "ai", "@ai-sdk/amazon-bedrock")))
CLIENTS = {"boto3": botocore, "@aws-sdk/client-bedrock-runtime": node("sdk.mjs"), "strands": strands_agents, "pydantic-ai": pydantic_ai,
           "langchain-aws": langchain_aws, "ai": node("ai.mjs")}
for name, client in CLIENTS.items():
    for kind, body in ANSWERS.items():
        for end, (more, last) in ENDS.items():
            server, ran = Server(body + more, last), []
            try:
                said = client(server.url, ran)
            except Exception as e:
                said = f"{type(e).__name__}: {e}"
            said += f", tool run {len(ran)} times" if kind == "tool" and name in ("strands", "pydantic-ai") else ""
            print(f"{name}, {kind} {end}: {said}, requests {2 - len(server.answers)}")
END
timeout 300 "$PYTHON" -W ignore program.py >seen
holds <<'END'
boto3 1.44.8 strands-agents 1.62.0 pydantic-ai-slim 2.68.0 langchain-aws 1.9.1
@aws-sdk/client-bedrock-runtime 3.1164.0 ai 7.0.173 @ai-sdk/amazon-bedrock 4.0.186
boto3, text (a): 3 events, then the end, requests 1
boto3, text (b): ProtocolError: Response ended prematurely, requests 1
boto3, tool (a): 3 events, then the end, requests 1
boto3, tool (b): ProtocolError: Response ended prematurely, requests 1
@aws-sdk/client-bedrock-runtime, text (a): 3 events, then the end, requests 1
@aws-sdk/client-bedrock-runtime, text (b): 3 events, then Error: aborted, requests 1
@aws-sdk/client-bedrock-runtime, tool (a): 3 events, then the end, requests 1
@aws-sdk/client-bedrock-runtime, tool (b): 3 events, then Error: aborted, requests 1
strands, text (a): "", stop_reason end_turn, requests 1
strands, text (b): ProtocolError: Response ended prematurely, requests 1
strands, tool (a): "", stop_reason end_turn, tool run 0 times, requests 1
strands, tool (b): ProtocolError: Response ended prematurely, tool run 0 times, requests 1
pydantic-ai, text (a): "Hello", finish_reason None, requests 1
pydantic-ai, text (b): ModelConnectionError: Response ended prematurely, requests 1
pydantic-ai, tool (a): "done", finish_reason stop, tool run 1 times, requests 2
pydantic-ai, tool (b): ModelConnectionError: Response ended prematurely, tool run 0 times, requests 1
langchain-aws, text (a): ConnectionError: Incomplete Bedrock response stream: missing messageStop event., requests 1
langchain-aws, text (b): ProtocolError: Response ended prematurely, requests 1
langchain-aws, tool (a): ConnectionError: Incomplete Bedrock response stream: missing messageStop event., requests 1
langchain-aws, tool (b): ProtocolError: Response ended prematurely, requests 1
ai, text (a): "Hello", finishReason other, told to onError: [], tool run 0 times, requests 1
ai, text (b): TypeError: terminated, tool run 0 times, requests 1
ai, tool (a): "", finishReason other, told to onError: [], tool run 0 times, requests 1
ai, tool (b): TypeError: terminated, tool run 0 times, requests 1
END
