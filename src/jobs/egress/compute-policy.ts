/** Computes the policy of a job's network from the configuration, its environment, and what no job can do without. */
import * as v from 'valibot';
import type { Config } from '../../config/schema.ts';
import type { Variable } from '../../config/variables.ts';
import { allowedHostProblem, covers, type Entry, type HostEntry, parseEntry } from '../../gateway/entries.ts';
import { showBlock } from '../../gateway/ip-address.ts';
import type { AddressRule, EgressPolicy, Rule } from '../../gateway/policy.ts';
import { UserError } from '../../lib/errors.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { ModelHosts } from '../model-providers.ts';
import { frontProxy } from './front-proxy.ts';
import { githubRules } from './github-rules.ts';
import { entriesOfUrl, modelEntries } from './model-entries.ts';
import { serverRule } from './server-rule.ts';

export interface EgressRequest {
  jobId: string;
  config: Pick<Config, 'egress' | 'jobs' | 'network'> & { runner: Pick<Config['runner'], 'url'> };
  /** `AllowedHosts` of the environment, as received. */
  allowedHosts: unknown;
  /** `EnvVars` of the environment, as received. */
  variables?: unknown;
  /** The hosts of the models that the request names, after the configuration has replaced some. */
  models?: readonly ModelHosts[];
  /** The server that the agent calls. */
  serverUrl: URL;
  /** The GitHub of the job. Only the configuration may name one in a private network; a request comes from outside. */
  github: { url: URL; isConfigured: boolean } | undefined;
  /** The variables of the runner: its proxies, and those that jobs get by name. */
  env: NodeJS.ProcessEnv;
}

export interface EgressDecision {
  /** Undefined if the job has no wall. */
  policy: EgressPolicy | undefined;
  /** Sentences for the logs. */
  notes: string[];
}

/** More are a mistake, and each connection is compared with all of them. */
const maxEntries = 1000;

/** @throws UserError if the job must not start, because what it may reach cannot be known */
export function computePolicy(request: EgressRequest): EgressDecision {
  const { config, jobId } = request;
  const { mode, otherwise, allowed, always } = config.egress;
  const named = readAllowedHosts(request.allowedHosts);
  const isTrusted = config.egress.privateHosts === 'named';
  if (mode === 'off') {
    const notes = named.length > 0 ? ['AllowedHosts of the environment is not enforced: egress.mode is "off".'] : [];
    return { policy: undefined, notes };
  }
  if (mode === 'auto' && named.length === 0 && otherwise === 'open') return { policy: undefined, notes: [] };
  const ceiling = allowed?.flatMap((text) => parseEntry(text));
  const base = always.flatMap((text) => parseEntry(text));
  const models = modelEntries(config.jobs.env, request.env);
  const providers = (request.models ?? []).map(({ source, isConfigured, urls }) => ({
    source,
    isConfigured,
    entries: urls.flatMap((url) => entriesOfUrl(url)),
  }));
  const remedies = remediesOf(ceiling !== undefined);
  const settings = {
    hosts: { name: 'AllowedHosts', privateRemedy: remedies.privateNamed, isTrusted },
    variables: { name: 'EnvVars', privateRemedy: remedies.privateNamed, isTrusted },
    always: { name: 'egress.always', privateRemedy: remedies.privateAlways },
    env: { name: 'jobs.env' },
  };
  const { rules, excluded } = intersect(named, ceiling, settings.hosts);
  const isPublic = mode === 'auto' && named.length === 0 && otherwise === 'public';
  const otherRules = isPublic ? intersect(everyHost, ceiling, { name: 'egress.otherwise' }).rules : [];
  // An environment that gives agents a key means them to use the model. The configuration limits it, as it does AllowedHosts.
  const ownModels = modelEntries(readVariables(request.variables), {});
  const github = request.github && githubRules(request.github.url, request.github.isConfigured);
  const proxy = frontProxy(config, request.env);
  const policy: EgressPolicy = {
    version: 1,
    jobId,
    mode: mode === 'observe' ? 'observe' : 'enforce',
    rules: [
      ...rules,
      ...otherRules,
      ...base.filter(isHost).map((entry) => ruleOf(entry, settings.always, isExact(entry))),
      ...models.filter(isHost).map((entry) => ruleOf(entry, settings.env, isExact(entry))),
      ...intersect(ownModels.filter(isHost), ceiling, settings.variables).rules,
      ...providers.flatMap(({ entries, source, isConfigured }) =>
        isConfigured
          ? entries.filter(isHost).map((entry) => ruleOf(entry, { name: source }, isExact(entry)))
          : intersect(entries.filter(isHost), ceiling, { name: source, privateRemedy: remedies.privateNamed }).rules,
      ),
      ...(github?.rules ?? []),
    ],
    addresses: [
      ...addressRules(ceiling ?? [], 'egress.allowed', true),
      ...addressRules(base, 'egress.always'),
      ...addressRules(models, 'jobs.env'),
      ...providers.flatMap(({ entries, source, isConfigured }) => (isConfigured ? addressRules(entries, source) : [])),
      ...(isTrusted && ceiling === undefined ? addressRules(ownModels, 'EnvVars') : []),
      ...(github?.addresses ?? []),
    ],
    server: serverRule(request.serverUrl, config.runner.url),
    ...(proxy && { proxy }),
    remedy: remedies.admitted,
    ...(ceiling && {
      limit: {
        hosts: ceiling.filter(isHost).map(({ host, ports }) => ({ host, ports: [...ports] })),
        remedy: remedies.excluded,
      },
    }),
    privateRemedy: remedies.privateUnnamed,
  };
  const notes =
    excluded.length === 0 ? [] : [`egress.allowed of the runner excludes ${list(excluded)} of AllowedHosts.`];
  return { policy, notes };
}

