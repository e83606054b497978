/** From the packages of all platforms in dist/packages: one file of sums, the Homebrew formula, and the version. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './build/bundle.ts';
import { buildInfo } from './build/version.ts';
import { formulaOf } from './package/homebrew.ts';

const folder = join(root, 'dist/packages');
const { version, repository } = await buildInfo(root);
const sums = new Map<string, string>();
for (const name of (await readdir(folder)).toSorted()) {
  if (!name.startsWith('SHA256SUMS-')) continue;
  for (const line of (await readFile(join(folder, name), 'utf8')).trim().split('\n')) {
    const [sum = '', file = ''] = line.split(/\s+/);
    // The npm package is the same on every platform, up to the order in which they are done.
    sums.set(file, sum);
  }
  await rm(join(folder, name));
}
const lines = [...sums].map(([file, sum]) => `${sum}  ${file}\n`);
await writeFile(join(folder, 'SHA256SUMS'), lines.join(''));
await writeFile(join(folder, 'VERSION'), version);
const template = join(root, 'packaging/plan42.rb.template');
await writeFile(join(folder, 'plan42.rb'), await formulaOf(template, { version, repository, sums }));
