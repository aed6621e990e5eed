// The OpenAI SDK for Python, newest, and OpenAI Agents for Python, in a venv of their own (PYTHON_OPENAI).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FULL, MODELS, PIXEL, reset } from './bed.mjs';

const { PYTHON_OPENAI, PYTHON_OPENAI_MISSING } = process.env;
const script = fileURLToPath(new URL('./python_sdk.py', import.meta.url));
beforeEach(reset);

for (const model of MODELS) {
  test(`${model}: Python: create, stream, parse, an image, errors, agents`, 
    { skip: !PYTHON_OPENAI ? PYTHON_OPENAI_MISSING : model === MODELS[0] ? false : FULL }, async () => {
    const { stdout } = await promisify(execFile)(PYTHON_OPENAI, ['-W', 'error', script, model],
      { env: { ...process.env, PIXEL, OPENAI_AGENTS_DISABLE_TRACING: '1' }, timeout: 240_000 });
    assert.deepEqual(Object.fromEntries(stdout.trim().split('\n').map((line) => JSON.parse(line))), {
      create: ['guten Tag', 'completed', true],
      streamed: ['weather', { city: 'Ulm' }, true],
      parsed: { city: 'Bonn', sunny: true },
      image: 'Echo: what?',
      refused: 'model_not_found',
      broken: [true, true],
      agents: [true, 'Expert'],
    });
  });
}
