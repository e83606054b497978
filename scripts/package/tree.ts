/** Builds the tree that packages install: `bin`, `lib`, `share`, as below /usr. */
import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../build/bundle.ts';
import { buildInfo } from '../build/version.ts';
import { renderManPages } from '../docs/man-pages.ts';
import type { Executable } from './executable.ts';
import { makeReadable } from './modes.ts';
import { copyLibraries } from './native-libraries.ts';
import { run } from './run.ts';
import { sbomOf } from './sbom.ts';

const links = ['plan42-runner', 'plan42-runner-config'];
const completions = {
  bash: 'share/bash-completion/completions/plan42',
  zsh: 'share/zsh/site-functions/_plan42',
  fish: 'share/fish/vendor_completions.d/plan42.fish',
};

/** @param withLibraries copy the libraries that Node.js needs on Linux, unless the package depends on the system's */
export async function buildTree(
  folder: string,
  { path, notices, packages }: Executable,
  { withLibraries }: { withLibraries: boolean },
): Promise<void> {
  const { version, commitTime } = await buildInfo(root);
  const plan42 = join(folder, 'bin/plan42');
  await put(plan42, path);
  await chmod(plan42, 0o755);
  for (const name of links) await symlink('plan42', join(folder, 'bin', name));

  const licences = [await readFile(notices, 'utf8'), await nodeLicence()];
  const contents = { version, packages };
  if (withLibraries && process.platform === 'linux') {
    const libraries = await copyLibraries(path, join(folder, 'lib/plan42'));
    licences.unshift(libraries.notice);
    Object.assign(contents, { gccLibraries: libraries.version });
  }
  await write(join(folder, 'share/doc/plan42/THIRD-PARTY-NOTICES.txt'), licences.join(`\n${'-'.repeat(78)}\n\n`));
  await write(join(folder, 'share/doc/plan42/sbom.cdx.json'), await sbomOf(root, contents));
  for (const name of ['LICENSE', 'CHANGELOG.md', 'README.md', 'SECURITY.md'])
    await put(join(folder, 'share/doc/plan42', name), join(root, name));
  const filter = (source: string) => !source.endsWith('.test.ts');
  for (const name of ['docs', 'examples'])
    await cp(join(root, name), join(folder, 'share/doc/plan42', name), { recursive: true, filter });

  for (const [shell, place] of Object.entries(completions))
    await write(join(folder, place), await run(path, ['completion', shell]));

  for (const [name, text] of renderManPages({ version, date: new Date(commitTime * 1000) }))
    await write(join(folder, 'share/man/man1', name), text);
  await makeReadable(folder);
}

// The npm package of Node.js has its licence, with those of its components, beside the executable's folder.
async function nodeLicence(): Promise<string> {
  const { platform, arch } = process;
  const packages = join(root, 'node_modules/node/node_modules');
  const names = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`];
  const places = names.flatMap((name) => [join(packages, name), join(root, 'node_modules', name)]);
  for (const place of [...places, dirname(dirname(process.execPath))]) {
    const text = await readFile(join(place, 'LICENSE'), 'utf8').catch(() => undefined);
    if (text !== undefined) return `Node.js ${process.versions.node}\n\n${text}`;
  }
  throw new Error('cannot find the licence of Node.js. Run: npm ci');
}

async function put(path: string, source: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await copyFile(source, path);
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
