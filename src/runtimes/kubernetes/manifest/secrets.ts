/** The Secrets of a job: its request in parts, the program that passes it on, variables and certificate authorities. */
import { createCipheriv, randomBytes } from 'node:crypto';
import type { V1Job, V1Secret, V1VolumeProjection } from '@kubernetes/client-node';
import { instanceLabels, secretName } from './names.ts';

/** Below the limit of the API, 1 MiB, with room for the object itself. */
const maxPartBytes = 900 * 1024;
const executable = 0o555;
const readable = 0o444;

export interface SecretContent {
  startProgram: Uint8Array;
  request: Uint8Array;
  /** Additional files, by their path below the mount. */
  files: Readonly<Record<string, string>>;
  variables: Readonly<Record<string, string>>;
  /** Given for a job behind a wall. */
  wall?: { initProgram: Uint8Array; token: Uint8Array } | undefined;
}

interface Item {
  key: string;
  /** The file, or the variable, that the pod gets. */
  path?: string;
  variable?: string;
  mode: number;
  data: Uint8Array;
}

/** The data of each Secret, and how the pod gets it. */
export interface Secrets {
  data: readonly Readonly<Record<string, string>>[];
  sources: V1VolumeProjection[];
  /** Where the values of variables are. */
  variables: readonly { name: string; secret: string; key: string }[];
}

export function planSecrets(name: string, content: SecretContent): Secrets {
  const parts = packItems(itemsOf(content));
  const sources = parts.map((items, part) => ({
    secret: {
      name: secretName(name, part),
      items: items.flatMap(({ key, path, mode }) => (path === undefined ? [] : [{ key, path, mode }])),
    },
  }));
  return {
    data: parts.map((items) =>
      Object.fromEntries(items.map(({ key, data }) => [key, Buffer.from(data).toString('base64')])),
    ),
    // Without items, all keys of a Secret become files.
    sources: sources.filter(({ secret }) => secret.items.length > 0),
    variables: parts.flatMap((items, part) =>
      items.flatMap(({ key, variable }) =>
        variable === undefined ? [] : [{ name: variable, secret: secretName(name, part), key }],
      ),
    ),
  };
}

/** Each list goes into one Secret. */
function itemsOf({ startProgram, request, files, variables, wall }: SecretContent): Item[][] {
  const partBytes = maxPartBytes - keyHexBytes;
  const requestParts = Math.max(1, Math.ceil(request.length / partBytes));
  const alone: Item[] = [
    { key: 'start', path: 'start', mode: executable, data: startProgram },
    ...(wall === undefined
      ? []
      : [
          { key: 'init', path: 'init', mode: executable, data: wall.initProgram },
          { key: 'gateway-token', path: 'gateway-token', mode: readable, data: wall.token },
        ]),
    ...Object.entries(variables).map(([name, value]) => ({
      key: `env.${name}`,
      variable: name,
      mode: readable,
      data: Buffer.from(value),
    })),
    ...Object.entries(files).map(([path, text], n) => ({
      key: `file-${n}`,
      path,
      mode: readable,
      data: Buffer.from(text),
    })),
  ];
  const parts = Array.from({ length: requestParts }, (_, n) =>
    encryptPart(n, request.subarray(n * partBytes, (n + 1) * partBytes)),
  );
  return [...alone.map((item) => [item]), ...parts];
}

const keyBytes = 32;
const keyHexBytes = 2 * keyBytes;

/**
 * The files stay in the pod as long as it does, and every user and container of it may read them. The program `start` gets the
 * key in a variable, which no process has after it. The key is in the same Secret: a start that is repeated can have other keys,
 * and does not replace a Secret.
 */
function encryptPart(n: number, data: Uint8Array): Item[] {
  const key = randomBytes(keyBytes);
  // The key is for this text only.
  const cipher = createCipheriv('chacha20', key, Buffer.alloc(16));
  const encrypted = Buffer.concat([cipher.update(data), cipher.final()]);
  return [
    { key: `request-${n}`, path: `request-${n}`, mode: readable, data: encrypted },
    {
      key: `request-key-${n}`,
      variable: `PLAN42_REQUEST_KEY_${n}`,
      mode: readable,
      data: Buffer.from(key.toString('hex')),
    },
  ];
}

/** Into as few Secrets as possible, in this order. */
function packItems(lists: readonly Item[][]): Item[][] {
  const parts: Item[][] = [];
  let room = 0;
  for (const items of lists) {
    const size = items.reduce((sum, { data }) => sum + data.length, 0);
    if (size > room) {
      parts.push([]);
      room = maxPartBytes;
    }
    parts.at(-1)?.push(...items);
    room -= size;
  }
  return parts;
}

/** They belong to the Job, so that the cluster removes them with it, whatever happens to the runner. */
export function buildSecrets(
  { name, instanceId, jobUid }: { name: string; instanceId: string; jobUid: string },
  { data }: Secrets,
): V1Secret[] {
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid: jobUid };
  return data.map((entries, part) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName(name, part), labels: instanceLabels(instanceId), ownerReferences: [owner] },
    // The kubelet does not look for changes of it, so its removal does not disturb a running pod.
    immutable: true,
    type: 'Opaque',
    data: entries,
  }));
}

/** How many Secrets the pod of a Job needs, also if they are gone. */
export function countSecrets(job: V1Job): number {
  const names = (job.spec?.template.spec?.volumes ?? []).flatMap(
    ({ projected }) => projected?.sources?.flatMap(({ secret }) => secret?.name ?? []) ?? [],
  );
  return names.filter((name) => name.startsWith(`${job.metadata?.name}-`)).length;
}
