import { Readable, Writable } from 'node:stream';
import {
  type AnyMessage,
  type ClientContext,
  client,
  type InitializeResponse,
  methods,
  type NewSessionResponse,
  PROTOCOL_VERSION,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type ResumeSessionRequest,
  type Stream,
} from '@agentclientprotocol/sdk';
import { formatError } from '../../lib/errors.ts';
import { formatDuration } from '../../lib/format-duration.ts';
import { tryParseJson } from '../../lib/json.ts';
import { sleep } from '../../lib/sleep.ts';
import type { AcpLaunch } from '../adapters/adapter.ts';
import { followUpPrompt } from '../prompt/messages.ts';
import { selectOptions } from './acp-options.ts';
import { addUpdate } from './acp-updates.ts';
import { readUsage } from './acp-usage.ts';
import type { AgentProcess } from './agent-process.ts';
import { AgentFailure, type AgentTask, type AgentUsage } from './driver.ts';
import type { Transcript } from './transcript.ts';

/** Starting an agent takes seconds; on a busy machine, a minute. */
const defaultStartTimeoutMs = 5 * 60_000;
const authenticationRequired = -32_000;

/** Lets an agent work by the Agent Client Protocol, and returns when it has finished the turn. */
export async function promptByAcp(
  name: string,
  launch: AcpLaunch,
  agent: Pick<AgentProcess, 'stdin' | 'readOutput'>,
  { prompt, folder, model, reasoningLevel, resume, startTimeoutMs = defaultStartTimeoutMs, followUps }: AgentTask,
  transcript: Transcript,
): Promise<void> {
  let usage: AgentUsage | undefined;
  const stream = messageStream(agent, (result) => {
    usage = readUsage(result);
  });
  let isWorking = false;
  const app = client({ name: 'plan42' })
    // The container is the boundary of what the agent may do, so every request is allowed.
    .onRequest(methods.client.session.requestPermission, ({ params }) => allow(params))
    .onNotification(methods.client.session.update, ({ params: { update } }) => {
      // An agent that resumes a session repeats all of it first.
      if (isWorking) addUpdate(update, transcript);
    });
  await app.connectWith(stream, async (context) => {
    const start = async () => {
      const session = await startSession(context, launch, { folder, resume });
      transcript.add({ type: 'session', id: session.sessionId });
      await selectOptions(context, session, { launch, model, reasoningLevel });
      return session;
    };
    const session = await withinLimit(start(), name, startTimeoutMs);
    isWorking = true;
    for (let text = prompt; ; ) {
      const { stopReason } = await context.request(methods.agent.session.prompt, {
        sessionId: session.sessionId,
        prompt: [{ type: 'text', text }],
      });
      const problem = stopProblems[stopReason];
      if (problem !== undefined) transcript.add({ type: 'failure', text: problem });
      transcript.add({ type: 'result', ...(usage === undefined ? {} : { usage }) });
      if (problem !== undefined) return;
      followUps?.answer(transcript.answer);
      const messages = followUps?.take() ?? [];
      if (messages.length === 0) return;
      transcript.next();
      text = followUpPrompt(messages);
    }
  });
}

