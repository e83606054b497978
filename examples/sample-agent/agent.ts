#!/usr/bin/env node
/**
 * A sample Plan42 agent: reads an InvokeAgentRequest from standard input, works on the prompt, reports its progress and
 * finishes the turn. See README.md.
 */
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { findApi } from '../../src/agent/turn/api.ts';
import { parseRequest, RequestError } from '../../src/agent/turn/request.ts';
import { TurnReporter } from '../../src/agent/turn/turn-reporter.ts';
import { createTransport } from '../../src/plan42/transport.ts';
import { ExitDirective, work } from './work.ts';

// A log that cannot be written must not end the turn.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const stopped = new AbortController();
const exitCodeWhenStopped = 128 + 15;
// Enough to report the final status to a server that responds, without waiting long for one that does not.
const stopTimeoutMs = 5000;
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    stopped.abort();
    setTimeout(() => process.exit(exitCodeWhenStopped), stopTimeoutMs).unref();
  });
}

process.exitCode = await main().catch((error: unknown) => {
  if (stopped.signal.aborted) return exitCodeWhenStopped;
  console.error(error instanceof RequestError ? `ERROR: ${error.message}` : error);
  return 1;
});

async function main(): Promise<number> {
  const request = parseRequest(await text(addAbortSignal(stopped.signal, process.stdin)));
  const api = await findApi(request, {
    url: process.env['PLAN42_URL'],
    transport: createTransport({ env: process.env }),
  });
  // Programs that the agent runs inherit them.
  Object.assign(process.env, request.variables);
  await using turn = new TurnReporter(api.turn, request);
  try {
    const result = await work(request, turn, AbortSignal.any([stopped.signal, turn.finished]));
    await turn.finish(result);
    return 0;
  } catch (error) {
    return await stopEarly(error, turn);
  }
}

async function stopEarly(error: unknown, turn: TurnReporter): Promise<number> {
  if (turn.finished.aborted) {
    console.log('The turn has already finished. Stopping.');
    return 0;
  }
  if (error instanceof ExitDirective) return error.exitCode;
  const ErrorMessage = stopped.signal.aborted ? 'stopped' : String(error);
  await turn.finish({ Status: 'Failed', ErrorMessage });
  if (!stopped.signal.aborted) console.error(error);
  return stopped.signal.aborted ? exitCodeWhenStopped : 1;
}
