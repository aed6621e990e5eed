// Claude Code itself, newest, headless, through the gateway to the mock, which plays a model that does what it is asked: on Claude, and
// on the Qwen that an operator has mapped every Claude name to. Both ends are looked at: what it did, and what reached Bedrock.
// Its licence is not open: it is installed for the test by npm and never shipped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { API_KEY, BASE_URL, CLAUDE, CONVERSE_MODEL, FULL, MAPPED_URL, PIXEL, finish, judged, ledger, reset, script, watch } from './bed.mjs';

// The wrapper finds the native binary; npm does not run the package's install script that would copy it.
const wrapper = path.join(path.dirname(createRequire(import.meta.url).resolve('@anthropic-ai/claude-code/package.json')), 'cli-wrapper.cjs');
const TARGETS = [['Claude', BASE_URL, 'invoke-with-response-stream'], ['a mapped Qwen', MAPPED_URL, 'converse-stream']];
const JSONL = ['--output-format', 'stream-json', '--verbose'];
const order = (tool, input) => `use tool ${tool} ${JSON.stringify(input)}`;
const lines = (stdout) => stdout.trim().split('\n').map((line) => JSON.parse(line));
let home, at;
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'claude-home-'));
  at = (name) => path.join(home, name);
});
after(() => rm(home, { recursive: true, force: true }));
beforeEach(reset);

