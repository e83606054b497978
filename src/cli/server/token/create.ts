import { randomUUID } from 'node:crypto';
import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson } from '../../output.ts';
import type { LocationOptions } from '../location.ts';
import { callServer, type ServerConnection } from '../with-server.ts';

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

async function findRunner({ client, defaultRunnerId }: ServerConnection, wanted: string | undefined): Promise<string> {
  const remedy = 'Choose a runner with --runner.';
  if (wanted === undefined) {
    if (defaultRunnerId !== undefined) return defaultRunnerId;
    throw new UserError('the tenant has no default runner', { remedy });
  }
  const runners = await client.listRunners();
  const found = runners.find((runner) => runner.RunnerId === wanted.toLowerCase() || runner.Name === wanted);
  if (found !== undefined) return found.RunnerId;
  const names = runners.map((runner) => printableLine(`${runner.Name} (${runner.RunnerId})`)).join(', ');
  throw new UserError(`runner ${wanted} not found`, { remedy: names ? `Use one of: ${names}.` : '' });
}
