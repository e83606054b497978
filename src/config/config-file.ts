import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurably } from '../lib/durable-file.ts';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { parseToml, TomlSyntaxError } from './toml.ts';

/** A configuration file as it was read, for changing it. */
export interface ConfigFile {
  path: string;
  /** Undefined when there is no file yet. */
  content: string | undefined;
}

/** Somebody else has written the file since it was read. */
export class ConfigFileChanged extends UserError {
  constructor(path: string) {
    super(`${path} has changed since it was read`, { remedy: 'Nothing was saved. Try again.' });
  }
}

/** @throws UserError (exit code 3) when it can't be read or is not TOML */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const content = await contentOf(path);
  try {
    parseToml(content ?? '');
  } catch (error) {
    if (!(error instanceof TomlSyntaxError)) throw error;
    const { line, column } = error.position;
    throw new UserError(`${path}:${line}:${column}: ${error.message}`, {
      remedy: 'Correct it with an editor.',
      exitCode: ExitCode.configuration,
    });
  }
  return { path, content };
}

/**
 * Writes `content` in the place of what was read, as a whole or not at all, with mode 0600. Returns the file as it is then.
 * @throws ConfigFileChanged; UserError when it can't be written
 */
export async function saveConfigFile(file: ConfigFile, content: string): Promise<ConfigFile> {
  const { path } = file;
  if ((await contentOf(path)) !== file.content) throw new ConfigFileChanged(path);
  try {
    // A link stays one, and what it points to is replaced: many people keep their configuration elsewhere.
    const target = await realpath(path).catch(() => path);
    await makeFolder(dirname(target));
    await writeDurably(target, content);
  } catch (error) {
    throw new UserError(`cannot write the configuration file ${path}`, {
      remedy: 'Check its permissions.',
      cause: error,
    });
  }
  return { path, content };
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(`cannot read the configuration file ${path}`, {
      remedy: 'Check its permissions.',
      exitCode: ExitCode.configuration,
      cause: error,
    });
  }
}
