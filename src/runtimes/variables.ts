/** Values of the variables that the configuration gives to agents. */
import { join } from 'node:path';
import type { Variable } from '../config/variables.ts';
import { UserError } from '../lib/errors.ts';
import { writeDurably } from '../lib/files.ts';
import { trimEnd } from '../lib/trim-end.ts';
import type { JobPaths } from '../shim/shim.ts';
import { variablesFile } from './runtime.ts';

/** @throws UserError if the runner lacks a variable that it is to pass */
export function valuesOf(variables: readonly Variable[], env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    variables.map(({ name, value: given = env[name] }) => {
      // Line breaks at its end come from files, also those with Windows line ends.
      const value = given && trimEnd(given, '\r\n');
      if (value === undefined || /[\0\r\n]/.test(value)) {
        const why = value === undefined ? 'the runner has no such variable' : 'its value has more than one line';
        throw new UserError(`cannot pass ${name} to agents: ${why}`, {
          remedy: `Set ${name} in the environment of the runner, or give it a value in jobs.env.`,
        });
      }
      return [name, value];
    }),
  );
}

/** Writes the file, with mode 0600. Command lines are visible to all users, and variables of the command change its work. */
export async function writeVariables(
  { folder }: Pick<JobPaths, 'folder'>,
  values: Readonly<Record<string, string>>,
): Promise<string> {
  const path = join(folder, variablesFile);
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  await writeDurably(path, lines.join(''));
  return path;
}
