// A tool server on stdin and stdout (Model Context Protocol, one JSON-RPC message a line) with one tool.
import { createInterface } from 'node:readline';

const answers = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'weather', version: '1' } }),
  'tools/list': () => ({ tools: [{ name: 'city_weather', description: 'Weather of a city',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }] }),
  'tools/call': ({ arguments: { city } }) => ({ content: [{ type: 'text', text: `sunny in ${city}` }] }),
  'resources/list': () => ({ resources: [] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  ping: () => ({}),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const result = answers[method]?.(params);
  const reply = result ? { result } : { error: { code: -32601, message: 'no such method' } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...reply })}\n`);
}
