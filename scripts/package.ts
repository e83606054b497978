/**
 * Builds the packages for this platform in dist/packages: a tarball, an npm package, on Linux a Debian package and an image,
 * and their checksums. The same commit gives the same bytes.
 */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { root } from './build/bundle.ts';
import { buildInfo } from './build/version.ts';
import { sha256, writeTarball } from './package/archive.ts';
import { buildDebianPackage } from './package/debian.ts';
import { buildExecutable } from './package/executable.ts';
import { buildImage } from './package/image/image.ts';
import { buildNpmPackage } from './package/npm.ts';
import { buildTree } from './package/tree.ts';

const output = join(root, 'dist/packages');
const info = await buildInfo(root);
const platform = `${process.platform}-${process.arch}`;
const name = `plan42-${info.version}-${platform}`;

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });
const work = await mkdtemp(join(tmpdir(), 'plan42-package-'));
await using _work = { [Symbol.asyncDispose]: () => rm(work, { recursive: true, force: true }) };

const executable = await buildExecutable(join(work, 'executable'));
const tree = join(work, name);
await buildTree(tree, executable, { withLibraries: true });

const tarball = join(output, `${name}.tar.gz`);
await writeTarball({ file: tarball, cwd: work, name, time: new Date(info.commitTime * 1000) });
const files = [tarball];
if (process.platform === 'linux') {
  files.push(await buildDebianPackage(executable, { staging: join(work, 'debian'), output, info }));
  files.push(await buildImage(tree, { executable: executable.path, staging: join(work, 'image'), output, info }));
}
const npm = { staging: join(work, 'npm'), output, info, notices: executable.notices };
await mkdir(npm.staging);
files.push(await buildNpmPackage(npm));

let sums = '';
for (const file of files) sums += `${await sha256(file)}  ${basename(file)}\n`;
await writeFile(join(output, `SHA256SUMS-${platform}`), sums);

const mib = async (path: string) => `${((await stat(path)).size / 1024 ** 2).toFixed(1)} MiB`;
console.log(`plan42 ${info.version}, ${platform}: executable ${await mib(join(tree, 'bin/plan42'))}`);
for (const file of files) console.log(`  ${basename(file)}  ${await mib(file)}`);
console.log(await readFile(join(output, `SHA256SUMS-${platform}`), 'utf8'));
