import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { RunnerTokenMetadata } from '../../../plan42/admin-objects.ts';

/** The tokens of all runners, expired and revoked ones too, newest first. */
export async function allTokens(client: AdminClient): Promise<RunnerTokenMetadata[]> {
  const runners = await client.listRunners();
  const tokens = await Promise.all(runners.map((runner) => client.listRunnerTokens(runner.RunnerId)));
  const madeAt = (token: RunnerTokenMetadata) => Date.parse(token.CreatedAt ?? '') || 0;
  return tokens.flat().toSorted((a, b) => madeAt(b) - madeAt(a) || a.TokenID.localeCompare(b.TokenID));
}
