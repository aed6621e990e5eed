// What the tests of this folder share beside ../bed.mjs: nginx with a throw-away CA before the gateway, since botocore and Go send
// no bearer token over http://, and the AWS SDK for JS speaks HTTP/2 unless it is told otherwise.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BASE_URL, sameMonth } from '../bed.mjs';

export * from '../bed.mjs';
export const { REVOKED_KEY, POOR_KEY } = process.env;
export const CLAUDE = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
export const OPUS = 'us.anthropic.claude-opus-4-8'; // Anthropic's SDKs say 2026-10-21, which models of dated ids refuse
export const NOVA = 'us.amazon.nova-pro-v1:0';
export const DEAR = 'usage 60000 60000 0 0 0'; // more than POOR_KEY has
// Of each file: whoever comes first spends POOR_KEY's budget.
export const spend = async () => {
  await sameMonth(100);
  return fetch(`${BASE_URL}/model/${CLAUDE}/converse`, { method: 'POST', headers: { authorization: `Bearer ${POOR_KEY}` },
    body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: DEAR }] }] }) });
};
export const run = promisify(execFile);
export const lines = (stdout) => Object.fromEntries(stdout.trim().split('\n').map((line) => JSON.parse(line)));

export const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find(existsSync);
export const NO_NGINX = NGINX ? false : 'nginx is missing (Debian: apt-get install nginx-light)';

const freePort = () => new Promise((resolve) => {
  const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); });
});
const listens = (port) => new Promise((resolve) => {
  const s = connect(port, '127.0.0.1', () => { s.destroy(); resolve(true); });
  s.on('error', () => resolve(false));
});

// { url, ca, stop }: as the guide says, with http2.
export async function tlsFront() {
  const dir = await mkdtemp(path.join(tmpdir(), 'bedrock-tls-'));
  const at = (name) => path.join(dir, name);
  const openssl = (...args) => run('openssl', args, { cwd: dir });
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Throw-away CA');
  await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-out', 'server.pem', '-extfile', 'ext');
  const port = await freePort();
  await mkdir(at('n'));
  await writeFile(at('nginx.conf'), `pid ${at('n/pid')};
error_log ${at('n/error.log')};
events {}
http {
    access_log off;
    client_body_temp_path ${at('n/a')}; proxy_temp_path ${at('n/b')}; fastcgi_temp_path ${at('n/c')};
    uwsgi_temp_path ${at('n/d')}; scgi_temp_path ${at('n/e')};
    server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate ${at('server.pem')};
        ssl_certificate_key ${at('server.key')};
        client_max_body_size 32m;
        location / {
            proxy_pass ${BASE_URL};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 3600s;
        }
    }
}
`);
  const child = spawn(NGINX, ['-p', at('n'), '-c', at('nginx.conf'), '-g', 'daemon off;'], { stdio: 'ignore' });
  for (let i = 0; i < 100 && !(await listens(port)); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    url: `https://localhost:${port}`, ca: at('ca.pem'),
    stop: async () => {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.on('close', resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
// Nothing of the caller's environment: no keys, no proxies.
export const bare = (env) => ({ PATH: process.env.PATH, HOME: tmpdir(), AWS_REGION: 'us-west-2', AWS_EC2_METADATA_DISABLED: 'true', ...env });
