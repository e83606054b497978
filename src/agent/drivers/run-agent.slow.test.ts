import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../../test/support/eventually.ts';
import { startTestServer } from '../../../test/support/http-server.ts';
import { startProxy } from '../../../test/support/proxy.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { commandLine } from '../../lib/processes.ts';
import { adapters, findAdapter } from '../adapters/find-adapter.ts';
import type { AgentEvent, AgentTask, FollowUps } from './driver.ts';
import { runAgent } from './run-agent.ts';

const agents = join(import.meta.dirname, '../../../test/support/agents');
const acp = { PLAN42_AGENT_COMMAND: JSON.stringify([process.execPath, join(agents, 'acp-agent.ts')]) };
const madeUp = { PLAN42_AGENT: join(agents, 'made-up.mjs') };

interface Case extends Partial<AgentTask> {
  steps?: string[];
}

function startAgent(t: TestContext, env: NodeJS.ProcessEnv, folder: string, { steps, ...task }: Case) {
  const events: AgentEvent[] = [];
  const all: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: folder, ...env };
  const result = findAdapter(all).then((adapter) =>
    runAgent(adapter, {
      prompt: steps?.join('\n') ?? '',
      folder,
      model: undefined,
      reasoningLevel: undefined,
      webSearch: true,
      env: all,
      signal: t.signal,
      onEvent: (event) => events.push(event),
      ...task,
    }),
  );
  return { result, events };
}

test('an agent works by the protocol, and may do everything', async (t) => {
  await using dir = await makeTempDir();
  const { result, events } = startAgent(t, acp, dir.path, {
    steps: ['plan Look around', 'say Now I edit.', 'edit fixed.txt', 'say First.', 'say  Second.'],
  });
  assert.deepEqual(await result, {
    message: 'First. Second.',
    usage: { inputTokens: 10, outputTokens: 2, cachedTokens: 4 },
    session: 'new-session',
  });
  assert.equal(await readFile(join(dir.path, 'fixed.txt'), 'utf8'), 'edited\n');
  assert.deepEqual(events, [
    { type: 'plan', entries: [{ title: 'Look around', status: 'in_progress' }] },
    { type: 'message', text: 'Now I edit.' },
    { type: 'tool', title: 'edit fixed.txt', status: 'started' },
    { type: 'tool', title: 'edit fixed.txt', status: 'done' },
    { type: 'usage', usage: { inputTokens: 10, outputTokens: 2, cachedTokens: 4 } },
    { type: 'message', text: 'First. Second.' },
  ]);
});

test('the model and the reasoning level of the task are selected', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, acp, dir.path, { steps: ['selected'], model: 'large', reasoningLevel: 'HIGH' });
  assert.equal((await result).message, '{"m":"large","r":"high"}');
});

test('a model that the agent does not offer fails the turn', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, acp, dir.path, { steps: ['say hello'], model: 'huge' });
  await assert.rejects(result, {
    kind: 'model',
    message: 'cannot select model huge: the agent does not offer it. Choose one of: small, large.',
  });
});

test('an agent that wants to be authenticated is, if its adapter knows how', async (t) => {
  await using dir = await makeTempDir();
  const env = { PATH: process.env['PATH'], ...acp, MUST_AUTHENTICATE: '1' };
  const unknown = startAgent(t, env, dir.path, { steps: ['say hello'] });
  await assert.rejects(unknown.result, { kind: 'no-key' });
  await writeFile(
    join(dir.path, 'adapter.mjs'),
    `export default { name: 'x', acp: () => ({ command: ${acp.PLAN42_AGENT_COMMAND}, authMethod: 'key' }) };`,
  );
  const known = { ...env, PLAN42_AGENT: join(dir.path, 'adapter.mjs') };
  assert.equal((await startAgent(t, known, dir.path, { steps: ['say hello'] }).result).message, 'hello');
});

test('a session is resumed if the agent has kept it', async (t) => {
  await using dir = await makeTempDir();
  const kept = startAgent(t, acp, dir.path, { steps: ['say again'], resume: 'kept' });
  assert.deepEqual(await kept.result.then(({ session, message }) => [session, message]), ['kept', 'again']);
  assert.deepEqual(
    kept.events.filter(({ type }) => type === 'message'),
    [{ type: 'message', text: 'again' }],
  );
  const lost = startAgent(t, acp, dir.path, { steps: ['say again'], resume: 'lost' });
  assert.equal((await lost.result).session, 'new-session');
});

