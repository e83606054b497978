import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isSea } from 'node:sea';

// Relative to a chunk, to an executable's bundle, and to the sources.
const places = ['..', '.', '../../dist/js'];

/** The command of a program that runs beside a job, such as `plan42-gateway`: a bundle of its own. */
export function programCommand(name: string): string[] {
  if (isSea()) return [process.execPath, name];
  const bundle = `${name}.mjs`;
  const found = places.map((place) => join(import.meta.dirname, place, bundle)).find((path) => existsSync(path));
  // Without the file the program fails, and so the job is refused with that reason.
  return [process.execPath, '--max-old-space-size=64', found ?? bundle];
}
