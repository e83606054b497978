/** Command-line agents from PyPI, each in a virtual environment of its own, installed once. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../src/lib/files.ts';
import { run } from './engines/processes.ts';

const cache = join(import.meta.dirname, '../../dist/agents');

/** Installs a package, `NAME==VERSION`, and returns the folder of its programs. They contain their path, so it is final. */
export async function installPythonAgent(name: string): Promise<string> {
  const folder = join(cache, name.replaceAll('=', '_'));
  const complete = join(folder, 'complete');
  if (!(await exists(complete))) {
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', name]);
    await writeFile(complete, '');
  }
  return join(folder, 'bin');
}
