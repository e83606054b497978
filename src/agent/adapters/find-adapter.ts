import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formatError } from '../../lib/errors.ts';
import { AgentFailure } from '../drivers/driver.ts';
import type { Adapter } from './adapter.ts';
import { aider } from './aider.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { custom } from './custom.ts';
import { gemini } from './gemini.ts';
import { opencode } from './opencode.ts';

/** The agents that images can be built for. */
export const adapters: readonly Adapter[] = [claude, codex, gemini, opencode, aider];

const setAgent = 'Set PLAN42_AGENT in the image';

/**
 * The agent that an image is made for: `PLAN42_AGENT` is a name, or the path of a module with an adapter as its default
 * export.
 * @throws AgentFailure
 */
export async function findAdapter(env: NodeJS.ProcessEnv): Promise<Adapter> {
  const name = env['PLAN42_AGENT'] || (env['PLAN42_AGENT_COMMAND'] ? 'custom' : '');
  if (isAbsolute(name)) return load(name);
  const found = name === 'custom' ? custom(env) : adapters.find((adapter) => adapter.name === name);
  if (found === undefined) {
    const names = [...adapters.map((adapter) => adapter.name), 'custom'].join(', ');
    const why = name === '' ? 'the image does not name its agent' : `there is no agent ${JSON.stringify(name)}`;
    throw new AgentFailure('unknown-agent', `cannot start the agent: ${why}. ${setAgent} to one of: ${names}.`);
  }
  if (name === 'custom' && !env['PLAN42_AGENT_COMMAND']?.trim()) {
    throw new AgentFailure(
      'unknown-agent',
      `cannot start the agent: PLAN42_AGENT_COMMAND is empty. Set it in the image.`,
    );
  }
  return found;
}

async function load(path: string): Promise<Adapter> {
  const module: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new AgentFailure('unknown-agent', `cannot load the adapter ${path}: ${formatError(error)}. Fix the file.`);
  });
  const adapter = (module as { default?: Partial<Adapter> }).default;
  if (typeof adapter?.name !== 'string' || !(adapter.acp ?? adapter.commandLine)) {
    const why = 'its default export has no name, or neither acp nor commandLine';
    throw new AgentFailure('unknown-agent', `cannot load the adapter ${path}: ${why}. Fix the file.`);
  }
  return { packages: {}, keys: [], hosts: [], ...adapter, name: adapter.name };
}
