import type { Config } from '../config/schema.ts';
import { isWallForAll } from '../jobs/egress/server-only.ts';
import { ExitCode, formatError, UserError } from '../lib/errors.ts';
import type { ContainerResult, WallResult } from '../runtimes/check/run-check.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, failedWith, passed, skipped, warning } from './finding.ts';
import { checkMountedEntrypoint } from './mounted-entrypoint.ts';
import { judgePods } from './pods.ts';
import { serverSettings } from './server.ts';
import { type TriedContainers, tryContainers } from './try-containers.ts';

type CheckReport = NonNullable<ContainerResult['report']>;

const subject = 'container';

/** A container that starts as a job does can call the server. */
export function checkContainer(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(
    context,
    async (config) => {
      const tried = await context.once(tryContainers);
      if ('isHost' in tried) return [hostFinding(config)];
      if ('pods' in tried) {
        const noWall = isWallForAll(config.egress) ? await tried.runtime.whyNoWall() : undefined;
        return [...(noWall ? [failedWith(subject, noWall)] : []), ...judgePods(tried, config)];
      }
      if ('skipped' in tried) return [skipped(subject, tried.skipped)];
      if (!('error' in tried)) return [...judgeContainer(tried, config), ...(await checkMountedEntrypoint(config))];
      if (tried.error instanceof UserError) return [failedWith(subject, tried.error)];
      return [cannotRun(tried.engine, formatError(tried.error))];
    },
    serverSettings,
  );
}

function hostFinding({ egress }: Config): Finding {
  if (!isWallForAll(egress)) return skipped(subject, 'the runtime host has no containers');
  const text = 'Set runner.runtime to docker or podman, or egress.mode to "auto" and egress.otherwise to "open".';
  return failed(subject, 'no job can run: the runtime host cannot limit the network of its jobs', { text });
}

function judgeContainer({ runtime, result, address }: TriedContainers, { runner, egress }: Config): Finding[] {
  const { url } = runner;
  const isOnlyWay = isWallForAll(egress);
  const wall = result.others === undefined ? [] : [judgeWall(result.others.wall, runtime.name, isOnlyWay)];
  // No job has the network of the first container.
  if (isOnlyWay && wall.length > 0) return wall;
  const finding = judge(result, runtime.name, url);
  if (finding.status === 'ok' || result.report === undefined || address?.reason === undefined)
    return [finding, ...wall];
  return [failed(subject, `${finding.message} (${address.reason})`, { text: address.remedy }), ...wall];
}

/** @param isOnlyWay whether all jobs are behind the wall; if not, it may not be needed, so problems are warnings */
function judgeWall(wall: WallResult, engine: string, isOnlyWay: boolean): Finding {
  const problem = isOnlyWay ? failed : warning;
  const jobs = isOnlyWay ? 'no job' : 'no job with a limited network';
  if (!wall.stands) {
    const otherwise = `Run "plan42 runner doctor" again. ${isOnlyWay ? 'Jobs' : 'Jobs whose network is limited'} are refused until it succeeds.`;
    return problem(subject, `${jobs} can run: ${wall.reason}`, { text: wall.remedy ?? otherwise });
  }
  const { url, durationMs } = wall.server;
  if (wall.server.isFromApi !== true)
    return problem(subject, `${jobs} can call ${url}: ${reasonOf(wall.server)}`, { text: wallRemedy(wall.server) });
  return passed(
    subject,
    `a container of ${engine} behind the wall called ${url} through its gateway, ${durationMs} ms, and reached no network`,
  );
}

function reasonOf({ status, message, code = '' }: CheckReport): string {
  return message || (status === undefined ? code : `status ${status}, not from a Plan42 server`);
}

function wallRemedy({ code = '', message = '' }: CheckReport): string {
  return isCertificateError(code, message)
    ? trustRemedy
    : 'Check that the server runs, and that the runner reaches it: the gateway connects from this machine.';
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
  if (engine === 'kubernetes')
    return failed(subject, `cannot try the cluster: ${reason}`, { text: 'Try again.' }, ExitCode.runtime);
  const text = `Start a container with ${engine} yourself and correct what it reports. The limits and the network are those of [jobs].`;
  return failed(subject, `${engine} cannot start a container as for a job: ${reason}`, { text }, ExitCode.runtime);
}

const certificateErrors = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ALTNAME|SSL|TLS/;

const trustRemedy = 'Set jobs.ca_file to the PEM file of the authority, or correct it.';
const isCertificateError = (code: string, message: string) =>
  certificateErrors.test(code) || /certificate/i.test(message);

function remedyFor(code: string, message: string, { hostname, port }: URL, serverUrl: URL): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `Use a certificate that is valid for ${hostname} too.`;
  if (isCertificateError(code, message)) return trustRemedy;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `Let containers resolve ${hostname}: check the DNS servers of the engine, and jobs.network.`;
  if (hostname !== serverUrl.hostname)
    return `Allow containers to connect to this machine in its firewall (port ${port}), and check that the server listens for containers.`;
  return 'Check jobs.network and firewalls. Agents do not get the proxies of the runner: see docs/runtimes.md.';
}
