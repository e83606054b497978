/** The commands' side of the control socket. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import * as v from 'valibot';
import { errorCode, formatError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { isFolderLocked } from '../lib/lock.ts';
import { readText } from '../lib/read-body.ts';
import { withShortPath } from '../lib/short-path.ts';
import { ControlResponse, KillResult, ReloadResult, RunnerStatus } from './messages.ts';
import { controlSocketPath } from './socket-path.ts';

/**
 * `absent`: no runner uses the state folder. `silent`: one does, but does not respond correctly. `failed`: it could not do what
 * was requested.
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

/** Calls the running runner. Every call rejects with a ControlError or the signal's reason. */
export interface ControlClient {
  status(signal?: AbortSignal): Promise<RunnerStatus>;
  /** Resolves when the job has finished. */
  kill(jobId: string, signal?: AbortSignal): Promise<KillResult>;
  reload(signal?: AbortSignal): Promise<ReloadResult>;
}

interface Call {
  method: 'GET' | 'POST';
  path: string;
  signal: AbortSignal | undefined;
}

const defaultSilenceMs = 5000;
const maxResponseBytes = 4 * 1024 * 1024;

/** @param silenceMs how long the runner may send nothing; during long work it sends something every second */
export function createControlClient(stateDir: string, silenceMs = defaultSilenceMs): ControlClient {
  const path = controlSocketPath(stateDir);

  async function call<const Schema extends v.GenericSchema>(
    options: Call,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    const response = parseResponse(await exchange(path, options, silenceMs));
    if ('error' in response) throw new ControlError('failed', response.error);
    const result = v.safeParse(schema, response.result);
    if (result.success) return result.output;
    throw new ControlError('silent', 'the running runner has another version than this command');
  }

  /** A runner can be running without its socket: it is starting, or could not create it. */
  async function status(signal?: AbortSignal): Promise<RunnerStatus> {
    try {
      return await call({ method: 'GET', path: '/v1/status', signal }, RunnerStatus);
    } catch (error) {
      if (!(error instanceof ControlError && error.failure === 'absent' && isFolderLocked(stateDir))) throw error;
      throw new ControlError('silent', 'it is starting or stopping, or has no control socket', { cause: error });
    }
  }

  return {
    status,
    kill: (jobId, signal) => call({ method: 'POST', path: `/v1/jobs/${jobId}/kill`, signal }, KillResult),
    reload: (signal) => call({ method: 'POST', path: '/v1/reload', signal }, ReloadResult),
  };
}

function parseResponse(text: string): ControlResponse {
  try {
    return v.parse(ControlResponse, parseJson(text));
  } catch (error) {
    throw new ControlError('silent', 'the runner’s response is incomplete', { cause: error });
  }
}

async function exchange(socketPath: string, call: Call, silenceMs: number): Promise<string> {
  const { signal } = call;
  try {
    // Once the response has begun, the path is no longer needed.
    const response = await withShortPath(socketPath, (shortPath) => send(shortPath, call, silenceMs));
    return await readAll(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ControlError) throw error;
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(errorCode(error) ?? ''))
      throw new ControlError('absent', 'the runner is not running', { cause: error });
    throw new ControlError('silent', `the runner is not responding: ${formatError(error)}`, { cause: error });
  }
}

async function send(socketPath: string, { method, path, signal }: Call, silenceMs: number): Promise<IncomingMessage> {
  // A new connection each time: a pooled one could lead to a runner that has exited.
  const outgoing = request({ agent: false, socketPath, method, path, ...(signal === undefined ? {} : { signal }) });
  outgoing.setTimeout(silenceMs, () => {
    outgoing.destroy(new ControlError('silent', `the runner has not responded for ${silenceMs / 1000} s`));
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

async function readAll(response: IncomingMessage): Promise<string> {
  return (await readText(response, maxResponseBytes)).trim();
}
