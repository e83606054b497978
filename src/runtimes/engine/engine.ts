/** The runtime of docker and podman, which run jobs by an engine's command line. */

import { join } from 'node:path';
import type { Config, RuntimeName } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { errorCode, formatError, UserError } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import type { Logger } from '../../lib/logger.ts';
import { isCommandInstalled, runCommand } from '../../lib/run-command.ts';
import { readLogTail } from '../../shim/job-log.ts';
import type { JobPaths } from '../../shim/shim.ts';
import * as shim from '../../shim/shim.ts';
import { checkWallMounts, lowerWall } from '../../wall/wall.ts';
import type { CaFile } from '../authorities.ts';
import { checkInstanceId } from '../check/names.ts';
import { containerCommandEnvironment } from '../environment.ts';
import {
  type JobExit,
  type PullPolicy,
  type PullResult,
  type Readiness,
  type Runtime,
  RuntimeError,
  type StartOptions,
} from '../runtime.ts';
import { createAgentNetwork } from './agent-address.ts';
import { authorityOptions, variableOptions } from './authorities.ts';
import {
  hasContainerId,
  instanceLabel,
  lastErrorLine,
  launchClient,
  maxReasonBytes,
  query,
  queryTimeoutMs,
  type RunEngine,
} from './client.ts';
import { checkGiven, givenOptions } from './given.ts';
import type { FindRoute } from './host-route.ts';
import { createEngineImages } from './images.ts';
import type { ImagesVersion } from './images-version.ts';
import { type Container, inspectContainer } from './inspect.ts';
import { killContainer } from './kill.ts';
import { listLeftovers } from './leftovers.ts';
import { clientOf, createLogDriverChoice } from './log-driver.ts';
import { pullByPolicy } from './pull.ts';
import { recently } from './recently.ts';
import { runArguments } from './run-arguments.ts';
import { isSelinuxEnforcing } from './selinux.ts';
import { SharedPulls } from './shared-pulls.ts';
import { listForeign, listUnmanaged, removeUnmanaged } from './unmanaged.ts';
import { waitBehindWall } from './wait-behind-wall.ts';
import { waitForClient } from './wait-for-client.ts';
import { waitForContainer } from './wait-for-container.ts';
import { checkWallFor, checkWallSettingsOf, raiseWallFor, wallVariables } from './wall-options.ts';

/** The differences between engines. */
export interface Engine {
  name: RuntimeName;
  command: string;
  /** Succeeds only if the engine can run containers; prints its version. */
  probe: readonly string[];
  /** Prints `true` if containers keep running while the daemon is restarted; their clients don't. */
  outlivesDaemon?: readonly string[];
  /** Prints its version, which tells whether it can give a container the pipes of its client. */
  passesPipes?: { query: readonly string[]; isAble: (printed: string) => boolean };
  /** The name of the process that monitors each container, if there is one. */
  monitors?: string;
  remedy: { install: string; start: string };
  /** Recognises another engine behind the same command, by what the option `--version` prints. */
  impostor?: { pattern: RegExp; remedy: string };
  /** Whether a quiet pull prints the ID of the image. Others print its name. */
  printsPulledId?: boolean;
  /** Whether its images have changed, if that is cheap to find out. */
  imagesVersion?: (run: RunEngine) => ImagesVersion;
  /** Whether the command itself pulls images. */
  pullsItself: boolean;
  /** Options of `run` that keep the environment of the command out of the container. */
  ownEnvironment: readonly string[];
  /** The names of variables that the engine's own configuration adds to every container. */
  configuredVariables: (env: NodeJS.ProcessEnv) => Promise<string[]>;
  /** How `run` keeps these variables out, but not those of the image: by options, and variables of the command. */
  withoutVariables: (
    names: readonly string[],
    ofImage: Readonly<Record<string, string>>,
  ) => { options: string[]; env: NodeJS.ProcessEnv };
  /** Whether programs of a user without privileges get the capabilities of the container. */
  givesCapabilitiesToUsers: boolean;
  /** How containers reach this machine. */
  findRoute: FindRoute;
  /** Prints where the engine is, and what that means. */
  location: { query: readonly string[]; isRemote: (printed: string) => boolean };
  /** Prints whether SELinux labels its containers. */
  selinux: { query: readonly string[]; pattern: RegExp };
  /** Arguments that make it print the folder of its storage. */
  storageFolder: readonly string[];
}

