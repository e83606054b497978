/** The file in a job's folder that says which Job of which cluster carries it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import type { JobPaths } from '../../shim/shim.ts';

const markerFile = 'kubernetes.json';

const Marker = v.object({
  version: v.literal(1),
  namespace: v.string(),
  name: v.string(),
  uid: v.string(),
  /** How many Secrets it has. */
  secrets: v.number(),
  maxLogBytes: v.number(),
});
export type Marker = v.InferOutput<typeof Marker>;

/** Undefined if the job was not started, or its start was interrupted. */
export async function readMarker({ folder }: Pick<JobPaths, 'folder'>): Promise<Marker | undefined> {
  const text = await readTextIfExists(join(folder, markerFile));
  if (text === undefined) return undefined;
  const parsed = v.safeParse(Marker, parseJson(text));
  return parsed.success ? parsed.output : undefined;
}

export async function writeMarker(
  { folder }: Pick<JobPaths, 'folder'>,
  marker: Omit<Marker, 'version'>,
): Promise<void> {
  await writeDurably(join(folder, markerFile), JSON.stringify({ version: 1, ...marker } satisfies Marker));
}

export async function removeMarker({ folder }: Pick<JobPaths, 'folder'>): Promise<void> {
  await rm(join(folder, markerFile), { force: true });
}
