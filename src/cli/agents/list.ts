import { adapters } from '../../agent/adapters/find-adapter.ts';
import type { CliContext } from '../context.ts';
import { print, renderJson, terminalWidth } from '../output.ts';
import { renderTable } from '../table.ts';
import { imageOfAgent } from './recipe.ts';

export interface ListAgentsOptions {
  json?: boolean;
}

interface ListedAgent {
  name: string;
  /** The name of its image, unless --tag gives another. */
  image: string;
  keys: readonly string[];
  hosts: readonly string[];
}

/** `plan42 agent list` */
export async function listAgents({ stdout, signal }: CliContext, { json }: ListAgentsOptions): Promise<void> {
  const known = adapters.map(({ name, keys, hosts }) => ({ name, image: imageOfAgent(name), keys, hosts }));
  const custom = { name: 'custom', image: imageOfAgent('custom'), keys: [], hosts: [] };
  const agents: ListedAgent[] = [...known, custom];
  if (json) return print(stdout, renderJson(agents), signal);
  const width = terminalWidth(stdout);
  const columns = [
    { title: 'AGENT', cell: ({ name }: ListedAgent) => name },
    { title: 'IMAGE', cell: ({ image }: ListedAgent) => image },
    { title: 'KEYS, ONE OF', cell: ({ keys }: ListedAgent) => keys.join(', ') || '-', flexible: true },
  ];
  await print(stdout, renderTable(agents, columns, width), signal);
}
