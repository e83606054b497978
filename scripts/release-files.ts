/** Writes checksums, Homebrew formula and version of a release, from the packages of all platforms in dist/packages. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './build/bundle.ts';
import { buildInfo } from './build/version.ts';
import { formulaOf } from './package/homebrew.ts';
import { isSums, releaseSums } from './package/release-sums.ts';

const folder = join(root, 'dist/packages');
const { version, repository } = await buildInfo(root);
const sums = await releaseSums(folder);
const template = join(root, 'packaging/plan42.rb.template');
const formula = await formulaOf(template, { version, repository, sums });
for (const name of (await readdir(folder)).filter(isSums)) await rm(join(folder, name));
const lines = [...sums].map(([file, sum]) => `${sum}  ${file}\n`);
await writeFile(join(folder, 'SHA256SUMS'), lines.join(''));
await writeFile(join(folder, 'VERSION'), version);
await writeFile(join(folder, 'plan42.rb'), formula);
