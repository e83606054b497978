/** Finds the service behind `plan42 run`, or starts it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { RuntimeName } from '../../../config/schema.ts';
import { systemClock } from '../../../lib/clock.ts';
import { ExitCode, formatError, UserError } from '../../../lib/errors.ts';
import { createFile, exists } from '../../../lib/files.ts';
import { isFolderLocked, lockBriefly } from '../../../lib/lock.ts';
import { openPrivateFolder } from '../../../lib/private-folder.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { sleep } from '../../../lib/sleep.ts';
import { getCurrentTenant } from '../../../plan42/admin-client.ts';
import { createTransport } from '../../../plan42/transport.ts';
import type { CliContext } from '../../context.ts';
import { withProgress } from '../../progress.ts';
import { locateServer, type ServerLocation } from '../../server/location.ts';
import { type RunFolder, readServiceInfo, runFolder, type ServiceInfo, stopFile } from './run-folder.ts';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const pollMs = 50;
const defaultIdleMinutes = 10;

/**
 * Returns the location of the user's own server, which is started if it does not run. With `runtime`, its runner has that
 * runtime. One call at a time starts or stops the service.
 * @throws UserError if it cannot start, or is busy with another runtime
 */
export async function ensureService(context: CliContext, runtime?: RuntimeName): Promise<ServerLocation> {
  const paths = runFolder(context);
  await openPrivateFolder(paths.folder);
  using _ = await lockBriefly(paths.startLock, context.signal);
  const running = await findRunning(context, paths);
  if (running !== undefined && !mustReplace(running, context, runtime)) return locateServer({ data: paths.data }, {});
  // After a crash, agents of that runtime may still run.
  const kept = runtime ?? (running ?? (await readServiceInfo(paths)))?.runtime ?? undefined;
  await withProgress(context, 'Starting the service', async () => {
    if (running !== undefined) await stop(context, paths, running);
    await start(context, paths, kept);
  });
  return locateServer({ data: paths.data }, {});
}

interface Running extends ServiceInfo {
  isBusy: boolean;
}

/** Returns the running service; undefined if there is none. One that does not respond is waited for. */
async function findRunning(context: CliContext, paths: RunFolder): Promise<Running | undefined> {
  const deadline = systemClock.now() + startTimeoutMs;
  while ((await exists(paths.data)) && isFolderLocked(paths.data)) {
    const info = await readServiceInfo(paths);
    const isBusy = info && (await ask(context, paths).catch(() => undefined));
    if (info && isBusy !== undefined) return { ...info, isBusy };
    if (systemClock.now() > deadline) {
      const pid = info === undefined ? '' : ` (process ${info.pid})`;
      throw new UserError(`the service of "plan42 run"${pid} does not respond`, {
        remedy: `See ${paths.log}, and end the process.`,
      });
    }
    await sleep(pollMs, context.signal);
  }
  return undefined;
}

/** Makes a call, and returns whether tasks are running. */
async function ask({ env, version, signal }: CliContext, { data }: RunFolder): Promise<boolean> {
  const { url, token } = locateServer({ data }, {});
  const transport = createTransport({ env });
  try {
    const endpoint = { transport, baseUrl: new URL(url), token, userAgent: `plan42/${version}` };
    const tenant = await getCurrentTenant(endpoint, signal);
    const { AdminClient } = await import('../../../plan42/admin-client.ts');
    const tasks = await new AdminClient(endpoint, tenant.TenantId, signal).listTasks();
    return tasks.some(({ State }) => State === 'Pending' || State === 'Executing');
  } finally {
    await transport.destroy();
  }
}

/** After an upgrade, the service is replaced when nothing runs: agents would survive, but lose a new port. */
function mustReplace(running: Running, { versionText }: CliContext, runtime: RuntimeName | undefined): boolean {
  if (runtime !== undefined && running.runtime !== runtime) {
    if (!running.isBusy || running.runtime === null) return true;
    throw new UserError(`tasks are running with ${running.runtime}, and this one needs ${runtime}`, {
      remedy: 'Wait for them, or cancel them: see "plan42 task list".',
      exitCode: ExitCode.runtime,
    });
  }
  return running.version !== versionText && !running.isBusy;
}

async function stop({ signal }: CliContext, paths: RunFolder, { startId, pid }: ServiceInfo): Promise<void> {
  const file = stopFile(paths, startId);
  await createFile(file).catch(() => {});
  const deadline = systemClock.now() + stopTimeoutMs;
  while (isFolderLocked(paths.data)) {
    if (systemClock.now() > deadline) {
      throw new UserError(`the service of "plan42 run" (process ${pid}) does not stop`, {
        remedy: `See ${paths.log}, and end the process.`,
      });
    }
    await sleep(pollMs, signal);
  }
  await rm(file, { force: true });
}

async function start(context: CliContext, paths: RunFolder, runtime: RuntimeName | undefined): Promise<void> {
  const { plan42Command, env, signal } = context;
  const idle = env['PLAN42_RUN_IDLE_MINUTES'] || String(defaultIdleMinutes);
  const [file, ...args] = plan42Command;
  const serviceArgs = ['run-service', '--idle-minutes', idle, ...(runtime === undefined ? [] : ['--runtime', runtime])];
  const before = (await readServiceInfo(paths))?.startId;
  await rm(paths.startLog, { force: true });
  const output = openSync(paths.startLog, 'wx', 0o600);
  const child = spawn(file, [...args, ...serviceArgs], {
    cwd: paths.folder,
    env: serviceEnvironment(env),
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = formatError(error);
  });
  child.once('exit', (code, signalName) => {
    failure ??= `it exited with ${signalName ?? code}`;
  });
  child.unref();
  const deadline = systemClock.now() + startTimeoutMs;
  for (;;) {
    const startId = (await readServiceInfo(paths))?.startId;
    if (startId !== undefined && startId !== before) return;
    if (failure !== undefined || systemClock.now() > deadline) throw await startFailure(paths, failure);
    await sleep(pollMs, signal);
  }
}

async function startFailure(paths: RunFolder, failure = 'it does not respond'): Promise<UserError> {
  const printed = ((await readTextIfExists(paths.startLog)) ?? '')
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^ERROR: /, '');
  return new UserError(`cannot start the service of "plan42 run": ${printed || failure}`, {
    remedy: `See ${paths.log}.`,
  });
}

/** The service outlives the command, so it gets what engines and connections need, and no keys or tokens. */
function serviceEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => needed.test(name)));
}

const needed =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DOCKER_\w+|CONTAINER_\w+|CONTAINERS_\w+|REGISTRY_AUTH_FILE|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|PLAN42_RUN_DIR)$/;
