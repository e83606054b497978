/** Whether a job may connect to a host, and to the addresses that its name has. */

import { networkInterfaces } from 'node:os';
import { joinWords } from '../lib/join-words.ts';
import { blockOf, embeddedIpv4, kindNames, kindOf } from './address-kind.ts';
import { covers } from './entries.ts';
import { showTarget, type Target } from './host-name.ts';
import { type Block, contains, type IpAddress, isWithin, parseAddress, parseBlock, showAddress } from './ip-address.ts';
import type { AddressRule, EgressPolicy, Rule, ServerRule } from './policy.ts';

/** Stable names, for `--json`. */
export type RefusalCode =
  | 'host-not-allowed'
  | 'port-not-allowed'
  | 'address-not-allowed'
  | 'not-tls'
  | 'no-server-name'
  | 'other-server-name'
  | 'other-host-header'
  | 'not-understood'
  /** The placeholder of a credential, in a request to a host or in a place that it is not for. */
  | 'placeholder'
  /** A guard of the host does not allow it. */
  | 'request-not-allowed';

export interface Refusal {
  code: RefusalCode;
  /** Follows "refused HOST:PORT: ". */
  reason: string;
  /** An imperative sentence. */
  remedy: string;
}

export interface Permission {
  /** The entry that allows it, for people. */
  rule: string;
  /** Why `enforce` would have refused it. */
  observed?: Refusal;
  mayBePrivate: boolean;
  /** How its name may lead to private addresses. */
  privateRemedy?: string | undefined;
  server?: ServerRule;
}

export type Decision = { permission: Permission; refusal?: undefined } | { refusal: Refusal };

/** Decides by name and port alone. The addresses of the name are checked before each connection. */
export function decide(policy: EgressPolicy, target: Target): Decision {
  const { host, port } = target;
  const { server } = policy;
  if (server !== undefined && server.host === host.text && server.port === port)
    return { permission: { rule: 'the Plan42 server', mayBePrivate: server.mayBeAnywhere, server } };
  if (host.kind === 'address') return decideAddress(policy, target, host.address);
  const matching = policy.rules.filter((rule) => covers(rule.host, host.text));
  const rule = best(matching.filter(({ ports }) => ports.includes(port)));
  if (rule !== undefined) {
    const { source, mayBePrivate, privateRemedy } = rule;
    return { permission: { rule: source, mayBePrivate, privateRemedy: withHost(privateRemedy, target) } };
  }
  const refusal: Refusal = {
    ...(matching[0] === undefined
      ? { code: 'host-not-allowed', reason: 'no entry allows this host' }
      : { code: 'port-not-allowed', reason: `${matching[0].source} does not allow this port` }),
    remedy: remedyFor(policy, target),
  };
  if (policy.mode === 'enforce') return { refusal };
  const privateRemedy = withHost(policy.privateRemedy, target);
  return { permission: { rule: 'mode observe', observed: refusal, mayBePrivate: false, privateRemedy } };
}

/** The rule that says most about the name. */
function best(rules: readonly Rule[]): Rule | undefined {
  return rules.find(({ mayBePrivate }) => mayBePrivate) ?? rules[0];
}

const isForAddresses = ({ isForNamesOnly }: AddressRule) => isForNamesOnly !== true;

function decideAddress(policy: EgressPolicy, target: Target, address: IpAddress): Decision {
  const entry = findAddressRule(policy.addresses.filter(isForAddresses), address, target.port);
  if (entry !== undefined) return { permission: { rule: entry.source, mayBePrivate: false } };
  const kind = kindOf(address);
  const refusal: Refusal = {
    code: 'address-not-allowed',
    reason: kind === 'public' && !isOwn(address) ? 'no entry allows this address' : `it is ${describe(address)}`,
    remedy: `If agents may reach this address, add ${joinWords(entriesFor(address, target.port))} to egress.always of the runner.`,
  };
  if (policy.mode === 'enforce' || kind !== 'public' || isOwn(address)) return { refusal };
  return { permission: { rule: 'mode observe', observed: refusal, mayBePrivate: false } };
}

