#!/usr/bin/env bash
# dynalite never finds a map or a list equal to itself.
#
# Software: dynalite 4.0.0, @aws-sdk/client-dynamodb 3.1169.0 (npm).
# Input:    an item with one attribute of each kind; then for each kind an UpdateItem whose condition is `v = :v`, `v IN (:v)` or
#           `NOT v <> :v`, with the very value that was put.
# Seen:     true for text, numbers (also 1E+2 against 100), sets in another order, binary, booleans and null. For maps and lists all three
#           fail with ConditionalCheckFailedException, and a Scan with the filter `v = :v` returns nothing.
# Why:      DynamoDB compares them deeply ("EQ is supported for all data types, including lists and maps": API reference,
#           ComparisonOperator). Optimistic locking on a document, or an idempotent "put unless it is this already", works in AWS and
#           loses every time against this emulator: tests of such code fail, or, worse, prove the branch that AWS never takes.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

npm_install dynalite@4.0.0 @aws-sdk/client-dynamodb@3.1169.0
cat >program.mjs <<'END'
import { createRequire } from 'node:module';
import * as aws from '@aws-sdk/client-dynamodb';

const require = createRequire(import.meta.url);
for (const name of ['dynalite', '@aws-sdk/client-dynamodb']) console.log(name, require(`./node_modules/${name}/package.json`).version);
const server = require('dynalite')({ createTableMs: 0 });
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const db = new aws.DynamoDBClient({
  endpoint: `http://127.0.0.1:${server.address().port}`, region: 'us-east-1', maxAttempts: 1,
  credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
});
const TableName = 'items';
await db.send(new aws.CreateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST',
  KeySchema: [{ AttributeName: 'k', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'k', AttributeType: 'S' }] }));
await aws.waitUntilTableExists({ client: db, maxWaitTime: 20, minDelay: 1 }, { TableName });

const put = { // what is put, and what it is compared with
  text: [{ S: 'a' }], number: [{ N: '100' }, { N: '1E+2' }], set: [{ SS: ['a', 'b'] }, { SS: ['b', 'a'] }],
  binary: [{ B: new Uint8Array([1, 2]) }], boolean: [{ BOOL: true }], null: [{ NULL: true }],
  map: [{ M: { a: { S: 'x' } } }], list: [{ L: [{ S: 'x' }] }], 'empty map': [{ M: {} }],
};
for (const [kind, [v, same = v]] of Object.entries(put)) {
  const Key = { k: { S: kind } };
  await db.send(new aws.PutItemCommand({ TableName, Item: { ...Key, v } }));
  const seen = [];
  for (const ConditionExpression of ['v = :v', 'v IN (:v)', 'NOT v <> :v'])
    await db.send(new aws.UpdateItemCommand({ TableName, Key, ConditionExpression, UpdateExpression: 'SET n = :n',
      ExpressionAttributeValues: { ':v': same, ':n': { N: '1' } } })).then(
      () => seen.push('true'),
      (e) => seen.push(e.name));
  const found = await db.send(new aws.ScanCommand({ TableName, FilterExpression: 'k = :k AND v = :v',
    ExpressionAttributeValues: { ':v': same, ':k': Key.k } }));
  console.log(`${kind}: ${[...new Set(seen)].join(' ')}, a scan finds ${found.Count}`);
}
server.close();
process.exit(0);
END
timeout 60 node program.mjs >seen
holds <<'END'
dynalite 4.0.0
@aws-sdk/client-dynamodb 3.1169.0
text: true, a scan finds 1
number: true, a scan finds 1
set: true, a scan finds 1
binary: true, a scan finds 1
boolean: true, a scan finds 1
null: true, a scan finds 1
map: ConditionalCheckFailedException, a scan finds 0
list: ConditionalCheckFailedException, a scan finds 0
empty map: ConditionalCheckFailedException, a scan finds 0
END
