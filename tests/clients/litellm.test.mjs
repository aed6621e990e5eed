// `models import` against LiteLLM's own public table, taken out of its wheel: downloaded, unzipped, never installed or imported. Needs
// pip and PyPI; skipped without.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const VERSION = '1.110.2';
const TABLE = 'litellm/model_prices_and_context_window_backup.json';
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'build/litellm', VERSION);
const program = process.env.PROGRAM ?? join(root, 'build/llm-api-converter');

// Why there is no table; undefined: it is there.
function fetchTable() {
  if (existsSync(join(folder, TABLE))) return undefined;
  mkdirSync(folder, { recursive: true });
  const pip = spawnSync('python3', ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--timeout', '10', '--retries', '1',
    `litellm==${VERSION}`, '--dest', folder], { encoding: 'utf8', timeout: 120_000 });
  if (pip.status !== 0) return `no litellm ${VERSION}: ${(pip.stderr || String(pip.error)).trim().split('\n').pop()}`;
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  execFileSync('python3', ['-c', 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])', join(folder, wheel), TABLE, folder]);
  return undefined;
}

const models = (...args) => spawnSync(program, ['models', ...args], { encoding: 'utf8', env: { PATH: process.env.PATH }, maxBuffer: 64 << 20 });
const dollars = (perToken) => Math.round(perToken * 1e12) / 1e6;

const missing = fetchTable(); // a skipped describe is counted nowhere
const suite = missing ? (name) => test(name, { skip: missing }) : describe;
suite('LiteLLM', () => {
  const file = join(folder, TABLE);
  const rows = (from = []) => {
    const run = models('import', file, ...from);
    assert.equal(`${run.status} ${run.stderr}`, '0 ');
    const [head, ...lines] = run.stdout.trimEnd().split('\n').map((line) => line.split('\t'));
    return lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i] ?? ''])));
  };

  it('becomes rows that the table takes, guessed or named', () => {
    const guessed = rows();
    assert.ok(guessed.length > 100, `${guessed.length} rows`);
    assert.deepEqual(rows(['--from', 'litellm']), guessed);
    assert.equal(new Set(guessed.map((row) => row.id)).size, guessed.length);
    assert.equal(models('import', file, '--from', 'models.dev').status, 2);
  });

  it('has the price of each model at the place that the rule names', () => {
    const table = JSON.parse(readFileSync(file, 'utf8'));
    let compared = 0;
    for (const row of rows()) {
      const entry = [`global.${row.id}`, `bedrock/us-east-1/${row.id}`, row.id, `us.${row.id}`]
        .map((key) => table[key]).find((e) => e?.litellm_provider?.startsWith('bedrock') && e.input_cost_per_token !== undefined && e.output_cost_per_token !== undefined);
      if (!entry) continue;
      compared++;
      assert.equal(Number(row.in), dollars(entry.input_cost_per_token), `${row.id}: in`);
      assert.equal(Number(row.out), dollars(entry.output_cost_per_token), `${row.id}: out`);
      for (const [cell, key] of [['cache_read', 'cache_read_input_token_cost'], ['cache_write_5m', 'cache_creation_input_token_cost'],
        ['cache_write_1h', 'cache_creation_input_token_cost_above_1hr']])
        assert.equal(row[cell], entry[key] === undefined ? '' : String(dollars(entry[key])), `${row.id}: ${cell}`);
      for (const [cell, key] of [['context', 'max_input_tokens'], ['output', 'max_output_tokens']])
        assert.equal(row[cell], entry[key] ? String(entry[key]) : '', `${row.id}: ${cell}`);
    }
    assert.ok(compared > 100, `${compared} compared`);
  });

  it('is compared with the built-in table', () => {
    const run = models('diff', file, '--output', 'json');
    assert.equal(`${run.status} ${run.stderr}`, '0 ');
    const changes = JSON.parse(run.stdout).flatMap((row) => row.changes.map((change) => change.column));
    assert.ok(!changes.includes('source'));
  });
});
