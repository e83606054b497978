/** Writes V8's code caches of scripts: `code-cache.ts FILE…` writes `FILE.cache`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Script } from 'node:vm';

for (const file of process.argv.slice(2)) {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file });
  writeFileSync(`${file}.cache`, script.createCachedData());
}
