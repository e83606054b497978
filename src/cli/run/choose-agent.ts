import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Adapter } from '../../agent/adapters/adapter.ts';
import { adapters } from '../../agent/adapters/find-adapter.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { joinWords } from '../../lib/join-words.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import { adapterName, imageOfAgent, recipeFolder } from '../agents/recipe.ts';
import type { CliContext } from '../context.ts';
import { requireImage } from '../server/require-image.ts';

export interface AgentOptions {
  agent?: string;
  image?: string;
  /** False with `--no-container`. */
  container: boolean;
}

export interface ChosenAgent {
  /** The name of an adapter, or the path of one. Undefined: the image says it. */
  name: string | undefined;
  /** Undefined: the image that is built for the agent. */
  image: string | undefined;
  /** Tell the image which agent to start, and give it the keys that the user has set. */
  variables: EnvVar[];
  /** The hosts that it cannot do without. */
  hosts: readonly string[];
  /** Why this agent, if the user has not chosen it. */
  reason: string | undefined;
}

/** A runner without containers needs some name. */
const noImage = 'localhost/no-container:latest';

/**
 * Chooses the agent: what the options say, or else the one whose key is set.
 * @throws UserError
 */
export function chooseAgent({ env }: CliContext, options: AgentOptions): ChosenAgent {
  const { image, container } = options;
  if (image !== undefined) requireImage(image);
  const given = options.agent ?? env['PLAN42_RUN_AGENT'];
  const found = given === undefined && image === undefined ? findByKey(env) : undefined;
  const name = given === undefined ? found?.name : (builtAdapter(given, env) ?? given);
  const adapter = adapters.find((known) => known.name === name);
  if (name !== undefined && adapter === undefined && !/[./]/.test(name) && name !== 'custom') {
    throw new UserError(`there is no agent "${name}"`, { remedy: `Use one of: ${names()}.`, exitCode: ExitCode.usage });
  }
  const keys = (adapter?.keys ?? []).flatMap((key): EnvVar[] => {
    const value = trimEnd(env[key] ?? '', '\r\n');
    return value ? [{ Name: key, Value: value, IsSecret: true }] : [];
  });
  // The image that is built for an agent names it itself. That of a command may be for another one.
  const isNamed = name === undefined || (container && image === undefined && name !== 'custom');
  const variables = isNamed ? [] : agentVariables(name, env);
  return {
    name,
    image: image ?? (container ? undefined : noImage),
    variables: [...variables, ...keys, ...(keys.length > 0 ? serverVariable(adapter, env) : [])],
    hosts: adapter?.hosts ?? [],
    reason: found && `Using ${found.name}, because ${found.key} is set. For another agent, use --agent.`,
  };
}

/** The file of an adapter that the user has built an image with, by its name. */
function builtAdapter(name: string, env: NodeJS.ProcessEnv): string | undefined {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name) || name === 'custom' || adapters.some((known) => known.name === name))
    return undefined;
  const file = join(recipeFolder(imageOfAgent(name), env), adapterName);
  return existsSync(file) ? file : undefined;
}

/** A key may be for another server than that of the provider. */
function serverVariable(adapter: Adapter | undefined, env: NodeJS.ProcessEnv): EnvVar[] {
  const name = adapter?.server?.variable ?? '';
  const value = env[name];
  return value ? [{ Name: name, Value: value, IsSecret: false }] : [];
}

function agentVariables(name: string, env: NodeJS.ProcessEnv): EnvVar[] {
  const command = env['PLAN42_AGENT_COMMAND'];
  const custom = name === 'custom' && command ? customVariables(command, env['PLAN42_AGENT_PROTOCOL']) : [];
  return [{ Name: 'PLAN42_AGENT', Value: name, IsSecret: false }, ...custom];
}

function customVariables(command: string, protocol: string | undefined): EnvVar[] {
  return [
    { Name: 'PLAN42_AGENT_COMMAND', Value: command, IsSecret: false },
    ...(protocol ? [{ Name: 'PLAN42_AGENT_PROTOCOL', Value: protocol, IsSecret: false }] : []),
  ];
}

function findByKey(env: NodeJS.ProcessEnv): { name: string; key: string } {
  const withKey = adapters.filter(({ keys }) => keys.some((key) => env[key]));
  // The agent of a provider comes before those that work with many.
  const own = withKey.filter(({ server }) => server !== undefined);
  const found = own.length > 0 ? own : withKey;
  const [only, another] = found;
  const key = only?.keys.find((name) => env[name]);
  if (only !== undefined && key !== undefined && another === undefined) return { name: only.name, key };
  const keys = [...new Set(adapters.flatMap(({ keys }) => keys))].join(', ');
  const reason =
    only === undefined ? 'no key of a model is set' : `keys of ${joinWords(found.map(({ name }) => name))} are set`;
  throw new UserError(`cannot choose an agent: ${reason}`, {
    remedy: `Give --agent NAME (${names()}) or --image IMAGE, or set one of ${keys}.`,
    exitCode: ExitCode.usage,
  });
}

function names(): string {
  return [...adapters.map(({ name }) => name).filter((name) => name !== 'custom'), 'custom'].join(', ');
}
