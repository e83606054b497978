import { ExitCode, UserError } from '../lib/errors.ts';
import { parseConfig, renderProblem } from './parse.ts';
import { permissionWarnings, readConfigText } from './read-file.ts';
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
  const { config, problems } = parseConfig({ file, env, flags });
  if (problems.some((problem) => problem.severity === 'error')) {
    // With the warnings, since a mistyped name is often the reason of an error.
    throw new UserError(
      `the configuration is invalid: ${problems.map((problem) => renderProblem(path, problem)).join('; ')}`,
      {
        remedy: 'Correct it and start again.',
        exitCode: ExitCode.configuration,
      },
    );
  }
  const warnings = problems.map((problem) => renderProblem(path, problem));
  if (file !== undefined) warnings.push(...(await permissionWarnings(path)));
  return { config, path, found: file !== undefined, warnings };
}

async function readIfPresent(path: string, explicit: boolean): Promise<string | undefined> {
  const content = await readConfigText(path);
  if (content !== undefined || !explicit) return content;
  throw new UserError(`there is no configuration file ${path}`, {
    remedy: 'Create it, or name another one with --config-file.',
    exitCode: ExitCode.configuration,
  });
}
