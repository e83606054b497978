/** Runs the shell blocks of a page in order, in a new home folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from '../../../scripts/free-port.ts';
import { listWithVariable, signalAll } from '../../../src/lib/processes.ts';
import { eventually } from '../eventually.ts';
import type { Block, Page } from './page.ts';

/** Values that stand for the user's own, and where this test has them. */
const usual = {
  ':7042': ':$PORT',
  '0.0.0.0': '127.0.0.1',
  '--image IMAGE': '--image me/agent:1',
  'OLD-TOKEN-ID': '$old_token',
};

const maxMs = 600_000;
const bin = join(import.meta.dirname, '../../../bin');
const prelude = await readFile(join(import.meta.dirname, 'prelude.sh'), 'utf8');

/** The languages of blocks that a user would run. */
const shells = new Set(['sh', 'bash', 'console']);

/** Comments before a block that say that it is not run with its page, and why, or which test runs it. */
export const notRun = 'not run';
export const runBy = 'run by';
/** A comment before a block with commands that readers do not need, such as creating a file that the block names. */
export const setUp = 'setup';

export const shellBlocks = ({ blocks }: Page): Block[] => blocks.filter(({ language }) => shells.has(language));

/** The blocks that run with their page. */
export const runnableBlocks = (page: Page): Block[] =>
  shellBlocks(page).filter(({ marks }) => !marks.has(notRun) && !marks.has(runBy));

export interface Replacements {
  /** Commands before each block, by its heading; with `*` before all. */
  before?: Readonly<Record<string, string>>;
  /** Values of examples, and what they are here. */
  values?: Readonly<Record<string, string>>;
}

/**
 * Runs all blocks in one shell. Servers and runners start in the background, and the next command runs when they are ready.
 * Everything is stopped at the end.
 * @returns the output
 * @throws Error with the output if a command fails
 */
export async function runPage(
  page: Page,
  home: string,
  { before = {}, values = {} }: Replacements = {},
): Promise<string> {
  const port = await freePort();
  const here = Object.entries({ ...usual, ...values });
  const replace = (code: string) => here.reduce((result, [from, to]) => result.replaceAll(from, to), code);
  const script = runnableBlocks(page).map(({ text, line, heading, marks }) => {
    // It would change the machine.
    const [forbidden] = /\bsudo\b|\b(runner|server) (enable|disable|stop)\b/.exec(text) ?? [];
    if (forbidden !== undefined)
      throw new Error(`${page.path}:${line}: a block with ${forbidden} cannot run here; mark it`);
    const steps = [before['*'], before[heading], marks.get(setUp)].filter((step) => step !== undefined);
    return `echo "== ${page.path}:${line}" >&2\n${replace([...steps, textOf(text)].join('\n'))}`;
  });
  const shell = spawn('bash', ['-c', [prelude, ...script].join('\n')], {
    cwd: home,
    env: {
      HOME: home,
      PATH: [bin, process.env['PATH']].join(delimiter),
      LANG: 'C.UTF-8',
      TERM: 'xterm',
      USER: 'me',
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-(shell.pid ?? 0)), maxMs);
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  clearTimeout(timer);
  await endJobs(home);
  if (shell.exitCode !== 0)
    throw new Error(
      `the blocks failed with exit code ${shell.exitCode ?? `none after ${maxMs} ms`}:\n${stdout}${stderr}`,
    );
  return stdout + stderr;
}

/** Jobs outlive their runner, and their agents wait half an hour for a server that is gone. */
async function endJobs(home: string): Promise<void> {
  await eventually(async () => {
    const left = (await listWithVariable('HOME', home)).map((pid) => ({ pid }));
    signalAll(left, 'SIGKILL');
    return left.length === 0;
  });
}

/** In a block of a console, only the lines with a prompt are commands. */
function textOf(text: string): string {
  if (!/^\$ /m.test(text)) return text;
  return [...text.matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command).join('\n');
}
