// OpenCode, with its two kinds of provider pointed at the converter: Anthropic and OpenAI-compatible.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, beforeEach, test } from 'node:test';
import { API_KEY, BASE_URL, CONVERSE_MODEL, MODEL, ledger, reset } from './bed.mjs';
import { FULL, judged } from './matrix/bed.mjs';

const program = fileURLToPath(new URL('./node_modules/.opencode/node_modules/.bin/opencode', import.meta.url));
let home;
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'opencode-home-'));
  const options = { baseURL: `${BASE_URL}/v1`, apiKey: API_KEY };
  const config = {
    $schema: 'https://opencode.ai/config.json',
    autoupdate: false,
    share: 'disabled',
    permission: { bash: 'allow' },
    provider: {
      claude: { npm: '@ai-sdk/anthropic', name: 'claude', options, models: { [MODEL]: { name: 'sonnet' } } },
      nova: { npm: '@ai-sdk/openai-compatible', name: 'nova', options, models: { [CONVERSE_MODEL]: { name: 'nova' } } },
    },
  };
  await writeFile(path.join(home, 'opencode.json'), JSON.stringify(config));
});
after(() => rm(home, { recursive: true, force: true }));
beforeEach(reset);

function opencode(model, prompt = 'say: guten Tag') {
  const child = spawn(program, ['run', '--model', model], {
    cwd: home,
    stdio: ['pipe', 'pipe', 'pipe'], // what it takes from its arguments it puts in quotation marks
    env: { HOME: home, PATH: process.env.PATH, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_DEFAULT_PLUGINS: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
  });
  child.stdin.end(prompt);
  let output = '';
  child.stdout.on('data', (d) => (output += d));
  child.stderr.on('data', (d) => (output += d));
  const killer = setTimeout(() => child.kill('SIGKILL'), 300_000);
  return new Promise((resolve) => child.on('close', (code) => {
    clearTimeout(killer);
    resolve({ code, output });
  }));
}

for (const model of [`claude/${MODEL}`, `nova/${CONVERSE_MODEL}`]) {
  test(`a turn with ${model}`, async () => {
    const { code, output } = await opencode(model);
    assert.equal(code, 0, output);
    assert.match(output, /guten Tag/);
    assert.equal((await ledger()).refused, 0, 'Bedrock refused a request');
  });

  test(`a shell call with ${model}`, { skip: FULL }, async () => {
    const { code, output } = await opencode(model, 'use tool bash {"command":"echo six $((6 * 7)) > made.txt; cat made.txt","description":"Make a file"}');
    assert.equal(code, 0, output);
    assert.equal(await readFile(path.join(home, 'made.txt'), 'utf8'), 'six 42\n', output);
    assert.match(output, /The tool said: six 42/);
    await rm(path.join(home, 'made.txt'));
    await judged();
  });
}