/** Returns why a connection to an address is refused; undefined if it is permitted. */
export function refuseAddress(
  policy: EgressPolicy,
  { mayBePrivate, privateRemedy, server }: Permission,
  address: IpAddress,
  port: number,
): Refusal | undefined {
  if (server?.mayBeAnywhere === true) return undefined;
  const kind = isOwn(address) ? 'own' : kindOf(address);
  if (kind === 'public' || (kind === 'private' && mayBePrivate)) return undefined;
  if (findAddressRule(policy.addresses, address, port) !== undefined) return undefined;
  return {
    code: 'address-not-allowed',
    reason: `its address ${showAddress(address)} is ${describe(address)}`,
    remedy: (kind === 'private' ? privateRemedy : undefined) ?? addressRemedy(policy, address, port),
  };
}

/**
 * A block permits addresses that are not public only if it lies within their kind, so that `0.0.0.0/0` does not open what a
 * name must never lead to. Metadata and this machine need an entry of exactly their address.
 */
function findAddressRule(rules: readonly AddressRule[], address: IpAddress, port: number): AddressRule | undefined {
  const kind = kindOf(address);
  const whole = address.family === 4 ? 32 : 128;
  const needsOwnEntry = kind === 'metadata' || isOwn(address);
  const rule = rules.find(({ cidr, ports }) => {
    const block = parseBlock(cidr);
    if (block === undefined || !contains(block, address) || !ports.includes(port)) return false;
    if (needsOwnEntry) return block.bits === whole;
    return kind === 'public' || isWithin(block, blockOf(address) ?? (address as Block));
  });
  const embedded = closedWithin(address);
  if (rule === undefined || embedded === undefined) return rule;
  return findAddressRule(rules, embedded, port) && rule;
}

/** The IPv4 address within another one, if it needs an entry of its own. */
function closedWithin(address: IpAddress): IpAddress | undefined {
  const embedded = embeddedIpv4(address);
  return embedded !== undefined && (kindOf(embedded) !== 'public' || isOwn(embedded)) ? embedded : undefined;
}

/** Continues "it is …". */
function describe(address: IpAddress): string {
  const embedded = closedWithin(address);
  if (isOwn(address)) return kindNames.own;
  if (embedded === undefined) return kindNames[kindOf(address)];
  return `an IPv6 address that contains ${showAddress(embedded)}, ${describe(embedded)}`;
}

/** Whether it is an address of this machine, where its own services listen. */
function isOwn(address: IpAddress): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some((own) => parseAddress(own.address.replace(/%.*/, ''))?.value === address.value);
}

function remedyFor({ remedy, limit }: EgressPolicy, target: Target): string {
  const { host, port } = target;
  const isAdmitted = limit?.hosts.some((each) => covers(each.host, host.text) && each.ports.includes(port)) ?? true;
  return withHost(isAdmitted ? remedy : (limit?.remedy ?? remedy), target);
}

function withHost<T extends string | undefined>(remedy: T, { host, port }: Target): T {
  return remedy?.replaceAll('HOST', isDefault(port) ? host.text : showTarget({ host, port })) as T;
}

/** For the address of a name. Without the setting, every public host is allowed, which must not end with its first entry. */
function addressRemedy({ limit }: EgressPolicy, address: IpAddress, port: number): string {
  const entries = entriesFor(address, port);
  const change =
    limit === undefined
      ? `set egress.allowed = ["*", ${entries.join(', ')}]`
      : `add ${joinWords(entries)} to egress.allowed`;
  return `If names may lead to this address, ${change} of the runner.`;
}

const isDefault = (port: number) => port === 443 || port === 80;

function entriesFor(address: IpAddress, port: number): string[] {
  const embedded = closedWithin(address);
  const text = showAddress(address);
  const entry = isDefault(port) ? text : `${address.family === 6 ? `[${text}]` : text}:${port}`;
  return [JSON.stringify(entry), ...(embedded === undefined ? [] : entriesFor(embedded, port))];
}
