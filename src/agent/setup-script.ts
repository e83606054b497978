import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeDurably } from '../lib/files.ts';
import { formatDuration } from '../lib/format-duration.ts';
import { isCommandInstalled } from '../lib/run-command.ts';
import { sleep } from '../lib/sleep.ts';
import { TurnFailure } from './failures.ts';

export interface SetupOptions {
  folder: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
  /** A script that writes nothing for so long is stopped. By default an hour. */
  silenceTimeoutMs?: number;
}

const defaultSilenceTimeoutMs = 60 * 60_000;

// The last output of the script is in the pipe when it exits. A service that it started may keep the pipe open.
const lastOutputMs = 300;

/** Runs the environment's setup script, with its output in the log. Services that it starts keep running. @throws TurnFailure */
export async function runSetupScript(script: string, options: SetupOptions): Promise<void> {
  const { env, signal } = options;
  if (script.trim() === '') return;
  signal.throwIfAborted();
  const home = await mkdtemp(join(tmpdir(), 'plan42-setup-'));
  try {
    const file = join(home, 'setup-script');
    await writeDurably(file, script.replaceAll('\r\n', '\n'), 0o700);
    const { code, lastLine } = await run(await commandFor(script, file, env), options);
    if (code === 0) return;
    throw new TurnFailure(
      `the setup script failed with exit code ${code}${lastLine ? `: ${lastLine.replace(/\.$/, '')}` : ''}.`,
      {
        remedy: 'Change the SetupScript of the environment. Its output is in the log.',
      },
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function commandFor(script: string, file: string, env: NodeJS.ProcessEnv): Promise<[string, ...string[]]> {
  if (script.startsWith('#!')) return [file];
  return (await isCommandInstalled('bash', env)) ? ['bash', '-e', '-o', 'pipefail', file] : ['sh', '-e', file];
}

async function run(
  [command, ...args]: [string, ...string[]],
  { folder, env, log, signal, silenceTimeoutMs = defaultSilenceTimeoutMs }: SetupOptions,
): Promise<{ code: number | string; lastLine: string }> {
  // A group of its own, so that everything that it started can be stopped.
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let lastLine = '';
  const read = [child.stdout, child.stderr].map((stream) =>
    once(
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim() !== '') lastLine = line.trim().slice(0, 200);
        log(line);
        silence.refresh();
      }),
      'close',
    ),
  );
  const stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has exited already.
    }
  };
  let isSilent = false;
  const silence = setTimeout(() => {
    isSilent = true;
    stop();
  }, silenceTimeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code, killedBy] = (await once(child, 'exit')) as [number | null, string | null];
    await Promise.race([Promise.all(read), sleep(lastOutputMs)]);
    signal.throwIfAborted();
    if (isSilent) {
      throw new TurnFailure(`the setup script wrote nothing for ${formatDuration(silenceTimeoutMs)}.`, {
        remedy: 'Change the SetupScript of the environment: it must neither wait for input nor for its services.',
      });
    }
    return { code: code ?? killedBy ?? '', lastLine };
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
    for (const stream of [child.stdout, child.stderr]) (stream as Partial<{ unref: () => void }>).unref?.();
  }
}
