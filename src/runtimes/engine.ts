/** What docker and podman have in common: the command line of a container engine. */
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Config, RuntimeName } from '../config/schema.ts';
import { describeError, errorCode } from '../lib/errors.ts';
import { readTail } from '../lib/read-tail.ts';
import { isCommandInstalled, runCommand } from '../lib/run-command.ts';
import {
  type JobExit,
  type JobPlace,
  type PullPolicy,
  type Readiness,
  type Runtime,
  RuntimeError,
  type StartOptions,
} from './runtime.ts';
import * as supervisor from './supervisor.ts';

/** What differs between engines. */
export interface Engine {
  name: RuntimeName;
  command: string;
  /** Succeeds only when the engine can run containers; prints its version. */
  probe: readonly string[];
  remedy: { install: string; start: string };
}

export interface RuntimeOptions {
  /** For the commands that are run: without this program's own variables. */
  env: NodeJS.ProcessEnv;
  /** Marks what belongs to this runner. */
  instanceId: string;
  limits: Config['jobs'];
}

const agentArguments = ['--encrypted-input=false', '--plan42-proxy', '--log-agent-output'];
const instanceLabel = 'ai.plan42.instance';
const quickMs = 30_000;
// Podman before 5 loses an out-of-memory kill on cgroups v1, but its monitor leaves this in its working directory.
const conmonOomFile = 'oom';
const cpuPeriodUs = 100_000;
const maxReasonBytes = 600;

const ContainerState = v.object({
  Running: v.boolean(),
  OOMKilled: v.optional(v.boolean(), false),
  ExitCode: v.number(),
  Error: v.optional(v.string(), ''),
  StartedAt: v.string(),
});
type ContainerState = v.InferOutput<typeof ContainerState>;

