/** The agent that an image is built for: one that we know, a command, or an adapter in a file. */

import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import type { Adapter } from '../../agent/adapters/adapter.ts';
import { custom } from '../../agent/adapters/custom.ts';
import { adapters } from '../../agent/adapters/find-adapter.ts';
import { ExitCode, formatError, UserError } from '../../lib/errors.ts';
import { readFailure, readText } from '../../lib/read-file.ts';
import { resolvedPath } from '../options.ts';

export interface ChosenAgent {
  name: string;
  packages: Adapter['packages'];
  keys: readonly string[];
  /** Variables of the image that select the agent. */
  variables: Readonly<Record<string, string>>;
  /** The programs that start it, one of which is sufficient. Empty if they are not known. */
  programs: readonly string[];
  /** Whether its packages contain the program. */
  isInstalled: boolean;
  /** Whether it is an agent that we know. */
  isOurs: boolean;
  /** Content of the adapter's file, if it is not one of ours. */
  adapterFile?: string;
}

export interface AgentChoice {
  agent: string;
  command?: string;
  protocol?: string;
}

/** The path of an adapter's file in the image. */
export const adapterPath = '/opt/plan42/adapter.mjs';

const names = v.optional(v.array(v.pipe(v.string(), v.regex(/^[@\w][\w@/.:=~<>,+[\]-]*$/))));
const Foreign = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,39}$/)),
  packages: v.optional(v.object({ npm: names, pip: names, apt: names }), {}),
  keys: v.optional(v.array(v.string()), []),
});

/** @throws UserError (exit code 2) if there is no such agent */
export async function chooseAgent({ agent, command, protocol }: AgentChoice): Promise<ChosenAgent> {
  if (agent !== 'custom' && (command !== undefined || protocol !== undefined))
    throw usage('--command and --protocol are for --agent custom', 'Remove them, or choose "--agent custom".');
  if (agent === 'custom') return customAgent(command, protocol);
  if (/[./]/.test(agent)) return loadAdapter(resolvedPath(agent));
  const known = adapters.find(({ name }) => name === agent);
  if (known === undefined) {
    const all = [...adapters.map(({ name }) => name), 'custom'].join(', ');
    throw usage(`there is no agent "${agent}"`, `Choose one of: ${all}. Or name the file of an adapter.`);
  }
  const { name, packages, keys } = known;
  const variables = { PLAN42_AGENT: name };
  return { name, packages, keys, variables, programs: programsOf(known, {}), isInstalled: true, isOurs: true };
}

/** The programs that a turn looks for, in this order. Empty for an adapter that needs more than we know here. */
function programsOf({ acp, commandLine }: Pick<Adapter, 'acp' | 'commandLine'>, env: NodeJS.ProcessEnv): string[] {
  const prompt = { prompt: '', folder: '/', model: undefined, reasoningLevel: undefined };
  const settings: Parameters<NonNullable<Adapter['acp']>>[0] = { ...prompt, webSearch: true, env };
  try {
    const launches = [acp?.(settings), commandLine?.(settings)];
    return [...new Set(launches.flatMap((launch) => launch?.command[0] ?? []))];
  } catch {
    return [];
  }
}

function customAgent(command: string | undefined, protocol = 'acp'): ChosenAgent {
  if (!command?.trim())
    throw usage(
      'the agent "custom" has no command',
      'Name it with --command, or for "plan42 run" in PLAN42_AGENT_COMMAND.',
    );
  if (/\p{Cc}/u.test(command)) throw usage('the command has more than one line', 'Write it in one line.');
  if (protocol !== 'acp' && protocol !== 'command')
    throw usage(`there is no protocol "${protocol}"`, 'Choose "acp" or "command".');
  const variables = {
    PLAN42_AGENT: 'custom',
    PLAN42_AGENT_COMMAND: command.trim(),
    PLAN42_AGENT_PROTOCOL: protocol,
  };
  const programs = programsOf(custom(variables), variables);
  return { name: 'custom', packages: {}, keys: [], variables, programs, isInstalled: false, isOurs: false };
}

/** The user's own file, which runs in this process. */
async function loadAdapter(path: string): Promise<ChosenAgent> {
  try {
    const adapterFile = await readText(path);
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    const { name, packages, keys } = v.parse(Foreign, module.default);
    const found: Adapter['packages'] = {
      ...(packages.npm && { npm: packages.npm }),
      ...(packages.pip && { pip: packages.pip }),
      ...(packages.apt && { apt: packages.apt }),
    };
    const programs = programsOf(module.default as Adapter, {});
    const isInstalled = Object.values(found).some((names) => names.length > 0);
    const variables = { PLAN42_AGENT: adapterPath };
    return { name, packages: found, keys, variables, programs, isInstalled, isOurs: false, adapterFile };
  } catch (error) {
    throw usage(
      `cannot load the adapter ${path}: ${formatError(readFailure(error))}`,
      'Its default export must have a name of lower-case letters, and "packages" as in docs/agent.md.',
    );
  }
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { remedy, exitCode: ExitCode.usage });
}