function start(args, env, stdin = 'ignore') {
  return spawn(process.execPath, [wrapper, ...args], {
    cwd: home, stdio: [stdin, 'pipe', 'pipe'],
    env: { HOME: home, PATH: process.env.PATH, ANTHROPIC_API_KEY: API_KEY, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', ...env },
  });
}
const claude = (url, prompt, args = [], env = {}) =>
  finish(start(['-p', prompt, '--model', CLAUDE, ...args], { ANTHROPIC_BASE_URL: url, ...env }));
// The same, and it has to end well; gives what it said.
async function does(url, prompt, args, env) {
  const { code, stdout, stderr } = await claude(url, prompt, args, env);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}
// Blocks of one kind in the messages of a body, whichever of Bedrock's two shapes it has.
const results = (body) => body.messages.flatMap((m) => m.content).flatMap((b) => b.toolResult ?? (b.type === 'tool_result' ? b : []));
const toolNames = (body) => (body.tools ?? body.toolConfig?.tools ?? []).map((t) => t.toolSpec?.name ?? t.name);

for (const [what, url, operation] of TARGETS) {
  test(`${what}: a turn with a Bash call`, async () => {
    assert.match(await does(url, 'Run echo hello with bash', ['--allowedTools', 'Bash']), /The tool said: hello/);
    const bodies = await judged();
    assert.equal(bodies.length, 2);
    assert.equal(bodies[0].refused, 0, 'Bedrock refused a request');
    assert.ok(bodies.every((b) => b.operation === operation));
    assert.match(JSON.stringify(results(bodies[1].body)), /hello/);
    const text = JSON.stringify(bodies[1].body);
    assert.match(text, /working directory/i, 'the environment prompt did not reach the model');
    if (url === MAPPED_URL) assert.doesNotMatch(text, /x-anthropic-billing-header|cache_control|context_management/);
  });

  test(`${what}: Read, Edit and Bash`, { skip: FULL }, async () => {
    await writeFile(at('notes.txt'), 'one\ntwo\n');
    await writeFile(at('orders.txt'), `${order('Edit', { file_path: at('notes.txt'), old_string: 'two', new_string: 'three' })}\n${order('Bash', { command: 'cat notes.txt' })}\n`);
    const said = await does(url, `${order('Read', { file_path: at('notes.txt') })} ${order('Read', { file_path: at('orders.txt') })}`,
      ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash']);
    assert.match(said, /The tool said: one\nthree/);
    assert.equal(await readFile(at('notes.txt'), 'utf8'), 'one\nthree\n');
    const bodies = await judged();
    assert.equal(bodies.length, 3);
    assert.equal(results(bodies[2].body).length, 4);
  });

  test(`${what}: two subagents at the same time`, { skip: FULL }, async () => {
    const agent = (side) => order('Agent', { description: side, subagent_type: 'general-purpose', prompt: order('Bash', { command: `echo ${side} $((6 * 7))` }) });
    const events = lines(await does(url, `${agent('left')} ${agent('right')}`, ['--allowedTools', 'Bash,Agent', ...JSONL]));
    assert.equal(events.at(-1).subtype, 'success');
    const ended = events.filter((e) => e.subtype === 'task_notification').map((e) => e.status);
    assert.deepEqual(ended, ['completed', 'completed'], JSON.stringify(events.map((e) => e.subtype ?? e.type)));
    const bodies = await judged();
    const last = JSON.stringify(bodies.at(-1).body.messages);
    for (const side of ['left', 'right']) {
      assert.ok(bodies.some((b) => results(b.body).length === 1 && JSON.stringify(results(b.body)).includes(`${side} 42`)), `the subagent ${side} saw what its tool said`);
      assert.match(last, new RegExp(`The tool said: ${side} 42`), `the main agent was told what ${side} found`);
    }
  });

  test(`${what}: a tool of an MCP server, found by tool search`, { skip: FULL }, async () => {
    await writeFile(at('mcp.json'), JSON.stringify({ mcpServers: { weather: { command: process.execPath, args: [fileURLToPath(new URL('../mcp.mjs', import.meta.url))] } } }));
    const tool = 'mcp__weather__city_weather';
    await writeFile(at('next.txt'), order(tool, { city: 'Bonn' }));
    const said = await does(url, `${order('ToolSearch', { query: `select:${tool}` })} ${order('Read', { file_path: at('next.txt') })}`,
      ['--mcp-config', at('mcp.json'), '--allowedTools', tool]);
    assert.match(said, /sunny in Bonn/);
    const bodies = await judged();
    assert.deepEqual(bodies.map((b) => toolNames(b.body).includes(tool)), [false, true, true]);
  });

  test(`${what}: /context`, { skip: FULL }, async () => {
    const eye = await watch(url);
    const said = await does(eye.url, '/context');
    await eye.close();
    assert.match(said, /System tools \| [\d.]+k/);
    const counts = eye.seen.filter((s) => s.path.startsWith('/v1/messages/count_tokens'));
    assert.ok(counts.length > 5 && counts.every((s) => s.status === 200 && JSON.parse(s.answer).input_tokens > 0));
  });

  for (const [fault, how] of [['too-long', 'as Bedrock says it'], ['too-many', 'in words that it does not know']]) {
    test(`${what}: an overflow (${how}) leads to compaction, and it goes on`, { skip: FULL }, async () => {
      const eye = await watch(url);
      const child = start(['-p', '--input-format', 'stream-json', ...JSONL, '--model', CLAUDE], { ANTHROPIC_BASE_URL: eye.url }, 'pipe');
      const ask = (text) => child.stdin.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content: text } })}\n`);
      const done = finish(child), prompts = ['say: second', 'say: third'];
      ask('say: the word is plum');
      let rest = '';
      child.stdout.on('data', async (data) => {
        rest += data;
        const whole = rest.split('\n');
        rest = whole.pop();
        if (!whole.some((line) => JSON.parse(line).type === 'result')) return;
        if (prompts.length === 2) await script(fault);
        if (prompts.length) ask(prompts.shift());
        else child.stdin.end();
      });
      const { code, stdout, stderr } = await done;
      await eye.close();
      assert.equal(code, 0, stdout + stderr);
      const events = lines(stdout);
      assert.deepEqual(events.filter((e) => e.type === 'result').map((e) => e.result), ['the word is plum', 'second', 'third']);
      assert.equal(events.filter((e) => e.subtype === 'compact_boundary').length, 1);
      const refused = eye.seen.filter((s) => s.status !== 200);
      assert.equal(refused.length, 1);
      assert.match(JSON.parse(refused[0].answer).error.message, /^(Input is too long for requested model|prompt is too long: 240000 tokens > 200000 maximum)/);
      const bodies = await judged(), last = JSON.stringify(bodies.at(-1).body.messages);
      assert.match(last, /It began with: /, 'the summary takes the place of what was said');
      if (fault === 'too-long') assert.match(last, /It began with: say: the word is plum/);
    });
  }

  test(`${what}: auto mode with the switch of the README checks by itself`, { skip: FULL }, async () => {
    const [name, value] = (await readFile(new URL('../../../README.md', import.meta.url), 'utf8')).match(/CLAUDE_CODE_AUTO_MODE_SERVER=\d/)[0].split('=');
    const dear = await mkdtemp(path.join(tmpdir(), 'claude-dear-'));
    const auto = (command) => does(url, order('Bash', { command }), ['--permission-mode', 'auto'], { [name]: value });
    assert.match(await auto('mkdir -p /tmp/x.$$ && rmdir /tmp/x.$$ && echo it is $((6 * 7))'), /The tool said: it is 42/);
    const reviews = () => judged().then((all) => all.filter((b) => JSON.stringify(b.body.messages).includes('</transcript>')));
    assert.ok((await reviews()).length > 0, 'it asked for a review');
    await reset();
    assert.doesNotMatch(await auto(`rm -rf ${dear}`), /no output/);
    assert.ok(existsSync(dear), 'what the review forbade was done');
    const bodies = await reviews();
    assert.ok(bodies.length > 0 && bodies.every((b) => toolNames(b.body).length === 0));
    await rm(dear, { recursive: true, force: true });
  });

  test(`${what}: auto mode without the switch refuses what is risky`, { skip: FULL }, async () => {
    const { code, stdout, stderr } = await claude(url, order('Bash', { command: 'rm -rf /tmp/no-such-folder' }), ['--permission-mode', 'auto']);
    assert.equal(code, 1, stdout + stderr);
    assert.match(stderr, /can't check actions|could not check/);
    const bodies = await judged();
    assert.equal(bodies.every((b) => (b.body.safeguards ?? []).length > 0), url === BASE_URL, 'safeguards go where they are taken');
  });
}

test('as JSON events, key as Bearer, by a model with a date', { skip: FULL }, async () => {
  const events = lines(await does(BASE_URL, 'Run echo hello with bash', ['--allowedTools', 'Bash', '--model', 'claude-sonnet-4-5-20250929', ...JSONL],
    { ANTHROPIC_API_KEY: undefined, ANTHROPIC_AUTH_TOKEN: API_KEY }));
  const blocks = events.filter((e) => e.type === 'assistant').flatMap((e) => e.message.content);
  assert.equal(blocks.find((b) => b.type === 'tool_use').input.command, 'echo hello');
  assert.equal(events.at(-1).subtype, 'success');
  assert.ok(events.at(-1).usage.output_tokens > 0);
  await judged();
});

// What a model can see: bytes of the file at Bedrock. What it cannot: Claude Code is told so, takes it out, and goes on.
for (const [what, url, model, sees] of [['Claude', BASE_URL, CLAUDE, true], ['Nova', BASE_URL, CONVERSE_MODEL, true], ['a mapped Qwen', MAPPED_URL, CLAUDE, false]]) {
  test(`${what}: an image and a PDF`, { skip: FULL }, async () => {
    const image = Buffer.from(PIXEL, 'base64'), pdf = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n' +
      '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Size 4/Root 1 0 R>>\n%%EOF\n');
    await mkdir(at('media'), { recursive: true });
    for (const [name, bytes] of [['pixel.png', image], ['page.pdf', pdf]]) {
      await reset();
      await writeFile(at(`media/${name}`), bytes);
      const said = await does(url, order('Read', { file_path: at(`media/${name}`) }), ['--model', model]);
      const text = JSON.stringify((await judged()).at(-1).body.messages);
      assert.equal(text.includes(bytes.toString('base64')), sees, text.slice(-600));
      if (!sees) assert.match(said, /removed/);
    }
  });
}

test('a wrong key ends at once with an error', async () => {
  const began = performance.now();
  const { code, stdout, stderr } = await claude(BASE_URL, 'hi', [], { ANTHROPIC_API_KEY: 'sk-wrong' });
  assert.notEqual(code, 0, stdout);
  assert.ok(performance.now() - began < 40_000, 'it retried');
  assert.match(stdout + stderr, /401|authenticat|API key/i);
  assert.equal((await ledger()).requests, 0);
});
