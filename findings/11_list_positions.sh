#!/usr/bin/env bash
# Two positions of one list in one DynamoDB expression: dynalite removes the wrong element, moto forgets one.
#
# Software: dynalite 4.0.0 (npm); moto 5.2.5, boto3 1.44.8 (PyPI).
# Input:    an item whose list holds a b c d e; UpdateItem with REMOVE of two positions, or SET of two positions behind its end; GetItem with a
#           projection of two positions; each in both orders. The right answers stand in the script.
# Seen:     dynalite, REMOVE l[0], l[1]: b d e is left instead of c d e, since the second position is looked up in the list that is already
#           shorter; highest position first it is right. moto, projection l[0], l[3]: one element without an error, the one that is named
#           last. moto, SET l[9], l[7]: appended as written, where DynamoDB sorts by position. In each case the other emulator is right.
# Why:      in DynamoDB all paths of an expression mean the item as it was before; its developer guide has the first case as an example
#           ("Update expressions", REMOVE). A queue or history kept in a list is trimmed or read rightly in AWS and loses other elements
#           here, and nothing says so.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install dynalite@4.0.0
pip_install 'moto[dynamodb]==5.2.5' boto3==1.44.8 botocore==1.44.8 flask==3.1.3 flask-cors==6.0.5
cat >dynalite.mjs <<'END'
import dynalite from 'dynalite';

const server = dynalite({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
END
cat >program.py <<'END'
import json
import logging
import subprocess
from importlib.metadata import version

import boto3
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
print("dynalite", json.load(open("node_modules/dynalite/package.json"))["version"])
print("moto", version("moto"))
print("boto3", version("boto3"))
moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
moto.start()
node = subprocess.Popen(["node", "dynalite.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
ports = {"dynalite": int(node.stdout.readline()), "moto": moto.get_host_and_port()[1]}
KEY = {"k": {"S": "1"}}


def text(item):
    return " ".join(v["S"] for v in item["l"]["L"])


def update(db, expression, **values):
    more = {"ExpressionAttributeValues": {f":{v}": {"S": v} for v in values}} if values else {}
    db.update_item(TableName="items", Key=KEY, UpdateExpression=expression, **more)
    return text(db.get_item(TableName="items", Key=KEY)["Item"])


def project(db, expression):
    return text(db.get_item(TableName="items", Key=KEY, ProjectionExpression=expression)["Item"])


CASES = [
    ("REMOVE l[0], l[1]", "c d e", lambda db, e: update(db, e)),
    ("REMOVE l[1], l[0]", "c d e", lambda db, e: update(db, e)),
    ("l[0], l[3]", "a d", project),
    ("l[3], l[0]", "a d", project),
    ("SET l[7] = :x, l[9] = :y", "a b c d e x y", lambda db, e: update(db, e, x=1, y=1)),
    ("SET l[9] = :y, l[7] = :x", "a b c d e x y", lambda db, e: update(db, e, x=1, y=1)),
]
for name, port in ports.items():
    db = boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE",
                      aws_secret_access_key="example")
    db.create_table(TableName="items", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                    AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="items", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    for expression, right, run in CASES:
        db.put_item(TableName="items", Item={**KEY, "l": {"L": [{"S": c} for c in "abcde"]}})
        got = run(db, expression)
        print(f"{name}, {expression}: {got}" + ("" if got == right else f" (DynamoDB: {right})"))
node.stdin.close()
node.wait()
moto.stop()
END
timeout 100 "$PYTHON" program.py >seen
holds <<'END'
dynalite 4.0.0
moto 5.2.5
boto3 1.44.8
dynalite, REMOVE l[0], l[1]: b d e (DynamoDB: c d e)
dynalite, REMOVE l[1], l[0]: c d e
dynalite, l[0], l[3]: a d
dynalite, l[3], l[0]: a d
dynalite, SET l[7] = :x, l[9] = :y: a b c d e x y
dynalite, SET l[9] = :y, l[7] = :x: a b c d e x y
moto, REMOVE l[0], l[1]: c d e
moto, REMOVE l[1], l[0]: c d e
moto, l[0], l[3]: d (DynamoDB: a d)
moto, l[3], l[0]: a (DynamoDB: a d)
moto, SET l[7] = :x, l[9] = :y: a b c d e x y
moto, SET l[9] = :y, l[7] = :x: a b c d e y x (DynamoDB: a b c d e x y)
END
