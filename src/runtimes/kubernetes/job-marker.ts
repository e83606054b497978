/** The file in a job's folder that says which Job of which cluster carries it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../../lib/files.ts';
import { parseJson, tryParseJson } from '../../lib/json.ts';
import { readTextIfExists } from '../../lib/read-file.ts';
import type { JobPaths } from '../../shim/shim.ts';
import type { Removed } from './explain/objects.ts';

const markerFile = 'kubernetes.json';
const intentFile = 'kubernetes-start.json';
const killFile = 'kubernetes-kill.json';

const common = {
  version: v.literal(1),
  namespace: v.string(),
  name: v.string(),
  /** How many Secrets it has. */
  secrets: v.number(),
  maxLogBytes: v.number(),
  /** Whether it is behind a wall, with a gateway in a pod of its own. */
  wall: v.optional(v.literal(true)),
};
const Intent = v.object(common);
/** Describes what a start is about to create. */
export type Intent = Omit<v.InferOutput<typeof Intent>, 'version'>;

const Marker = v.object({
  ...common,
  uid: v.string(),
  /** When the Job was created, by the clock of this machine. */
  startedAtMs: v.number(),
});
export type Marker = v.InferOutput<typeof Marker>;

/** Undefined if the job was not started, or its start was interrupted. */
export async function readMarker({ folder }: Pick<JobPaths, 'folder'>): Promise<Marker | undefined> {
  return read(folder, markerFile, Marker);
}

/** Undefined if no start of the job has begun. */
export async function readIntent({ folder }: Pick<JobPaths, 'folder'>): Promise<Intent | undefined> {
  return read(folder, intentFile, Intent);
}

/** Before anything of the job is in the cluster: a start that is interrupted may have created it all. */
export async function writeIntent({ folder }: Pick<JobPaths, 'folder'>, intent: Intent): Promise<void> {
  await writeDurably(join(folder, intentFile), JSON.stringify({ version: 1, ...intent }));
}

async function read<T extends v.GenericSchema>(
  folder: string,
  file: string,
  schema: T,
): Promise<v.InferOutput<T> | undefined> {
  const text = await readTextIfExists(join(folder, file));
  if (text === undefined) return undefined;
  const parsed = v.safeParse(schema, parseJson(text));
  return parsed.success ? parsed.output : undefined;
}

/** Writes a marker that was read in another folder. Returns false if the text is none of this version. */
export async function restoreMarkerText(job: Pick<JobPaths, 'folder'>, text: string): Promise<boolean> {
  const parsed = v.safeParse(Marker, tryParseJson(text));
  if (parsed.success) await writeMarker(job, parsed.output);
  return parsed.success;
}

export async function writeMarker(
  { folder }: Pick<JobPaths, 'folder'>,
  marker: Omit<Marker, 'version'>,
): Promise<void> {
  await writeDurably(join(folder, markerFile), JSON.stringify({ ...marker, version: 1 } satisfies Marker));
}

const Kill = v.object({ version: v.literal(1), removed: v.picklist(['pod', 'job']) });

/** Returns what the runner has removed from the cluster to end the agent. */
export async function readKill({ folder }: Pick<JobPaths, 'folder'>): Promise<Removed | undefined> {
  return (await read(folder, killFile, Kill))?.removed;
}

/** Before the removal. */
export async function writeKill({ folder }: Pick<JobPaths, 'folder'>, removed: Removed): Promise<void> {
  await writeDurably(join(folder, killFile), JSON.stringify({ version: 1, removed }));
}

export async function removeMarker({ folder }: Pick<JobPaths, 'folder'>): Promise<void> {
  for (const file of [intentFile, markerFile, killFile]) await rm(join(folder, file), { force: true });
}
