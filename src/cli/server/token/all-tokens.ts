import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminRunnerToken } from '../../../plan42/admin-objects.ts';

/** The tokens of all runners, including expired and revoked ones, newest first. */
export async function allTokens(client: AdminClient): Promise<AdminRunnerToken[]> {
  const runners = await client.listRunners();
  const tokens = await Promise.all(runners.map((runner) => client.listRunnerTokens(runner.RunnerId)));
  const createdAt = (token: AdminRunnerToken) => Date.parse(token.CreatedAt ?? '') || 0;
  return tokens.flat().toSorted((a, b) => createdAt(b) - createdAt(a) || a.TokenID.localeCompare(b.TokenID));
}
