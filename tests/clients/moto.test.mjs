// Our DynamoDB client against moto, on loopback: it has TimeToLive, and checks signatures and IAM policies when told to.
// MOTO_SERVER is the program that run.sh has installed; without it MOTO_MISSING says why.
import { describe, test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { sameMonth } from './bed.mjs';
import { KEYS, StoreBed, USAGE, sum } from './store-bed.mjs';

const { MOTO_SERVER, MOTO_MISSING = 'MOTO_SERVER is not set' } = process.env;
const SCRIPTED = new URL('../../scripts/iam/gateway-policy.json', import.meta.url);
const RUN_TIME = ['GetItem', 'PutItem', 'UpdateItem', 'Query', 'Scan'].map((o) => `dynamodb:${o}`);
const TABLES = { // partition key, sort key, key of the index
  'anthropic-proxy-api-keys': ['api_key', undefined, 'user_id'],
  'anthropic-proxy-usage': ['api_key', 'timestamp', 'request_id'],
  'anthropic-proxy-usage-stats': ['api_key', undefined, undefined],
  'anthropic-proxy-model-mapping': ['anthropic_model_id', undefined, undefined],
  'anthropic-proxy-model-pricing': ['model_id', undefined, 'provider'],
  'anthropic-proxy-beta-headers': ['header_name', undefined, undefined],
};

// A skipped describe is counted nowhere.
const suite = MOTO_SERVER ? describe : (name) => test(name, { skip: MOTO_MISSING });
suite('moto', () => {
  const bed = new StoreBed('moto');
  const { run, runJson, aws, status, until } = bed;
  const users = {}; // name -> credentials

  const iam = (action, more) => bed.post('iam', { 'content-type': 'application/x-www-form-urlencoded' },
    new URLSearchParams({ Action: action, Version: '2010-05-08', ...more }).toString());
  // moto knows no ARN of a table: the resource of every DynamoDB action is "*".
  async function makeUser(name, actions) {
    await iam('CreateUser', { UserName: name });
    await iam('PutUserPolicy', { UserName: name, PolicyName: 'only', PolicyDocument: JSON.stringify({
      Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
    }) });
    const answer = await iam('CreateAccessKey', { UserName: name });
    const element = (tag) => answer.match(`<${tag}>([^<]+)</${tag}>`)[1];
    users[name] = { accessKeyId: element('AccessKeyId'), secretAccessKey: element('SecretAccessKey') };
  }
  // 0: from now on every request must be signed by a user, whose policy must allow it.
  const checkFrom = async (request) => {
    const answer = await fetch(`${bed.url}/moto-api/reset-auth`, {
      method: 'POST', headers: { 'content-type': 'text/plain' }, body: String(request),
    });
    assert.equal(answer.status, 200);
  };
  const idOf = async (user, credentials) =>
    (await aws('Scan', { TableName: KEYS }, credentials)).Items.find((k) => k.user_id.S === user).api_key;

  before(() => bed.open((port) => [MOTO_SERVER, '-H', '127.0.0.1', '-p', String(port)]));
  after(() => bed.close());

  test('setup_tables makes the tables, their indexes and the TTL; a second run changes nothing', async () => {
    const missing = run(['create-api-key', '-u', 'a', '-n', 'b']);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /table anthropic-proxy-api-keys does not exist: run setup_tables/);
    for (const result of ['created', 'exists']) {
      const made = runJson(['setup_tables']);
      assert.deepEqual(made, Object.keys(TABLES).map((table) => ({ table, result, note: '' })));
      for (const [TableName, keys] of Object.entries(TABLES)) {
        const { Table } = await aws('DescribeTable', { TableName });
        const name = (schema, type) => schema?.find((k) => k.KeyType === type)?.AttributeName;
        const index = Table.GlobalSecondaryIndexes?.[0];
        assert.deepEqual([name(Table.KeySchema, 'HASH'), name(Table.KeySchema, 'RANGE'), name(index?.KeySchema, 'HASH')], keys);
        assert.equal(index?.IndexName, keys[2] && `${keys[2]}-index`);
        assert.equal(Table.BillingModeSummary.BillingMode, 'PAY_PER_REQUEST');
        const { TimeToLiveDescription: ttl } = await aws('DescribeTimeToLive', { TableName });
        assert.equal(ttl.TimeToLiveStatus, TableName === USAGE ? 'ENABLED' : 'DISABLED');
        assert.equal(ttl.AttributeName, TableName === USAGE ? 'ttl' : undefined);
      }
    }
  });

  test('a key that was made is listed and accepted; a revoked one is refused', async () => {
    await bed.serve();
    await bed.becomesReady();
    const key = runJson(['create-api-key', '-u', 'alice', '-n', 'laptop', '-l', '70']);
    assert.deepEqual(runJson(['list-keys']).map((k) => [k.key_id, k.user_id, k.is_active, k.rate_limit]),
      [[key.key_id, 'alice', true, 70]]);
    assert.equal(await status(key.api_key), 400);
    assert.equal(await status('sk-unknown'), 401);
    assert.equal(run(['revoke-key', key.key_id, '--reason', 'lost']).code, 0);
    await until('the revoked key is still taken', 5, async () => (await status(key.api_key)) === 401);
    assert.equal(runJson(['list-keys'])[0].is_active, false);
  });

  test('usage rows, which end by their ttl, and the budget are in the tables', async () => {
    await sameMonth(60);
    const key = runJson(['create-api-key', '-u', 'dora', '-n', 'usage', '-b', '50']);
    const usages = await Promise.all(Array.from({ length: 5 }, () => bed.hi(key.api_key)));
    const id = await idOf('dora');
    const rows = await bed.usageRows(id, 5);
    assert.equal(sum('input_tokens', rows), sum('input_tokens', usages));
    assert.equal(sum('output_tokens', rows), sum('output_tokens', usages));
    assert.ok(rows.every((r) => r.ttl.N > Date.now() / 1000));
    assert.ok(sum('cost_micro', rows) > 0);
    await bed.budgetIs(id, sum('cost_micro', rows));
  });

  test('a good signature is taken; a wrong secret and an unknown key id are refused with the reason', async () => {
    await makeUser('owner', ['dynamodb:*']);
    await makeUser('gateway', RUN_TIME);
    await makeUser('narrow', RUN_TIME.filter((a) => !/Query|Scan/.test(a)));
    await checkFrom(0);
    assert.equal(runJson(['list-keys'], users.owner).length, 2);
    for (const [wrong, reason] of [
      [{ ...users.owner, secretAccessKey: 'not-the-secret' }, /SignatureDoesNotMatch: The request signature we calculated/],
      [{ ...users.owner, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' }, /InvalidClientTokenId: The security token/],
    ]) {
      for (const command of [['list-keys'], ['create-api-key', '-u', 'a', '-n', 'b'], ['setup_tables']]) {
        const r = run(command, wrong);
        assert.equal(r.code, 1, command[0]);
        assert.match(r.out + r.err, reason);
        assert.ok(!(r.out + r.err).includes(wrong.secretAccessKey));
      }
    }
    assert.equal(runJson(['list-keys'], users.owner).length, 2); // and no key was made
  });

  test('the policy of the deployment scripts is enough for the server, and not for setup_tables', async () => {
    const granted = JSON.parse(readFileSync(SCRIPTED, 'utf8')).Statement.flatMap((s) => s.Action);
    assert.deepEqual(granted.filter((a) => a.startsWith('dynamodb:')), RUN_TIME);
    await bed.serve(users.gateway);
    await bed.becomesReady();
    await sameMonth(60);
    const key = runJson(['create-api-key', '-u', 'erin', '-n', 'guarded', '-b', '5'], users.owner);
    const usages = await Promise.all(Array.from({ length: 3 }, () => bed.hi(key.api_key)));
    const id = await idOf('erin', users.owner);
    const rows = await bed.usageRows(id, 3, users.owner);
    assert.equal(sum('output_tokens', rows), sum('output_tokens', usages));
    await bed.budgetIs(id, sum('cost_micro', rows), users.owner);
    assert.equal(run(['revoke-key', key.key_id], users.owner).code, 0);
    await until('the revoked key is still taken', 5, async () => (await status(key.api_key)) === 401);
    assert.doesNotMatch(bed.log, /AccessDenied|SignatureDoesNotMatch|cannot be/);
    const tables = run(['setup_tables'], users.gateway);
    assert.equal(tables.code, 1);
    assert.match(tables.out, /anthropic-proxy-usage: failed: .*AccessDenied: .*dynamodb:DescribeTable/);
  });

  test('a policy without Query and Scan is told by the missing action, and refuses no key as unknown', async () => {
    const key = runJson(['create-api-key', '-u', 'finn', '-n', 'unread'], users.owner);
    const denied = /DynamoDB Scan: AccessDenied: User: \(ARN\) is not authorized to perform: dynamodb:Scan/;
    const listed = run(['list-keys'], users.narrow);
    assert.equal(listed.code, 1);
    assert.match(listed.err, denied);
    await bed.serve(users.narrow);
    await until('the log does not say what is missing', 10, async () => denied.test(bed.log));
    assert.equal(await bed.ready(), false);
    assert.equal(await status('sk-unknown'), 503);
    assert.equal(await status(key.api_key), 503);
  });
});
