/** Serves git's smart HTTP protocol by `git http-backend`, a CGI program (RFC 3875). */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { GitMissing, gitEnvironment, gitSettings } from './run-git.ts';

export interface GitRequest {
  /** The folder of the repository. */
  path: string;
  /** Below the repository: `info/refs`, `git-upload-pack` or `git-receive-pack`. */
  service: string;
  method: 'GET' | 'POST';
  /** `service=git-upload-pack`, or empty. */
  query: string;
  contentType: string | undefined;
  /** The header `Git-Protocol`. */
  protocol: string | undefined;
  /** Decompressed. */
  body: AsyncIterable<Buffer>;
  /** Further settings, as for `git -c`. */
  settings: readonly string[];
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  logger: Logger;
}

const maxHeaderBytes = 16 * 1024;
const maxStderr = 2000;

/**
 * Runs the request, and streams the response. An aborted request ends git, which then changes nothing.
 * @throws GitMissing; the error of the body; the signal's reason
 */
export async function runHttpBackend(request: GitRequest, response: ServerResponse): Promise<void> {
  const { signal, logger, settings } = request;
  signal.throwIfAborted();
  const args = [...gitSettings, ...settings.flatMap((setting) => ['-c', setting]), 'http-backend'];
  const child = spawn('git', args, { env: environmentOf(request), stdio: 'pipe' });
  const stop = () => child.kill();
  signal.addEventListener('abort', stop, { once: true });
  let startError: unknown;
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      startError = error;
      resolve();
    });
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-maxStderr);
  });
  // Git may respond before it has read everything, and its exit tells what went wrong.
  let bodyError: unknown;
  const sent = pipeline(request.body, child.stdin).catch((error: unknown) => {
    if (errorCode(error) === 'EPIPE') return;
    bodyError = error;
    stop();
  });
  try {
    await respond(child, response);
    await exited;
  } catch (error) {
    stop();
    signal.throwIfAborted();
    await exited;
    if (errorCode(startError) === 'ENOENT' || /is not a git command/.test(complaints)) throw new GitMissing();
    if (response.destroyed) return;
    throw startError ?? bodyError ?? error;
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.all([exited, sent]);
    if (complaints !== '' && !signal.aborted)
      logger.info('git reported problems', { repository: basename(request.path), output: complaints.trim() });
  }
}

function environmentOf({ path, service, method, query, contentType, protocol, env }: GitRequest): NodeJS.ProcessEnv {
  return {
    ...gitEnvironment(env),
    GIT_PROJECT_ROOT: dirname(path),
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/${basename(path)}/${service}`,
    REQUEST_METHOD: method,
    QUERY_STRING: query,
    // Without it, git would write the name of its own user into reflogs.
    REMOTE_USER: 'plan42',
    REMOTE_ADDR: '127.0.0.1',
    ...(contentType === undefined ? {} : { CONTENT_TYPE: contentType }),
    ...(protocol === undefined ? {} : { GIT_PROTOCOL: protocol }),
  };
}

async function respond({ stdout }: ChildProcess, response: ServerResponse): Promise<void> {
  if (stdout === null) throw new Error('git has no output');
  const body = takeHeaders(stdout, response);
  // Without headers the response stays usable for an error.
  const first = await body.next();
  if (first.done !== true) response.write(first.value);
  await pipeline(body, response);
}

/** Writes the headers at the begin of the output to the response, and yields the rest. */
async function* takeHeaders(chunks: AsyncIterable<Buffer>, response: ServerResponse): AsyncGenerator<Buffer> {
  let begin: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (begin === undefined) {
      yield chunk;
      continue;
    }
    begin = Buffer.concat([begin, chunk]);
    const end = begin.indexOf('\r\n\r\n');
    if (end < 0 && begin.length > maxHeaderBytes) break;
    if (end < 0) continue;
    const { status, headers } = parseCgiHeaders(begin.toString('latin1', 0, end));
    response.writeHead(status, headers);
    yield begin.subarray(end + 4);
    begin = undefined;
  }
  if (begin !== undefined) throw new Error('git http-backend did not respond');
}

/** Parses the header of a CGI response. */
export function parseCgiHeaders(text: string): { status: number; headers: Record<string, string> } {
  let status = 200;
  const headers: Record<string, string> = {};
  for (const line of text.split('\r\n')) {
    const [, name = '', value = ''] = /^([\w-]+): ?(.*)$/.exec(line) ?? [];
    if (name.toLowerCase() === 'status') status = Number(/^[1-5]\d\d/.exec(value)?.[0] ?? 500);
    else if (name !== '') headers[name.toLowerCase()] = value;
  }
  return { status, headers };
}
