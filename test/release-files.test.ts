/** Checksums and the Homebrew formula of a release, from the packages of all platforms. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formulaOf } from '../scripts/package/homebrew.ts';
import { releaseSums } from '../scripts/package/release-sums.ts';
import { makeTempDir } from './support/temp-dir.ts';

const template = join(import.meta.dirname, '../packaging/plan42.rb.template');
const version = '1.4.73';
const repository = 'example/plan42';
const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'];
const npm = `plan42-cli-${version}.tgz`;

const sumOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Writes the packages of all platforms into one folder, where the last npm package has replaced the others. */
async function makePackages(folder: string): Promise<void> {
  for (const platform of platforms) {
    const tarball = `plan42-${version}-${platform}.tar.gz`;
    await writeFile(join(folder, tarball), tarball);
    const lines = `${sumOf(tarball)}  ${tarball}\n${sumOf(`made on ${platform}`)}  ${npm}\n`;
    await writeFile(join(folder, `SHA256SUMS-${platform}`), lines);
  }
  await writeFile(join(folder, npm), 'made on darwin-x64');
}

describe('the files of a release', () => {
  it('list the checksum of each released file', async () => {
    await using dir = await makeTempDir();
    await makePackages(dir.path);
    const sums = await releaseSums(dir.path);
    assert.equal(sums.size, 5);
    assert.equal(sums.get(npm), sumOf('made on darwin-x64'));
  });

  it('reject a package that is damaged, missing or unknown', async () => {
    await using dir = await makeTempDir();
    await makePackages(dir.path);
    const file = join(dir.path, `plan42-${version}-linux-x64.tar.gz`);
    await writeFile(file, 'damaged');
    await assert.rejects(releaseSums(dir.path), /plan42-1\.4\.73-linux-x64\.tar\.gz does not match/);
    await makePackages(dir.path);
    await writeFile(join(dir.path, 'extra'), '');
    await assert.rejects(releaseSums(dir.path), /extra does not match/);
  });

  it('include a formula with every tarball and its checksum', async () => {
    await using dir = await makeTempDir();
    await makePackages(dir.path);
    const sums = await releaseSums(dir.path);
    const formula = await formulaOf(template, { version, repository, sums });
    for (const platform of platforms) {
      const tarball = `plan42-${version}-${platform}.tar.gz`;
      const url = `https://github.com/${repository}/releases/download/v${version}/${tarball}`;
      assert.ok(formula.includes(`url "${url}"\n      sha256 "${sumOf(tarball)}"`), formula);
    }
    assert.ok(!formula.includes('@'), formula);
    await assert.rejects(formulaOf(template, { version: '1.4.73-2', repository, sums }), /no tarball for darwin-arm64/);
  });
});
