// The strictest of the clients, openai's stream helper, on streams out of random orders of Bedrock's events
// (tests/orders; make orders has 50,000).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const orders = path.join(here, '../../orders');
const program = path.join(path.dirname(process.env.PROGRAM), 'orders');

test('any order of events is a stream that the helper takes', { timeout: 300_000 }, () => {
    const seed = 1 + Math.floor(Math.random() * 1e6);
    const made = spawnSync(program, ['1500', String(seed)], { maxBuffer: 1 << 28 });
    assert.equal(made.status, 0, String(made.stderr));
    const judged = spawnSync(process.execPath, [path.join(orders, 'helper.mjs'), here], { input: made.stdout, maxBuffer: 1 << 26 });
    assert.equal(judged.status, 0, `from seed ${seed}: ${judged.stdout}${judged.stderr}`);
    assert.match(String(judged.stdout), /^openai [\d.]+: 1500 streams/);
});
