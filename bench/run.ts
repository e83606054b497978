/** Runs the benchmarks one after the other, or only those that are named (`github`). Each prints ratios or differences against a reference measured in the same run. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts') && name !== 'run.ts');
const benchmarks = files.map((file) => basename(file, '.ts')).toSorted();
const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!benchmarks.includes(name)) throw new Error(`there is no benchmark ${name}, but ${benchmarks.join(', ')}`);
}
for (const name of wanted.length > 0 ? wanted : benchmarks) {
  console.log(`\n## ${name}`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
