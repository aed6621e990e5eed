// Our DynamoDB client against somebody else's DynamoDB: dynalite, on loopback. It knows no UpdateTimeToLive,
// checks expressions and item sizes strictly, ends pages at 1 MB and closes idle connections after 5 s.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sameMonth } from './bed.mjs';
import { KEYS, StoreBed, USAGE, sum } from './store-bed.mjs';

const bed = new StoreBed('dynalite');
const { run, runJson, aws, status, until } = bed;

before(() => bed.open((port) => [process.execPath, path.resolve('tests/clients/node_modules/dynalite/cli.js'),
  '--host', '127.0.0.1', '--port', String(port), '--createTableMs', '50']));
after(() => bed.close());

test('setup_tables makes six tables with keys and indexes, and is told what dynalite lacks', async () => {
  const missing = run(['create-api-key', '-u', 'a', '-n', 'b']);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /table anthropic-proxy-api-keys does not exist: run setup_tables/);
  const made = runJson(['setup_tables']);
  assert.deepEqual(made.map((t) => t.result), Array(6).fill('created'));
  assert.match(made.find((t) => t.table.endsWith('-usage')).note, /UpdateTimeToLive/);
  assert.deepEqual(runJson(['setup-tables']).map((t) => t.result), Array(6).fill('exists'));
  const { Table } = await aws('DescribeTable', { TableName: USAGE });
  assert.deepEqual(Table.KeySchema.map((k) => k.AttributeName), ['api_key', 'timestamp']);
  assert.equal(Table.BillingModeSummary.BillingMode, 'PAY_PER_REQUEST');
  assert.equal(Table.GlobalSecondaryIndexes[0].IndexName, 'request_id-index');
});

test('a key of ours has the attributes that the older tools read', async () => {
  const made = runJson(['create-api-key', '-u', 'alice', '-n', 'a "quoted" nämé', '-b', '12.50', '-t', 'flex', '-l', '70']);
  const { Items } = await aws('Scan', { TableName: KEYS });
  assert.equal(Items.length, 1);
  const [item] = Items;
  assert.match(item.api_key.S, /^sha256:[0-9a-f]{64}$/);
  assert.ok(!JSON.stringify(item).includes(made.api_key));
  const { api_key, key_prefix, created_at, updated_at, ...rest } = item;
  assert.match(created_at.N, /^\d{10}$/);
  assert.deepEqual(rest, {
    user_id: { S: 'alice' }, name: { S: 'a "quoted" nämé' }, owner_name: { S: 'alice' }, role: { S: 'Full Access' },
    is_active: { BOOL: true }, rate_limit: { N: '70' }, service_tier: { S: 'flex' }, monthly_budget: { N: '12.5' },
    budget_used: { N: '0' }, budget_used_mtd: { N: '0' },
  });
  const { Item } = await aws('GetItem', {
    TableName: 'anthropic-proxy-usage-stats', Key: { api_key: { S: '__llm-api-converter-version__' } },
  });
  assert.equal(Item.version.N, '1');
});

test('keys of the older tools, clear and with whatever they write, are listed and work', async () => {
  const old = {
    api_key: { S: 'sk-0123456789abcdef0123456789abcdef' }, user_id: { S: 'elder' }, name: { S: 'old' },
    created_at: { S: '2025-11-01T12:00:00Z' }, is_active: { BOOL: true }, rate_limit: { N: '1000' },
    service_tier: { S: 'default' }, metadata: { M: { created_via: { S: 'script' } } }, deactivated_reason: { NULL: true },
    monthly_budget: { N: '0' }, cache_ttl: { NULL: true }, routing_strategy: { S: 'off' },
  };
  await aws('PutItem', { TableName: KEYS, Item: old });
  await aws('PutItem', { TableName: KEYS, Item: { ...old, api_key: { S: 'sk-broken' }, rate_limit: { S: 'many' } } });
  const listed = runJson(['list-keys']).find((k) => k.name === 'old' && k.created_at);
  assert.equal(listed.created_at, '2025-11-01T12:00:00.000Z');
  assert.equal(listed.monthly_budget, null);

  await bed.serve();
  await bed.becomesReady();
  assert.equal(await status(old.api_key.S), 400);
  assert.equal(await status('sk-broken'), 401);
  assert.match(bed.log, /is skipped: rate_limit/);
});

