// Our SigV4 signer and event-stream codec against the ones inside the AWS SDK for JavaScript.
// WIRE_TOOL names the binary (default build/wire-tool); SEED repeats a run.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import { SignatureV4 } from "@smithy/signature-v4";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tool = process.env.WIRE_TOOL ?? `${root}/build/wire-tool`;
const seed = Number(process.env.SEED ?? 1);
const REQUESTS = 2000;
const FRAMES = 1000;

// mulberry32: small, and the seed in the output repeats a failure.
let rngState = seed;
function random() {
  rngState = (rngState + 0x6d2b79f5) | 0;
  let t = Math.imul(rngState ^ (rngState >>> 15), 1 | rngState);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chars = (alphabet, n) => Array.from({ length: n }, () => pick(alphabet)).join("");

const ALNUM = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];
const DIGITS = [..."0123456789"];
const TEXT = [...ALNUM, ..." .,:;{}[]\"'\\/\n\té€😀\u2028"];
const PATH = [...ALNUM, ..."-._~:@!$&'()*+,;= "];

/** One process for all cases: JSON lines in, JSON lines out. */
function ask(command, cases) {
  const input = cases.map((c) => JSON.stringify(c)).join("\n") + "\n";
  const run = spawnSync(tool, [command], { input, maxBuffer: 1 << 30 });
  assert.equal(run.status, 0, `${tool} ${command}: ${run.error ?? run.stderr}`);
  const lines = run.stdout.toString().trimEnd().split("\n");
  assert.equal(lines.length, cases.length);
  return lines.map((line) => JSON.parse(line));
}

class Sha256 {
  constructor(secret) {
    this.hash = secret ? createHmac("sha256", secret) : createHash("sha256");
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

// --- requests ---

const region = () => pick(["us-east-1", "us-west-2", "eu-central-1", "us-gov-west-1", "ap-southeast-2"]);

function modelId() {
  const arn = `arn:aws:bedrock:${region()}:${chars(DIGITS, 12)}:`;
  return pick([
    () => "anthropic.claude-3-5-sonnet-20241022-v2:0",
    () => `${pick(["us", "eu", "global"])}.anthropic.claude-${chars(ALNUM, 8)}-v1:0`,
    () => `${arn}application-inference-profile/${chars(ALNUM, 12)}`,
    () => `${arn}inference-profile/us.amazon.nova-pro-v1:0`,
    () => `${arn}provisioned-model/${chars(ALNUM, 12)}`,
    () => chars([...ALNUM, ..."._:/-"], 1 + below(40)) + "x", // never "." or ".."
  ])();
}

function path() {
  const operation = pick(["invoke", "invoke-with-response-stream", "converse", "converse-stream"]);
  return pick([
    () => `/model/${encodeURIComponent(modelId())}/${operation}`,
    () => `/model/${modelId()}/${operation}`,
    () => "/",
    () => pick(["/anthropic/v1/messages", "/openai/v1/chat/completions"]),
    () => Array.from({ length: 1 + below(5) }, () => "/" + pick([".", "..", "", chars(PATH, 1 + below(9))])).join(""),
    () => `/${chars(PATH, below(12))}/`,
  ])();
}

/** What a client writes on the wire, and what the SDK holds: decoded. */
function query() {
  const decoded = {};
  for (let i = below(4); i > 0; i--) {
    decoded[chars(PATH, 1 + below(6))] = pick([
      () => chars([...PATH, "é", "%"], below(8)),
      () => Array.from({ length: 2 + below(2) }, () => chars(PATH, 1 + below(4))),
    ])();
  }
  const pairs = Object.entries(decoded).flatMap(([k, v]) => [v].flat().map((one) => [k, one]));
  const wire = pairs.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join("&");
  return { decoded, wire };
}

const headerValue = () => " ".repeat(below(3)) + chars([...ALNUM, ..." ,;=\"()/", "  "], 1 + below(30)) + " ".repeat(below(3));

function headers(date, token) {
  const all = {
    host: pick(["bedrock-runtime.us-west-2.amazonaws.com", "127.0.0.1:18080", "[::1]:8080", "dynamodb.us-east-1.amazonaws.com"]),
    [pick(["x-amz-date", "X-Amz-Date"])]: date,
  };
  if (token) all[pick(["x-amz-security-token", "X-Amz-Security-Token"])] = token;
  if (random() < 0.8) all["Content-Type"] = pick(["application/json", "application/x-amz-json-1.0"]);
  if (random() < 0.5) all.accept = pick(["application/json", "*/*", "application/vnd.amazon.eventstream"]);
  if (random() < 0.3) all["X-Amz-Target"] = "DynamoDB_20120810.GetItem";
  if (random() < 0.3) all["X-Amzn-Bedrock-Trace"] = "ENABLED";
  for (const skipped of ["User-Agent", "Expect", "Connection", "x-amzn-trace-id", "Cache-Control", "TE"])
    if (random() < 0.15) all[skipped] = headerValue();
  for (let i = below(5); i > 0; i--) all[`X-${chars([...ALNUM, "-"], below(12))}${i}`] = headerValue();
  return Object.entries(all).sort(() => random() - 0.5);
}

function signCase() {
  const when = new Date(Date.UTC(2026, 0, 1) + below(365 * 86400) * 1000);
  const date = when.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const token = random() < 0.5 ? chars([...ALNUM, ..."+/="], 20 + below(800)) : undefined;
  const body = pick([() => "", () => "{}", () => chars(TEXT, below(2000))])();
  const { decoded, wire } = query();
  const all = headers(date, token);
  if (random() < 0.3) all.push(["x-amz-content-sha256", createHash("sha256").update(body).digest("hex")]);
  return {
    when, token, decoded,
    line: {
      method: pick(["POST", "GET", "PUT"]), path: path(), query: wire, headers: all, body, region: region(),
      service: pick(["bedrock", "dynamodb", "sts", "bedrock-mantle"]), date,
      akid: "AKIA" + chars(ALNUM, 16), secret: chars([...ALNUM, ..."+/"], 40),
    },
  };
}

async function smithySign({ when, token, decoded, line }) {
  const signer = new SignatureV4({
    credentials: { accessKeyId: line.akid, secretAccessKey: line.secret, sessionToken: token },
    region: line.region, service: line.service, sha256: Sha256, applyChecksum: false,
  });
  const request = {
    method: line.method, protocol: "https:", hostname: "unused", path: line.path, query: decoded,
    headers: Object.fromEntries(line.headers), body: line.body,
  };
  const signed = await signer.sign(request, { signingDate: when });
  return signed.headers.authorization;
}

test(`${REQUESTS} random requests get the SDK's signature (SEED=${seed})`, async () => {
  const cases = Array.from({ length: REQUESTS }, signCase);
  const answers = ask("sign", cases.map((c) => c.line));
  for (const [i, c] of cases.entries()) {
    const wanted = await smithySign(c);
    assert.match(wanted, /^AWS4-HMAC-SHA256 /);
    assert.equal(answers[i].authorization, wanted, JSON.stringify([answers[i], c.line]));
  }
});

test("a request that is signed already is refused", () => {
  const { line } = signCase();
  const [answer] = ask("sign", [{ ...line, headers: [...line.headers, ["Authorization", "AWS4-HMAC-SHA256 x"]] }]);
  assert.match(answer.error, /signed already/);
});

// --- frames ---

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes),
  (text) => new TextEncoder().encode(text),
);
const string = (value) => ({ type: "string", value });
const TYPE_HEADER = { event: ":event-type", exception: ":exception-type", error: ":error-code" };

