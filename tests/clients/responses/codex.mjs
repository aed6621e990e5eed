// Runs Codex once, as a person would who has pasted the README's lines: a home of its own, no key but ours.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { API_KEY, BASE_URL } from './bed.mjs';

const program = fileURLToPath(new URL('./node_modules/.bin/codex', import.meta.url));

export async function makeHome(more = '', provider = '') {
  const home = await mkdtemp(path.join(tmpdir(), 'codex-home-'));
  await writeFile(path.join(home, 'config.toml'), `
model_provider = "gateway"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
${more.startsWith('[') ? '' : more}

[model_providers.gateway]
name = "gateway"
base_url = "${BASE_URL}/v1"
env_key = "GATEWAY_KEY"
${provider}

${more.startsWith('[') ? more : ''}
`);
  return home;
}

export const dropHome = (home) => rm(home, { recursive: true, force: true });

// Its JSON events, one a line on stdout; what it says of trouble is in text.
export function codex(home, model, prompt, args = [], env = {}) {
  const child = spawn(program, ['exec', '--json', '--skip-git-repo-check', '--model', model, ...args, '-'], {
    cwd: home,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { HOME: home, CODEX_HOME: home, PATH: process.env.PATH, GATEWAY_KEY: API_KEY, ...env },
  });
  child.stdin.end(prompt);
  let stdout = '', stderr = '';
  child.stdout.on('data', (d) => (stdout += d));
  child.stderr.on('data', (d) => (stderr += d));
  const killer = setTimeout(() => child.kill('SIGKILL'), 300_000);
  return new Promise((resolve) => child.on('close', (code) => {
    clearTimeout(killer);
    const events = stdout.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
    const items = events.filter((e) => e.type === 'item.completed').map((e) => e.item);
    resolve({ code, events, items, text: stdout + stderr, said: items.filter((i) => i.type === 'agent_message').map((i) => i.text).join('\n') });
  }));
}
