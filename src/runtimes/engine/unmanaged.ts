/** The containers of docker and podman that belong to no job in progress. */
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { RuntimeError, type UnmanagedContainer } from '../runtime.ts';
import { instanceLabel, lastErrorLine, queryTimeoutMs, type RunEngine, removalTimeoutMs } from './client.ts';

const Inspected = v.object({ Id: v.string(), Name: v.string(), Created: v.string(), SizeRw: v.optional(v.number()) });

/** As `Runtime.listUnmanaged`. */
export async function listUnmanaged(
  run: RunEngine,
  instanceId: string,
  except: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<UnmanagedContainer[]> {
  const args = ['ps', '--all', '--no-trunc', '--filter', `label=${instanceLabel}=${instanceId}`];
  const listed = await run([...args, '--format', '{{.ID}} {{.Names}}'], { signal, timeoutMs: queryTimeoutMs });
  if (listed.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${lastErrorLine(listed)}`);
  const unmanaged: UnmanagedContainer[] = [];
  for (const line of listed.stdout.split('\n')) {
    const [id = '', name = ''] = line.split(' ');
    if (id === '' || except.has(name)) continue;
    const { exitCode, stdout } = await run(['container', 'inspect', '--size', id], { signal });
    // It may be gone by now.
    if (exitCode === 0) unmanaged.push(...v.parse(v.array(Inspected), parseJson(stdout)).map(toUnmanaged));
  }
  return unmanaged;
}

/** As `Runtime.listForeign`. */
export async function listForeign(run: RunEngine, signal: AbortSignal | undefined): Promise<string[]> {
  const namesOf = async (...filter: string[]) => {
    const listed = await run(['ps', ...filter, '--format', '{{.Names}}'], { signal, timeoutMs: queryTimeoutMs });
    if (listed.exitCode !== 0) throw new RuntimeError(`cannot list containers: ${lastErrorLine(listed)}`);
    return listed.stdout.split('\n');
  };
  const own = new Set(await namesOf('--filter', `label=${instanceLabel}`));
  return (await namesOf('--filter', 'name=plan42-')).filter((name) => name.startsWith('plan42-') && !own.has(name));
}

function toUnmanaged({ Id, Name, Created, SizeRw }: v.InferOutput<typeof Inspected>): UnmanagedContainer {
  // Docker writes the name with a slash before it.
  return { id: Id, jobId: Name.replace(/^\//, ''), createdAt: new Date(Created), sizeBytes: SizeRw };
}

/** As `Runtime.removeUnmanaged`. */
export async function removeUnmanaged(run: RunEngine, id: string): Promise<void> {
  const result = await run(['rm', '--force', '--volumes', id], { timeoutMs: removalTimeoutMs });
  if (result.exitCode !== 0 && !/no such container/i.test(result.stderr)) throw new RuntimeError(lastErrorLine(result));
}
