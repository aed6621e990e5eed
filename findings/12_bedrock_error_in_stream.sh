#!/usr/bin/env bash
# boto3 gives a Bedrock error another class, another code and fewer members once it comes as a frame of the stream; the two SDKs repeat other ones.
#
# Software: boto3 1.44.8 (PyPI); @aws-sdk/client-bedrock-runtime 3.1164.0, @smithy/node-http-handler 4.14.2 (npm).
# Input:    ConverseStream errors as AWS's service model lists them: as the HTTP answer; as an exception frame that is the first of a 200 answer;
#           as one behind messageStart. Both SDKs with their defaults (three attempts). modelStreamErrorException is a frame only.
# Seen:     boto3: the HTTP answer is client.exceptions.ThrottlingException with code "ThrottlingException", asked three times. The frame is
#           botocore's EventStreamError with code "throttlingException" (small t), which that class does not catch, asked once, wherever
#           it stands; originalStatusCode and originalMessage of modelStreamErrorException, the model's own error, are nowhere.
#           JavaScript: the same class and the members in all places. It reads the first frame before send() returns, and asks again if that
#           is a throttlingException; an internalServerException there is final, though as an answer it is asked three times.
# Why:      `except client.exceptions.ThrottlingException` and a table by code work until load makes the service throttle in the stream. Compare
#           codes without letter case, and repeat by hand what came before the first event. A gateway that sends its 200 early turns an
#           error that boto3's users would have had repeated into one that they have not; one in JavaScript sees three requests for one.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install @aws-sdk/client-bedrock-runtime@3.1164.0 @smithy/node-http-handler@4.14.2
pip_install boto3==1.44.8 botocore==1.44.8
cat >program.py <<'END'
import base64
import json
import struct
import zlib
from importlib.metadata import version

import boto3
from botocore.exceptions import ClientError
from server import Server, document


def frame(kind, name, payload):
    """One message of application/vnd.amazon.eventstream."""
    headers = b""
    for key, value in {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}.items():
        headers += struct.pack("B", len(key)) + key.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    whole = start + struct.pack(">I", zlib.crc32(start)) + headers + body
    return whole + struct.pack(">I", zlib.crc32(whole))


WORDS = {"message": "words"}
ERRORS = [("ThrottlingException", 429, WORDS), ("InternalServerException", 500, WORDS),
          ("ModelStreamErrorException", None, {**WORDS, "originalStatusCode": 503, "originalMessage": "full"})]
answers = []
for name, status, members in ERRORS:
    error = frame("exception", name[0].lower() + name[1:], members)
    if status:
        answers.append((name, "answer", document(status, members, x_amzn_errortype=name)))
    for place, before in ("first frame", b""), ("second frame", frame("event", "messageStart", {"role": "assistant"})):
        answers.append((name, place, (200, {"content-type": "application/vnd.amazon.eventstream"}, before + error)))

print("boto3", version("boto3"))
for name, place, answer in answers:
    server = Server(answer)
    client = boto3.client("bedrock-runtime", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE",
                          aws_secret_access_key="example")
    try:
        for _ in client.converse_stream(modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": "hi"}]}])["stream"]:
            pass
    except ClientError as e:
        caught = "caught" if isinstance(e, getattr(client.exceptions, name)) else "not caught"
        more = sorted(set(e.response) - {"Error", "ResponseMetadata", "message"})
        print(f"{name}, {place}: {type(e).__name__} ({caught} by {name}), code {e.response['Error']['Code']}, more {more}, requests {server.requests}")

with open("answers.json", "w") as f:
    json.dump([[name, place, status, headers, base64.b64encode(body).decode()] for name, place, (status, headers, body) in answers], f)
END
cat >program.mjs <<'END'
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import * as bedrock from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const require = createRequire(import.meta.url);
console.log('@aws-sdk/client-bedrock-runtime', require('./node_modules/@aws-sdk/client-bedrock-runtime/package.json').version);
for (const [name, place, status, headers, body] of JSON.parse(fs.readFileSync('answers.json'))) {
  let requests = 0;
  const server = http.createServer((request, response) => {
    requests++;
    request.resume().on('end', () => response.writeHead(status, headers).end(Buffer.from(body, 'base64')));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const client = new bedrock.BedrockRuntimeClient({ endpoint: `http://127.0.0.1:${server.address().port}`, region: 'us-east-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' }, requestHandler: new NodeHttpHandler() });
  const call = new bedrock.ConverseStreamCommand({ modelId: 'amazon.nova-lite-v1:0', messages: [{ role: 'user', content: [{ text: 'hi' }] }] });
  let from = 'send()';
  try {
    const answer = await client.send(call);
    from = 'the loop';
    for await (const event of answer.stream) void event;
  } catch (e) {
    const caught = e instanceof bedrock[name] ? 'caught' : 'not caught';
    const more = Object.keys(e).filter((key) => key.startsWith('original')).sort();
    console.log(`${name}, ${place}: ${e.name} (${caught} by ${name}) from ${from}, more [${more}], requests ${requests}`);
  }
  client.destroy();
  server.closeAllConnections();
  server.close();
}
END
timeout 100 "$PYTHON" program.py >seen
timeout 100 node program.mjs >>seen
holds <<'END'
boto3 1.44.8
ThrottlingException, answer: ThrottlingException (caught by ThrottlingException), code ThrottlingException, more [], requests 3
ThrottlingException, first frame: EventStreamError (not caught by ThrottlingException), code throttlingException, more [], requests 1
ThrottlingException, second frame: EventStreamError (not caught by ThrottlingException), code throttlingException, more [], requests 1
InternalServerException, answer: InternalServerException (caught by InternalServerException), code InternalServerException, more [], requests 3
InternalServerException, first frame: EventStreamError (not caught by InternalServerException), code internalServerException, more [], requests 1
InternalServerException, second frame: EventStreamError (not caught by InternalServerException), code internalServerException, more [], requests 1
ModelStreamErrorException, first frame: EventStreamError (not caught by ModelStreamErrorException), code modelStreamErrorException, more [], requests 1
ModelStreamErrorException, second frame: EventStreamError (not caught by ModelStreamErrorException), code modelStreamErrorException, more [], requests 1
@aws-sdk/client-bedrock-runtime 3.1164.0
ThrottlingException, answer: ThrottlingException (caught by ThrottlingException) from send(), more [], requests 3
ThrottlingException, first frame: ThrottlingException (caught by ThrottlingException) from send(), more [], requests 3
ThrottlingException, second frame: ThrottlingException (caught by ThrottlingException) from the loop, more [], requests 1
InternalServerException, answer: InternalServerException (caught by InternalServerException) from send(), more [], requests 3
InternalServerException, first frame: InternalServerException (caught by InternalServerException) from send(), more [], requests 1
InternalServerException, second frame: InternalServerException (caught by InternalServerException) from the loop, more [], requests 1
ModelStreamErrorException, first frame: ModelStreamErrorException (caught by ModelStreamErrorException) from send(), more [originalMessage,originalStatusCode], requests 1
ModelStreamErrorException, second frame: ModelStreamErrorException (caught by ModelStreamErrorException) from the loop, more [originalMessage,originalStatusCode], requests 1
END
