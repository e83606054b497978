/**
 * The policy of a job's network: `policy.json` in the folder of its gateway. The runner computes it before the job starts, and only the
 * gateway reads it. It may contain the credentials of a proxy, so its mode is 0600 and no container gets its folder.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { readText } from '../lib/read-file.ts';
import { GithubRules } from './github-guard/rules.ts';
import { Price } from './models/usage.ts';

/** The folder of a gateway, in the folder of its job. */
export const gatewayFolder = 'egress';
/** The files of a gateway, in its folder. */
export const policyFile = 'policy.json';
/** The folder that the container gets, read-only. It contains the socket and nothing else. */
export const socketFolder = 'socket';
/** In {@link socketFolder}, with mode 0666, because the container's users are unknown. */
export const socketFile = 'gateway.sock';
/** Connections that were allowed and refused. */
export const reportFile = 'egress.json';
/** The values of credentials. The runner replaces it when they change. */
export const credentialsFile = 'credentials.json';
/** The report, in the job's folder, once the gateway has ended. */
export const keptReportFile = 'egress-report.json';

const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const ports = v.array(port);

/** A name in canonical form (lower case, punycode, no trailing dot), or `*.name` for all names below it. */
const Rule = v.object({
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  ports,
  /** The entry and its setting, for people: `"*.npmjs.org" of AllowedHosts`. */
  source: v.string(),
  /** The name may have private addresses: the runner's configuration has exactly this name. Never loopback or metadata. */
  mayBePrivate: v.boolean(),
  /** A sentence that lets the name have them, as {@link EgressPolicy.remedy}. */
  privateRemedy: v.optional(v.string()),
});
export type Rule = v.InferOutput<typeof Rule>;

/** Addresses of the runner's configuration. A name that a rule allows may have them. */
const AddressRule = v.object({
  /** `ADDRESS/BITS`. */
  cidr: v.string(),
  ports,
  source: v.string(),
  /** Jobs may not connect to the address itself, without a name. */
  isForNamesOnly: v.optional(v.boolean()),
});
export type AddressRule = v.InferOutput<typeof AddressRule>;

/** The Plan42 server of the job. The only name that may be on the machine's loopback. */
const ServerRule = v.object({
  /** As in the agent's PLAN42_URL: a canonical name or an address. */
  host: v.string(),
  port,
  /** Where it is, without a look-up: a host of the machine's loopback. Undefined if `host` is looked up. */
  connectTo: v.optional(v.string()),
  /** The runner's configuration names this server, so it may have any address. */
  mayBeAnywhere: v.boolean(),
});
export type ServerRule = v.InferOutput<typeof ServerRule>;

/** A proxy between this machine and the internet. */
const FrontProxy = v.object({
  /** With credentials, if it needs them. */
  url: v.string(),
  /** Hosts, `.suffix`, addresses and CIDR that are reached without it, as in NO_PROXY. */
  direct: v.array(v.string()),
  /** PEM file of authorities for an https proxy; undefined for the system's. */
  caFile: v.optional(v.string()),
});
export type FrontProxy = v.InferOutput<typeof FrontProxy>;

/** A host whose TLS the gateway ends: a canonical name or an address. */
const InterceptedHost = v.object({ host: v.string(), port });
export type InterceptedHost = v.InferOutput<typeof InterceptedHost>;

/** A secret that the container does not have. Its value is in {@link credentialsFile}, by its name. */
const Credential = v.object({
  /** For people, too: the setting that it comes from. */
  name: v.string(),
  /** The agent has this in its place. It has the same shape. */
  placeholder: v.pipe(v.string(), v.minLength(8)),
  /** The hosts that get it. `isPlain`: without TLS, because the configuration says so. */
  targets: v.array(v.object({ ...InterceptedHost.entries, isPlain: v.boolean() })),
  /** The only header that it may stand in, in lower case. Undefined for the usual ones. */
  header: v.optional(v.string()),
});
export type Credential = v.InferOutput<typeof Credential>;

/** The credentials of the job, and the hosts whose TLS is ended for them. */
const BrokerPolicy = v.object({
  /** PEM of the job's own authority, which the container trusts. Its key is gone. */
  authority: v.string(),
  /** PEM of the certificate for all intercepted hosts, and its key. */
  certificate: v.string(),
  key: v.string(),
  /** PEM of the authorities that intercepted hosts may have in addition to the public ones; may be empty. */
  trusted: v.string(),
  hosts: v.array(InterceptedHost),
  credentials: v.array(Credential),
});
export type BrokerPolicy = v.InferOutput<typeof BrokerPolicy>;

const amount = v.pipe(v.number(), v.minValue(0));

/** Models whose calls are counted. Those with TLS need it to be intercepted. */
const ModelPolicy = v.object({
  hosts: v.array(InterceptedHost),
  /** At these, the next call is refused. */
  maxTokens: v.optional(amount),
  maxCost: v.optional(amount),
  /** By the name of the model, or the beginning of it. */
  prices: v.record(v.string(), Price),
});
export type ModelPolicy = v.InferOutput<typeof ModelPolicy>;

export const EgressPolicy = v.object({
  version: v.literal(1),
  jobId: v.string(),
  /** `observe` allows every public address and every request to GitHub, and records what `enforce` would have refused. */
  mode: v.picklist(['enforce', 'observe']),
  rules: v.array(Rule),
  addresses: v.array(AddressRule),
  server: v.optional(ServerRule),
  proxy: v.optional(FrontProxy),
  broker: v.optional(BrokerPolicy),
  /** Limits of what the job may do on its GitHub. They need its hosts to be intercepted. */
  github: v.optional(GithubRules),
  models: v.optional(ModelPolicy),
  /** Which setting allows another host, as an imperative sentence in which `HOST` stands for it. */
  remedy: v.string(),
  /** The hosts that environments may name, if the runner limits them, and what allows another one. */
  limit: v.optional(v.object({ hosts: v.array(v.object({ host: v.string(), ports })), remedy: v.string() })),
  /** The same for a host that no rule names and that has private addresses, which `observe` does not allow. */
  privateRemedy: v.optional(v.string()),
});
export type EgressPolicy = v.InferOutput<typeof EgressPolicy>;

/** Rejects if the file is missing, or anything in it is not understood. */
export async function readPolicy(folder: string): Promise<EgressPolicy> {
  return v.parse(EgressPolicy, parseJson(await readText(join(folder, policyFile))));
}

export async function writePolicy(folder: string, policy: EgressPolicy): Promise<void> {
  await writeDurably(join(folder, policyFile), `${JSON.stringify(policy, undefined, 1)}\n`);
}
