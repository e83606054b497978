/** Real command-line agents from npm. They are large, so they are neither dependencies nor installed more than once. */
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './engines/processes.ts';

const cache = join(import.meta.dirname, '../../dist/agents');

const installs = new Map<string, Promise<string>>();

/** Installs a package, `NAME@VERSION`, and returns the folder of its programs. */
export function installAgent(name: string): Promise<string> {
  const install = installs.get(name) ?? installOnce(name);
  installs.set(name, install);
  return install;
}

async function installOnce(name: string): Promise<string> {
  const folder = join(cache, name.replaceAll(/[@/]/g, '_'));
  const bin = join('node_modules', '.bin');
  const isInstalled = await access(folder).then(
    () => true,
    () => false,
  );
  if (isInstalled) return join(folder, bin);
  const unfinished = `${folder}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  await writeFile(join(unfinished, 'package.json'), '{"private":true}');
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', '--prefix', unfinished];
  await run('npm', ['install', ...options, name]);
  // Another test run may have been faster.
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true }));
  return join(folder, bin);
}
