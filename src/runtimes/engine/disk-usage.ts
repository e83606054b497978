/** The disk space of a container: its writable layer and the volumes that were created with it. */
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { findDeletedFiles, sizeOfDeleted } from '../deleted-files.ts';
import { RuntimeError } from '../runtime.ts';
import { lastErrorLine, type RunEngine, removalTimeoutMs } from './client.ts';

const Sized = v.tuple([
  v.nullish(v.number(), 0),
  v.nullish(
    v.array(
      v.object({
        Type: v.string(),
        Name: v.nullish(v.string(), ''),
        Source: v.nullish(v.string(), ''),
        Destination: v.nullish(v.string(), ''),
      }),
    ),
    [],
  ),
]);
const Volumes = v.array(v.object({ Name: v.string(), Size: v.string() }));

/** How an engine measures its volumes. */
export interface VolumeMeter {
  engine: 'docker' | 'podman';
  isRoot: boolean;
  /** Runs a program of this machine. */
  runCommand: (file: string, args: readonly string[]) => Promise<{ exitCode: number | undefined; stdout: string }>;
  /** The processes of the container, its first one first. */
  listProcesses: () => Promise<number[]>;
}

/** In bytes. Undefined if there is no such container. @throws RuntimeError */
export async function measureContainer(run: RunEngine, jobId: string, meter: VolumeMeter): Promise<number | undefined> {
  const before = await findDeletedFiles(await meter.listProcesses());
  const format = '[{{json .SizeRw}},{{json .Mounts}}]';
  const result = await run(['container', 'inspect', '--size', '--format', format, jobId], {
    timeoutMs: removalTimeoutMs,
  });
  if (result.exitCode !== 0) {
    if (/no such/i.test(result.stderr)) return undefined;
    throw new RuntimeError(`cannot measure container ${jobId}: ${lastErrorLine(result)}`);
  }
  const [layer, mounts] = v.parse(Sized, parseJson(result.stdout));
  const volumes = mounts.filter(({ Type, Name }) => Type === 'volume' && isAnonymous(Name));
  const inVolumes = volumes.length === 0 ? 0 : await measureVolumes(run, volumes, meter);
  const after = before.size === 0 ? before : await findDeletedFiles(await meter.listProcesses());
  const folders = ['/', ...volumes.map(({ Destination }) => Destination)];
  return layer + inVolumes + sizeOfDeleted({ before, after, folders });
}

/** Named volumes belong to the user, such as the runner's own of authorities. */
function isAnonymous(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

async function measureVolumes(
  run: RunEngine,
  volumes: readonly { Name: string; Source: string }[],
  { engine, isRoot, runCommand }: VolumeMeter,
): Promise<number> {
  const du = ['-sk', '--', ...volumes.map(({ Source }) => Source)];
  if (engine === 'podman' && !isRoot) {
    // The files belong to users of the namespace, which alone can read them all.
    return sumOfDu((await run(['unshare', 'du', ...du], { timeoutMs: removalTimeoutMs })).stdout);
  }
  if (isRoot) return sumOfDu((await runCommand('du', du)).stdout);
  const result = await run(['system', 'df', '--verbose', '--format', '{{json .Volumes}}'], {
    timeoutMs: removalTimeoutMs,
  });
  if (result.exitCode !== 0) throw new RuntimeError(`cannot measure volumes: ${lastErrorLine(result)}`);
  const names = new Set(volumes.map(({ Name }) => Name));
  const sizes = v.parse(Volumes, parseJson(result.stdout)).filter(({ Name }) => names.has(Name));
  return sizes.reduce((sum, { Size }) => sum + parseSize(Size), 0);
}

/** Files that go while they are counted make `du` fail, but not its sums wrong. */
export function sumOfDu(output: string): number {
  return output.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0) * 1024, 0);
}

const powers: Readonly<Record<string, number>> = { B: 0, KB: 1, MB: 2, GB: 3, TB: 4, PB: 5 };

/** As docker prints it: `1.094GB`. Zero if it is not a size. */
export function parseSize(text: string): number {
  const [, amount, unit = ''] = /^([\d.]{1,20}) ?([kKMGTP]?B)$/.exec(text) ?? [];
  return Math.round((Number(amount) || 0) * 1000 ** (powers[unit.toUpperCase()] ?? 0));
}
