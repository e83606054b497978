/** The reference agent: works on one turn with a command-line agent. docs/agent.md has the contract that it implements. */
import { addAbortSignal, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { formatError } from '../lib/errors.ts';
import { createTransport } from '../plan42/transport.ts';
import { runTurn } from './run-turn.ts';
import { findApi } from './turn/api.ts';
import { parseRequest, RequestError } from './turn/request.ts';
import { TurnReporter } from './turn/turn-reporter.ts';

export interface AgentProcess {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: Readable;
  /** Aborted by SIGTERM and SIGINT. */
  signal: AbortSignal;
  reportError: (message: string) => void;
}

/** The exit code after SIGTERM. */
export const stoppedExitCode = 128 + 15;

/** Works on one turn, and returns the exit code. */
export async function runAgentProcess({ args, env, stdin, signal, reportError }: AgentProcess): Promise<number> {
  try {
    const request = parseRequest(await text(addAbortSignal(signal, stdin)));
    const transport = createTransport({ env });
    const api = await findApi(request, { url: env['PLAN42_URL'], transport });
    await using turn = new TurnReporter(api.turn, request);
    const webSearch = !args.includes('--no-websearch');
    const result = await runTurn({ request, turn, api, transport, env, webSearch, signal });
    if (turn.finished.aborted) {
      turn.log('The turn has already finished. Stopping.');
      return 0;
    }
    await turn.finish(result);
    return signal.aborted ? stoppedExitCode : 0;
  } catch (error) {
    if (signal.aborted) return stoppedExitCode;
    reportError(error instanceof RequestError ? error.message : `cannot report the turn: ${formatError(error)}`);
    return 1;
  }
}