async function withinLimit<T>(work: Promise<T>, name: string, limitMs: number): Promise<T> {
  const timer = new AbortController();
  const limit = sleep(limitMs, timer.signal).then(() => {
    const sentence = `cannot start ${name}: it started no session within ${formatDuration(limitMs)}.`;
    throw new AgentFailure('hung', `${sentence} Run the task again, or check the agent in the image.`);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    timer.abort();
  }
}

const stopProblems: Partial<Record<string, string>> = {
  max_tokens: 'context window exceeded: the agent reached the maximum number of tokens',
  max_turn_requests: 'request limit reached: the agent reached its maximum number of requests for one turn',
  refusal: 'refusal: the model refused to continue',
  cancelled: 'the agent cancelled the turn',
};

interface SessionOptions {
  folder: string;
  resume: string | undefined;
}

async function startSession(
  context: ClientContext,
  launch: AcpLaunch,
  { folder, resume }: SessionOptions,
): Promise<NewSessionResponse> {
  const initialized = await context.request(methods.agent.initialize, {
    protocolVersion: PROTOCOL_VERSION,
    clientInfo: { name: 'plan42', version: '1' },
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
  });
  if (initialized.protocolVersion !== PROTOCOL_VERSION) {
    const versions = `it speaks version ${initialized.protocolVersion}, this program version ${PROTOCOL_VERSION}`;
    throw new AgentFailure('protocol', `cannot talk to the agent by the Agent Client Protocol: ${versions}.`);
  }
  const meta = launch.sessionMeta ? { _meta: launch.sessionMeta } : {};
  const resumed =
    resume === undefined
      ? undefined
      : await tryResume(context, initialized, { sessionId: resume, cwd: folder, ...meta });
  if (resumed !== undefined) return resumed;
  const create = () => context.request(methods.agent.session.new, { cwd: folder, mcpServers: [], ...meta });
  try {
    return await create();
  } catch (error) {
    const method = initialized.authMethods?.find(({ id }) => id === launch.authMethod);
    const mustAuthenticate = error instanceof RequestError && error.code === authenticationRequired;
    if (!mustAuthenticate || method === undefined) throw error;
    await context.request(methods.agent.authenticate, { methodId: method.id });
    return create();
  }
}

/** Returns undefined if the agent has not kept the session, for example because it ran in another container. */
async function tryResume(
  context: ClientContext,
  { agentCapabilities }: InitializeResponse,
  session: Pick<ResumeSessionRequest, 'sessionId' | 'cwd' | '_meta'>,
): Promise<NewSessionResponse | undefined> {
  const params = { ...session, mcpServers: [] };
  const { sessionId } = session;
  try {
    if (agentCapabilities?.sessionCapabilities?.resume) {
      return { ...(await context.request(methods.agent.session.resume, params)), sessionId };
    }
    if (agentCapabilities?.loadSession) {
      return { ...(await context.request(methods.agent.session.load, params)), sessionId };
    }
  } catch {
    // A new session works too, because the prompt repeats what matters.
  }
  return undefined;
}

function allow({ options }: RequestPermissionRequest): RequestPermissionResponse {
  const option =
    options.find(({ kind }) => kind === 'allow_always') ?? options.find(({ kind }) => kind === 'allow_once');
  if (option === undefined) return { outcome: { outcome: 'cancelled' } };
  return { outcome: { outcome: 'selected', optionId: option.optionId } };
}

/** Lines that are no messages, such as greetings and warnings, are ignored. `onResult` sees the result of every request. */
function messageStream(agent: Pick<AgentProcess, 'stdin' | 'readOutput'>, onResult: (result: unknown) => void): Stream {
  const encoder = new TextEncoder();
  const output = Writable.toWeb(agent.stdin).getWriter();
  const messages = new Readable({ objectMode: true, read() {} });
  void agent
    .readOutput((line) => {
      if (!line.startsWith('{')) return;
      const message = tryParseJson(line);
      if (typeof message !== 'object' || message === null || !('jsonrpc' in message)) return;
      if ('result' in message) onResult(message.result);
      messages.push(message);
    })
    .then(() => messages.push(null));
  return {
    readable: Readable.toWeb(messages) as ReadableStream<AnyMessage>,
    writable: new WritableStream<AnyMessage>({
      write: (message) => output.write(encoder.encode(`${JSON.stringify(message)}\n`)),
    }),
  };
}

/** The message of an error of the agent, with the details that agents put beside it. */
export function describeError(error: unknown): string {
  if (!(error instanceof RequestError)) return formatError(error);
  const details = error.data === undefined ? '' : JSON.stringify(error.data);
  const isUnnamed = error.code === authenticationRequired && !/authentication required/i.test(error.message);
  return [isUnnamed ? 'authentication required' : '', error.message, details].filter(Boolean).join(': ');
}

/** Whether the agent responded with this error. Other errors are those of the connection. */
export function isResponse(error: unknown): boolean {
  return error instanceof RequestError;
}
