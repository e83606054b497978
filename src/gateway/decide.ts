/** Whether a job may connect to a host, and to the addresses that its name has. */
import { networkInterfaces } from 'node:os';
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
  if (rule !== undefined) return { permission: { rule: rule.source, mayBePrivate: rule.mayBePrivate } };
  const refusal: Refusal = {
    ...(matching[0] === undefined
      ? { code: 'host-not-allowed', reason: 'no entry allows this host' }
      : { code: 'port-not-allowed', reason: `${matching[0].source} does not allow this port` }),
    remedy: remedyFor(policy, target),
  };
  if (policy.mode === 'enforce') return { refusal };
  return { permission: { rule: 'mode observe', observed: refusal, mayBePrivate: false } };
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
    reason: kind === 'public' ? 'no entry allows this address' : `it is ${kindNames[kind]}`,
    remedy: `If agents may reach this address, add "${entryFor(address, target.port)}" to egress.always of the runner.`,
  };
  if (policy.mode === 'enforce' || kind !== 'public' || isOwn(address)) return { refusal };
  return { permission: { rule: 'mode observe', observed: refusal, mayBePrivate: false } };
}

/** Returns why a connection to an address is refused; undefined if it is permitted. */
export function refuseAddress(
  policy: EgressPolicy,
  { mayBePrivate, server }: Permission,
  address: IpAddress,
  port: number,
): Refusal | undefined {
  if (server?.mayBeAnywhere === true) return undefined;
  const kind = isOwn(address) ? 'own' : kindOf(address);
  if (kind === 'public' || (kind === 'private' && mayBePrivate)) return undefined;
  if (findAddressRule(policy.addresses, address, port) !== undefined) return undefined;
  return {
    code: 'address-not-allowed',
    reason: `its address ${showAddress(address)} is ${kindNames[kind]}`,
    remedy: addressRemedy(address, port),
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
  const embedded = embeddedIpv4(address);
  if (rule === undefined || embedded === undefined || (kindOf(embedded) === 'public' && !isOwn(embedded))) return rule;
  return findAddressRule(rules, embedded, port) && rule;
}

/** Whether it is an address of this machine, where its own services listen. */
function isOwn(address: IpAddress): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some((own) => parseAddress(own.address.replace(/%.*/, ''))?.value === address.value);
}

function remedyFor({ remedy }: EgressPolicy, { host, port }: Target): string {
  return remedy.replaceAll('HOST', port === 443 || port === 80 ? host.text : showTarget({ host, port }));
}

/** For the address of a name. */
function addressRemedy(address: IpAddress, port: number): string {
  return `If names may lead to this address, add "${entryFor(address, port)}" to egress.allowed of the runner.`;
}

function entryFor(address: IpAddress, port: number): string {
  const text = showAddress(address);
  return port === 443 || port === 80 ? text : `${address.family === 6 ? `[${text}]` : text}:${port}`;
}
