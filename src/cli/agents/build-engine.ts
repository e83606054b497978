/** The user's docker or podman, as a builder of images. */
import { spawn } from 'node:child_process';
import { loadConfig } from '../../config/load.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { runCommand } from '../../lib/run-command.ts';
import { createRuntime } from '../../runtimes/select.ts';
import type { CliContext } from '../context.ts';
import { findRunnerPaths } from '../runner/runner-paths.ts';

export type EngineName = 'docker' | 'podman';

export interface EngineResult {
  exitCode: number | undefined;
  stdout: string;
  /** The last line of an error. */
  error: string;
}

export interface VisibleResult {
  exitCode: number | undefined;
  /** The end of the output. */
  output: string;
}

export interface BuildEngine {
  name: EngineName;
  run(args: readonly string[]): Promise<EngineResult>;
  /** Runs a command whose output the user sees. Its exit code is undefined if a signal ended it. */
  runVisibly(args: readonly string[]): Promise<VisibleResult>;
}

const maxOutput = 100_000;
const names: readonly EngineName[] = ['docker', 'podman'];

/** The engine that the runner uses, or else the first that is ready. @throws UserError (exit code 5) */
export async function chooseEngine(context: CliContext, wanted: string | undefined): Promise<BuildEngine> {
  const paths = await findRunnerPaths(context, {});
  const { config } = await loadConfig({ path: paths.configFile, explicit: false, env: context.env });
  const configured = names.find((name) => name === (wanted ?? config.runner.runtime));
  if (wanted !== undefined && configured === undefined)
    throw new UserError(`there is no engine "${wanted}"`, {
      remedy: 'Choose "docker" or "podman".',
      exitCode: ExitCode.usage,
    });
  const reasons: string[] = [];
  for (const name of configured === undefined ? names : [configured]) {
    const options = { config, env: context.env, instanceId: '', knownJobs: async () => [] };
    const readiness = await createRuntime(name, options).checkReady(context.signal);
    if (readiness.ready) return createEngine(name, context);
    reasons.push(`${name}: ${readiness.reason}`);
  }
  throw new UserError(`no engine can build images (${reasons.join('; ')})`, {
    remedy: 'Install and start Docker or Podman.',
    exitCode: ExitCode.runtime,
  });
}

function createEngine(name: EngineName, { env, stderr, signal }: CliContext): BuildEngine {
  // Our own variables can contain the runner's token.
  const own = Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith('PLAN42_')));
  return {
    name,
    run: async (args) => {
      const { exitCode, stdout, stderr: printed } = await runCommand(name, args, { env: own, signal });
      return { exitCode, stdout, error: printed.trim().split('\n').at(-1) ?? '' };
    },
    runVisibly: (args) => {
      const { promise, resolve, reject } = Promise.withResolvers<VisibleResult>();
      const child = spawn(name, [...args], { env: own, signal, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.pipe(stderr, { end: false });
        stream.setEncoding('utf8').on('data', (text: string) => {
          output = (output + text).slice(-maxOutput);
        });
      }
      child.once('error', (error) => reject(signal.aborted ? signal.reason : error));
      child.once('close', (code) => resolve({ exitCode: code ?? undefined, output }));
      return promise;
    },
  };
}
