/** Finds the secrets of a job that its gateway can put into requests, and the hosts that each is for. */
import { type CredentialHost, parseCredentialHost } from '../../config/credentials.ts';
import type { Config, Connection } from '../../config/schema.ts';
import { parseHost } from '../../gateway/host-name.ts';
import type { Credential } from '../../gateway/policy.ts';
import { UserError } from '../../lib/errors.ts';
import { githubRules } from '../egress/github-rules.ts';
import { hostsOfModelKey } from '../egress/model-entries.ts';
import { currentModelKey, modelKeys } from '../model-providers.ts';

export interface Secret {
  /** Says where it comes from. */
  name: string;
  value: string;
  targets: Credential['targets'];
  header?: string | undefined;
}

/** The configuration as it is now: its tokens may have changed since the runner started. */
export type SecretConfig = Pick<Config, 'github' | 'jobs' | 'credentialTables' | 'runner' | 'modelMappings'>;

export interface SecretSources {
  config: SecretConfig;
  /** The job's connection to GitHub, by the name of its table. */
  connection: { name: string; connection: Connection } | undefined;
  /** The agent's request. */
  request: Record<string, unknown>;
  /** The variables of the runner. */
  env: NodeJS.ProcessEnv;
}

/** A shorter text is no secret, and other texts may contain it by chance. */
const minLength = 8;
const githubKey = /^(?:GH|GITHUB)_TOKEN$|^GITHUB_PERSONAL_ACCESS_TOKEN$/;
export const isGithubKey = (name: string) => githubKey.test(name);
const enterpriseKey = /^(?:GH|GITHUB)_ENTERPRISE_TOKEN$/;
/** These hosts serve signed URLs only. */
const withoutToken =
  /^lfs\.github\.com$|(?:^|\.)(?:objects|objects-origin|media|release-assets|github-releases|github-cloud)\.githubusercontent\.com$|\.amazonaws\.com$/;

/** @throws UserError if a secret that the configuration names cannot be kept out of the job */
export function collectSecrets({ config, connection, request, env }: SecretSources): Secret[] {
  const githubUrl = connection?.connection.url ?? urlOf(request['GithubURL']) ?? new URL('https://github.com');
  const github = githubSecret(connection, request, githubUrl);
  const ofJobs = new Map(config.jobs.env.map(({ name, value = env[name] ?? '' }) => [name, value]));
  const ofEnvironment = environmentVariables(request['Environment']);
  const all = new Map([...ofJobs, ...[...ofEnvironment].map(([name, { value }]) => [name, value] as const)]);
  const tables = Object.entries(config.credentialTables);
  const bound = tables.flatMap(([name, table]) => {
    const { variable = '' } = table;
    const found = [
      { name: jobVariable(variable), value: ofJobs.get(variable) },
      { name: `credentials.${name}`, value: ofEnvironment.get(variable)?.value },
    ];
    const targets = table.hosts.map((entry) => targetOf(parseCredentialHost(entry)));
    return found.flatMap((each): Secret[] => {
      if (each.value === undefined || each.value === '') return [];
      requireUsable(each.name, each.value);
      return [{ name: each.name, value: each.value, targets, header: table.header?.toLowerCase() }];
    });
  });
  const names = new Set(tables.map(([, { variable }]) => variable));
  const usualTargets = (name: string, value: string, variables: ReadonlyMap<string, string>, url: URL) => {
    if (names.has(name) || value.length < minLength) return undefined;
    const urls = hostsOfVariable(name, variables, url) ?? [];
    return urls.length === 0 ? undefined : urls.flatMap(targetsOfUrl);
  };
  const ofOperator = [...ofJobs].flatMap(([name, value]): Secret[] => {
    // A message must not choose the host that gets a secret of the configuration: without another host, no host gets it.
    const url = connection?.connection.url ?? new URL('https://github.com');
    const isKnown = usualTargets(name, value, all, githubUrl) !== undefined;
    const targets = usualTargets(name, value, ofJobs, url) ?? (isKnown ? [] : undefined);
    return targets === undefined ? [] : [usable({ name: jobVariable(name), value, targets })];
  });
  const ofMessage = [...ofEnvironment].flatMap(([name, { value, isSecret }]): Secret[] => {
    const targets = isSecret ? usualTargets(name, value, all, githubUrl) : undefined;
    return targets === undefined ? [] : [usable({ name: `environment.${name}`, value, targets })];
  });
  const models = modelKeys(config, request).flatMap(({ name, value, urls }): Secret[] =>
    value.length >= minLength && urls.length > 0 ? [usable({ name, value, targets: urls.flatMap(targetsOfUrl) })] : [],
  );
  return [...github, ...models, ...bound, ...ofOperator, ...ofMessage];
}

/** The URLs of the hosts that a variable's secret is for by its name. Undefined or empty if the name does not say it. */
function hostsOfVariable(name: string, variables: ReadonlyMap<string, string>, github: URL): URL[] | undefined {
  if (githubKey.test(name)) return githubUrls(github);
  if (!enterpriseKey.test(name)) return hostsOfModelKey(name, variables);
  if (github.hostname !== 'github.com') return githubUrls(github);
  // The variable by which `gh` knows the Enterprise Server.
  const url = URL.parse(`https://${variables.get('GH_HOST') ?? ''}`);
  return url === null ? undefined : githubUrls(url);
}

const secretName =
  /(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD)$|(?:^|_)(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_|$)/i;

