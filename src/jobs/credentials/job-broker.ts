/** Prepares the credential broker of a job: its certificates, the placeholders, and the values that only the gateway gets. */
import { isDeepStrictEqual } from 'node:util';
import { agentCaFile, type Config } from '../../config/schema.ts';
import type { BrokerPolicy, Credential, InterceptedHost } from '../../gateway/policy.ts';
import { readCaFile } from '../../lib/ca-file.ts';
import { issueCertificates } from './certificates.ts';
import type { Secret } from './collect.ts';
import { makePlaceholder } from './placeholder.ts';

export interface JobBroker {
  policy: BrokerPolicy;
  values: ReadonlyMap<string, string>;
  /** Replaces each secret by its placeholder. */
  hide: (text: string) => string;
  /** The same in JSON. */
  hideInJson: (json: string) => string;
}

export interface BrokerRequest {
  secrets: readonly Secret[];
  /** Hosts to intercept also if no secret is for them. */
  guardedHosts?: readonly InterceptedHost[];
  config: Pick<Config, 'jobs' | 'network'>;
  /** That of an interrupted start of the same job, whose container may be about to start. */
  previous: BrokerPolicy | undefined;
  now: Date;
}

/** Undefined if the job has no secrets to keep, and no hosts to guard. @throws UserError if the authorities of the configuration cannot be read */
export function prepareBroker({
  secrets,
  guardedHosts = [],
  config,
  previous,
  now,
}: BrokerRequest): JobBroker | undefined {
  if (secrets.length === 0 && guardedHosts.length === 0) return undefined;
  // One text has one placeholder, whichever setting it is from.
  const targetsOf = ({ value }: Secret) =>
    secrets.filter((each) => each.value === value).flatMap((each) => each.targets);
  const targets = [...secrets.flatMap((secret) => secret.targets.filter(({ isPlain }) => !isPlain)), ...guardedHosts];
  const hosts = [...new Map(targets.map(({ host, port }) => [`${host} ${port}`, { host, port }])).values()];
  const credentials = secrets.map((secret): Credential => {
    const { name, value, header } = secret;
    const placeholder = makePlaceholder(value);
    return { name, placeholder, targets: targetsOf(secret), ...(header !== undefined && { header }) };
  });
  const trusted = trustedAuthorities(config);
  const isSame =
    previous !== undefined &&
    isDeepStrictEqual([previous.hosts, shapes(previous.credentials)], [hosts, shapes(credentials)]);
  const policy = isSame
    ? { ...previous, trusted }
    : { ...issueCertificates(namesOf(hosts), now), trusted, hosts, credentials };
  const values = new Map(secrets.map(({ name, value }) => [name, value]));
  const hide = (spell?: (value: string) => string) => hider(policy.credentials, values, spell);
  return { policy, values, hide: hide(), hideInJson: hide((value) => JSON.stringify(value).slice(1, -1)) };
}

/** A certificate needs a name, also if all hosts are without TLS. */
function namesOf(hosts: BrokerPolicy['hosts']): string[] {
  return hosts.length === 0 ? ['none.invalid'] : [...new Set(hosts.map(({ host }) => host))];
}

const shapes = (credentials: readonly Credential[]) => credentials.map((each) => ({ ...each, placeholder: '' }));

/** A secret may be part of another. */
function hider(
  credentials: readonly Credential[],
  values: ReadonlyMap<string, string>,
  spell = (value: string) => value,
): (text: string) => string {
  const pairs = credentials
    .map(({ name, placeholder }) => ({ value: spell(values.get(name) ?? placeholder), placeholder }))
    .toSorted((a, b) => b.value.length - a.value.length);
  return (text) => pairs.reduce((result, { value, placeholder }) => result.replaceAll(value, () => placeholder), text);
}

/** Those of the configuration: hosts with a private authority are verified, too. */
function trustedAuthorities(config: BrokerRequest['config']): string {
  const files = [
    ...(config.network.caFile === undefined ? [] : [{ path: config.network.caFile, setting: 'network.ca_file' }]),
    ...[agentCaFile(config) ?? []].flat(),
  ];
  const unique = new Map(files.map(({ path, setting }) => [path, setting]));
  return [...unique].map(([path, setting]) => readCaFile(path, setting)).join('');
}
