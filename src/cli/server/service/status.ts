import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { getCurrentTenant } from '../../../plan42/admin-client.ts';
import { createTransport } from '../../../plan42/transport.ts';
import { serverService } from '../../../service/services.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { withProgress } from '../../progress.ts';
import { describeOutdated, findOutdated, type Outdated } from '../../service/outdated.ts';
import { describeService, readServiceState, type ServiceState } from '../../service/state.ts';
import { createStyle, wantsColor } from '../../style.ts';
import { explainApiFailure } from '../api-failure.ts';
import { serverDataDir } from '../data-dir.ts';
import { type LocationOptions, locateServer, type ServerLocation } from '../location.ts';
import { readProblem } from './health.ts';

export interface ServerStatusOptions extends LocationOptions {
  json?: boolean;
}

/** The output of `--json`; docs/schemas/server-status.json. */
interface ServerStatus {
  state: 'running' | 'not-running';
  /** Why a call to the server failed, or why the server cannot save data. */
  problem: string | null;
  url: string | null;
  dataDir: string | null;
  service: ServiceState | null;
  /** Null if it is unknown. */
  version: string | null;
  /** Null if it is unknown, or the version that is installed. */
  outdated: Outdated | null;
}

/**
 * Prints whether the server responds, and the state of the service.
 * @throws UserError if it does not respond or cannot save data, after printing
 */
export async function showServerStatus(context: CliContext, options: ServerStatusOptions): Promise<void> {
  const { stdout, signal } = context;
  const status = await withProgress(context, 'Waiting for the server', () => readStatus(context, options));
  await print(stdout, options.json ? renderJson(status) : render(context, status), signal);
  if (status.state === 'not-running') {
    throw new UserError('the server is not running', {
      remedy: 'Start it with "plan42 server enable", or in the foreground with "plan42 server start".',
    });
  }
  if (status.problem === null) return;
  throw new UserError(`the server cannot save data: ${status.problem}`, {
    remedy: 'Its log has the details. When that is fixed, the server needs no restart.',
  });
}

async function readStatus(context: CliContext, options: ServerStatusOptions): Promise<ServerStatus> {
  const dataDir = options.server === undefined ? serverDataDir(options.data, context.env, context.platform) : null;
  const service = options.server === undefined ? await readServiceState(context, serverService) : null;
  try {
    const { url, program, problem = null } = await locateRunningServer(context, options);
    const outdated = program === undefined ? null : await findOutdated(context, serverService, program);
    return { state: 'running', problem, url, dataDir, service, version: program?.version ?? null, outdated };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message: problem } = error;
    return { state: 'not-running', problem, url: null, dataDir, service, version: null, outdated: null };
  }
}

/** Returns the server, which has responded. @throws UserError */
async function locateRunningServer(
  { env, version, signal }: CliContext,
  options: ServerStatusOptions,
): Promise<ServerLocation & { problem: string | undefined }> {
  const location = locateServer(options, env);
  const { url, token, caFile } = location;
  const transport = createTransport({ env, caFile, trustsServerCertificate: true });
  try {
    await getCurrentTenant({ transport, baseUrl: new URL(url), token, userAgent: `plan42/${version}` }, signal);
    return { ...location, problem: await readProblem(url, { transport, signal }) };
  } catch (error) {
    throw explainApiFailure(error, location, env);
  } finally {
    await transport.destroy();
  }
}

function render(context: CliContext, status: ServerStatus): string {
  const { state, problem, url, dataDir, service, version, outdated } = status;
  const style = createStyle(wantsColor(context.stdout, context));
  const trouble = problem === null ? '' : `: ${printableLine(problem)}`;
  const running = `${(problem === null ? style.good : style.bad)('Running')}, ${url}`;
  const shown = (state === 'running' ? running : style.bad('Not Running')) + trouble;
  const lines = [
    ['Server', shown],
    ...(outdated ? [['Version', style.bad(describeOutdated(version ?? undefined, outdated))]] : []),
    ...(outdated || version === null ? [] : [['Version', printableLine(version)]]),
    ...(service ? [['Service', describeService(service)]] : []),
    ...(dataDir === null ? [] : [['Data', printableLine(dataDir)]]),
  ] as const;
  return lines.map(([name = '', text]) => `${style.bold(name.padEnd(7))}  ${text}\n`).join('');
}
