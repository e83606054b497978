/** Finds the position in the output kept by the engine at which a log whose writer was lost continues. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { readLogEnd } from '../../shim/job-log.ts';

export interface LostLog {
  /** The engine's command. */
  command: string;
  env: NodeJS.ProcessEnv;
  jobId: string;
  logFile: string;
  /** When the writer was found to have exited. */
  lostAt: Date;
  signal: AbortSignal | undefined;
}

// The last lines can be an error of the client, an incomplete line, or lines that the engine lost: it forwards output before
// it saves it.
const tailBytes = 64 * 1024;
const windowMs = 60_000;

/**
 * Returns a value for `--since`, in seconds: just after the last line of the log that the engine kept, compared by text. If
 * the line occurs more than once, its last occurrence counts. If no line matches, returns the time at which the writer was lost.
 */
export async function findLogPosition(lost: LostLog): Promise<string> {
  const lines = (await readLogEnd(lost.logFile, tailBytes)).toString('utf8').split('\n');
  const candidates = lines.filter((line) => line !== '');
  // In the order of their last occurrence in the log.
  const lastTimes = new Map([...new Set(candidates.toReversed())].toReversed().map((line) => [line, '']));
  await eachKeptLine(lost, (time, line) => lastTimes.has(line) && lastTimes.set(line, time));
  const time = [...lastTimes.values()].findLast((found) => found !== '');
  return time === undefined ? seconds(lost.lostAt.getTime(), 0) : justAfter(time);
}

async function eachKeptLine(lost: LostLog, onLine: (time: string, line: string) => void): Promise<void> {
  const { command, env, jobId, lostAt, signal } = lost;
  const [since, until] = [lostAt.getTime() - windowMs, lostAt.getTime()].map((ms) => seconds(ms, 0));
  const args = ['logs', '--timestamps', '--since', `${since}`, '--until', `${until}`, jobId];
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
  const ends = [once(child, 'close')];
  for (const input of [child.stdout, child.stderr]) {
    const lines = createInterface({ input }).on('line', (text) => {
      const space = text.indexOf(' ');
      if (isTime.test(text.slice(0, space))) onLine(text.slice(0, space), text.slice(space + 1));
    });
    ends.push(once(lines, 'close'));
  }
  await Promise.all(ends);
}

const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/;

function justAfter(time: string): string {
  const [whole = '', fraction = ''] = time.slice(0, -1).split('.');
  return seconds(Date.parse(`${whole}Z`), Number(fraction.padEnd(9, '0')) + 1);
}

function seconds(ms: number, extraNs: number): string {
  const ns = BigInt(ms) * 1_000_000n + BigInt(extraNs);
  return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, '0')}`;
}
