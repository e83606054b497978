/** Decides which hosts the agent of `plan42 run` may reach, and whether its keys stay outside of its container. */

import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { allowedHostProblem } from '../../gateway/entries.ts';
import type { PresetName } from '../../gateway/presets.ts';
import { requireUsableSecrets, unboundNames } from '../../jobs/credentials/collect.ts';
import { frontProxy } from '../../jobs/egress/front-proxy.ts';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { joinWords } from '../../lib/join-words.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { EnvVar } from '../../plan42/objects.ts';
import { createRuntime } from '../../runtimes/select.ts';
import type { CliContext } from '../context.ts';
import type { EngineName } from './choose-runtime.ts';
import type { LocalRepository } from './git/local-repository.ts';
import { type RunNetwork, runNetworks } from './network-names.ts';
import { findRemoteUrl, parseRemote } from './pull-request.ts';
import { runFolder } from './service/run-folder.ts';

/** The presets of `packages`. All of them, because a turn may add another language. */
export const packagePresets = [
  ...['npm', 'pypi', 'debian', 'ubuntu', 'alpine', 'go', 'crates', 'rubygems', 'maven', 'nuget', 'packagist'],
  'github',
] as const satisfies readonly PresetName[];

interface NetworkOptions {
  network?: RunNetwork;
  allow?: readonly string[];
}

/** @throws UserError for PLAN42_RUN_NETWORK with another value */
function wantedNetwork({ env }: CliContext, { network, allow }: NetworkOptions): RunNetwork | undefined {
  const given = network ?? env['PLAN42_RUN_NETWORK'];
  if (!given) return allow === undefined ? undefined : 'packages';
  const known = runNetworks.find((name) => name === given);
  if (known !== undefined) return known;
  throw new UserError(`invalid PLAN42_RUN_NETWORK: ${JSON.stringify(given.slice(0, 100))}`, {
    remedy: `Use one of: ${runNetworks.join(', ')}.`,
    exitCode: ExitCode.usage,
  });
}

export interface HostsOfRun {
  /** `AllowedHosts` of the environment. Undefined: the network is not limited. */
  hosts: string[] | undefined;
  /** Sentences for the user. */
  notes: string[];
}

interface NetworkInput {
  options: NetworkOptions;
  /** The engine of this machine. Undefined if runners of another server do the work. */
  engine: EngineName | undefined;
  agentHosts: readonly string[];
  repository: LocalRepository;
  /** Those that the agent gets. */
  variables: readonly EnvVar[];
}

/**
 * Decides what an agent in a container may reach. What the user asks for is enforced, or the job is refused. Without a wish, a
 * machine that can have no wall gets an open network and a note.
 * @throws UserError
 */
export async function decideNetwork(context: CliContext, input: NetworkInput): Promise<HostsOfRun> {
  const { options, engine, agentHosts, repository, variables } = input;
  const wanted = wantedNetwork(context, options);
  const hostsOf = (network: RunNetwork) => hostsOfNetwork(network, { ...options, agentHosts, repository });
  // The owner of another server decides about its runners.
  if (engine === undefined) return { hosts: wanted && (await hostsOf(wanted)), notes: [] };
  const config = await readRunnerConfig(context);
  const secrets = secretsIn(variables);
  const checkSecrets = () => checkKept(context, config, secrets);
  if (wanted !== undefined) {
    if (wanted === 'open') return { hosts: undefined, notes: [] };
    requireEnforced(context, config);
    return { hosts: await hostsOf(wanted), notes: checkSecrets() };
  }
  const obstacle = await findObstacle(context, engine, config);
  if (obstacle === undefined)
    return { hosts: await hostsOf('packages'), notes: [await describe(repository), ...checkSecrets()] };
  const keys = secrets.size === 0 ? '' : `, and it gets ${joinWords(secrets.keys())} itself`;
  const remedy = 'To require a limit, use --network packages; see docs/run.md.';
  return { hosts: undefined, notes: [`The network of the agent is not limited${keys}: ${obstacle}. ${remedy}`] };
}

/**
 * Checks the secrets of an agent whose network is limited, before it gets them in a further turn. Returns sentences for the user.
 * @throws UserError if one cannot be kept outside of its container
 */
