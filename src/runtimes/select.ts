import { agentCaFile, type Config, localRuntimeNames, type RuntimeName } from '../config/schema.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import type { JobPaths } from '../shim/shim.ts';
import { createAppleRuntime } from './apple/apple.ts';
import { createDockerRuntime } from './engine/docker.ts';
import { createPodmanRuntime } from './engine/podman.ts';
import { createHostRuntime } from './host.ts';
import { createKubernetesRuntime } from './kubernetes/kubernetes.ts';
import type { Readiness, Runtime } from './runtime.ts';

export interface SelectOptions {
  config: Config;
  env: NodeJS.ProcessEnv;
  instanceId: string;
  knownJobs: () => Promise<JobPaths[]>;
  /** Files and folders of the runner, which no job may get. */
  protectedPaths?: readonly string[];
  logger?: Logger;
  signal?: AbortSignal;
  /** Aborted when the service stops for which the runtime runs job after job. */
  service?: AbortSignal;
}

/** The configured runtime is not ready, for a reason that may pass. */
export class RuntimeUnavailable extends UserError {
  readonly reason: string;

  constructor(runtime: RuntimeName, { reason, remedy }: { reason: string; remedy: string }) {
    super(notReady(runtime, reason), { remedy, exitCode: ExitCode.runtime });
    this.reason = reason;
  }
}

const notReady = (runtime: RuntimeName, reason: string) => `the runtime ${runtime} is not ready: ${reason}`;

/**
 * The configured runtime, or else the first that is ready.
 * @throws UserError (exit code 5) with reason and remedy if none is ready, RuntimeUnavailable if that may pass
 */
export async function selectRuntime(options: SelectOptions): Promise<Runtime> {
  const configured = options.config.runner.runtime;
  if (configured !== undefined) return requireReady(createRuntime(configured, options), options.signal);
  const reasons: string[] = [];
  for (const name of localRuntimeNames) {
    const runtime = createRuntime(name, options);
    const readiness = await prepare(runtime, options.signal);
    if (readiness.ready) return runtime;
    reasons.push(`${name}: ${readiness.reason}`);
  }
  throw new UserError(`no container runtime is ready (${reasons.join('; ')})`, {
    remedy: 'Install and start Docker or Podman, or set runner.runtime.',
    exitCode: ExitCode.runtime,
  });
}

async function requireReady(runtime: Runtime, signal: AbortSignal | undefined): Promise<Runtime> {
  const readiness = await prepare(runtime, signal);
  if (readiness.ready) return runtime;
  if (readiness.isTemporary) throw new RuntimeUnavailable(runtime.name, readiness);
  throw new UserError(notReady(runtime.name, readiness.reason), {
    remedy: readiness.remedy,
    exitCode: ExitCode.runtime,
  });
}

function prepare(runtime: Runtime, signal: AbortSignal | undefined): Promise<Readiness> {
  return runtime.prepare?.(signal) ?? runtime.checkReady(signal);
}

/** Creates a runtime with its configuration, whether or not it is ready. */
export function createRuntime(name: RuntimeName, options: Omit<SelectOptions, 'signal'>): Runtime {
  const { config, instanceId, knownJobs, protectedPaths = [], logger = silentLogger } = options;
  const env = withoutOwnVariables(options.env);
  const caFile = agentCaFile(config);
  const maxLogMib = Math.min(config.jobs.maxLogMib, config.limits.maxLogMib ?? Infinity);
  const engineOptions = { env, instanceId, limits: { ...config.jobs, maxLogMib }, caFile, protectedPaths, logger };
  switch (name) {
    case 'docker':
      return createDockerRuntime(engineOptions);
    case 'podman':
      return createPodmanRuntime(engineOptions);
    case 'host':
      return createHostRuntime({ env, settings: config.host, given: config.jobs, caFile, knownJobs });
    case 'kubernetes':
      return createKubernetesRuntime({ env, instanceId, settings: config, caFile, logger, service: options.service });
    case 'apple':
      return createAppleRuntime(engineOptions);
  }
}

// They can contain the runner's token, which engines and agents must not see.
function withoutOwnVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PLAN42_')));
}
