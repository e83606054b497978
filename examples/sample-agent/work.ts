import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentRequest } from '../../src/agent/turn/request.ts';
import type { TurnReporter, TurnResult } from '../../src/agent/turn/turn-reporter.ts';
import { type Directive, parseDirectives } from './directives.ts';

/** The prompt contains `[exit N]`: exit without finishing the turn. */
export class ExitDirective extends Error {
  override readonly name = 'ExitDirective';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`[exit ${exitCode}]`);
    this.exitCode = exitCode;
  }
}

// Makes the steps visible one after the other.
const pauseMs = 300;
const progressIntervalMs = 5000;

/**
 * Counts the words of the prompt and follows its directives.
 * @throws ExitDirective, or the signal's reason
 */
export async function work(request: AgentRequest, turn: TurnReporter, signal: AbortSignal): Promise<TurnResult> {
  const { prompt, title, taskId, turnIndex, repos, variables } = request;
  const directives = parseDirectives(prompt);
  turn.log(`Sample agent: turn ${turnIndex} of task ${taskId}${title ? `, "${title}"` : ''}`);
  // Their values may be secret.
  const names = Object.keys(variables);
  if (names.length > 0) turn.log(`Variables: ${names.join(', ')}`);
  await turn.setStatus('Planning');
  const steps = [
    'read the prompt',
    'count its words',
    ...directives.map(({ text }) => `follow ${text}`),
    'write the answer',
  ];
  turn.log(['Plan:', ...steps.map((step, i) => `  ${i + 1}. ${step}`)].join('\n'));
  await sleep(pauseMs, undefined, { signal });

  await turn.setStatus('Counting Words');
  const words = prompt.match(/\S+/g)?.length ?? 0;
  const lines = prompt.trimEnd().split('\n').length;
  turn.log(`The prompt has ${count(words, 'word')} in ${count(lines, 'line')}.`);
  await sleep(pauseMs, undefined, { signal });

  for (const directive of directives) {
    await turn.setStatus(`Following ${directive.text}`);
    const result = await follow(directive, turn, signal);
    if (result !== undefined) return result;
  }
  turn.log('Done.');
  const about = repos.length > 0 ? ` It is about ${repos.join(', ')}.` : '';
  return {
    Status: 'Completed',
    OutputMessage: `Your prompt has ${count(words, 'word')} in ${count(lines, 'line')}.${about}`,
  };
}

async function follow(
  { name, value }: Directive,
  turn: TurnReporter,
  signal: AbortSignal,
): Promise<TurnResult | undefined> {
  switch (name) {
    case 'fail':
      turn.log('The prompt contains [fail].');
      return { Status: 'Failed', ErrorMessage: 'the prompt contains [fail]' };
    case 'exit':
      turn.log(`Exiting with ${value} without finishing the turn.`);
      await turn.flush();
      throw new ExitDirective(value);
    case 'sleep':
      return void (await sleepWithProgress(value * 1000, turn, signal));
    case 'spam':
      return void (await spam(value, signal));
  }
}

async function sleepWithProgress(ms: number, turn: TurnReporter, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= progressIntervalMs) {
    turn.log(`Sleeping: ${left / 1000} s left.`);
    await sleep(Math.min(left, progressIntervalMs), undefined, { signal });
  }
}

// Writes to standard output only, not to the turn's log.
async function spam(bytes: number, signal: AbortSignal): Promise<void> {
  const line = `${'spam '.repeat(15)}spam\n`;
  for (let left = bytes; left > 0; left -= line.length) {
    const hasRoom = process.stdout.write(left >= line.length ? line : `${line.slice(0, left - 1)}\n`);
    if (!hasRoom) await once(process.stdout, 'drain', { signal });
  }
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
