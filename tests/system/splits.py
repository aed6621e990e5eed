#!/usr/bin/env python3
"""Bedrock's own routes with the bytes cut in two at every place, on both sides of the gateway, over HTTP/1.1 and HTTP/2.

usage: splits.py PROXY_PORT UPSTREAM_PORT GATEWAY_PORT KEY MODEL
Stands between gateway and mock: what the mock says is passed in two pieces, what the gateway says is kept. Asks through the
gateway, in two pieces. For each operation and protocol a line: name, requests, and how many of them came to Bedrock, or back,
otherwise than they were sent. Only the standard library.
"""
import json
import re
import socket
import struct
import sys
import threading
import time

PROXY, UPSTREAM, GATEWAY = map(int, sys.argv[1:4])
KEY, MODEL = sys.argv[4:]
INVOKE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": "say: one two \u00e9"}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "say: one two \u00e9"}]}]}
OPERATIONS = {"invoke": INVOKE, "converse": CONVERSE, "invoke-with-response-stream": INVOKE, "converse-stream": CONVERSE}
PAUSE = 0.001
at = {}  # (operation, marker of who asks): where the answer is cut
kept = {}  # the same: (body that Bedrock got, body that it said, length of all that it said)


def in_two(sock, data, place):
    """Two segments: the other side reads the first before the second is there."""
    sock.sendall(data[:place])
    if 0 < place < len(data):
        time.sleep(PAUSE)
        sock.sendall(data[place:])
    elif place == 0:
        sock.sendall(data)


def dial(port):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(20)
    return sock


def message(sock, data=b""):
    """One HTTP/1.1 message: all its bytes, and its body."""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return data, None
        data += piece
    end = data.index(b"\r\n\r\n") + 4
    head = data[:end].lower()
    if b"transfer-encoding: chunked" not in head:
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(data) < end + length:
            data += sock.recv(65536)
        return data, data[end:end + length]
    body, place = b"", end
    while True:
        while b"\r\n" not in data[place:]:
            data += sock.recv(65536)
        line = data.index(b"\r\n", place)
        size, place = int(data[place:line], 16), line + 2
        while len(data) < place + size + 2:
            data += sock.recv(65536)
        body += data[place:place + size]
        place += size + 2
        if size == 0:
            return data, body


def between(client):
    upstream = dial(UPSTREAM)
    try:
        while True:
            request, got = message(client)
            if got is None:
                return
            upstream.sendall(request)
            answer, said = message(upstream)
            who = (re.match(rb"POST /model/[^/]*/([a-z-]+)", request)[1].decode(), re.search(rb'"(1|2)"', got)[1].decode())
            kept[who] = (got, said, len(answer))
            in_two(client, answer, min(at.get(who, 0), len(answer) - 1))
    except OSError:
        pass
    finally:
        upstream.close()
        client.close()


def proxy():
    listener = socket.create_server(("127.0.0.1", PROXY), backlog=64)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=between, args=(client,), daemon=True).start()


class One:
    """A client of HTTP/1.1."""
    name = "HTTP/1.1"

    def __init__(self):
        self.sock = dial(GATEWAY)

    def request(self, path, body):
        return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def answer(self):
        return message(self.sock)[1]


class Two:
    """A client of HTTP/2 that reads no heads."""
    name = "HTTP/2"

    def __init__(self):
        self.sock, self.stream, self.data = dial(GATEWAY), -1, b""
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def request(self, path, body):
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "authorization": f"Bearer {KEY}",
                  "content-type": "application/json", "content-length": str(len(body))}
        block = b"".join(b"\x10" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in fields.items())
        self.stream += 2
        return self.frame(1, 4, self.stream, block) + self.frame(0, 1, self.stream, body)

    def answer(self):
        body = b""
        while True:
            while len(self.data) < 9 or len(self.data) < 9 + int.from_bytes(self.data[:3], "big"):
                piece = self.sock.recv(65536)
                if not piece:
                    return None
                self.data += piece
            size = int.from_bytes(self.data[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", self.data[3:9])
            payload, self.data = self.data[9:9 + size], self.data[9 + size:]
            if kind == 4 and not flags:
                self.sock.sendall(self.frame(4, 1, 0, b""))
            if kind in (3, 7):
                return None
            if kind == 0 and stream == self.stream:
                body += payload
                for number in (0, stream):
                    self.sock.sendall(self.frame(8, 0, number, struct.pack(">I", max(size, 1))))
            if kind in (0, 1) and flags & 1:
                return body


def go_through(operation, kind, out):
    which = "1" if kind is One else "2"
    body = json.dumps({**OPERATIONS[operation], **({"metadata": {"user_id": which}} if operation.startswith("invoke") else {"requestMetadata": {"a": which}})},
                      ensure_ascii=False).encode()
    who, client, wrong_there, wrong_here, n, most = (operation, which), kind(), 0, 0, 0, 1
    while n < most:
        if n % 400 == 399:
            client = kind()  # a connection takes 1,000
        request = client.request(f"/model/{MODEL}/{operation}", body)
        at[who] = n
        kept[who] = (None, b"?", 0)
        in_two(client.sock, request, n % len(request))
        answer = client.answer()
        got, said, length = kept[who]
        wrong_there += got != body
        wrong_here += answer != said
        most = max(most, len(request), length)
        n += 1
        if answer is None:
            client = kind()
            most = min(most, n + 5)
    out.append((operation, kind.name, n, wrong_there, wrong_here))


threading.Thread(target=proxy, daemon=True).start()
results = []
threads = [threading.Thread(target=go_through, args=(operation, kind, results)) for operation in OPERATIONS for kind in (One, Two)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for row in sorted(results):
    print(*row, sep="\t")
