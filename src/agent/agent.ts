/** The reference agent: works on one turn with a command-line agent. docs/agent.md has the contract that it implements. */
import { addAbortSignal, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { formatError } from '../lib/errors.ts';
import { createTransport } from '../plan42/transport.ts';
import { type Agents, realAgents, runTurn } from './run-turn.ts';
import { findApi } from './turn/api.ts';
import { Inbox } from './turn/inbox.ts';
import { createRedactor } from './turn/redactor.ts';
import { parseRequest, RequestError } from './turn/request.ts';
import { TurnReporter } from './turn/turn-reporter.ts';

export interface AgentProcess {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  stdin: Readable;
  /** Aborted by SIGTERM and SIGINT. */
  signal: AbortSignal;
  reportError: (message: string) => void;
  agents?: Agents;
}

/** The exit code after SIGTERM. */
export const stoppedExitCode = 128 + 15;

/** Works on one turn, and returns the exit code. */
export async function runAgentProcess(own: AgentProcess): Promise<number> {
  const { args, env, stdin, signal, reportError, agents = realAgents } = own;
  const resources: AsyncDisposable[] = [];
  try {
    const request = parseRequest(await text(addAbortSignal(signal, stdin)));
    const transport = createTransport({ env });
    const api = await findApi(request, { url: env['PLAN42_URL'], transport });
    await using turn = new TurnReporter(api.turn, {
      version: request.version,
      redact: createRedactor([...request.secrets, ...keysIn(env)]),
    });
    await using inbox = new Inbox({ api, turn });
    const webSearch = !args.includes('--no-websearch');
    const later = (resource: AsyncDisposable) => void resources.push(resource);
    const result = await runTurn({ request, turn, api, inbox, env, webSearch, signal, agents, later });
    if (turn.finished.aborted) {
      turn.log('The turn has already finished. Stopping.');
      return 0;
    }
    await inbox.close();
    await turn.finish(result);
    return signal.aborted ? stoppedExitCode : 0;
  } catch (error) {
    if (signal.aborted) return stoppedExitCode;
    reportError(error instanceof RequestError ? error.message : `cannot report the turn: ${formatError(error)}`);
    return 1;
  } finally {
    for (const resource of resources) await dispose(resource, reportError);
  }
}

async function dispose(resource: AsyncDisposable, reportError: (message: string) => void): Promise<void> {
  try {
    await resource[Symbol.asyncDispose]();
  } catch (error) {
    reportError(formatError(error));
  }
}

// Of model providers, as the runner's configuration passes them on.
function keysIn(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    /_(?:KEY|TOKEN|SECRET|PASSWORD)$/.test(name) && value ? [value] : [],
  );
}
