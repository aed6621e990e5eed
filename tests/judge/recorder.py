"""A Bedrock on loopback that answers everything with one word and keeps bodies and headers, by the number behind `judge-`."""
import asyncio
import base64
import json
import re
import struct
import urllib.parse
import zlib

USAGE = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "ok"}],
           "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}


def frame(event, payload):
    """One frame of vnd.amazon.eventstream."""
    head = b"".join(bytes([len(k)]) + k + b"\x07" + struct.pack(">H", len(v)) + v for k, v in (
        (b":message-type", b"event"), (b":event-type", event.encode()), (b":content-type", b"application/json")))
    body = json.dumps(payload).encode()
    out = struct.pack(">II", 16 + len(head) + len(body), len(head))
    out += struct.pack(">I", zlib.crc32(out)) + head + body
    return out + struct.pack(">I", zlib.crc32(out))


def chunk(event):
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()})


ANSWERS = {
    "invoke": json.dumps(MESSAGE).encode(),
    "converse": json.dumps({"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "end_turn",
                            "usage": USAGE, "metrics": {"latencyMs": 1}}).encode(),
    "converse-stream": frame("messageStart", {"role": "assistant"}) + frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "ok"}}) +
    frame("contentBlockStop", {"contentBlockIndex": 0}) + frame("messageStop", {"stopReason": "end_turn"}) +
    frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    "invoke-with-response-stream": chunk({"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}) +
    chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}) +
    chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}}) + chunk({"type": "content_block_stop", "index": 0}) +
    chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}}) + chunk({"type": "message_stop"}),
}


# What Bedrock says when it does not take something that is in the body; the server then asks again in another way.
REFUSALS = [
    (b'"temperature"', "`temperature` is deprecated for this model."), (b'"anthropic_beta"', "invalid beta flag"),
    (b'"top_p"', "`temperature` and `top_p` cannot both be specified for this model."), (b'"format":', "output_config.format: Extra inputs are not permitted"),
    (b'"textFormat"', "output_config.format.schema: schema is too complex"), (b'"strict"', "grammar is too large"),
    (b'"effort"', "output_config.effort: Extra inputs are not permitted"), (b'"thinking"', "messages.1.content.0: thinking block is bound to a different conversation"),
    (b'"role": "system"', "role 'system' is not supported on this model"),
    (b'"tool_choice"', 'tool_choice: "any" are not supported for this model'), (b'"stopSequences"', "This model doesn't support the stopSequences field. Remove stopSequences and try again."),
    (b'"toolChoice"', "This model doesn't support the toolConfig.toolChoice.any field. Remove toolConfig.toolChoice.any and try again."),
    (b'"toolConfig"', "This model doesn't support tool use in streaming mode."), (b'"system":', "This model doesn't support system messages."),
    (b'"reasoning_effort"', "reasoning_effort: Extra inputs are not permitted"), (b'"toolResult"', "This model doesn't support the image content block in a tool result.")]


class Recorder:
    def __init__(self):
        self.refuses = False  # while set the first body of each number
        self.bodies = {}  # number: [(operation, model, bytes, headers), ...]
        self.writers = set()
        self.strays = []  # requests without a number, or of no known operation

    async def start(self, port):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, limit=1 << 20)

    def keep(self, path, body, headers):
        match = re.fullmatch(r"/model/([^/]+)/([a-z-]+)", path)
        numbers = set(re.findall(rb"judge-(\d+)", body))
        if not match or len(numbers) != 1 or match[2] not in ANSWERS:
            self.strays.append((path, body))
            return 404, b'{"message":"not judged"}', "application/json"
        number = int(numbers.pop())
        before = self.bodies.setdefault(number, [])
        before.append((match[2], urllib.parse.unquote(match[1]), body, headers))
        texts = [text for what, text in REFUSALS if what in body]
        if self.refuses and len(before) == 1 and texts:
            return 400, json.dumps({"message": texts[number // 7 % len(texts)]}).encode(), "application/json"
        return 200, ANSWERS[match[2]], "application/vnd.amazon.eventstream" if match[2].endswith("stream") else "application/json"

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                status, answer, kind = self.keep(head.split(" ")[1], body, dict(re.findall(r"(?m)^([^:\r\n]+): *(.*?)\r$", head)))
                more = "x-amzn-ErrorType: ValidationException\r\n" if status == 400 else ""
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def stop(self):
        self.server.close()
        for writer in list(self.writers):
            writer.close()
        await asyncio.sleep(0.1)  # for the connections' ends to be seen
