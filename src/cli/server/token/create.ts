import { randomUUID } from 'node:crypto';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson } from '../../output.ts';
import { findRunner } from '../find-runner.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';

export interface CreateTokenOptions extends LocationOptions {
  runner?: string;
  ttlDays: number;
  json?: boolean;
}

export async function createToken(context: CliContext, options: CreateTokenOptions): Promise<void> {
  const token = await callServer(context, options, async (server) => {
    const runnerId = await findRunner(server, options.runner);
    return server.client.createRunnerToken(runnerId, randomUUID(), options.ttlDays);
  });
  if (options.json) return print(context.stdout, renderJson(token), context.signal);
  await print(context.stdout, `${token.Token}\n`, context.signal);
  const { TokenID, RunnerID, ExpiresAt } = token;
  context.stderr.write(
    printableLine(`Token ${TokenID} for runner ${RunnerID}, valid until ${formatLocalTime(ExpiresAt)}.`),
  );
  context.stderr.write('\n');
}
