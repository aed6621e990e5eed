// Python's side of the matrix, in two venvs: instructor and LangChain hold openai below 3, pydantic-ai and OpenAI Agents need it.
// Types of pydantic with limits (lengths, ranges, a pattern, a recursion) in every way that these packages ask for one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { API_KEY, BASE_URL, CLAUDE, FULL, QWEN, judged, reset } from './bed.mjs';

const { PYTHON_MATRIX, PYTHON_MATRIX_MISSING, PYTHON_OPENAI, PYTHON_OPENAI_MISSING } = process.env;
const MODELS = [CLAUDE, 'claude-sonnet-4-5', 'claude-opus-4-8', QWEN, 'amazon.nova-pro-v1:0'];
beforeEach(reset);

async function said(python, name, model) {
  const { stdout } = await promisify(execFile)(python, [fileURLToPath(new URL(name, import.meta.url)), BASE_URL, model],
    { env: { PATH: process.env.PATH, API_KEY, OPENAI_AGENTS_DISABLE_TRACING: '1', PYTHONDONTWRITEBYTECODE: '1' }, timeout: 300_000 });
  return Object.fromEntries(stdout.trim().split('\n').map((line) => JSON.parse(line)));
}

for (const model of MODELS) {
  const full = model === CLAUDE ? false : FULL;
  test(`${model}: Anthropic's tool runner, instructor, LangChain`, { skip: PYTHON_MATRIX ? full : PYTHON_MATRIX_MISSING }, async () => {
    const runner = [['Bonn', 'Ulm'], 'The tool said: rain in Ulm', 'end_turn', [[400, true], [200, false], [200, false], [200, false]]];
    const streamed = ['one two three', true, true, true];
    assert.deepEqual(await said(PYTHON_MATRIX, './python_sdk.py', model), {
      runner, 'runner streamed': runner,
      'anthropic parse': true, 'openai parse': { street: 'A', next: null },
      'instructor openai TOOLS': true, 'instructor openai JSON': true, 'instructor openai JSON_SCHEMA': true,
      'instructor anthropic ANTHROPIC_TOOLS': true, 'instructor anthropic ANTHROPIC_JSON': true,
      'langchain anthropic': streamed, 'langchain typed anthropic': true, 'langchain called anthropic': true,
      'langchain openai': streamed, 'langchain typed openai': true, 'langchain called openai': true,
    });
    const bodies = await judged();
    // Where a format goes to the model it has no limit that is refused, and says it in words (the judge knows the former, too).
    const formats = bodies.map((b) => b.body.outputConfig?.textFormat?.structure.jsonSchema.schema).filter(Boolean);
    if (model === 'claude-sonnet-4-5') assert.ok(formats.some((f) => /\(.*maximum: 60.*\)/.test(f) && /maxLength: 40/.test(f) && !/"maximum"|"maxLength"/.test(f)), formats.join('\n'));
  });

  test(`${model}: pydantic-ai, OpenAI Agents on chat`, { skip: PYTHON_OPENAI ? full : PYTHON_OPENAI_MISSING }, async () => {
    const native = model.startsWith('claude') ? true : 'UserError: Native structured output is not supported by this model.'; // its own table says so
    assert.deepEqual(await said(PYTHON_OPENAI, './python_more.py', model), {
      'anthropic tool': true, 'anthropic native': native, 'anthropic prompted': true, 'openai tool': true, 'openai native': true, 'openai prompted': true,
      'agents tool': 'The tool said: sunny in Bonn', 'agents handoff': 'Expert', 'agents typed': true,
    });
    await judged();
  });
}
