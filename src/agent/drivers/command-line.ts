import { tryParseJson } from '../../lib/json.ts';
import { sleep } from '../../lib/sleep.ts';
import type { CommandLine, LineEvent } from '../adapters/adapter.ts';
import type { AgentProcess, Exit } from './agent-process.ts';
import type { AgentTask } from './driver.ts';
import type { Transcript } from './transcript.ts';

/** Output that is still in the pipe when the agent exits, or that a background process of it holds open. */
const drainMs = 2000;
const defaultExitTimeoutMs = 10_000;
const maxAnswerLength = 1024 * 1024;

/**
 * Lets an agent work by its command line, and returns its exit, or undefined if it reported its result and does not exit.
 */
export async function promptByCommandLine(
  { input, read, readText: findResult = wholeAnswer }: CommandLine,
  agent: Pick<AgentProcess, 'stdin' | 'readOutput' | 'exited'>,
  { exitTimeoutMs = defaultExitTimeoutMs }: AgentTask,
  transcript: Transcript,
): Promise<Exit | undefined> {
  // Also without input: many agents wait for the end of a pipe.
  agent.stdin.end(input ?? '');
  const done = Promise.withResolvers<undefined>();
  const timers = new AbortController();
  let answer = '';
  const readEvents = (line: string) => {
    const parsed = line.startsWith('{') ? tryParseJson(line) : undefined;
    const isObject = typeof parsed === 'object' && parsed !== null;
    const events = isObject ? read?.(parsed as Record<string, unknown>) : [{ type: 'output', text: line } as const];
    for (const event of events ?? []) transcript.add(event);
    if (transcript.isDone || transcript.failure !== undefined)
      void wait(exitTimeoutMs, timers.signal).then(() => done.resolve(undefined));
  };
  const readText = (line: string) => {
    transcript.add({ type: 'output', text: line });
    if (answer.length < maxAnswerLength) answer += `${line}\n`;
  };
  const drained = agent.readOutput(read === undefined ? readText : readEvents);
  try {
    const exit = await Promise.race([agent.exited, done.promise]);
    if (exit !== undefined) await Promise.race([drained, wait(drainMs, timers.signal)]);
    if (read === undefined && exit?.code === 0) for (const event of findResult(answer)) transcript.add(event);
    return exit;
  } finally {
    timers.abort();
  }
}

function wholeAnswer(message: string): LineEvent[] {
  return [{ type: 'result', message }];
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, signal).catch(() => {});
}
