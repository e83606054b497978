import { readFile, stat } from 'node:fs/promises';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { type Problem, readConfig } from './read.ts';
import type { Config } from './schema.ts';

export interface LoadOptions {
  path: string;
  /** The person named the file, so that it must be there. */
  explicit: boolean;
  env: NodeJS.ProcessEnv;
  flags?: ReadonlyMap<string, string>;
}

export interface LoadedConfig {
  config: Config;
  path: string;
  /** Whether there is a file at `path`. */
  found: boolean;
  /** Readable sentences, with line and column where they are about the file. */
  warnings: string[];
}

/**
 * Reads and checks the configuration. Without a file, environment and defaults have to do.
 * @throws UserError (exit code 3) that names every mistake with line and column.
 */
export async function loadConfig({ path, explicit, env, flags = new Map() }: LoadOptions): Promise<LoadedConfig> {
  const file = await readIfPresent(path, explicit);
  const { config, problems } = readConfig({ file, env, flags });
  problems.sort((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0));
  if (problems.some((problem) => problem.severity === 'error')) {
    // With the warnings, since a mistyped name is often the reason of an error.
    throw new UserError(
      `the configuration is invalid: ${problems.map((problem) => render(path, problem)).join('; ')}`,
      {
        remedy: 'Correct it and start again.',
        exitCode: ExitCode.configuration,
      },
    );
  }
  const warnings = problems.map((problem) => render(path, problem));
  if (file !== undefined) warnings.push(...(await permissionWarnings(path)));
  return { config, path, found: file !== undefined, warnings };
}

async function readIfPresent(path: string, explicit: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !explicit) return undefined;
    const missing = errorCode(error) === 'ENOENT';
    throw new UserError(
      missing ? `there is no configuration file ${path}` : `cannot read the configuration file ${path}`,
      {
        remedy: missing ? 'Create it, or name another one with --config-file.' : 'Check its permissions.',
        exitCode: ExitCode.configuration,
        cause: missing ? undefined : error,
      },
    );
  }
}

async function permissionWarnings(path: string): Promise<string[]> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return [];
  return [`${path} holds tokens and others can read it: run chmod 600 '${path}'`];
}

function render(path: string, { message, position }: Problem): string {
  return position === undefined ? message : `${path}:${position.line}:${position.column}: ${message}`;
}