test('a new key works at once; a revoked one is refused some seconds later', async () => {
  const key = runJson(['create-api-key', '-u', 'bob', '-n', 'laptop']);
  assert.equal(await status(key.api_key), 400);
  assert.equal(run(['revoke-key', key.key_id, '--reason', 'lost']).code, 0);
  await until('the revoked key is still taken', 5, async () => (await status(key.api_key)) === 401);
  const twice = run(['revoke-key', key.key_id]);
  assert.equal(twice.code, 0);
  assert.match(twice.out, /Was revoked before/);
});

test('usage rows and budgets are what the aggregator of the older tools reads', async () => {
  await sameMonth(60);
  const key = runJson(['create-api-key', '-u', 'dora', '-n', 'usage', '-b', '50']);
  const usages = await Promise.all(Array.from({ length: 20 }, () => bed.hi(key.api_key)));
  const { Items: keys } = await aws('Scan', { TableName: KEYS });
  const id = keys.find((k) => k.user_id.S === 'dora').api_key;
  const rows = await bed.usageRows(id, 20);
  assert.equal(new Set(rows.map((r) => r.timestamp.S)).size, 20);
  for (const r of rows) {
    assert.match(r.timestamp.S, /^\d{13}$/); // int(item["timestamp"]) of milliseconds
    assert.equal(Number(r.total_tokens.N), Number(r.input_tokens.N) + Number(r.output_tokens.N));
    assert.ok(r.success.BOOL && r.cached_tokens.N && r.cache_write_input_tokens.N && r.request_id.S && r.ttl.N > Date.now() / 1000);
  }
  assert.equal(sum('input_tokens', rows), sum('input_tokens', usages));
  assert.equal(sum('output_tokens', rows), sum('output_tokens', usages));
  await bed.budgetIs(id, sum('cost_micro', rows));
  const [mine] = runJson(['usage', '--by', 'key']).filter((g) => g.requests === 20);
  assert.equal(mine.input_tokens, sum('input_tokens', usages));
});

test('pages: 4,000 keys of 600 bytes are more than 1 MB', async () => {
  for (let i = 0; i < 4000; i += 25) {
    const puts = Array.from({ length: 25 }, (_, k) => ({ PutRequest: { Item: {
      api_key: { S: `sk-${String(i + k).padStart(32, '0')}` }, user_id: { S: 'many' }, name: { S: 'n' }, is_active: { BOOL: true },
      created_at: { N: '1700000000' }, notes: { S: 'x'.repeat(400) },
    } } }));
    await aws('BatchWriteItem', { RequestItems: { [KEYS]: puts } });
  }
  assert.equal(runJson(['list-keys']).filter((k) => k.user_id === 'many').length, 4000);
  runJson(['create-api-key', '-u', 'carol', '-n', 'a new version makes the server load and say so']);
  const last = `sk-${'3999'.padStart(32, '0')}`;
  assert.equal(await status(last), 400);
  await until('the table is not loaded again', 10, async () => /loaded 400\d keys/.test(bed.log));
});

test('dynalite gone: known keys work, unknown ones get 503, and back', async () => {
  const known = 'sk-0123456789abcdef0123456789abcdef';
  bed.store.kill('SIGSTOP'); // it hangs, the worse case
  await sleep(1500);
  assert.equal(await status(known), 400);
  assert.equal(await status('sk-unknown-while-down'), 503);
  assert.equal((await fetch(bed.gatewayUrl('/health'))).status, 200);
  bed.store.kill('SIGCONT');
  await until('it does not recover', 15, async () => (await status('sk-unknown-afterwards')) === 401);
  assert.doesNotMatch(bed.log, /SIGABRT/);
});