export async function checkSecretsOfTurn(context: CliContext, variables: readonly EnvVar[]): Promise<string[]> {
  return checkKept(context, await readRunnerConfig(context), secretsIn(variables));
}

function secretsIn(variables: readonly EnvVar[]): Map<string, string> {
  return new Map(variables.flatMap(({ Name, Value, IsSecret }) => (IsSecret ? [[Name, Value]] : [])));
}

function checkKept(context: CliContext, config: Config, secrets: ReadonlyMap<string, string>): string[] {
  if (config.credentials.broker !== 'off') requireUsableSecrets(secrets, config.credentialTables);
  return explainUnbound(unboundNames(secrets, config.credentialTables), runFolder(context).runnerConfig);
}

function explainUnbound(names: readonly string[], file: string): string[] {
  if (names.length === 0) return [];
  const [they, it] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const remedy = `To keep ${it} outside, add a [credentials.NAME] table to ${file}.`;
  return [`${joinWords(names)} ${they} not bound to hosts, so the agent gets ${it} itself. ${remedy}`];
}

/** @returns undefined for an open network */
export async function hostsOfNetwork(
  network: RunNetwork,
  {
    allow = [],
    agentHosts,
    repository,
  }: { allow?: readonly string[]; agentHosts: readonly string[]; repository: LocalRepository },
): Promise<string[] | undefined> {
  if (network === 'open') return undefined;
  const needed = [...agentHosts, ...allow];
  if (network === 'minimal') return unique(needed.length === 0 ? [nothing] : needed);
  if (network === 'public') return unique(['*', ...needed]);
  return unique([...packagePresets, ...(await remoteHosts(repository)), ...needed]);
}

/** An empty list would be no limit. */
const nothing = 'none.invalid';
const unique = (hosts: readonly string[]) => [...new Set(hosts)];

/** The host of the repository's remote, which dependencies are often from, too. */
async function remoteHosts(repository: LocalRepository): Promise<string[]> {
  const url = parseRemote((await findRemoteUrl(repository)) ?? '');
  if (url === undefined || isLoopback(url.hostname)) return [];
  const isWeb = /^https?:$/.test(url.protocol);
  const host = isWeb && url.port !== '' ? `${url.hostname}:${url.port}` : url.hostname;
  return host === '' || allowedHostProblem(host) !== undefined || host === 'github.com' ? [] : [host];
}

async function describe(repository: LocalRepository): Promise<string> {
  const hosts = ['its model', 'package registries', 'github.com', ...(await remoteHosts(repository))];
  return `The agent reaches ${joinWords(hosts)}. For more, use --allow HOST or --network public.`;
}

async function readRunnerConfig(context: CliContext): Promise<Config> {
  const path = runFolder(context).runnerConfig;
  return (await loadConfig({ path, explicit: false, env: {}, flags: new Map() })).config;
}

/** @throws UserError if limits of the user's own runner would have no effect */
export async function requireLimits(context: CliContext): Promise<void> {
  requireEnforced(context, await readRunnerConfig(context));
}

/** @throws UserError if the user's own settings of the runner switch the wall off */
function requireEnforced(context: CliContext, { egress }: Config): void {
  const { runnerConfig } = runFolder(context);
  if (egress.mode !== 'off' && egress.mode !== 'observe') return;
  throw new UserError(
    `the network of the agent cannot be limited: egress.mode is "${egress.mode}" in ${runnerConfig}`,
    {
      remedy: 'Remove that setting, or use --network open.',
      exitCode: ExitCode.configuration,
    },
  );
}

/** Why jobs of this machine cannot have a wall, or should not because of the user's own settings; a clause. */
async function findObstacle(
  { env, ...context }: CliContext,
  engine: EngineName,
  config: Config,
): Promise<string | undefined> {
  const file = runFolder({ env, ...context }).runnerConfig;
  if (config.egress.mode === 'off') return `egress.mode is "off" in ${file}`;
  if (config.jobs.network !== undefined) return `jobs.network is set in ${file}`;
  try {
    frontProxy(config, env);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  const runtime = createRuntime(engine, { config, env, instanceId: 'run', knownJobs: async () => [] });
  return (await runtime.whyNoWall())?.message.replace(/^cannot limit the network of the job: /, '');
}
