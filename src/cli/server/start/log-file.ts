import { join } from 'node:path';
import { rotatedNames } from '../../../lib/rotating-file.ts';
import { serverLogDir } from '../../../service/definition.ts';
import type { CliContext } from '../../context.ts';

export const logLimits = { maxBytes: 10 * 1024 * 1024, keep: 2 };

/** The log of the service. */
export function serviceLogFile(host: Pick<CliContext, 'env' | 'platform'>): string {
  return join(serverLogDir(host), 'server.log');
}

/** Newest first. */
export function serverLogFiles(path: string): [string, ...string[]] {
  return rotatedNames(path, logLimits.keep);
}
