// The strictest of the clients, openai's stream helpers, on streams out of random orders of Bedrock's events
// (tests/orders; make orders has 50,000).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const orders = path.join(here, '../../orders');
const program = path.join(path.dirname(process.env.PROGRAM), 'orders');

const { PYTHON_OPENAI, PYTHON_OPENAI_MISSING } = process.env;

// judged by COMMAND, which says that many streams were good
function judge(count, words, command, ...args) {
    const seed = Number(process.env.SEED ?? 1);
    const made = spawnSync(program, [String(count), String(seed)], { maxBuffer: 1 << 28 });
    assert.equal(made.status, 0, String(made.stderr));
    const judged = spawnSync(command, args, { input: made.stdout, maxBuffer: 1 << 26 });
    assert.equal(judged.status, 0, `from seed ${seed}: ${judged.stdout}${judged.stderr}`);
    assert.match(String(judged.stdout), words);
}

test('any order of events is a stream that the helper takes', { timeout: 300_000 }, () =>
    judge(1500, /^openai [\d.]+: 1500 streams/, process.execPath, path.join(orders, 'helper.mjs'), here));

test('and the one for Python, and each event is of its types', { timeout: 300_000, skip: !PYTHON_OPENAI && (PYTHON_OPENAI_MISSING ?? 'not asked for') }, () =>
    judge(400, /^openai [\d.]+ \(Python\): 400 streams/, PYTHON_OPENAI, path.join(orders, 'helper.py')));
