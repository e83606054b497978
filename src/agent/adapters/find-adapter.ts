import { AgentFailure } from '../drivers/driver.ts';
import type { Adapter } from './adapter.ts';

/** The agents that we know. */
export const adapters: readonly Adapter[] = [];

/**
 * The agent that an image is made for: `PLAN42_AGENT` is a name, or the path of a module with an adapter as its default
 * export.
 * @throws AgentFailure
 */
export async function findAdapter(env: NodeJS.ProcessEnv): Promise<Adapter> {
  const name = env['PLAN42_AGENT'] ?? '';
  const found = adapters.find((adapter) => adapter.name === name);
  if (found !== undefined) return found;
  throw new AgentFailure('unknown-agent', `cannot find agent ${JSON.stringify(name)}.`);
}
