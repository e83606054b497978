/** Commands of engines that come from given files, as the options `--container-path` and `--podman-path` name them. */
import { access, chmod, constants, rm, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { writeDurably } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { openPrivateFolder } from '../lib/private-folder.ts';
import { shellQuote } from '../lib/shell-quote.ts';

/** By the name of the command. */
export type Executables = Readonly<Partial<Record<'container' | 'podman', string | undefined>>>;

/**
 * Returns an environment in whose PATH the files come first, under the names of the commands. So everything that runs them
 * finds them, also the processes of jobs. A file that cannot be run is left out, with a warning.
 */
export async function withExecutables(
  env: NodeJS.ProcessEnv,
  executables: Executables,
  { stateDir, logger }: { stateDir: string; logger: Logger },
): Promise<NodeJS.ProcessEnv> {
  const given = Object.entries(executables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (given.length === 0) return env;
  const folder = join(stateDir, 'bin');
  await openPrivateFolder(folder);
  for (const [command, path] of given) {
    const script = join(folder, command);
    if (await isExecutable(path)) {
      // A script rather than a link: a program may look for its parts beside itself. It must not find this script again.
      const others = `PATH=\${PATH#${shellQuote(folder + delimiter)}}; export PATH`;
      await writeDurably(script, `#!/bin/sh\n${others}\nexec ${shellQuote(path)} "$@"\n`);
      await chmod(script, 0o700);
    } else {
      logger.warn('executable not found, using the one in PATH', { command, path });
      await rm(script, { force: true });
    }
  }
  return { ...env, PATH: [folder, env['PATH'] ?? ''].join(delimiter) };
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