/** A runtime that works through an engine's command, which is given argument arrays and no shell. */
export function createEngineRuntime(engine: Engine, { env, instanceId, limits }: RuntimeOptions): Runtime {
  const run = (args: readonly string[], options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {}) =>
    runCommand(engine.command, args, { env, ...options });

  async function checkReady(signal?: AbortSignal): Promise<Readiness> {
    try {
      const { exitCode, stdout, stderr } = await run(engine.probe, { signal, timeoutMs: quickMs });
      if (exitCode === 0) return { ready: true, detail: `${engine.name} ${stdout.trim()}` };
      return { ready: false, reason: said({ stdout, stderr }), remedy: engine.remedy.start };
    } catch (error) {
      signal?.throwIfAborted();
      const missing = errorCode(error) === 'ENOENT';
      const reason = missing ? `there is no ${engine.command} command` : describeError(error);
      return { ready: false, reason, remedy: missing ? engine.remedy.install : engine.remedy.start };
    }
  }

  async function pull(image: string, policy: PullPolicy, signal?: AbortSignal): Promise<void> {
    if (policy !== 'always' && (await hasImage(image, signal))) return;
    if (policy === 'never') {
      throw new RuntimeError(`the image ${image} is not on this machine, and images.pull_policy is "never"`);
    }
    const result = await run(['pull', '--quiet', image], { signal });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot pull the image ${image}: ${said(result)}`);
  }

  async function hasImage(image: string, signal?: AbortSignal): Promise<boolean> {
    const { exitCode } = await run(['image', 'inspect', '--format', '{{.Id}}', image], { signal, timeoutMs: quickMs });
    return exitCode === 0;
  }

  async function start(job: StartOptions, signal?: AbortSignal): Promise<void> {
    const containerIdFile = join(job.folder, 'container-id');
    const command = [engine.command, ...runArguments(job, containerIdFile)];
    await supervisor.launch({ job, command, env, cwd: job.folder });
    // The engine fills it when the container is made, right before it starts it. Docker makes it empty at first.
    await supervisor.waitForStart(job.folder, () => hasContent(containerIdFile), signal);
  }

  function runArguments(job: StartOptions, containerIdFile: string): string[] {
    return [
      'run',
      ...['--name', job.jobId],
      ...['--label', `${instanceLabel}=${instanceId}`],
      ...['--cidfile', containerIdFile],
      '--interactive',
      ...['--pull', 'never'],
      // The client writes the job's log; the engine need not keep another.
      ...['--log-driver', 'none'],
      // Not --cpus: docker refuses more of them than the machine has.
      ...['--cpu-period', String(cpuPeriodUs), '--cpu-quota', String(Math.round(limits.cpus * cpuPeriodUs))],
      ...['--memory', `${Math.round(limits.memoryGib * 1024)}m`],
      ...['--pids-limit', String(limits.pids)],
      ...['--cap-drop', 'ALL'],
      ...limits.capabilities.flatMap((name) => ['--cap-add', name]),
      ...(limits.noNewPrivileges ? ['--security-opt', 'no-new-privileges'] : []),
      ...(limits.network === undefined ? [] : ['--network', limits.network]),
      ...['--entrypoint', limits.entrypoint],
      job.image,
      ...agentArguments,
    ];
  }

  async function wait(job: JobPlace, signal?: AbortSignal): Promise<JobExit> {
    const { exitCode, endedAt } = await supervisor.waitForExit(job.folder, signal);
    let state = await inspect(job);
    if (state?.Running) {
      // Only the client is gone; the container is not.
      await run(['wait', job.jobId], { signal });
      state = await inspect(job);
    }
    const started = state !== undefined && !state.StartedAt.startsWith('0001-');
    return {
      exitCode: started ? state?.ExitCode : exitCode,
      endedAt,
      outOfMemory: state?.OOMKilled || (await exists(join(job.folder, conmonOomFile))),
      startError: started ? undefined : await startError(job, state),
    };
  }

  // A container that never ran has written nothing: the log holds what the engine said.
  async function startError(job: JobPlace, state: ContainerState | undefined): Promise<string> {
    return state?.Error || (await readTail(job.logFile, maxReasonBytes)) || 'the engine gave no reason';
  }

  async function inspect(job: JobPlace): Promise<ContainerState | undefined> {
    const args = ['container', 'inspect', '--format', '{{json .State}}', job.jobId];
    const { exitCode, stdout } = await run(args, { timeoutMs: quickMs });
    return exitCode === 0 ? v.parse(ContainerState, JSON.parse(stdout)) : undefined;
  }

  async function kill(job: JobPlace, graceMs: number): Promise<void> {
    await run(['kill', '--signal', 'TERM', job.jobId], { timeoutMs: quickMs });
    try {
      await supervisor.waitForExit(job.folder, AbortSignal.timeout(graceMs));
    } catch {
      await run(['kill', '--signal', 'KILL', job.jobId], { timeoutMs: quickMs });
    }
  }

  async function listRunning(signal?: AbortSignal): Promise<string[]> {
    const args = ['ps', '--filter', `label=${instanceLabel}=${instanceId}`, '--format', '{{.Names}}'];
    const result = await run(args, { signal, timeoutMs: quickMs });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${said(result)}`);
    return result.stdout.split('\n').filter((name) => name !== '');
  }

  async function remove(job: JobPlace): Promise<void> {
    await run(['rm', '--force', '--volumes', job.jobId], { timeoutMs: quickMs });
    await supervisor.forget(job.folder);
  }

  return {
    name: engine.name,
    isInstalled: () => isCommandInstalled(engine.command, env),
    checkReady,
    pull,
    start,
    wasStarted: (job) => supervisor.wasStarted(job.folder),
    wait,
    kill,
    listRunning,
    remove,
  };
}

/** The engine's last word; before it come progress, warnings and tries that failed in the same way. */
function said({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n');
  const line = lines.findLast((candidate) => /^error/i.test(candidate)) ?? lines.at(-1) ?? '';
  const text = line.replace(/^Error(?: response from daemon)?: /i, '').trim();
  return text.slice(0, maxReasonBytes) || 'the engine gave no reason';
}

async function hasContent(path: string): Promise<boolean> {
  return stat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
