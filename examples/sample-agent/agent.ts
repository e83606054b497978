#!/usr/bin/env node
/**
 * A sample Plan42 agent: reads an InvokeAgentRequest from standard input, works on the turn's prompt a little, reports as it
 * goes, and finishes the turn. See README.md.
 */
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { findApi } from './api.ts';
import { parseRequest, RequestError } from './request.ts';
import { TurnReporter } from './turn-reporter.ts';
import { ExitDirective, work } from './work.ts';

const stopped = new AbortController();
const exitCodeWhenStopped = 128 + 15;
// Enough to tell a server that answers, and not for ever for one that doesn't.
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
  const api = await findApi(request, process.env['PLAN42_URL']);
  await using turn = new TurnReporter(api, request);
  try {
    const result = await work(request, turn, AbortSignal.any([stopped.signal, turn.over]));
    await turn.finish(result);
    return 0;
  } catch (error) {
    return await endEarly(error, turn);
  }
}

async function endEarly(error: unknown, turn: TurnReporter): Promise<number> {
  if (turn.over.aborted) {
    console.log('The turn is over already; stopping.');
    return 0;
  }
  if (error instanceof ExitDirective) return error.exitCode;
  const ErrorMessage = stopped.signal.aborted ? 'stopped' : String(error);
  await turn.finish({ Status: 'Failed', ErrorMessage });
  if (!stopped.signal.aborted) console.error(error);
  return stopped.signal.aborted ? exitCodeWhenStopped : 1;
}
