/** The commands' side of the control socket. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import * as v from 'valibot';
import { errorCode, formatError } from '../lib/errors.ts';
import { Answer, KillResult, ReloadResult, RunnerStatus } from './messages.ts';
import { controlSocketPath, withShortPath } from './socket-path.ts';

/**
 * `absent`: no runner uses the state folder. `silent`: one does, and gives no usable answer. `failed`: it could not do what
 * it was asked.
 */
export type ControlFailure = 'absent' | 'silent' | 'failed';

export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly failure: ControlFailure;

  constructor(failure: ControlFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** Asks the running runner. Every call rejects with a ControlError, or the signal's reason. */
export interface ControlClient {
  status(signal?: AbortSignal): Promise<RunnerStatus>;
  /** Resolves when the job has ended. */
  kill(jobId: string, signal?: AbortSignal): Promise<KillResult>;
  reload(signal?: AbortSignal): Promise<ReloadResult>;
}

interface Call {
  method: 'GET' | 'POST';
  path: string;
  signal: AbortSignal | undefined;
}

const defaultSilenceMs = 5000;
const maxAnswerBytes = 4 * 1024 * 1024;

/** @param silenceMs after how long without a sign of life a call is given up; long work gives one every second */
export function createControlClient(stateDir: string, silenceMs = defaultSilenceMs): ControlClient {
  const path = controlSocketPath(stateDir);

  async function call<const Schema extends v.GenericSchema>(
    options: Call,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    const answer = parseAnswer(await exchange(path, options, silenceMs));
    if ('error' in answer) throw new ControlError('failed', answer.error);
    const result = v.safeParse(schema, answer.result);
    if (result.success) return result.output;
    throw new ControlError('silent', 'the running runner is of another version than this command');
  }

  return {
    status: (signal) => call({ method: 'GET', path: '/v1/status', signal }, RunnerStatus),
    kill: (jobId, signal) => call({ method: 'POST', path: `/v1/jobs/${jobId}/kill`, signal }, KillResult),
    reload: (signal) => call({ method: 'POST', path: '/v1/reload', signal }, ReloadResult),
  };
}

function parseAnswer(text: string): Answer {
  try {
    return v.parse(Answer, JSON.parse(text));
  } catch (error) {
    throw new ControlError('silent', 'the runner’s answer was cut off', { cause: error });
  }
}

async function exchange(socketPath: string, call: Call, silenceMs: number): Promise<string> {
  const { signal } = call;
  try {
    // The answer has begun when this resolves, so that the way to it isn't needed any more.
    const response = await withShortPath(socketPath, (shortPath) => send(shortPath, call, silenceMs));
    return await readAll(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ControlError) throw error;
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(errorCode(error) ?? ''))
      throw new ControlError('absent', 'the runner is not running', { cause: error });
    throw new ControlError('silent', `the runner gives no answer: ${formatError(error)}`, { cause: error });
  }
}

async function send(socketPath: string, { method, path, signal }: Call, silenceMs: number): Promise<IncomingMessage> {
  // A connection of its own: a kept one could lead to a runner that is no more.
  const outgoing = request({ agent: false, socketPath, method, path, ...(signal === undefined ? {} : { signal }) });
  outgoing.setTimeout(silenceMs, () => {
    outgoing.destroy(new ControlError('silent', `the runner has not answered for ${silenceMs / 1000} s`));
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > maxAnswerBytes) throw new Error('the answer is too long');
  }
  return text.trim();
}
