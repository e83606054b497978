import { join } from 'node:path';
import * as v from 'valibot';
import { type Clock, systemClock } from '../lib/clock.ts';
import { createDateWatch, DateMemory } from '../lib/date-trust.ts';
import { writeDurably } from '../lib/files.ts';
import { tryParseJson } from '../lib/json.ts';
import { readTextIfExists } from '../lib/read-file.ts';

/**
 * Returns a function that looks at the date and returns for how long the ages of files are not to be trusted. What it
 * remembers is in the state folder. A file that cannot be read counts as none.
 */
export function openDateFile(stateDir: string, clock: Clock = systemClock): () => Promise<number> {
  const path = join(stateDir, 'date.json');
  const watch = createDateWatch(clock);
  return async () => {
    const known = v.safeParse(DateMemory, tryParseJson((await readTextIfExists(path).catch(() => undefined)) ?? ''));
    const memory = watch(known.success ? known.output : undefined);
    // On a full disk, garbage has to be removed all the same.
    await writeDurably(path, JSON.stringify(memory)).catch(() => {});
    return memory.waitMs;
  };
}
