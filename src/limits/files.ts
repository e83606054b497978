/** The files of a job's warden, in a folder of its own in the job's folder. */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { runtimeNames } from '../config/schema.ts';
import { readBootId } from '../lib/boot-id.ts';
import { errorCode } from '../lib/errors.ts';
import { createFile, makeFolder, move, syncFolder, writeDurably } from '../lib/files.ts';
import { parseJson, tryParseJson } from '../lib/json.ts';
import { readText, readTextIfExists } from '../lib/read-file.ts';
import { agentLimitsFolder } from '../runtimes/runtime.ts';
import type { JobPaths } from '../shim/shim.ts';
import type { Held } from './hold.ts';
import { describeUse, isLimitName, JobLimits, type LimitUse, limitNames, units } from './limits.ts';

const taskFile = 'limits.json';
const stateFile = 'state.json';
/** Renamed when a limit is reached: possible on a full disk, and only once. */
const armedFile = 'armed';
const reachedPrefix = 'reached.';
/** The folder that the agent can read. */
const agentFolder = 'agent';
const agentFile = 'limits.json';

/** The shim knows its name, too. */
export function limitsFolder({ folder }: Pick<JobPaths, 'folder'>): string {
  return join(folder, 'limits');
}

const WardenTask = v.object({
  version: v.literal(1),
  jobId: v.string(),
  folder: v.string(),
  logFile: v.string(),
  runtime: v.picklist(runtimeNames),
  limits: JobLimits,
  wrapUpMs: v.number(),
  hasOwnNetwork: v.boolean(),
});
export type WardenTask = v.InferOutput<typeof WardenTask>;

const State = v.object({
  /** The clock of the state counts from the start of the machine. */
  bootId: v.string(),
  held: v.object({
    startedAtMs: v.number(),
    activeAtMs: v.number(),
    last: v.optional(
      v.object({
        atMs: v.number(),
        activity: v.object({
          logBytes: v.number(),
          gatewayBytes: v.number(),
          interfaceBytes: v.number(),
          cpuMs: v.number(),
        }),
      }),
    ),
    noticed: v.array(v.picklist(limitNames)),
  }),
  diskBytes: v.optional(v.number()),
  endingSinceMs: v.optional(v.number()),
});

export interface WardenState {
  held: Held;
  diskBytes?: number | undefined;
  /** When SIGTERM was sent. */
  endingSinceMs?: number | undefined;
}

/** Creates the folder, unless an interrupted start of the job has. */
export async function writeTask(task: WardenTask): Promise<void> {
  const folder = limitsFolder(task);
  await makeFolder(folder);
  await mkdir(join(folder, agentFolder)).catch(ifThere);
  // Any user of the container must be able to read it. The folder above is the runner's alone.
  await chmod(join(folder, agentFolder), 0o755);
  await writeForAgent(folder, task, []);
  await writeDurably(join(folder, taskFile), `${JSON.stringify(task, undefined, 1)}\n`);
  if ((await readReached(task)) === undefined) await createFile(join(folder, armedFile)).catch(ifThere);
}

/** Rejects if the file is missing, or not understood. */
export async function readTask(folder: string): Promise<WardenTask> {
  return v.parse(WardenTask, parseJson(await readText(join(folder, taskFile))));
}

/** Undefined if there is none of this boot of the machine. */
export async function readState(folder: string): Promise<WardenState | undefined> {
  const parsed = v.safeParse(State, tryParseJson((await readTextIfExists(join(folder, stateFile))) ?? ''));
  if (!parsed.success || parsed.output.bootId !== ((await readBootId()) ?? '')) return undefined;
  return parsed.output;
}

export async function writeState(folder: string, state: WardenState): Promise<void> {
  const bootId = (await readBootId()) ?? '';
  await writeDurably(join(folder, stateFile), `${JSON.stringify({ bootId, ...state })}\n`);
}

export async function markReached(folder: string, { limit, used, allowed }: LimitUse): Promise<void> {
  const name = `${reachedPrefix}${[limit, used, allowed].join('_').replaceAll('.', ',')}`;
  await move(join(folder, armedFile), join(folder, name));
  await syncFolder(folder);
}

/** The limit that ended the job, or is ending it. */
export async function readReached(job: Pick<JobPaths, 'folder'>): Promise<LimitUse | undefined> {
  const names = await readdir(limitsFolder(job)).catch(() => []);
  const name = names.find((each) => each.startsWith(reachedPrefix));
  return name === undefined ? undefined : parseReached(name.slice(reachedPrefix.length));
}

/** Undefined if it is not such a name. */
export function parseReached(text: string): LimitUse | undefined {
  const [, limit = '', used, allowed] = /^([a-z_]{1,40})_([\d,e+]{1,30})_([\d,e+]{1,30})$/.exec(text) ?? [];
  const [usedAmount, allowedAmount] = [used, allowed].map((amount) => Number((amount ?? '').replace(',', '.')));
  if (!isLimitName(limit) || usedAmount === undefined || allowedAmount === undefined) return undefined;
  if (Number.isNaN(usedAmount) || Number.isNaN(allowedAmount)) return undefined;
  return { limit, used: usedAmount, allowed: allowedAmount };
}

/** The folder on this machine that the agent can read, and the path of the file in the agent's eyes. */
export function agentPaths(job: Pick<JobPaths, 'folder'>, isContainer: boolean): { source: string; file: string } {
  const source = join(limitsFolder(job), agentFolder);
  return { source, file: isContainer ? fileInContainer : join(source, agentFile) };
}

/** The path of the file in the eyes of an agent in a container. */
export const fileInContainer = join(agentLimitsFolder, agentFile);

/** The content of the file that the agent can read. As documented in docs/limits.md. */
export function contentForAgent(
  { limits, wrapUpMs }: Pick<WardenTask, 'limits' | 'wrapUpMs'>,
  uses: readonly LimitUse[],
  reached?: LimitUse,
): string {
  const entries = limitNames.flatMap((limit) => {
    const allowed = limits[limit];
    if (allowed === undefined) return [];
    const { unit, perUnit } = units[limit];
    const use = uses.find((each) => each.limit === limit);
    return [{ limit, unit, allowed: allowed / perUnit, used: use === undefined ? null : use.used / perUnit }];
  });
  const reason = reached === undefined ? null : describeUse(reached);
  const content = {
    version: 1,
    limits: entries,
    reached: reached?.limit ?? null,
    reason,
    wrapUpSeconds: wrapUpMs / 1000,
  };
  return `${JSON.stringify(content)}\n`;
}

/** Replaces the file that the agent can read. */
export async function writeForAgent(
  folder: string,
  task: Pick<WardenTask, 'limits' | 'wrapUpMs'>,
  uses: readonly LimitUse[],
  reached?: LimitUse,
): Promise<void> {
  const path = join(folder, agentFolder, agentFile);
  await writeDurably(path, contentForAgent(task, uses, reached), 0o644);
  // Whatever the umask is.
  await chmod(path, 0o644);
}

function ifThere(error: unknown): undefined {
  if (errorCode(error) === 'EEXIST') return undefined;
  throw error;
}
