import { UserError } from '../../lib/errors.ts';
import { printableLine } from '../../lib/printable.ts';
import type { ServerConnection } from './with-server.ts';

/**
 * Returns the ID of the runner with this ID or name, or of the tenant's default runner.
 * @throws UserError if there is none
 */
export async function findRunner(
  { client, defaultRunnerId }: ServerConnection,
  wanted: string | undefined,
): Promise<string> {
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