export interface RuntimeOptions {
  /** The environment of the engine's commands, without this program's own variables. */
  env: NodeJS.ProcessEnv;
  /** The label of containers and images of this runner. */
  instanceId: string;
  limits: Config['jobs'];
  /** Certificate authorities that agents trust in addition. */
  caFile?: CaFile | undefined;
  /** Files and folders of the runner, which no job may get. */
  protectedPaths?: readonly string[];
  logger: Logger;
}

// As in the script of the shim.
const niceness = 5;
// It changes only with the configuration of the engine's client.
const locationLifetimeMs = 60_000;

// Podman before 5 loses an out-of-memory kill on cgroups v1, but its monitor leaves this in its working directory.
const conmonOomFile = 'oom';

/** A runtime that works through an engine's command, which is given argument arrays and no shell. */
export function createEngineRuntime(engine: Engine, options: RuntimeOptions): Runtime {
  const { env, instanceId, limits, caFile, logger, protectedPaths = [] } = options;
  // With the priority of jobs, whose containers the commands are for.
  const run: RunEngine = (args, options = {}) => runCommand(engine.command, args, { env, niceness, ...options });

  async function checkReady(signal?: AbortSignal): Promise<Readiness> {
    try {
      const [impostor, { exitCode, stdout, stderr }] = await Promise.all([
        findImpostor(signal),
        run(engine.probe, { signal, timeoutMs: queryTimeoutMs }),
      ]);
      if (impostor) return impostor;
      if (exitCode === 0) return { ready: true, detail: `${engine.name} ${stdout.trim()}` };
      return { ready: false, reason: lastErrorLine({ stdout, stderr }), remedy: engine.remedy.start };
    } catch (error) {
      signal?.throwIfAborted();
      const missing = errorCode(error) === 'ENOENT';
      const reason = missing ? `there is no ${engine.command} command` : formatError(error);
      return { ready: false, reason, remedy: missing ? engine.remedy.install : engine.remedy.start };
    }
  }

  async function findImpostor(signal?: AbortSignal): Promise<Readiness | undefined> {
    if (engine.impostor === undefined) return undefined;
    const { stdout } = await run(['--version'], { signal, timeoutMs: queryTimeoutMs });
    const version = engine.impostor.pattern.exec(stdout)?.[0];
    if (version === undefined) return undefined;
    const reason = `the command ${engine.command} runs ${version}`;
    return { ready: false, reason, remedy: engine.impostor.remedy };
  }

  const images = createEngineImages(run, engine.imagesVersion?.(run));
  const pulls = new SharedPulls();
  const findLocation = recently(() => query(run, engine.location.query), locationLifetimeMs);
  const { outlivesDaemon, passesPipes } = engine;
  const chooseLogDriver = createLogDriverChoice({ run, outlivesDaemon, passesPipes, isRemote });
  const engineSettings = { settings: limits, guard: { protectedPaths, env }, engine: engine.name, isRemote };
  const { findRoute } = engine;
  const agentNetwork = createAgentNetwork({ network: limits.network, findRoute, run, isRemote, env });

  async function pull(
    image: string,
    policy: PullPolicy,
    signal?: AbortSignal,
    beforePull?: () => Promise<void>,
  ): Promise<PullResult> {
    // The start needs it, and it is ready by then.
    void chooseLogDriver().catch(() => {});
    const result = await pullByPolicy(image, policy, {
      findLocal: () => images.findLocal(image, signal),
      beforePull,
      pull: () =>
        pulls.pull(image, {
          signal,
          acceptsBegun: policy !== 'always',
          pull: (aborted) => run(['pull', '--quiet', image], { signal: aborted, exitWithParent: true }),
        }),
      ...(engine.printsPulledId && { isUnchanged: (output, { id }) => output.trim() === id }),
    });
    if (result.image !== undefined) await images.confirm(image, result.image.id);
    return result;
  }

  async function importImage(name: string, input: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const label = `LABEL ${instanceLabel}=${instanceId}`;
    const result = await run(['import', '--change', label, '-', name], { input, signal });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot import an image: ${lastErrorLine(result)}`);
  }

  async function start(job: StartOptions, signal?: AbortSignal): Promise<void> {
    const [given, logDriver, variables, authorities, ownNetwork, capabilities] = await Promise.all([
      givenOptions(job, engineSettings),
      chooseLogDriver(),
      keepVariablesOut(job.image, [...Object.keys(wallVariables(job)), ...Object.keys(job.variables ?? {})]),
      authorityOptions(job, caFile, { run, instanceId, isRemote, relabels: true }),
      job.egress === undefined ? agentNetwork.options(job.serverUrl) : [],
      capabilitiesFor(job, signal),
      checkWallFor(job, limits, engineSettings),
    ]);
    // Last, so that no step fails while the gateway is being started.
    const raised = await raiseWallFor(job, engineSettings);
    const network = raised?.options ?? ownNetwork;
    const own = variableOptions(job.variables ?? {});
    const options = ['--log-driver', logDriver, ...given, ...own, ...variables.options, ...authorities, ...network];
    const args = runArguments(job, options, { limits: { ...limits, capabilities }, instanceId, wall: raised?.wall });
    const commandEnv = { ...containerCommandEnvironment(env, engine), ...variables.env };
    await launchClient(job, { ...clientOf(job, logDriver, [engine.command, ...args]), env: commandEnv }, signal);
  }

  // Without new privileges, another user cannot become root, so the capabilities would only make it one.
  async function capabilitiesFor(job: StartOptions, signal?: AbortSignal): Promise<readonly string[]> {
    const isLimited = limits.noNewPrivileges && limits.capabilities.length > 0 && engine.givesCapabilitiesToUsers;
    if (!isLimited) return limits.capabilities;
    let isRoot = await images.runsAsRoot(job.image, signal);
    if (isRoot === undefined && job.mayPullAgain) {
      // It was removed after its pull. What it is after the next pull decides.
      await pull(job.image, 'if-not-present', signal);
      isRoot = await images.runsAsRoot(job.image, signal);
    }
    return isRoot === true ? limits.capabilities : [];
  }

  async function keepVariablesOut(
    image: string,
    ofWall: readonly string[],
  ): Promise<{ options: readonly string[]; env: NodeJS.ProcessEnv }> {
    const own = new Set([...limits.env.map(({ name }) => name), ...ofWall]);
    const names = (await engine.configuredVariables(env)).filter((name) => !own.has(name));
    if (names.length === 0) return { options: engine.ownEnvironment, env: {} };
    const kept = engine.withoutVariables(names, await images.environmentOf(image));
    return { ...kept, options: [...engine.ownEnvironment, ...kept.options] };
  }

  async function isRemote(): Promise<boolean> {
    const printed = await findLocation();
    return printed !== undefined && engine.location.isRemote(printed);
  }

  async function whyUnmeasured(): Promise<string | undefined> {
    if (process.platform !== 'linux') return `${engine.name} runs in a virtual machine`;
    return (await isRemote()) ? `${engine.name} is on another machine` : undefined;
  }

  async function whyNoWall(): Promise<UserError | undefined> {
    try {
      await checkWallSettingsOf(limits, engineSettings);
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
    const location = await query(run, engine.location.query);
    if (location !== undefined && inVirtualMachine.test(location)) {
      return cannotLimit(
        `${engine.name} runs in a virtual machine, which does not reach the gateway`,
        'Use an engine on this machine.',
      );
    }
    if (!(await isSelinuxEnforcing()) || !engine.selinux.pattern.test((await query(run, engine.selinux.query)) ?? ''))
      return undefined;
    return cannotLimit(
      'SELinux may deny containers the connection to the gateway',
      'Allow it: see docs/security.md about SELinux.',
    );
  }

  async function wait(job: JobPaths, signal?: AbortSignal): Promise<JobExit> {
    return waitBehindWall(job, () => waitForJob(job, signal), { run, env, logger, signal });
  }

  async function waitForJob(job: JobPaths, signal?: AbortSignal): Promise<JobExit> {
    const client = await (engine.monitors
      ? waitForClient(job, { run, logger, signal })
      : shim.waitForExit(job.folder, signal));
    const { machineRestarted } = client;
    const container = await waitForContainer(job, client, {
      command: engine.command,
      env,
      run,
      logger,
      signal,
      maxLogBytes: limits.maxLogMib * 2 ** 20,
    });
    const endedAt = new Date(Math.max(client.endedAt.getTime(), container?.endedAtMs ?? 0));
    const outOfMemory = container?.outOfMemory || (await exists(join(job.folder, conmonOomFile)));
    const exit = { endedAt, outOfMemory, startError: undefined, machineRestarted };
    if (container?.isUnwatched) {
      const unseenBecause = `${engine.monitors}, which monitors the container, was killed`;
      return { ...exit, exitCode: undefined, endedAt: systemClock.date(), unseenBecause };
    }
    if (container?.wasStarted) {
      // Engines report invented exit codes for containers that a restart of the machine killed.
      const wasCutOff = machineRestarted && client.exitCode === undefined;
      return { ...exit, exitCode: wasCutOff ? undefined : container.exitCode };
    }
    if (container === undefined && (await hasContainerId(job))) {
      // The container was removed from outside.
      return { ...exit, exitCode: isOfClient(client.exitCode) ? undefined : client.exitCode };
    }
    const startError = client.exitCode === undefined ? undefined : await startErrorOf(job, container);
    return { ...exit, exitCode: client.exitCode, startError };
  }

  // A container that never ran has written nothing: the log contains the engine's error.
  async function startErrorOf(job: JobPaths, container: Container | undefined): Promise<string> {
    return container?.error || (await readLogTail(job.logFile, maxReasonBytes)) || 'the engine gave no reason';
  }

  async function listRunning(signal?: AbortSignal): Promise<string[]> {
    const args = ['ps', '--filter', `label=${instanceLabel}=${instanceId}`, '--format', '{{.Names}}'];
    const result = await run(args, { signal, timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${lastErrorLine(result)}`);
    const names = result.stdout.split('\n').filter((name) => name !== '');
    if (engine.monitors === undefined) return names;
    const containers = await Promise.all(names.map((name) => inspectContainer(run, name, signal)));
    return names.filter((_, index) => containers[index]?.isRunning);
  }

  async function remove(job: JobPaths): Promise<void> {
    const result = await run(['rm', '--force', '--volumes', job.jobId], { timeoutMs: queryTimeoutMs });
    if (result.exitCode !== 0 && (await inspectContainer(run, job.jobId)) !== undefined) {
      throw new RuntimeError(`cannot remove the container ${job.jobId}: ${lastErrorLine(result)}`);
    }
    await lowerWall(job);
    await shim.forget(job.folder);
  }

  async function storageFolder(signal?: AbortSignal): Promise<string | undefined> {
    const folder = await query(run, engine.storageFolder, signal);
    return folder?.startsWith('/') ? folder : undefined;
  }

  return {
    name: engine.name,
    isInstalled: () => isCommandInstalled(engine.command, env),
    checkReady,
    findAgentAddress: (url) => agentNetwork.findAddress(url),
    checkSettings: async () => void (await checkGiven(engineSettings)),
    checkWallMounts: async () => checkWallMounts((await checkGiven(engineSettings)).mounts),
    whyUnmeasured,
    whyNoWall,
    importImage,
    pull,
    start,
    wasStarted: (job) => shim.wasStarted(job.folder),
    createdContainer: hasContainerId,
    wait,
    kill: (job, graceMs) => killContainer(run, job, graceMs),
    listRunning,
    listForeign: (signal) => listForeign(run, signal),
    remove,
    listUnmanaged: async (except, signal) => {
      const lists = [instanceId, checkInstanceId].map((id) => listUnmanaged(run, id, except, signal));
      return (await Promise.all(lists)).flat();
    },
    listLeftovers: (folders, signal) => listLeftovers(run, instanceId, folders, signal),
    removeUnmanaged: (id) => removeUnmanaged(run, id),
    storageFolder,
    images,
  };
}

/** The sockets of engines on Linux that have their containers in a virtual machine. */
const inVirtualMachine = /\/\.(?:docker\/desktop|rd|colima|lima|orbstack)\//;

function cannotLimit(why: string, remedy: string): UserError {
  return new UserError(`cannot limit the network of the job: ${why}`, { remedy });
}

/** Whether an exit code is that of docker or podman itself and not of the command they ran. */
function isOfClient(exitCode: number | undefined): boolean {
  return exitCode !== undefined && exitCode >= 125 && exitCode <= 127;
}
