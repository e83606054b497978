import { ExitCode, UserError } from '../../../lib/errors.ts';
import { trimEnd } from '../../../lib/trim-end.ts';
import type { EnvVar } from '../../../plan42/objects.ts';
import { readVariable } from '../../../plan42/task-input.ts';
import type { CliContext } from '../../context.ts';
import { inputPath } from '../../options.ts';
import { readInput } from '../../read-input.ts';

/**
 * Parses `NAME=VALUE`, or `NAME`, whose value is read from `env` and is secret, because it is not on the command line. Line
 * breaks at its end come from files with Windows line ends.
 * @throws UserError
 */
export function parseEnvVar(text: string, env: NodeJS.ProcessEnv): EnvVar {
  const variable = readVariable(text);
  if (variable === undefined) {
    const remedy = 'Give NAME=VALUE, or NAME to read it from the environment.';
    throw new UserError('a variable in --env has an invalid name', { remedy, exitCode: ExitCode.usage });
  }
  const { name, value } = variable;
  if (value !== undefined) return { Name: name, Value: value, IsSecret: false };
  const secret = trimEnd(env[name] ?? '', '\r\n');
  if (env[name] !== undefined) return { Name: name, Value: secret, IsSecret: true };
  throw new UserError(`environment variable ${name} is not set`, {
    remedy: `Set it, or give --env ${name}=VALUE.`,
    exitCode: ExitCode.usage,
  });
}

const remedy = 'Give --secret-file NAME=FILE, or NAME=- for standard input.';

/**
 * Reads a secret variable from the file in `NAME=FILE`, without the line breaks at its end, which editors and `echo` add.
 * @throws UserError
 */
export async function readSecretFile(context: CliContext, text: string): Promise<EnvVar> {
  const { name, value: path = '' } = readVariable(text) ?? {};
  if (name === undefined || path === '') {
    // The text is not repeated, because it may be NAME=SECRET.
    throw new UserError('--secret-file needs a name and a file', { remedy, exitCode: ExitCode.usage });
  }
  const content = await readInput(context, inputPath(path), `the secret ${name}`, remedy);
  const value = trimEnd(content, '\r\n');
  if (value !== '') return { Name: name, Value: value, IsSecret: true };
  throw new UserError(`the secret ${name} is empty`, { remedy, exitCode: ExitCode.usage });
}
