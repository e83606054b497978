import { ExitCode, UserError } from '../lib/errors.ts';
import { parseConfig, renderProblem } from './parse.ts';
import { permissionWarnings, readConfigText } from './read-file.ts';
import type { Config } from './schema.ts';

export interface LoadOptions {
  path: string;
  /** The file was named explicitly and must exist. */
  explicit: boolean;
  env: NodeJS.ProcessEnv;
  flags?: ReadonlyMap<string, string>;
}

export interface LoadedConfig {
  config: Config;
  path: string;
  /** Whether there is a file at `path`. */
  found: boolean;
  /** Sentences, with line and column if they are about the file. */
  warnings: string[];
}

/**
 * Reads and checks the configuration. Without a file it consists of the environment and the defaults.
 * @throws UserError (exit code 3) that lists every problem with line and column.
 */
export async function loadConfig({ path, explicit, env, flags = new Map() }: LoadOptions): Promise<LoadedConfig> {
  const file = await readExistingConfig(path, explicit);
  const { config, problems } = parseConfig({ file, env, flags });
  if (problems.some((problem) => problem.severity === 'error')) {
    // Including warnings, because a mistyped name is often the cause of an error.
    throw new UserError(
      `the configuration is invalid: ${problems.map((problem) => renderProblem(path, problem)).join('; ')}`,
      {
        remedy: 'Fix it and start again.',
        exitCode: ExitCode.configuration,
      },
    );
  }
  const warnings = problems.map((problem) => renderProblem(path, problem));
  if (file !== undefined) warnings.push(...(await permissionWarnings(path)));
  return { config, path, found: file !== undefined, warnings };
}

/**
 * Returns the content of the configuration file, undefined if it does not exist.
 * @throws UserError (exit code 3) if it cannot be read, or does not exist and is `explicit`
 */
export async function readExistingConfig(path: string, explicit: boolean): Promise<string | undefined> {
  const content = await readConfigText(path);
  if (content !== undefined || !explicit) return content;
  throw new UserError(`configuration file ${path} not found`, {
    remedy: 'Create it, or choose another file with --config-file.',
    exitCode: ExitCode.configuration,
  });
}
