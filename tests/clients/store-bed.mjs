// What the tests of other people's DynamoDBs share: the emulator as a process of its own, our program with that store in
// an empty directory, and the same tables as the older tools see them, by the AWS SDK's signer.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { MOCK_URL } from './bed.mjs';

const PROGRAM = path.resolve(process.env.BIN ?? 'build', 'llm-api-converter');
export const REGION = 'us-west-2';
export const KEYS = 'anthropic-proxy-api-keys';
export const USAGE = 'anthropic-proxy-usage';
export const CREDENTIALS = { accessKeyId: 'AKIAMOCKMOCKMOCKMOCK', secretAccessKey: 'mock-secret-access-key' };

const freePort = () => new Promise((done) => {
  const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});
const credentialSettings = (c) => ({ AWS_ACCESS_KEY_ID: c.accessKeyId, AWS_SECRET_ACCESS_KEY: c.secretAccessKey });

export const sum = (name, from) => from.reduce((n, r) => n + Number(name in r ? (r[name].N ?? r[name]) : 0), 0);

export class StoreBed {
  log = '';
  gateway = null;
  #children = [];

  constructor(name) {
    this.name = name;
    this.work = mkdtempSync(path.join(tmpdir(), `${name}-`));
  }

  // command(port): program and arguments of the emulator
  async open(command) {
    const port = await freePort();
    const [program, ...args] = command(port);
    this.url = `http://127.0.0.1:${port}`;
    this.env = {
      PATH: process.env.PATH, HOME: this.work, STATE_DIR: path.join(this.work, 'state'), HOST: '127.0.0.1',
      PORT: String(await freePort()), STORAGE_BACKEND: 'dynamodb', DYNAMODB_ENDPOINT_URL: this.url,
      BEDROCK_ENDPOINT_URL: MOCK_URL, AWS_BEARER_TOKEN_BEDROCK: 'mock-bedrock-api-key', // the key pair is for the store
      AWS_REGION: REGION, ...credentialSettings(CREDENTIALS),
      AWS_EC2_METADATA_DISABLED: 'true', LOG_FORMAT: 'text', WORKERS: '2', REFRESH_SECONDS: '2',
    };
    // A process of its own: the subcommands are waited for synchronously.
    this.store = this.#start(program, args, { stdio: 'ignore' });
    await this.until(`${this.name} did not start`, 20, async () => (await fetch(this.url)).status > 0);
  }

  async close() {
    for (const child of this.#children.reverse()) await this.#end(child);
    rmSync(this.work, { recursive: true, force: true });
  }

  #start(program, args, options) {
    const child = spawn(program, args, { cwd: this.work, ...options });
    this.#children.push(child);
    return child;
  }

  async #end(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGCONT'); // a stopped one would never end
    child.kill('SIGTERM');
    await gone;
  }

  // credentials: CREDENTIALS when left out
  run = (args, credentials = CREDENTIALS) => {
    const env = { ...this.env, ...credentialSettings(credentials) };
    const r = spawnSync(PROGRAM, args, { cwd: this.work, env, encoding: 'utf8', timeout: 30000, maxBuffer: 1 << 26 });
    return { code: r.status, out: r.stdout, err: r.stderr };
  };

  runJson = (args, credentials) => {
    const r = this.run([...args, '--output', 'json'], credentials);
    assert.equal(r.code, 0, r.err);
    return JSON.parse(r.out);
  };

  // The server, instead of the one before; log is of this one.
  async serve(credentials = CREDENTIALS) {
    if (this.gateway) await this.#end(this.gateway);
    this.log = '';
    this.gateway = this.#start(PROGRAM, ['serve'], {
      env: { ...this.env, ...credentialSettings(credentials) }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.gateway.stdout.on('data', (d) => { this.log += d; });
    this.gateway.stderr.on('data', (d) => { this.log += d; });
  }
  ready = async () => (await fetch(this.gatewayUrl('/ready'))).ok;
  becomesReady = () => this.until('the server is not ready', 10, this.ready);
  gatewayUrl = (route) => `http://127.0.0.1:${this.env.PORT}${route}`;

  ask = (key, body) => fetch(this.gatewayUrl('/v1/messages'), {
    method: 'POST', headers: { 'x-api-key': key, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  // 400: the key is good, the empty request is not.
  status = async (key) => {
    const answer = await this.ask(key, {});
    await answer.text();
    return answer.status;
  };
  hi = async (key) => {
    const answer = await this.ask(key, {
      model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }],
    });
    assert.equal(answer.status, 200);
    return (await answer.json()).usage;
  };

  until = async (what, seconds, condition) => {
    const end = Date.now() + 4 * seconds * 1000; // others may want the machine, too
    for (;;) {
      if (await condition().catch(() => false)) return;
      assert.ok(Date.now() < end, `${what}\n${this.log.split('\n').slice(-8).join('\n')}`);
      await sleep(20);
    }
  };

  // One signed POST to the emulator; the text of the answer.
  post = async (service, headers, body, credentials = CREDENTIALS) => {
    const url = new URL(this.url);
    const signer = new SignatureV4({ service, region: REGION, credentials, sha256: Sha256 });
    const request = await signer.sign({
      method: 'POST', protocol: 'http:', hostname: url.hostname, port: Number(url.port), path: '/',
      headers: { host: url.host, ...headers }, body,
    });
    const answer = await fetch(url, request);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text;
  };
  aws = async (operation, body, credentials) => JSON.parse(await this.post('dynamodb', {
    'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}`,
  }, JSON.stringify(body), credentials));

  // Rows of usage of the key with this id in the table, when there are n.
  usageRows = async (id, n, credentials) => {
    let rows;
    await this.until(`there are not ${n} rows of usage`, 15, async () => {
      ({ Items: rows } = await this.aws('Query', {
        TableName: USAGE, KeyConditionExpression: 'api_key = :k AND #t > :last',
        ExpressionAttributeNames: { '#t': 'timestamp' }, ExpressionAttributeValues: { ':k': id, ':last': { S: '0' } },
      }, credentials));
      return rows.length === n;
    });
    return rows;
  };
  budgetIs = (id, costs, credentials) => this.until('the budget is not the sum of the costs', 15, async () => {
    const { Item } = await this.aws('GetItem', { TableName: KEYS, Key: { api_key: id }, ConsistentRead: true }, credentials);
    return Math.round(Number(Item.budget_used_mtd.N) * 1e6) === costs &&
      Item.budget_mtd_month.S === new Date().toISOString().slice(0, 7);
  });
}
