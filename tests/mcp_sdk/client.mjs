// Drives an evolution through `osevolve mcp` with the official SDK as the client, which checks every
// message against the protocol.
//   node client.mjs OSEVOLVE WORKLOAD GOOD.cc BAD.cc OUTSIDE.cc
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [osevolve, workload, good, bad, outside] = process.argv.slice(2);
const client = new Client({ name: 'osevolve-sdk-test', version: '1.0.0' });
// A line that is no message, an answer to nothing. The client handles an answer before a notification that
// was sent before it when both come in one piece; that is not for us to mend.
client.onerror = (error) => { if (!/unknown token/.test(error.message)) throw error; };
await client.connect(new StdioClientTransport({ command: osevolve, args: ['mcp'], env: { ...process.env } }));

assert.equal(client.getServerVersion().name, 'osevolve');
assert.match(client.getInstructions(), /start_run/);
await client.ping();

const { tools } = await client.listTools();
assert.deepEqual(tools.map((t) => t.name).sort(),
  ['finish_run', 'get_candidate', 'get_parent', 'list_policies', 'list_workloads', 'query_knowledge', 'read_run', 'start_run', 'submit_candidate']);
const ajv = new Ajv({ strict: true });
const schemas = Object.fromEntries(tools.map((t) => [t.name, ajv.compile(t.inputSchema)]));
for (const t of tools) assert.ok(t.description.length > 20, `${t.name} is not described`);

// The result of a tool that works; the text is what a model without structured content reads.
async function call(name, args, options) {
  assert.ok(schemas[name](args), `${name}: ${ajv.errorsText(schemas[name].errors)}`);
  const result = await client.callTool({ name, arguments: args }, undefined, options);
  assert.ok(!result.isError, `${name}: ${result.content[0].text}`);
  assert.equal(result.content[0].type, 'text');
  assert.ok(result.content[0].text.length > 0);
  return { ...result.structuredContent, text: result.content[0].text };
}

const { resources } = await client.listResources();
for (const r of resources) assert.ok((await client.readResource({ uri: r.uri })).contents[0].text.length > 1000, r.uri);

assert.ok((await call('list_workloads', {})).workloads.length > 0);
assert.ok((await call('list_policies', {})).policies.some((p) => p.name === 'cfs'));

const progress = [];
const run = await call('start_run', { workload, out: 'run' }, { onprogress: (p) => progress.push(p), resetTimeoutOnProgress: true });
assert.equal(run.run, 'run');
assert.ok(progress.length > 0 && progress.every((p, i) => i === 0 || p.progress > progress[i - 1].progress));

const parent = await call('get_parent', { run: 'run', id: 0 });
assert.equal(parent.id, 0);
assert.match(parent.source, /osevolve\/policy\.h/);
assert.ok(parent.objectives[0].bound > 0);
assert.ok(parent.text.includes(parent.source));
assert.ok(parent.text.includes(parent.prompt.system) && parent.text.includes(parent.prompt.user));
for (const section of ['The API', 'The workload', 'The machine', 'What it achieves', 'Where the time goes', 'Your task', 'How to submit'])
  assert.match(parent.text, new RegExp(`^# ${section}`, 'm'));
assert.equal((await call('get_parent', { run: 'run', id: 0, task: 'diff', api: false })).prompt.task, 'diff');

const submit = (file, note) => call('submit_candidate', { run: 'run', parent: 0, source: readFileSync(file, 'utf8'), note });
const better = await submit(good, 'shorter slices');
assert.equal(better.outcome, 'ok');
assert.ok(better.gain_pct > 0 && better.gain_ci95[0] <= better.gain_pct);
assert.equal(better.best.id, better.id);
const broken = await submit(bad, 'a slip');
assert.equal(broken.outcome, 'compile');
assert.match(broken.diagnosis, /slice/);
const refused = await submit(outside, 'outside');
assert.equal(refused.outcome, 'gate');
assert.match(refused.diagnosis, /evolve block/);

// Errors: of the user as a result that the model sees, of the program as an exception.
const wrong = await client.callTool({ name: 'get_parent', arguments: { run: 'nowhere' } });
assert.ok(wrong.isError && /start_run/.test(wrong.content[0].text));
await assert.rejects(client.callTool({ name: 'no_such_tool', arguments: {} }), /unknown tool/);

// Cancelled by the client while another call runs; the session goes on.
const abort = new AbortController();
const other = call('start_run', { workload, out: 'other' });
const cancelled = client.callTool({ name: 'finish_run', arguments: { run: 'run' } }, undefined, { signal: abort.signal });
abort.abort();
await assert.rejects(cancelled);
assert.equal((await other).run, 'other');

const read = await call('read_run', { run: 'run' });
assert.deepEqual([read.candidates, read.failed, read.finished], [4, 2, false]);
assert.equal(read.ranking[0].id, better.id);
assert.equal(read.last_failures[0].id, refused.id);
assert.match((await call('get_candidate', { run: 'run', id: better.id })).diff, /^\+.*slice_ns/m);

const done = await call('finish_run', { run: 'run' }, { onprogress: () => {}, resetTimeoutOnProgress: true });
assert.equal(done.evaluations, 4);
assert.ok(done.veteran && done.gain_pct_vs_seed > 0);
assert.ok(existsSync(done.best.policy));
assert.equal((await call('query_knowledge', { workload })).matches.length, 1);
await client.close();
