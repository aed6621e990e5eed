#!/usr/bin/env bash
# moto counts a repeated DynamoDB transaction twice: it does not look at ClientRequestToken.
#
# Software: moto 5.2.5, boto3 1.44.8 (PyPI).
# Input:    TransactWriteItems with one `ADD n 1`: (a) twice with one token, (b) once, through a proxy that loses the first answer, so that botocore
#           repeats the request by itself, (c) with one token for two different transactions.
# Seen:     (a) n is 2. (b) n is 2: botocore gave the call a token unasked and repeats it rightly, the same both times. (c) both are
#           carried out, n is 3.
# Why:      for ten minutes DynamoDB carries out equal calls with one token once, and refuses the second of (c) with
#           IdempotentParameterMismatchException (API reference, TransactWriteItems). A ledger, budget or counter that is safe in AWS against a
#           lost answer counts double here: tests of retries fail for code that is right, and code that reuses its tokens passes.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install 'moto[dynamodb]==5.2.5' boto3==1.44.8 botocore==1.44.8 flask==3.1.3 flask-cors==6.0.5
cat >program.py <<'END'
import http.client
import http.server
import json
import logging
import threading
from importlib.metadata import version

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
for name in "moto", "boto3":
    print(name, version(name))
moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
moto.start()
address = "%s:%d" % moto.get_host_and_port()
tokens = []


class Proxy(http.server.BaseHTTPRequestHandler):
    """Hands each request to moto, and the answer back, but for the first one."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        tokens.append(json.loads(body)["ClientRequestToken"])
        upstream = http.client.HTTPConnection(address)
        upstream.request("POST", "/", body, dict(self.headers))
        answer = upstream.getresponse()
        data = answer.read()
        self.close_connection = True
        if len(tokens) > 1:
            self.send_response(answer.status)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *args):
        pass


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=proxy.serve_forever, daemon=True).start()


def client(endpoint):
    return boto3.client("dynamodb", endpoint_url=f"http://{endpoint}", region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE",
                        aws_secret_access_key="example", config=Config(retries={"mode": "standard"}))


db = client(address)
db.create_table(TableName="items", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])


def add(key, amount=1, by=db, **more):
    by.transact_write_items(TransactItems=[{"Update": {
        "TableName": "items", "Key": {"k": {"S": key}}, "UpdateExpression": "ADD n :a",
        "ExpressionAttributeValues": {":a": {"N": str(amount)}}}}], **more)


def n(key):
    return db.get_item(TableName="items", Key={"k": {"S": key}})["Item"]["n"]["N"]


add("a", ClientRequestToken="token-a")
add("a", ClientRequestToken="token-a")
print("(a) one token, twice: n =", n("a"))
add("b", by=client(f"127.0.0.1:{proxy.server_port}"))
print(f"(b) one call, its first answer lost: {len(tokens)} requests, {len(set(tokens))} token, n =", n("b"))
add("c", ClientRequestToken="token-c")
try:
    add("c", 2, ClientRequestToken="token-c")
    print("(c) one token, two transactions: n =", n("c"))
except ClientError as e:
    print("(c)", e.response["Error"]["Code"])
moto.stop()
END
timeout 100 "$PYTHON" program.py >seen
holds <<'END'
moto 5.2.5
boto3 1.44.8
(a) one token, twice: n = 2
(b) one call, its first answer lost: 2 requests, 1 token, n = 2
(c) one token, two transactions: n = 3
END