for (const [steps, env, kind, message] of [
  [['fail API Error: 401 invalid x-api-key'], {}, 'key-refused', /refused the key/],
  [['fail 529 overloaded_error'], {}, 'overloaded', /Run the task again later\.$/],
  [['fail getaddrinfo ENOTFOUND api.example.com'], {}, 'unreachable', /^cannot reach api\.example\.com: /],
  [['say working', 'exit 3'], {}, 'exited', /custom exited with code 3: something broke/],
  [['fail at ModuleJob.run (module_job:569:25)'], {}, 'exited', /custom reported an error/],
  [['exit 0'], {}, 'exited', /custom reported an error/],
  [['refuse'], {}, 'refused', /refused the task/],
  [['say never'], { ACP_VERSION: '99' }, 'protocol', /version 99/],
] as const) {
  test(`fails with a sentence: ${steps.join(', ')} ${Object.values(env).join('')}`, async (t) => {
    await using dir = await makeTempDir();
    const { result } = startAgent(t, { ...acp, ...env }, dir.path, { steps: [...steps] });
    await assert.rejects(result, (error: Error & { kind: string }) => {
      assert.deepEqual([error.name, error.kind], ['AgentFailure', kind]);
      assert.match(error.message, message);
      return true;
    });
  });
}

test('the last lines of standard error are shown when an agent fails', async (t) => {
  await using dir = await makeTempDir();
  const { result, events } = startAgent(t, acp, dir.path, { steps: ['exit 1'] });
  await assert.rejects(result);
  assert.deepEqual(events.at(-1), { type: 'output', text: 'something broke' });
});

test('an agent that is silent for too long is stopped', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, acp, dir.path, { steps: ['hang'], watch: { pollMs: 100, stallMs: 1500 } });
  await assert.rejects(result, {
    kind: 'hung',
    message: /^cannot finish: custom made no progress for 1\.5 s\. Run the task again/,
  });
});

test('an agent that thinks or runs a tool may be silent', async (t) => {
  await using dir = await makeTempDir();
  const watch = { pollMs: 100, stallMs: 1000 };
  for (const step of ['tool 3000', 'compute 3000']) {
    assert.equal((await startAgent(t, acp, dir.path, { steps: [step, 'say done'], watch }).result).message, 'done');
  }
  const endless = startAgent(t, acp, dir.path, { steps: ['tool 100000'], watch: { ...watch, stallWithToolMs: 2000 } });
  await assert.rejects(endless.result, { kind: 'hung', message: /custom made no progress for 2\.0 s/ });
});

test('an agent that starts no session is stopped', async (t) => {
  await using dir = await makeTempDir();
  const env = { ...acp, NO_SESSION: '1' };
  const { result } = startAgent(t, env, dir.path, { startTimeoutMs: 2000 });
  await assert.rejects(result, {
    kind: 'hung',
    message: /^cannot start custom: it started no session within 2\.0 s\./,
  });
});

test('a silent agent is stopped if its model provider is gone or refuses the key', async (t) => {
  await using dir = await makeTempDir();
  const adapter = join(dir.path, 'adapter.mjs');
  await writeFile(
    adapter,
    `export default { name: 'x', keys: ['KEY'], acp: () => ({ command: ${acp.PLAN42_AGENT_COMMAND} }),
       server: { variable: 'URL', url: 'http://model.invalid',
         keyCheck: ({ KEY }) => ({ path: '/models', headers: { key: KEY } }) } };`,
  );
  let accepted = 'k';
  await using server = await startTestServer((response, { headers }) => {
    response.writeHead(headers['key'] === accepted ? 200 : 401).end('{"message":"no such key"}');
  });
  const env = { PLAN42_AGENT: adapter, KEY: 'k', URL: `${server.url}/v1` };
  const refused = { kind: 'key-refused', message: /refused the key in KEY: no such key\. Replace the key\.$/ };
  await assert.rejects(startAgent(t, { ...env, KEY: 'wrong' }, dir.path, {}).result, refused);
  const watch = { pollMs: 50, probeAfterMs: 200 };
  const steps = ['say hello\n\n', 'hang'];
  const started = (events: AgentEvent[]) => eventually(async () => events.length > 0);

  const revoked = startAgent(t, env, dir.path, { steps: ['say hello', 'plan x', 'hang'], watch });
  const isRevoked = assert.rejects(revoked.result, refused);
  await started(revoked.events);
  accepted = 'another';
  await isRevoked;
  assert.equal(server.requests.at(-1)?.url, '/v1/models');

  accepted = 'k';
  const lost = startAgent(t, env, dir.path, { steps, watch });
  const isLost = assert.rejects(lost.result, {
    kind: 'unreachable',
    message: /cannot reach 127\.0\.0\.1:\d+: ECONNREFUSED/,
  });
  await eventually(async () => server.requests.length > 3);
  await server[Symbol.asyncDispose]();
  await isLost;
});