function frame() {
  const kind = pick(["event", "event", "exception", "error"]);
  const payload = kind === "error" ? "" : JSON.stringify({ text: chars(TEXT, below(600)) });
  return {
    kind, payload,
    type: pick(["chunk", "messageStart", "contentBlockDelta", "throttlingException", "x" + chars(ALNUM, below(40))]),
    message: kind === "error" ? chars(TEXT, 1 + below(60)) : "",
  };
}

/** Headers of types Bedrock does not send: to be stepped over. */
const OTHER_HEADERS = {
  "z-true": { type: "boolean", value: true },
  "z-false": { type: "boolean", value: false },
  "z-byte": { type: "byte", value: -7 },
  "z-short": { type: "short", value: -300 },
  "z-integer": { type: "integer", value: 70000 },
  "z-binary": { type: "binary", value: new Uint8Array([0, 1, 255]) },
  "z-string": string("é"),
  "z-timestamp": { type: "timestamp", value: new Date(8675309) },
  "z-uuid": { type: "uuid", value: "01020304-0506-0708-090a-0b0c0d0e0f10" },
};

function smithyEncode(f) {
  const headers = Object.fromEntries(Object.entries(OTHER_HEADERS).filter(() => random() < 0.2));
  headers[TYPE_HEADER[f.kind]] = string(f.type);
  if (f.kind === "error") headers[":error-message"] = string(f.message);
  else headers[":content-type"] = string("application/json");
  headers[":message-type"] = string(f.kind);
  return Buffer.from(codec.encode({ headers, body: new TextEncoder().encode(f.payload) }));
}

test(`streams the SDK encodes are decoded the same, in any pieces (SEED=${seed})`, () => {
  const streams = Array.from({ length: FRAMES / 4 }, () => Array.from({ length: below(8) + 1 }, frame));
  const cases = streams.map((frames) => {
    const bytes = Buffer.concat(frames.map(smithyEncode));
    return { hex: bytes.toString("hex"), piece: pick([1, 7, 1 + below(400), bytes.length]) };
  });
  for (const [i, answer] of ask("decode", cases).entries())
    assert.deepEqual(answer, { frames: streams[i], bad: false, partial: false });
});

test(`a stream that is cut or damaged is told (SEED=${seed})`, () => {
  const good = Array.from({ length: FRAMES }, () => smithyEncode(frame()));
  const cut = good.map((bytes) => ({ hex: bytes.subarray(0, 1 + below(bytes.length - 1)).toString("hex") }));
  for (const answer of ask("decode", cut)) assert.deepEqual(answer, { frames: [], bad: false, partial: true });
  const damaged = good.map((bytes) => {
    const copy = Buffer.from(bytes);
    copy[below(copy.length)] ^= 1 << below(8);
    return { hex: copy.toString("hex") };
  });
  for (const [i, answer] of ask("decode", damaged).entries())
    assert.deepEqual(answer, { frames: [], bad: true, partial: false }, damaged[i].hex);
});

test(`frames we encode are decoded the same by the SDK (SEED=${seed})`, () => {
  const frames = Array.from({ length: FRAMES }, frame);
  const answers = ask("encode", frames.map((f) => ({ kind: f.kind, type: f.type, payload: f.payload || f.message })));
  for (const [i, f] of frames.entries()) {
    const { headers, body } = codec.decode(Buffer.from(answers[i].hex, "hex"));
    assert.equal(headers[":message-type"].value, f.kind);
    assert.equal(headers[TYPE_HEADER[f.kind]].value, f.type);
    assert.equal(headers[":error-message"]?.value ?? "", f.message);
    assert.equal(new TextDecoder().decode(body), f.payload);
  }
});
