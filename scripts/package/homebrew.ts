/** Renders the Homebrew formula of a release. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'];

/**
 * Fills the template with the checksums of the tarballs.
 * @throws Error if the tarball of a platform is missing
 */
export async function formulaOf(
  template: string,
  { version, repository, sums }: { version: string; repository: string; sums: ReadonlyMap<string, string> },
): Promise<string> {
  let formula = (await readFile(template, 'utf8')).replaceAll('@VERSION@', version);
  const base = `https://github.com/${repository}/releases/download/v${version}`;
  for (const platform of platforms) {
    const file = [...sums.keys()].find((path) => basename(path) === `plan42-${version}-${platform}.tar.gz`);
    if (file === undefined) throw new Error(`no tarball for ${platform}`);
    const key = platform.replace('-', '_').toUpperCase();
    formula = formula
      .replaceAll(`@${key}_URL@`, `${base}/${basename(file)}`)
      .replaceAll(`@${key}_SHA256@`, sums.get(file) ?? '');
  }
  return formula;
}