/** Returns the names of variables that look like secrets and that jobs get as they are, also behind the wall. */
export function unboundSecrets(variables: ReadonlyMap<string, string>, tables: Config['credentialTables']): string[] {
  return unboundNames(variables, tables).filter((name) => {
    const { length } = variables.get(name) ?? '';
    return secretName.test(name) && length >= minLength && !name.startsWith('PLAN42_');
  });
}

/** Returns the names of all variables that no host is known for, or that no header can have. */
export function unboundNames(variables: ReadonlyMap<string, string>, tables: Config['credentialTables']): string[] {
  const isKnown = isKnownOf(variables, tables);
  return [...variables].flatMap(([name, value]) => (isKnown(name) && isUsable(value) ? [] : [name]));
}

/** @throws UserError if one has known hosts, and no header can have it: its job would be refused */
export function requireUsableSecrets(variables: ReadonlyMap<string, string>, tables: Config['credentialTables']): void {
  const isKnown = isKnownOf(variables, tables);
  for (const [name, value] of variables) if (value.length >= minLength && isKnown(name)) requireUsable(name, value);
}

function isKnownOf(variables: ReadonlyMap<string, string>, tables: Config['credentialTables']) {
  const bound = new Set(Object.values(tables).map(({ variable }) => variable));
  const github = new URL('https://github.com');
  return (name: string) => bound.has(name) || (hostsOfVariable(name, variables, github) ?? []).length > 0;
}

/** The variables that an agent gets, with those of its environment, and the endpoints of models in its request. */
export function agentVariables({ config, request, env }: Omit<SecretSources, 'connection'>): [string, string][] {
  const { OpenAIEndpoint, ClaudeEndpoint } = request;
  const pairs: [string, unknown][] = [
    ...config.jobs.env.map(({ name, value = env[name] }): [string, unknown] => [name, value]),
    ...[...environmentVariables(request['Environment'])].map(([name, { value }]): [string, unknown] => [name, value]),
    ['OPENAI_ENDPOINT', OpenAIEndpoint],
    ['ANTHROPIC_ENDPOINT', ClaudeEndpoint],
  ];
  return pairs.flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [[name, value]] : []));
}

/** The value of a secret in the configuration as it is now. Undefined if it is in none. */
export function currentValue(name: string, config: SecretConfig, env: NodeJS.ProcessEnv): string | undefined {
  const [, source, key = ''] = /^(github|jobs\.env|runner)\.(.*)$/s.exec(name) ?? [];
  if (source === 'runner') return currentModelKey(name, config);
  if (source === 'github') return Object.hasOwn(config.github, key) ? config.github[key]?.token : undefined;
  const variable = source === undefined ? undefined : config.jobs.env.find((each) => each.name === key);
  return variable && (variable.value ?? env[key]);
}

/** Whether the configuration has, or had, the value of this secret. Others belong to a request. */
export const isConfigured = (name: string) => /^(?:github|jobs\.env|runner)\./.test(name);

const jobVariable = (name: string) => `jobs.env.${name}`;

function githubSecret(connection: SecretSources['connection'], request: Record<string, unknown>, url: URL): Secret[] {
  const requested = request['GithubToken'];
  const [name, value] = connection?.connection.token
    ? [`github.${connection.name}`, connection.connection.token]
    : ['GithubToken', typeof requested === 'string' ? requested : ''];
  if (value === '') return [];
  requireUsable(name, value);
  return [{ name, value, targets: githubUrls(url).flatMap(targetsOfUrl) }];
}

function githubUrls(url: URL): URL[] {
  const { rules, addresses } = githubRules(url, true);
  // An Enterprise Server that the configuration names by its address.
  if (addresses.length > 0) return [url];
  const hosts = rules.map(({ host }) => host).filter((host) => !withoutToken.test(host));
  return hosts.map((host) => new URL(`${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}`));
}

interface EnvironmentVariable {
  value: string;
  isSecret: boolean;
}

function environmentVariables(environment: unknown): Map<string, EnvironmentVariable> {
  const { EnvVars: list } = (environment ?? {}) as { EnvVars?: unknown };
  const found = new Map<string, EnvironmentVariable>();
  for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
    const { Name: name, Value: value, IsSecret: isSecret } = (item ?? {}) as Record<string, unknown>;
    if (typeof name === 'string' && typeof value === 'string') found.set(name, { value, isSecret: isSecret === true });
  }
  return found;
}

function urlOf(value: unknown): URL | undefined {
  return typeof value === 'string' && value !== '' ? (URL.parse(value) ?? undefined) : undefined;
}

function targetsOfUrl(url: URL): Credential['targets'] {
  const host = parseHost(url.hostname.replaceAll(/[[\]]/g, ''));
  if (host === undefined) return [];
  const isPlain = url.protocol === 'http:';
  return [{ host: host.text, port: Number(url.port) || (isPlain ? 80 : 443), isPlain }];
}

function targetOf({ host, port }: CredentialHost): Credential['targets'][number] {
  return { host, port, isPlain: false };
}

function isUsable(value: string): boolean {
  return value.length >= minLength && /^[\x20-\x7e]*$/.test(value);
}

function usable(secret: Secret): Secret {
  requireUsable(secret.name, secret.value);
  return secret;
}

function requireUsable(name: string, value: string): void {
  if (isUsable(value)) return;
  const why = value.length < minLength ? `it has less than ${minLength} characters` : 'no header can have it';
  throw new UserError(`cannot keep ${name} out of the job: ${why}`, {
    remedy: 'Set a token of printable ASCII characters, or credentials.broker = "off".',
  });
}
