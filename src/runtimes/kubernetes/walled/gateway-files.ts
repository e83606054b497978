/** Files about a job's gateway: those that the runner keeps, in the folder that gateways on this machine have, and those of its pod. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { readCredentials, writeCredentials } from '../../../gateway/credentials.ts';
import { givenFolder, limitsFile, tokenBytes, tokenFile } from '../../../gateway/pod/channel.ts';
import {
  credentialsFile,
  type EgressPolicy,
  gatewayFolder,
  policyFile,
  readPolicy,
  writePolicy,
} from '../../../gateway/policy.ts';
import { makeFolder } from '../../../lib/files.ts';
import { tryParseJson } from '../../../lib/json.ts';
import { readText } from '../../../lib/read-file.ts';
import type { JobPaths } from '../../../shim/shim.ts';
import type { StartOptions } from '../../runtime.ts';

const proxyAuthorities = 'proxy-ca.pem';

export const egressFolder = ({ folder }: Pick<JobPaths, 'folder'>): string => join(folder, gatewayFolder);

export interface GatewayFiles {
  token: Uint8Array;
  /** By their names in the Secret. */
  files: Readonly<Record<string, string | Uint8Array>>;
}

/** @param egress its policy, for a gateway of this machine */
export async function prepareGatewayFiles(
  job: Pick<StartOptions, 'folder' | 'broker' | 'limits'>,
  egress: EgressPolicy,
): Promise<GatewayFiles> {
  const folder = egressFolder(job);
  await makeFolder(folder);
  await writePolicy(folder, egress);
  const values = job.broker?.values ?? new Map<string, string>();
  await writeCredentials(folder, values);
  const token = randomBytes(tokenBytes);
  const { caFile } = egress.proxy ?? {};
  const { counted, wrapUpMs = 0 } = job.limits ?? {};
  const given = counted && { version: 1, limits: counted, wrapUpMs };
  return {
    token,
    files: {
      [policyFile]: JSON.stringify(policyForPod(egress)),
      [credentialsFile]: await readText(join(folder, credentialsFile)),
      [tokenFile]: token,
      ...(given && { [limitsFile]: JSON.stringify(given) }),
      ...(caFile !== undefined && { [proxyAuthorities]: await readText(caFile) }),
    },
  };
}

/** Paths and loopback are those of the pod. A server on the loopback of the runner's machine is out of reach for every pod. */
function policyForPod({ server, proxy, ...policy }: EgressPolicy): EgressPolicy {
  return {
    ...policy,
    ...(server !== undefined && server.connectTo === undefined && { server }),
    ...(proxy && {
      proxy: { ...proxy, ...(proxy.caFile !== undefined && { caFile: join(givenFolder, proxyAuthorities) }) },
    }),
  };
}

const Kept = v.object({ mode: v.picklist(['enforce', 'observe']), credentials: v.record(v.string(), v.string()) });

/**
 * Returns what another replica needs, beside the marker of the job, to bring changed credentials to its gateway. Undefined if the
 * job has none.
 */
export async function keepGatewayFiles(job: Pick<JobPaths, 'folder'>): Promise<v.InferOutput<typeof Kept> | undefined> {
  const credentials = await currentCredentials(job);
  const policy = await readPolicy(egressFolder(job)).catch(() => undefined);
  return credentials && policy && { mode: policy.mode, credentials };
}

/** Writes what {@link keepGatewayFiles} returned in another folder, if it is in this JSON as `gateway`. */
export async function restoreGatewayFiles(job: JobPaths, text: string): Promise<void> {
  const parsed = v.safeParse(v.object({ gateway: Kept }), tryParseJson(text));
  if (!parsed.success) return;
  const { mode, credentials } = parsed.output.gateway;
  const folder = egressFolder(job);
  await makeFolder(folder);
  // The gateway has the policy itself. Only the names of its credentials count here.
  const named = Object.keys(credentials).map((name) => ({ name, placeholder: 'of another replica', targets: [] }));
  const none = { authority: '', certificate: '', key: '', trusted: '', hosts: [] };
  const broker = { ...none, credentials: named };
  await writePolicy(folder, { version: 1, jobId: job.jobId, mode, rules: [], addresses: [], broker, remedy: '' });
  await writeCredentials(folder, new Map(Object.entries(credentials).filter(([, value]) => value !== '')));
}

/** The credentials as they are now, with an empty value for one that was removed. Undefined if this runner does not know them. */
export async function currentCredentials(job: Pick<JobPaths, 'folder'>): Promise<Record<string, string> | undefined> {
  const folder = egressFolder(job);
  const policy = await readPolicy(folder).catch(() => undefined);
  const values = await readCredentials(folder).catch(() => undefined);
  if (policy?.broker === undefined || values === undefined) return undefined;
  return Object.fromEntries(policy.broker.credentials.map(({ name }) => [name, values.get(name) ?? '']));
}