/** @throws UserError for anything but a list of entries that are understood: ignoring one would change what it says */
function readAllowedHosts(value: unknown): HostEntry[] {
  if (value === undefined || value === null) return [];
  const invalid = (why: string) =>
    new UserError(`cannot enforce AllowedHosts of the environment: ${why}`, {
      remedy: 'Correct AllowedHosts of the environment, or set egress.mode of the runner to "off".',
    });
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw invalid('it is not a list of texts');
  if (value.length > maxEntries) throw invalid(`it has more than ${maxEntries} entries`);
  return value.flatMap((text) => {
    const problem = allowedHostProblem(text);
    if (problem !== undefined) throw invalid(`${JSON.stringify(text.slice(0, 300))} ${problem}`);
    return parseEntry(text.trim()).filter(isHost);
  });
}

const ReceivedVariable = knownFields({ Name: v.string(), Value: v.string() });

/** Anything else than variables is ignored: they only ever allow more. */
function readVariables(value: unknown): Variable[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const { success, output } = v.safeParse(ReceivedVariable, item);
    return success ? [{ name: output.Name, value: output.Value }] : [];
  });
}

const everyHost: readonly HostEntry[] = parseEntry('*').flatMap((entry) => (entry.kind === 'host' ? [entry] : []));
const isHost = (entry: Entry): entry is HostEntry => entry.kind === 'host';
/** Wildcards lead to names that the configuration does not know, so they never open private addresses. */
const isExact = ({ host }: HostEntry) => !host.startsWith('*');

/** The origin of an entry. */
interface Setting {
  name: string;
  /** Lets a host of an entry there have private addresses. */
  privateRemedy?: string;
  /** Whether exact entries there may have private addresses as they are. The hosts of presets are public. */
  isTrusted?: boolean;
}

interface Intersection {
  rules: Rule[];
  /** Entries of the environment of which nothing is left. */
  excluded: string[];
}

function intersect(named: readonly HostEntry[], ceiling: readonly Entry[] | undefined, setting: Setting): Intersection {
  const mayBePrivate = (entry: HostEntry) => setting.isTrusted === true && isExact(entry) && !entry.isOfPreset;
  if (ceiling === undefined)
    return { rules: named.map((entry) => ruleOf(entry, setting, mayBePrivate(entry))), excluded: [] };
  const hosts = ceiling.filter(isHost);
  const rules: Rule[] = [];
  const excluded: string[] = [];
  for (const entry of named) {
    const narrowed = hosts.flatMap((limit) => narrow(entry, limit, setting));
    if (narrowed.length === 0) excluded.push(entry.text);
    rules.push(...narrowed);
  }
  return { rules, excluded };
}

function narrow(entry: HostEntry, limit: HostEntry, setting: Setting): Rule[] {
  const host = covers(limit.host, entry.host) ? entry.host : covers(entry.host, limit.host) ? limit.host : undefined;
  const ports = entry.ports.filter((port) => limit.ports.includes(port));
  if (host === undefined || ports.length === 0) return [];
  return [ruleOf({ ...entry, host, ports }, setting, isExact(limit))];
}

function ruleOf({ host, ports, text }: HostEntry, setting: Setting, mayBePrivate: boolean): Rule {
  const { name, privateRemedy } = setting;
  const source = `"${text}" in ${name}`;
  return { host, ports: [...ports], source, mayBePrivate, ...(privateRemedy !== undefined && { privateRemedy }) };
}

/** @param isForNamesOnly as in `egress.allowed`, which limits what environments name */
function addressRules(entries: readonly Entry[], setting: string, isForNamesOnly = false): AddressRule[] {
  return entries.flatMap((entry) => {
    if (entry.kind !== 'address') return [];
    const source = `"${entry.text}" in ${setting}`;
    return [
      { cidr: showBlock(entry.block), ports: [...entry.ports], source, ...(isForNamesOnly && { isForNamesOnly }) },
    ];
  });
}

/** Sentences in which HOST is the host. Followed, each of them allows it. */
function remediesOf(hasCeiling: boolean) {
  const environment = 'add "HOST" to AllowedHosts of the environment';
  const always = 'or to egress.always of the runner';
  // Without the setting, every public host is allowed, which must not end with its first entry.
  const exactly = hasCeiling ? 'add "HOST" to egress.allowed' : 'set egress.allowed = ["*", "HOST"]';
  const ifPrivate = 'If it may lead to private addresses,';
  return {
    admitted: `If agents may reach it, ${environment}, ${always}.`,
    excluded: `If agents may reach it, ${environment} and to egress.allowed of the runner, ${always}.`,
    privateNamed: `${ifPrivate} ${exactly} of the runner.`,
    privateAlways: `${ifPrivate} add "HOST" to egress.always of the runner.`,
    privateUnnamed: `${ifPrivate} ${environment}, and ${exactly} of the runner.`,
  };
}

function list(texts: readonly string[]): string {
  const shown = texts.slice(0, 10).map((text) => `"${text}"`);
  return texts.length > shown.length ? `${shown.join(', ')} and ${texts.length - shown.length} more` : shown.join(', ');
}