test('a model provider that accepts connections and does not respond is named, and then ends the turn', async (t) => {
  await using dir = await makeTempDir();
  const adapter = join(dir.path, 'adapter.mjs');
  await writeFile(
    adapter,
    `export default { name: 'x', keys: ['KEY'], acp: () => ({ command: ${acp.PLAN42_AGENT_COMMAND} }),
       server: { variable: 'URL', url: 'http://model.invalid' } };`,
  );
  let isStuck = false;
  await using server = await startTestServer((response) => {
    if (!isStuck) response.end();
  });
  const { host } = new URL(server.url);
  const watch = { pollMs: 50, probeAfterMs: 100, probeTimeoutMs: 100, noticeAfterMs: 1000, unresponsiveMs: 1500 };
  const env = { PLAN42_AGENT: adapter, KEY: 'k', URL: server.url };
  const { result, events } = startAgent(t, env, dir.path, { steps: ['say hello', 'plan x', 'hang'], watch });
  const isStopped = assert.rejects(result, {
    kind: 'unresponsive',
    message: `cannot run x: ${host} accepts connections, but does not respond. Run the task again later, or check the proxy.`,
  });
  await eventually(async () => events.length > 0);
  isStuck = true;
  await isStopped;
  const notices = events.filter((event) => event.type === 'output');
  assert.deepEqual(notices, [{ type: 'output', text: `no response from ${host} for 1.0 s` }]);
});

test('an aborted agent is stopped, with everything that it started', async (t) => {
  await using dir = await makeTempDir();
  const aborter = new AbortController();
  const { result } = startAgent(t, acp, dir.path, {
    steps: ['daemon pid', 'hang'],
    signal: AbortSignal.any([aborter.signal, t.signal]),
  });
  const rejected = assert.rejects(result, { name: 'AbortError' });
  const pid = await eventually(
    async () => Number(await readFile(join(dir.path, 'pid'), 'utf8').catch(() => '')) || undefined,
  );
  assert.match(await commandLine(pid), /trap/);
  aborter.abort();
  await rejected;
  assert.equal(await commandLine(pid), '');
});

test('an agent that is done is stopped, with everything that it started', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, acp, dir.path, { steps: ['daemon pid'] });
  await result;
  assert.equal(await commandLine(Number(await readFile(join(dir.path, 'pid'), 'utf8'))), '');
});

test('an agent is added by one file of at most 40 lines', async (t) => {
  await using dir = await makeTempDir();
  const source = await readFile(madeUp.PLAN42_AGENT, 'utf8');
  assert.ok(source.trimEnd().split('\n').length <= 40);
  const { result, events } = startAgent(t, madeUp, dir.path, { prompt: 'add a file', model: 'large' });
  assert.deepEqual(await result, { message: 'wrote it with large', usage: { inputTokens: 3, outputTokens: 1 } });
  assert.equal(await readFile(join(dir.path, 'made-up.txt'), 'utf8'), 'add a file\n');
  assert.deepEqual(events.slice(0, 3), [
    { type: 'output', text: 'starting large' },
    { type: 'tool', title: 'write made-up.txt', status: 'started' },
    { type: 'tool', title: 'write made-up.txt', status: 'done' },
  ]);
});

test('our adapters have at most 40 lines', async () => {
  const folder = join(import.meta.dirname, '../adapters');
  for (const name of [...adapters.map((adapter) => adapter.name), 'custom']) {
    const source = await readFile(join(folder, `${name}.ts`), 'utf8');
    assert.ok(source.trimEnd().split('\n').length <= 40, name);
  }
});

