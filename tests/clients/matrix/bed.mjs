// What the tests of this folder share beside ../bed.mjs: a look at what a program sent and got, and the judge of all that
// went on to Bedrock.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { MOCK_URL, ledger } from '../bed.mjs';

export * from '../bed.mjs';
export const { JUDGE_PYTHON } = process.env;
export const CLAUDE = 'claude-sonnet-5-5';
export const QWEN = 'qwen.qwen3-coder-480b-a35b-v1:0';
// Reason to skip what only make clients-full runs, or false.
export const FULL = process.env.CLIENTS_FULL ? false : 'only in make clients-full';
export const script = (fault, count = 1) =>
  fetch(`${MOCK_URL}/__script`, { method: 'POST', body: JSON.stringify({ model: '', fault, count }) });

// A child until it ends: { code, stdout, stderr }. Nothing of the caller's environment: no keys, no proxies.
export function finish(child, most = 300_000) {
  let stdout = '', stderr = '';
  child.stdout.on('data', (d) => (stdout += d));
  child.stderr.on('data', (d) => (stderr += d));
  const killer = setTimeout(() => child.kill('SIGKILL'), most);
  return new Promise((resolve) => child.on('close', (code) => {
    clearTimeout(killer);
    resolve({ code, stdout, stderr });
  }));
}

// Stands between a program and the gateway: { url, seen, close }. seen: { path, headers, body, status, answer, changes } a request.
export async function watch(target) {
  const seen = [], { hostname, port } = new URL(target);
  const server = createServer((req, res) => {
    const asked = [];
    req.on('data', (d) => asked.push(d)).on('end', () => {
      const body = Buffer.concat(asked), entry = { path: req.url, headers: req.headers, answer: '' };
      if (body.length) entry.body = JSON.parse(body);
      seen.push(entry);
      request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (up) => {
        Object.assign(entry, { status: up.statusCode, changes: up.headers['x-converter-changes'] ?? '' });
        res.writeHead(up.statusCode, up.headers);
        up.on('data', (d) => (entry.answer += d)).pipe(res);
      }).on('error', () => res.destroy()).end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, seen, close: () => new Promise((r) => { server.closeAllConnections(); server.close(r); }) };
}

// What reached Bedrock since the reset, in order: { operation, model, headers, body }.
export async function upstream() {
  const { last, refused } = await ledger(), found = [];
  for (let n = last.length - 1; n >= 0; n--) {
    const { path, model, headers } = last[n], operation = path.split('/').at(-1);
    if (operation === 'count-tokens') continue;
    found.push({ operation, model, headers, bytes: Buffer.from(await (await fetch(`${MOCK_URL}/__body?n=${n}`)).arrayBuffer()) });
  }
  return found.map((e) => ({ ...e, refused, body: JSON.parse(e.bytes) }));
}

// Every body that reached Bedrock is right by botocore's model and by tests/judge/rules.tsv. Gives what upstream() gives.
export async function judged() {
  const bodies = await upstream();
  assert.ok(bodies.length > 0, 'nothing reached Bedrock');
  assert.ok(JUDGE_PYTHON, 'the judge is missing: botocore could not be installed');
  const child = spawn(JUDGE_PYTHON, [fileURLToPath(new URL('../../judge/bodies.py', import.meta.url))],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1' } });
  child.stdin.end(JSON.stringify(bodies.map(({ operation, model, headers, bytes }) => ({ operation, model, headers, body: bytes.toString('base64') }))));
  const { code, stdout, stderr } = await finish(child);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '', 'the judge says');
  return bodies;
}
