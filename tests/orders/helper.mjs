// helper.mjs - what the stream helper of the openai package (ResponseStream, the strictest of the clients) makes of
// each stream on stdin, which is what `orders` prints. usage: orders N | node helper.mjs DIRECTORY-WITH-node_modules
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const from = createRequire(path.resolve(process.argv[2], 'x.mjs'));
const entry = from.resolve('openai/lib/responses/ResponseStream');
const { ResponseStream } = await import(pathToFileURL(entry.replace(/\.js$/, '.mjs')));
const { VERSION: version } = from('openai/version');

const counts = { streams: 0, events: 0, completed: 0, incomplete: 0, failed: 0 };

// The events of one stream, as the helper reads them from another runtime: a line of JSON each.
async function run(events) {
    const bytes = new TextEncoder().encode(events.map((e) => JSON.stringify(e) + '\n').join(''));
    const body = new ReadableStream({ start: (c) => (c.enqueue(bytes), c.close()) });
    const stream = ResponseStream.fromReadableStream(body);
    let seen = 0;
    stream.on('event', () => seen++);
    stream.on('error', () => {});
    return { response: await stream.finalResponse(), seen };
}

function complain(head, what, events) {
    console.log(`${head}: ${what}`);
    for (const e of events) console.log(JSON.stringify(e));
    process.exit(1);
}

async function judge(head, events) {
    const broken = head.split(' ')[2] === 'broken';
    const told = broken ? events.slice(0, -1) : events; // without the error, which it throws
    const last = told.at(-1).response;
    let result;
    try {
        result = await run(told);
    } catch (error) {
        complain(head, `${error.constructor.name}: ${error.message}`, events);
    }
    const { response, seen } = result;
    if (seen !== told.length) complain(head, `${seen} of ${told.length} events came out`, events);
    if (response.status !== last.status) complain(head, `it ends ${response.status}`, events);
    const plain = (items) => JSON.parse(JSON.stringify(items), (key, value) => (key === 'parsed' || key === 'parsed_arguments' ? undefined : value));
    if (!isDeepStrictEqual(plain(response.output), plain(last.output))) complain(head, 'another output', events);
    if (broken) {
        const error = await run(events).then(() => null, (e) => e);
        if (!error?.message.includes(events.at(-1).message)) complain(head, `the error is ${error}`, events);
    }
    counts.streams++;
    counts.events += events.length;
    counts[last.status]++;
}

let head = null;
let events = [];
for await (const line of createInterface({ input: process.stdin })) {
    if (line.startsWith('# ')) {
        if (head) await judge(head, events);
        head = line;
        events = [];
    } else if (line.startsWith('data: ')) {
        events.push(JSON.parse(line.slice(6)));
    }
}
if (head) await judge(head, events);
console.log(`openai ${version}: ${counts.streams} streams, ${counts.events} events; ` +
    `${counts.completed} completed, ${counts.incomplete} incomplete, ${counts.failed} failed`);
process.exit(counts.streams ? 0 : 1);
