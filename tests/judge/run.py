"""COUNT random requests in four mixes through the server, and every body that comes out of it before the judge.

usage: run.py BASE_URL API_KEY COUNT SEED       prints counts and faults; the server's Bedrock is the recorder that it
starts on the port RECORDER_PORT. A tenth more are refused once by it, as Bedrock refuses, and what comes then is judged, too. The last line: "judge: N bodies ..., M faults". Exit 1 when there is any.
"""
import asyncio
import collections
import json
import os
import re
import sys
import urllib.parse

from judge import VERSION, Judge
from recorder import Recorder
from view import base_id
from wishes import MIXES, Request

LANES = 8
SHOWN = 2  # examples of a kind of fault


async def ask(stream, host, key, one):
    reader, writer = stream
    body = json.dumps(one.body).encode()
    head = {"Host": host, "x-api-key": key, "Content-Type": "application/json", "Content-Length": str(len(body)), **one.headers}
    if one.path == "/v1/messages":
        head["anthropic-version"] = "2023-06-01"
    writer.write(f"POST {one.path} HTTP/1.1\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in head.items()).encode() + b"\r\n" + body)
    got = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = re.search(r"\r\ncontent-length: *(\d+)", got)
    answer = b""
    if length:
        answer = await reader.readexactly(int(length[1]))
    elif "transfer-encoding: chunked" in got:
        while True:
            size = int(await reader.readline(), 16)
            answer += (await reader.readexactly(size + 2))[:size]
            if size == 0:
                break
    return int(got.split(" ")[1]), answer, "connection: close" in got


class Run:
    def __init__(self, url, key, count, seed, recorder):
        self.where, self.key, self.count, self.seed, self.recorder = urllib.parse.urlsplit(url), key, count, seed, recorder
        self.judge, self.bodies, self.refused, self.answers = Judge(), collections.Counter(), collections.Counter(), collections.Counter()
        self.faults, self.examples, self.requests = collections.Counter(), collections.defaultdict(list), collections.Counter()
        self.reasons = collections.Counter()  # of refusals
        self.again = 0  # requests that were sent in another way after a refusal
        self.models = collections.defaultdict(collections.Counter)

    def found(self, what, one, n, body):
        kind = re.sub(r"\[\d+\]", "[]", what)
        self.faults[kind] += 1
        self.models[kind][base_id(one.model)] += 1
        if len(self.examples[kind]) < SHOWN:
            self.examples[kind].append(f"{self.seed} {one.mix} {n}: {what}\n      {body[:1500].decode(errors='replace')}")

    def after(self, one, n, status, answer):
        kept = self.recorder.bodies.pop(n, [])
        self.requests[one.mix] += 1
        self.answers[status] += 1
        self.again += len(kept) > 1
        if status >= 500 or (kept and status != 200 and not self.recorder.refuses) or (status == 200 and not kept):
            self.found(f"answer {status} with {len(kept)} bodies", one, n, answer)
        if not kept:
            self.refused[one.mix] += 1
            self.reasons[re.sub(r"[0-9]+", "N", answer[:160].decode(errors="replace"))] += 1
        for operation, model, body, headers in kept:
            self.bodies[f"{one.mix}, {operation}"] += 1
            for what in self.judge.faults(operation, model, body, one.body, self.recorder.refuses, headers):
                self.found(what, one, n, body)

    async def lane(self, numbers):
        stream = None
        for n in numbers:
            one = Request(self.seed, MIXES[n % len(MIXES)], n)
            if not stream:
                stream = await asyncio.open_connection(self.where.hostname, self.where.port, limit=1 << 20)
            status, answer, close = await asyncio.wait_for(ask(stream, self.where.netloc, self.key, one), 60)
            if close:
                stream[1].close()
                stream = None
            self.after(one, n, status, answer)

    def tell(self):
        for kind, n in self.faults.most_common():
            print(f"  {n} x {kind}: " + ", ".join(f"{m} {k}" for m, k in self.models[kind].most_common()))
            for example in self.examples[kind]:
                print(f"    {example}")
        for path, body in self.recorder.strays[:3]:
            print(f"  a stray: {path} {body[-1500:]!r}")
        total, wrong = sum(self.bodies.values()), sum(self.faults.values()) + len(self.recorder.strays)
        print("  requests: " + ", ".join(f"{k} {v}" for k, v in sorted(self.requests.items())) + "; answers: " +
              ", ".join(f"{k} {v}" for k, v in sorted(self.answers.items())) + "; refused: " + ", ".join(f"{k} {v}" for k, v in sorted(self.refused.items())))
        for reason, n in self.reasons.most_common(int(os.environ.get("REASONS", "0"))):
            print(f"    {n} x {reason}")
        print("  bodies: " + ", ".join(f"{k} {v}" for k, v in sorted(self.bodies.items())))
        idle = [r["rule"] for r in self.judge.rules if r["used"] == 0]
        print(f"  rules: {len(self.judge.rules)}; without a body to judge: {', '.join(idle) or 'none'}")
        print(f"  asked again after a refusal: {self.again}")
        few = [m for m in MIXES if self.refused[m] * 2 > self.requests[m]]
        if few:
            print(f"  more than half refused, the rest says little: {', '.join(few)}")
        print(f"judge: {total} bodies of {sum(self.requests.values())} requests, seed {self.seed}, botocore {VERSION}: {wrong} faults")
        return 1 if wrong or few or not self.again else 0


async def main(url, key, count, seed):
    recorder = Recorder()
    await recorder.start(int(os.environ["RECORDER_PORT"]))
    run = Run(url, key, count, seed, recorder)
    for _ in range(100):
        try:
            (await asyncio.open_connection(run.where.hostname, run.where.port))[1].close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    await asyncio.gather(*(run.lane(range(lane, count, LANES)) for lane in range(LANES)))
    recorder.refuses = True
    await asyncio.gather(*(run.lane(range(count + lane, count + count // 10, LANES)) for lane in range(LANES)))
    await recorder.stop()
    return run.tell()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
