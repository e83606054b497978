/**
 * An agent that speaks the Agent Client Protocol, built with the library for agents. Its prompt is a list of steps, one a
 * line: the name of a step below, and its argument.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentContext,
  agent,
  methods,
  ndJsonStream,
  PROTOCOL_VERSION,
  RequestError,
  type RequestPermissionResponse,
  type SessionUpdate,
} from '@agentclientprotocol/sdk';

let isAuthenticated = process.env['MUST_AUTHENTICATE'] === undefined;
const selected: Record<string, unknown> = {};
let meta: unknown;
const select = (id: string, category: string, values: string[]) => ({
  id,
  name: id,
  category,
  type: 'select' as const,
  currentValue: values[0] ?? '',
  options: values.map((value) => ({ value, name: value.toUpperCase() })),
});
const configOptions = [select('m', 'model', ['small', 'large']), select('r', 'thought_level', ['low', 'high'])];

// Real agents greet people on the same stream.
process.stdout.write('Welcome!\n{ not json\n');

const app = agent({ name: 'acp-agent' })
  .onRequest(methods.agent.initialize, () => ({
    protocolVersion: Number(process.env['ACP_VERSION'] ?? PROTOCOL_VERSION),
    agentCapabilities: { loadSession: false, sessionCapabilities: { resume: {} } },
    authMethods: [{ id: 'key', name: 'Key' }],
  }))
  .onRequest(methods.agent.authenticate, ({ params }) => {
    isAuthenticated = params.methodId === 'key';
    return {};
  })
  .onRequest(methods.agent.session.new, ({ params }) => {
    if (!isAuthenticated) throw RequestError.authRequired();
    if (process.env['NO_SESSION']) return new Promise<never>(() => {});
    meta = params._meta;
    return { sessionId: 'new-session', configOptions };
  })
  .onRequest(methods.agent.session.resume, async ({ params, client }) => {
    if (params.sessionId !== 'kept') throw RequestError.resourceNotFound('session');
    meta = params._meta;
    await update(client, 'kept', message('repeated from the earlier turn'));
    return { configOptions };
  })
  .onRequest(methods.agent.session.setConfigOption, ({ params }) => {
    selected[params.configId] = params.value;
    return { configOptions };
  })
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const [block] = params.prompt;
    const lines = block?.type === 'text' ? block.text.split('\n') : [];
    for (const line of lines) {
      const [step = '', argument = ''] = line.split(/ (.*)/s);
      const stopReason = await steps[step]?.(client, params.sessionId, argument);
      if (stopReason !== undefined) return { stopReason };
    }
    return {
      stopReason: 'end_turn',
      usage: { totalTokens: 12, inputTokens: 10, outputTokens: 2, cachedReadTokens: 4 },
    };
  });

type Step = (client: AgentContext, session: string, argument: string) => Promise<'refusal' | undefined>;

const steps: Record<string, Step> = {
  async say(client, session, text) {
    for (const piece of text.match(/.{1,5}/g) ?? []) await update(client, session, message(piece));
    return undefined;
  },
  async selected(client, session) {
    await update(client, session, message(JSON.stringify(selected)));
    return undefined;
  },
  async meta(client, session) {
    await update(client, session, message(JSON.stringify(meta)));
    return undefined;
  },
  /** Asks for permission, then writes the file. */
  async edit(client, session, path) {
    const toolCall = { toolCallId: '1', title: `edit ${path}` };
    await update(client, session, { sessionUpdate: 'tool_call', ...toolCall, status: 'pending' });
    const { outcome }: RequestPermissionResponse = await client.request(methods.client.session.requestPermission, {
      sessionId: session,
      toolCall,
      options: [
        { optionId: 'no', name: 'No', kind: 'reject_once' },
        { optionId: 'once', name: 'Once', kind: 'allow_once' },
        { optionId: 'always', name: 'Always', kind: 'allow_always' },
      ],
    });
    const isAllowed = outcome.outcome === 'selected' && 'optionId' in outcome && outcome.optionId === 'always';
    if (isAllowed) await writeFile(path, 'edited\n');
    const status = isAllowed ? 'completed' : 'failed';
    await update(client, session, { sessionUpdate: 'tool_call_update', toolCallId: '1', status });
    return undefined;
  },
  async plan(client, session, title) {
    const entries = [{ content: title, status: 'in_progress' as const, priority: 'high' as const }];
    await update(client, session, { sessionUpdate: 'plan', entries });
    return undefined;
  },
  /** Starts a process that leaves the group and ignores SIGTERM, and writes its ID. */
  async daemon(_client, _session, path) {
    const child = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], { stdio: 'ignore', detached: true });
    await writeFile(path, String(child.pid));
    return undefined;
  },
  async fail(_client, _session, text) {
    throw RequestError.internalError({ details: text });
  },
  async exit(_client, _session, code) {
    process.stderr.write('something broke\n');
    process.exit(Number(code));
  },
  async refuse() {
    return 'refusal';
  },
  /** Runs a tool that writes nothing for so many milliseconds. */
  async tool(client, session, ms) {
    const tool = { toolCallId: '2', title: 'wait' };
    await update(client, session, { sessionUpdate: 'tool_call', ...tool, status: 'in_progress' });
    await sleep(Number(ms));
    await update(client, session, { sessionUpdate: 'tool_call_update', toolCallId: '2', status: 'completed' });
    return undefined;
  },
  /** Computes for so many milliseconds. */
  async compute(_client, _session, ms) {
    for (const end = Date.now() + Number(ms); Date.now() < end; ) await sleep(0);
    return undefined;
  },
  /** Waits until the file exists. */
  async wait(_client, _session, path) {
    while (!existsSync(path)) await sleep(20);
    return undefined;
  },
  async hang() {
    return new Promise<never>(() => {});
  },
};

function message(text: string): SessionUpdate {
  return { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } };
}

async function update(client: AgentContext, sessionId: string, update: SessionUpdate): Promise<void> {
  await client.notify(methods.client.session.update, { sessionId, update });
}

app.connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>));
