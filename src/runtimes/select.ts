import { type Config, type RuntimeName, runtimeNames } from '../config/schema.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { createDockerRuntime } from './docker.ts';
import { createHostRuntime } from './host.ts';
import { createPodmanRuntime } from './podman.ts';
import type { JobPlace, Runtime } from './runtime.ts';

export interface SelectOptions {
  config: Config;
  env: NodeJS.ProcessEnv;
  instanceId: string;
  knownJobs: () => Promise<JobPlace[]>;
  signal?: AbortSignal;
}

/**
 * The configured runtime, or else the first that is ready.
 * @throws UserError (exit code 5) with reason and remedy when there is none
 */
export async function selectRuntime(options: SelectOptions): Promise<Runtime> {
  const configured = options.config.runner.runtime;
  if (configured !== undefined) return requireReady(createRuntime(configured, options), options.signal);
  const reasons: string[] = [];
  for (const name of runtimeNames) {
    if (name === 'apple') continue;
    const runtime = createRuntime(name, options);
    const readiness = await runtime.checkReady(options.signal);
    if (readiness.ready) return runtime;
    reasons.push(`${name}: ${readiness.reason}`);
  }
  throw new UserError(`no container runtime is ready (${reasons.join('; ')})`, {
    remedy: 'Install and start Docker or Podman, or set runner.runtime.',
    exitCode: ExitCode.runtime,
  });
}

async function requireReady(runtime: Runtime, signal: AbortSignal | undefined): Promise<Runtime> {
  const readiness = await runtime.checkReady(signal);
  if (readiness.ready) return runtime;
  throw new UserError(`the runtime ${runtime.name} is not ready: ${readiness.reason}`, {
    remedy: readiness.remedy,
    exitCode: ExitCode.runtime,
  });
}

function createRuntime(name: RuntimeName, { config, env, instanceId, knownJobs }: SelectOptions): Runtime {
  const options = { env: withoutOwnVariables(env), instanceId, limits: config.jobs };
  switch (name) {
    case 'docker':
      return createDockerRuntime(options);
    case 'podman':
      return createPodmanRuntime(options);
    case 'host':
      return createHostRuntime({ env: options.env, settings: config.host, knownJobs });
    case 'apple':
      throw new UserError('the runtime apple is not supported yet', {
        remedy: 'Set runner.runtime to docker, podman or host.',
        exitCode: ExitCode.runtime,
      });
  }
}

// They can hold the runner's token, which is no business of engines and agents.
function withoutOwnVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PLAN42_')));
}