test('a server that cannot be reached is named before the agent starts', async (t) => {
  await using dir = await makeTempDir();
  await writeFile(
    join(dir.path, 'adapter.mjs'),
    `export default { name: 'x', keys: ['KEY'], server: { variable: 'URL', url: 'http://model.invalid' },
       commandLine: () => ({ command: ['echo', 'hello'] }) };`,
  );
  const env = { PLAN42_AGENT: join(dir.path, 'adapter.mjs') };
  for (const [variables, message] of [
    [{ KEY: 'k' }, /^cannot run x: cannot reach model\.invalid: (?:ENOTFOUND|EAI_AGAIN)\. Allow the host/],
    [{ URL: 'http://127.0.0.1:1/v1' }, /^cannot run x: cannot reach 127\.0\.0\.1:1: ECONNREFUSED\./],
  ] as const) {
    await assert.rejects(startAgent(t, { ...env, ...variables }, dir.path, {}).result, {
      kind: 'unreachable',
      message,
    });
  }
  assert.equal((await startAgent(t, env, dir.path, {}).result).message, 'hello');
  await using server = await startTestServer((response) => void response.writeHead(404).end());
  const reachable = startAgent(t, { ...env, URL: server.url }, dir.path, {});
  assert.equal((await reachable.result).message, 'hello');
  // A host that only the proxy can reach.
  await using proxy = await startProxy(server.port);
  const proxied = startAgent(t, { ...env, KEY: 'k', HTTP_PROXY: proxy.url }, dir.path, {});
  assert.equal((await proxied.result).message, 'hello');
  assert.match(proxy.targets[0] ?? '', /model\.invalid/);
});

test('an agent that cannot be kept from the web is not started if the runner forbids it', async (t) => {
  await using dir = await makeTempDir();
  const refused = {
    kind: 'web-search',
    message: /^cannot start \S+: the runner forbids web search, which .*Change the/,
  };
  const task = { prompt: 'add a file', steps: ['say hello'], webSearch: false };
  await assert.rejects(startAgent(t, madeUp, dir.path, task).result, refused);
  await assert.rejects(startAgent(t, acp, dir.path, task).result, refused);
  assert.deepEqual(await readdir(dir.path), []);
  const promised = { ...acp, PLAN42_AGENT_WEB_SEARCH: 'never' };
  assert.equal((await startAgent(t, promised, dir.path, { ...task, prompt: 'say hello' }).result).message, 'hello');
  const opencode = join(dir.path, 'opencode');
  await writeFile(opencode, '#!/bin/sh\n', { mode: 0o755 });
  const own = { PATH: dir.path, PLAN42_AGENT: 'opencode', OPENCODE_CONFIG_CONTENT: '{}' };
  await assert.rejects(startAgent(t, own, dir.path, task).result, {
    kind: 'web-search',
    message: /: OPENCODE_CONFIG_CONTENT replaces our settings\. Change the image/,
  });
});

test('a resumed session has the settings of a new one', async (t) => {
  await using dir = await makeTempDir();
  const adapter = join(dir.path, 'adapter.mjs');
  const source = `export default { name: 'x', acp: () => ({ command: ${acp.PLAN42_AGENT_COMMAND}, sessionMeta: { a: 1 } }) };`;
  await writeFile(adapter, source);
  for (const resume of ['kept', undefined]) {
    const { result } = startAgent(t, { PLAN42_AGENT: adapter }, dir.path, { steps: ['meta'], resume });
    assert.equal((await result).message, '{"a":1}');
  }
});

test('an agent of the command line that fails is explained', async (t) => {
  await using dir = await makeTempDir();
  const keyless = startAgent(t, madeUp, dir.path, { prompt: 'break' });
  await assert.rejects(keyless.result, { kind: 'no-key', message: /Set MADE_UP_KEY in the environment/ });
  const refused = startAgent(t, { ...madeUp, MADE_UP_KEY: 'x' }, dir.path, { prompt: 'break' });
  await assert.rejects(refused.result, { kind: 'key-refused', message: /refused the key in MADE_UP_KEY/ });
});

test('an agent that reports its result and does not exit is stopped', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, madeUp, dir.path, { prompt: 'stay', exitTimeoutMs: 100 });
  assert.equal((await result).message, 'done, but here to stay');
});

test('the text of a custom command is its answer, and its input ends', async (t) => {
  await using dir = await makeTempDir();
  const env = {
    PLAN42_AGENT_COMMAND: '["sh","-c","echo you said: $(cat); echo $PLAN42_MODEL"]',
    PLAN42_AGENT_PROTOCOL: 'command',
  };
  const { result, events } = startAgent(t, env, dir.path, { prompt: 'hello', model: 'm1' });
  assert.equal((await result).message, 'you said: hello\nm1');
  assert.deepEqual(events[0], { type: 'output', text: 'you said: hello' });
});

