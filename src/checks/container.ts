import type { Config } from '../config/schema.ts';
import { ExitCode, formatError, UserError } from '../lib/errors.ts';
import { type ContainerResult, runContainerCheck, type WallResult } from '../runtimes/check/run-check.ts';
import { type Runtime, RuntimeError } from '../runtimes/runtime.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, failedWith, passed, skipped, warning } from './finding.ts';
import { existingParent } from './folders.ts';
import { findRuntime } from './runtime.ts';
import { serverSettings } from './server.ts';

const subject = 'container';
/** Importing the image takes most of the time. */
export const containerTimeoutMs = 90_000;
const runTimeoutMs = 45_000;

/** A container that starts as a job does can call the server. */
export function checkContainer(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    async (config) => {
      if (context.quick) return [skipped(subject, 'left out by --quick')];
      const runtime = await findRuntime(config, context);
      if (runtime === undefined) return [skipped(subject, 'the runtime is not ready')];
      if (runtime.name === 'host') return [skipped(subject, 'the runtime host has no containers')];
      if (runtime.importImage === undefined || process.platform !== 'linux') {
        return [skipped(subject, 'no program of this system runs in a container, so none was started')];
      }
      return tryContainer(runtime, config, context);
    },
    serverSettings,
  );
}

async function tryContainer(runtime: Runtime, config: Config, { paths, signal }: CheckContext): Promise<Finding[]> {
  const { url } = config.runner;
  const { entrypoint } = config.jobs;
  try {
    // Where the files of jobs are: an engine may not see every folder.
    const folder = await existingParent(paths.stateDir);
    const check = { runtime, serverUrl: url, entrypoint, folder, timeoutMs: runTimeoutMs, withWall: true, signal };
    const [address, result] = await Promise.all([runtime.findAgentAddress?.(url), runContainerCheck(check)]);
    const finding = judge(result, runtime.name, url);
    const wall = result.wall === undefined ? [] : [judgeWall(result.wall, runtime.name)];
    if (finding.status === 'ok' || result.report === undefined || address?.reason === undefined)
      return [finding, ...wall];
    return [failed(subject, `${finding.message} (${address.reason})`, { text: address.remedy }), ...wall];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) return [failedWith(subject, error)];
    if (!(error instanceof RuntimeError)) throw error;
    return [cannotRun(runtime.name, formatError(error))];
  }
}

/** A machine whose jobs may reach every network needs no wall, so this is a warning. */
function judgeWall(wall: WallResult, engine: string): Finding {
  if (wall.stands)
    return passed(subject, `a container of ${engine} behind the wall reached its gateway and no network`);
  const text =
    wall.remedy ?? 'Run "plan42 runner doctor" again. Jobs whose network is limited are refused until it succeeds.';
  return warning(subject, `no job with a limited network can run: ${wall.reason}`, { text });
}

function judge({ report, exit, output }: ContainerResult, engine: string, serverUrl: URL): Finding {
  if (report === undefined) {
    const { startError, exitCode } = exit;
    if (/exec format error/i.test(`${startError} ${output}`))
      return skipped(subject, `${engine} runs containers of another architecture, so none was started`);
    const how = exitCode === undefined ? 'it was killed' : `exit code ${exitCode}`;
    return cannotRun(
      engine,
      startError ?? (exit.outOfMemory ? 'it ran out of memory' : `${how}, ${output.slice(-300)}`),
    );
  }
  const { url, status, isFromApi, code = '', message = '', durationMs } = report;
  const unreachable = (why: string, text: string) =>
    failed(subject, `a container of ${engine} cannot call ${url}: ${why}`, { text });
  if (isFromApi) return passed(subject, `a container of ${engine} called ${url}, ${durationMs} ms`);
  if (status !== undefined) {
    return unreachable(
      `status ${status}, not from a Plan42 server`,
      'Check DNS and proxies of the containers’ network.',
    );
  }
  return unreachable(message || code, remedyFor(code, message, new URL(url), serverUrl));
}

function cannotRun(engine: string, reason: string): Finding {
  const text = `Start a container with ${engine} yourself and correct what it reports. The limits and the network are those of [jobs].`;
  return failed(subject, `${engine} cannot start a container as for a job: ${reason}`, { text }, ExitCode.runtime);
}

const certificateErrors = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ALTNAME|SSL|TLS/;

function remedyFor(code: string, message: string, { hostname, port }: URL, serverUrl: URL): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `Use a certificate that is valid for ${hostname} too.`;
  if (certificateErrors.test(code) || /certificate/i.test(message))
    return 'Set jobs.ca_file to the PEM file of the authority, or correct it.';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `Let containers resolve ${hostname}: check the DNS servers of the engine, and jobs.network.`;
  if (hostname !== serverUrl.hostname)
    return `Allow containers to connect to this machine in its firewall (port ${port}), and check that the server listens for containers.`;
  return 'Check jobs.network and firewalls. Agents do not get the proxies of the runner: see docs/runtimes.md.';
}
