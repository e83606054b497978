import { userInfo } from 'node:os';
import { loadConfig } from '../../config/load.ts';
import type { RuntimeName } from '../../config/schema.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { createRuntime } from '../../runtimes/select.ts';
import type { CliContext } from '../context.ts';
import { runFolder } from './service/run-folder.ts';

const engines = ['docker', 'podman'] as const;
export type EngineName = (typeof engines)[number];

/**
 * Returns the first engine that is ready.
 * @throws UserError (exit code 5) that says what to install
 */
export async function chooseEngine(context: CliContext): Promise<EngineName> {
  const { env, signal } = context;
  const { config } = await loadConfig({
    path: runFolder(context).runnerConfig,
    explicit: false,
    env: {},
    flags: new Map(),
  });
  const wanted = config.runner.runtime;
  const reasons: string[] = [];
  let remedy: string | undefined;
  for (const name of engines) {
    if (wanted !== undefined && wanted !== name) continue;
    const runtime = createRuntime(name, { config, env, instanceId: 'run', knownJobs: async () => [] });
    const readiness = await runtime.checkReady(signal);
    if (readiness.ready) return name;
    reasons.push(`${name}: ${readiness.reason}`);
    if (await runtime.isInstalled()) remedy ??= readiness.remedy;
  }
  throw new UserError(`no container engine is ready (${reasons.join('; ')})`, {
    remedy: remedy ?? installHint(context),
    exitCode: ExitCode.runtime,
  });
}

function installHint({ platform, uid }: CliContext): string {
  if (platform === 'darwin')
    return 'Install Docker Desktop, or Podman: brew install podman && podman machine init --now';
  const sudo = uid === 0 ? '' : 'sudo ';
  return `Install one, for example with "${sudo}apt-get install podman" or "${sudo}dnf install podman". It needs no service. To run the agent without a container, as ${nameOfUser()}, add --no-container.`;
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return 'yourself';
  }
}

/** Where the agent of a run works. */
export type RunRuntime = Extract<RuntimeName, 'docker' | 'podman' | 'host'>;
