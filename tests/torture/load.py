#!/usr/bin/env python3
"""Mixed requests, many at a time; what became of each goes to a file.

usage: load.py URL KEY PREFIX COUNT PARALLEL ABORT WHICH OUT
ABORT: share of the streams that the client leaves after their first bytes. WHICH: all of them, or "claude": those of
InvokeModel, where the first event tells the input tokens (Converse tells them with the last).
OUT gets a line a request:  id  outcome  input_tokens  output_tokens
outcome: a status, "left" (the client aborted) or "lost" (no answer, or one without its end).
A file OUT.stop ends the run early. PAUSE_MS: of each client before each request. Only the standard library.
"""
import asyncio
import base64
import json
import os
import random
import sys
from urllib.parse import urlsplit

CLAUDE = "claude-sonnet-4-5"
OTHER = "qwen.qwen3-coder-480b-a35b-v1:0"
ITS_OWN = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"  # of Bedrock's own routes
DIALECTS = ("messages", "chat", "responses")


def passed(number, text):
    """Path, body and dialect of one on Bedrock's own routes: InvokeModel where the model is Claude, else Converse."""
    if number & 4:
        body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
        return f"/model/{OTHER}/" + ("converse-stream" if number & 2 else "converse"), body, "converse"
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 500, "messages": [{"role": "user", "content": text}]}
    return f"/model/{ITS_OWN}/" + ("invoke-with-response-stream" if number & 2 else "invoke"), body, "invoke"


def request(number, key, host, name):
    """Bytes of a request of one of sixteen kinds, its dialect and whether it is streamed."""
    dialect, stream, model = DIALECTS[number & 1 and number // 8 % 2 + 1], bool(number & 2), OTHER if number & 4 else CLAUDE
    text = "say: " + "word " * (1 + number % 23)
    body = {"model": model, "stream": stream}
    body["input" if dialect == "responses" else "messages"] = [{"role": "user", "content": text}]
    path = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}[dialect]
    if dialect == "messages":
        body["max_tokens"] = 500
    elif dialect == "chat" and stream:
        body["stream_options"] = {"include_usage": True}
    if number // 8 % 4 == 3:
        path, body, dialect = passed(number, text)
    raw = json.dumps(body).encode()
    head = (f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nX-Request-Id: {name}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n").encode()
    return head + raw, dialect, stream


async def read_answer(reader):
    """Status, body; EOFError and the like when the answer has no end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    if "transfer-encoding: chunked" not in head:
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        return status, await reader.readexactly(length)
    body = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return status, body


def frames(body):
    """(headers, payload) of each event of a whole body; a rest that is no frame is an EOFError."""
    while body:
        total, head = (int.from_bytes(body[i:i + 4], "big") for i in (0, 4))
        if len(body) < total or total < 16:
            raise EOFError
        headers, rest = {}, body[12:12 + head]
        while rest:
            name = 1 + rest[0]
            size = int.from_bytes(rest[name + 1:name + 3], "big")
            headers[rest[1:name].decode()] = rest[name + 3:name + 3 + size].decode()
            rest = rest[name + 3 + size:]
        yield headers, json.loads(body[12 + head:total - 4] or b"{}")
        body = body[total:]


def usage_of_passed(body, dialect, stream):
    if not stream:
        usage = json.loads(body)["usage"]
        return (usage["input_tokens"], usage["output_tokens"]) if dialect == "invoke" else (usage["inputTokens"], usage["outputTokens"])
    events = list(frames(body))
    if any(headers[":message-type"] != "event" for headers, _ in events):
        return None
    if dialect == "converse":
        told = [payload["usage"] for headers, payload in events if headers[":event-type"] == "metadata"]
        return (told[0]["inputTokens"], told[0]["outputTokens"]) if told else None
    events = [json.loads(base64.b64decode(payload["bytes"])) for _, payload in events]
    if not events or events[-1]["type"] != "message_stop":
        return None
    start = events[0]["message"]["usage"]
    return start["input_tokens"], [e for e in events if e["type"] == "message_delta"][-1]["usage"]["output_tokens"]


def usage_of(body, dialect, stream):
    """(input, output) as the client is told, or None when the answer did not come to its good end."""
    if dialect in ("invoke", "converse"):
        return usage_of_passed(body, dialect, stream)
    if not stream:
        usage = json.loads(body)["usage"]
        return (usage["prompt_tokens"], usage["completion_tokens"]) if dialect == "chat" else (usage["input_tokens"], usage["output_tokens"])
    events = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]
    if dialect == "responses":
        told = events[-1]["response"]["usage"] if events and events[-1]["type"] == "response.completed" else None
        return (told["input_tokens"], told["output_tokens"]) if told else None
    if dialect == "chat":
        told = [e["usage"] for e in events if e.get("usage")]
        return (told[-1]["prompt_tokens"], told[-1]["completion_tokens"]) if told and b"data: [DONE]" in body else None
    if not events or events[-1]["type"] != "message_stop":
        return None
    start = next(e for e in events if e["type"] == "message_start")["message"]["usage"]
    end = [e for e in events if e["type"] == "message_delta"][-1]["usage"]
    return end.get("input_tokens", start["input_tokens"]), end["output_tokens"]


class Client:
    def __init__(self, host, port, key, which):
        self.host, self.port, self.key, self.which, self.link = host, port, key, which, None

    async def connect(self):
        while self.link is None:
            try:
                self.link = await asyncio.open_connection(self.host, self.port)
            except OSError:
                await asyncio.sleep(0.02)

    def leave(self):
        if self.link:
            self.link[1].transport.abort()
        self.link = None

    async def ask(self, number, name, abort):
        raw, dialect, stream = request(number, self.key, f"{self.host}:{self.port}", name)
        await self.connect()
        reader, writer = self.link
        writer.write(raw)
        if stream and random.random() < abort and not (number & 4 and self.which == "claude"):
            await reader.readuntil(b":event-type" if dialect in ("invoke", "converse") else b"data: {")
            self.leave()
            return "left", 0, 0
        status, body = await read_answer(reader)
        told = usage_of(body, dialect, stream) if status == 200 else (0, 0)
        return (str(status), *told) if told else ("lost", 0, 0)


async def work(client, numbers, prefix, abort, out, stop):
    pause = int(os.environ.get("PAUSE_MS", 0)) / 1000
    for number in numbers:
        await asyncio.sleep(pause)
        if os.path.exists(stop):
            return
        name = f"{prefix}-{number}"
        try:
            result = await asyncio.wait_for(client.ask(number, name, abort), 60)
        except (OSError, EOFError, asyncio.TimeoutError):
            client.leave()
            result = ("lost", 0, 0)
        print(name, *result, sep="\t", file=out)


async def main():
    url, key, prefix, count, parallel, abort, which, path = sys.argv[1:]
    place = urlsplit(url)
    numbers = iter(range(int(count)))
    with open(path, "w", buffering=1, encoding="utf-8") as out:
        await asyncio.gather(*(
            work(Client(place.hostname, place.port, key, which), numbers, prefix, float(abort), out, path + ".stop")
            for _ in range(int(parallel))))


asyncio.run(main())
