import { join } from 'node:path';
import { gatewayFolder, readPolicy, reportFile } from '../gateway/policy.ts';
import { type Report, readReport } from '../gateway/report.ts';
import type { WardenTask } from './files.ts';

/** The bytes that went through the gateway of the job. Undefined without a report: the job has no gateway, or no traffic yet. */
export async function countGatewayBytes({ folder }: Pick<WardenTask, 'folder'>): Promise<number | undefined> {
  const gateway = join(folder, gatewayFolder);
  const report = await readReport(join(gateway, reportFile)).catch(() => undefined);
  if (report === undefined) return undefined;
  const policy = await readPolicy(gateway).catch(() => undefined);
  return sumBytes(report, policy?.server);
}

/** Agents report to their server that they are alive, also if they do nothing. */
export function sumBytes({ entries }: Pick<Report, 'entries'>, server?: { host: string; port: number }): number {
  return entries
    .filter(({ host, port }) => host !== server?.host || port !== server.port)
    .reduce((sum, { sentBytes, receivedBytes }) => sum + sentBytes + receivedBytes, 0);
}
