// The OpenAI SDK for Go (go/main.go, built by run.sh into GO_OPENAI).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { BASE_URL, MODELS, reset } from './bed.mjs';

const { GO_OPENAI, GO_OPENAI_MISSING } = process.env;
beforeEach(reset);

for (const model of MODELS) {
  test(`${model}: Go: create, streams, errors`, { skip: GO_OPENAI ? false : GO_OPENAI_MISSING }, async () => {
    const { stdout } = await promisify(execFile)(GO_OPENAI, [`${BASE_URL}/v1`, model], { timeout: 240_000 });
    assert.deepEqual(Object.fromEntries(stdout.trim().split('\n').map((line) => JSON.parse(line))), {
      create: ['guten Tag', 'completed', true],
      streamed: ['one two three', 'response.completed'],
      tool: ['I will use a tool.{"city":"Ulm"}', 'response.completed'],
      refused: true,
      broken: true,
    });
  });
}
