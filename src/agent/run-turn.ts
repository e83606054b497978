import { homedir } from 'node:os';
import type { Dispatcher } from 'undici';
import { formatError } from '../lib/errors.ts';
import { findAdapter } from './adapters/find-adapter.ts';
import { AgentFailure } from './drivers/driver.ts';
import { runAgent } from './drivers/run-agent.ts';
import { showEvent } from './show-event.ts';
import type { TurnApi } from './turn/api.ts';
import type { AgentRequest } from './turn/request.ts';
import type { TurnReporter, TurnResult } from './turn/turn-reporter.ts';

export interface TurnDeps {
  request: AgentRequest;
  turn: TurnReporter;
  api: TurnApi;
  transport: Dispatcher;
  env: NodeJS.ProcessEnv;
  webSearch: boolean;
  signal: AbortSignal;
}

/** Works on a turn and returns how it ended. Never rejects. */
export async function runTurn(deps: TurnDeps): Promise<TurnResult> {
  try {
    return await work(deps);
  } catch (error) {
    if (deps.signal.aborted) return { Status: 'Failed', ErrorMessage: 'stopped' };
    return { Status: 'Failed', ErrorMessage: error instanceof AgentFailure ? error.message : formatError(error) };
  }
}

async function work({ request, turn, env, webSearch, signal }: TurnDeps): Promise<TurnResult> {
  const adapter = await findAdapter(env);
  await turn.setStatus(`Working: ${adapter.name}`);
  const { message } = await runAgent(adapter, {
    prompt: request.prompt,
    folder: env['HOME'] ?? homedir(),
    model: request.model,
    reasoningLevel: request.reasoningLevel,
    webSearch,
    env: { ...env, ...request.variables },
    signal: AbortSignal.any([signal, turn.finished]),
    onEvent: (event) => {
      const shown = showEvent(event);
      if (shown !== '') turn.log(shown);
    },
  });
  return { Status: 'Completed', OutputMessage: message };
}