/** Delivers one message at each call of `take`, and records the answers. */
function scriptedMessages(...batches: string[][]) {
  const answers: string[] = [];
  let taken = false;
  const followUps: FollowUps = {
    take: () => {
      const batch = batches.shift() ?? [];
      if (batch.length > 0) taken = true;
      return batch;
    },
    answer: (text) => {
      if (taken) answers.push(text);
      taken = false;
    },
  };
  return { followUps, answers };
}

test('messages are further prompts in the session of the protocol, and have answers', async (t) => {
  await using dir = await makeTempDir();
  const { followUps, answers } = scriptedMessages(['say early'], ['say one', 'say  and two'], ['edit later.txt']);
  const { result } = startAgent(t, acp, dir.path, { steps: ['say first '], followUps });
  const { message, later } = await result;
  assert.deepEqual([message, later], ['first early', ['one and two', '']]);
  assert.deepEqual(answers, ['first early', 'one and two', '']);
  assert.equal(await readFile(join(dir.path, 'later.txt'), 'utf8'), 'edited\n');
  const broken = scriptedMessages([], ['exit 3']);
  const failed = startAgent(t, acp, dir.path, { steps: ['say first'], followUps: broken.followUps });
  await assert.rejects(failed.result, { kind: 'exited' });
});

test('messages to an agent of the command line continue its session', async (t) => {
  await using dir = await makeTempDir();
  const adapter = join(dir.path, 'adapter.mjs');
  const script = `let said = process.argv[1] + ': '; process.stdin.on('data', (data) => (said += data))
    .on('end', () => console.log(JSON.stringify({ said, id: 's1', used: 5 })));`;
  await writeFile(
    adapter,
    `export default { name: 'x', commandLine: ({ prompt, resume }) => ({
       command: [${JSON.stringify(process.execPath)}, '-e', ${JSON.stringify(script)}, resume ?? 'new'], input: prompt, continues: resume !== undefined,
       read: ({ said, id, used }) => [{ type: 'session', id }, { type: 'result', message: said, usage: { inputTokens: used } }],
     }) };`,
  );
  const { followUps, answers } = scriptedMessages([], ['more']);
  const { result } = startAgent(t, { PLAN42_AGENT: adapter }, dir.path, { prompt: 'begin', followUps });
  const { message, later, usage } = await result;
  assert.deepEqual([message, usage], ['new: begin', { inputTokens: 10 }]);
  assert.match(later?.[0] ?? '', /^s1: A person wrote to you while you worked\.[\s\S]*\n\nmore\n\nEnd with/);
  assert.doesNotMatch(later?.[0] ?? '', /begin/);
  assert.deepEqual(answers, later);
});

test('a command without sessions gets the request again with the messages', async (t) => {
  await using dir = await makeTempDir();
  const env = { PLAN42_AGENT_COMMAND: '["cat"]', PLAN42_AGENT_PROTOCOL: 'command' };
  const { followUps, answers } = scriptedMessages([], ['more'], ['and more']);
  const { result } = startAgent(t, env, dir.path, { prompt: 'begin', followUps });
  const { message, later } = await result;
  assert.equal(message, 'begin');
  assert.match(
    later?.[0] ?? '',
    /^A person wrote[\s\S]*\n\nmore\n\n[\s\S]*You ended with:\n\nbegin\n\n# The request\n\nbegin$/,
  );
  assert.match(later?.[1] ?? '', /\n\nand more\n\n[\s\S]*# The request\n\nbegin\n\n# Messages\n\n.*\n\nmore$/);
  assert.deepEqual(answers, later);
});

test('an agent that is not installed is named', async (t) => {
  await using dir = await makeTempDir();
  const { result } = startAgent(t, { PLAN42_AGENT: 'gemini', PATH: '/nonexistent' }, dir.path, {});
  await assert.rejects(result, {
    kind: 'not-installed',
    message: /cannot start gemini: gemini or gemini is not installed|gemini is not installed in the image/,
  });
});

test('an image without a known agent is explained', async () => {
  await assert.rejects(findAdapter({}), { kind: 'unknown-agent', message: /does not name its agent.*claude, codex/ });
  await assert.rejects(findAdapter({ PLAN42_AGENT: 'x' }), { message: /there is no agent "x"/ });
  await assert.rejects(findAdapter({ PLAN42_AGENT: '/nonexistent.mjs' }), { message: /cannot load the adapter/ });
});
