import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Called with the kind of a new entry in the state folder: `draft`, `job`, the name of a job's file, `finished`. */
export type JobEvent = (name: string) => unknown;

/** Reports every name that appears below the folder of jobs, within a millisecond or two. */
export async function watchJobs(stateDir: string, onEvent: JobEvent): Promise<Disposable> {
  const watchers: FSWatcher[] = [];
  const seen = new Set<string>();
  const report = (name: string, path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    onEvent(name);
  };
  const add = (folder: string, onName: (name: string) => void) => {
    try {
      watchers.push(watch(folder, (_, name) => name && onName(name)).on('error', () => {}));
      for (const name of readdirSync(folder)) onName(name);
    } catch {
      // It no longer exists.
    }
  };
  const [active, finished] = [join(stateDir, 'jobs/active'), join(stateDir, 'jobs/finished')];
  for (const folder of [active, finished]) await mkdir(folder, { recursive: true });
  add(active, (name) => {
    const folder = join(active, name);
    if (seen.has(folder)) return;
    // The watch goes with the folder when it is renamed.
    add(folder, (file) => report(file, join(folder, file)));
    report(name.endsWith('.draft') ? 'draft' : 'job', folder);
  });
  add(finished, (name) => report('finished', join(finished, name)));
  return {
    [Symbol.dispose]: () => {
      for (const watcher of watchers) watcher.close();
    },
  };
}
