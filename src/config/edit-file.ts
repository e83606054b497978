import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { makeFolder, writeDurably } from '../lib/files.ts';
import { lockBriefly } from '../lib/lock.ts';
import { parseConfig, renderProblem } from './parse.ts';
import { readConfigText } from './read-file.ts';
import { parseToml, TomlSyntaxError } from './toml/parse.ts';

/** A configuration file as it was read, for changing it. */
export interface ConfigFile {
  path: string;
  /** Undefined when there is no file yet. */
  content: string | undefined;
}

/** The file as it was and as it is. */
export interface ConfigChange {
  before: ConfigFile;
  after: ConfigFile;
}

/** Somebody else has written the file since it was read. */
export class ConfigFileChanged extends UserError {
  constructor(path: string) {
    super(`${path} has changed since it was read`, { remedy: 'Nothing was saved. Try again.' });
  }
}

// Whoever else has it needs some milliseconds.
const lockTimeoutMs = 30_000;
// An editor that saves at the very moment is met again at most once or twice.
const maxAttempts = 10;

/** @throws UserError (exit code 3) when it can't be read or is not TOML; the signal's reason */
export async function readConfigFile(path: string, signal?: AbortSignal): Promise<ConfigFile> {
  const content = await readConfigText(path, signal);
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
 * @throws ConfigFileChanged; UserError when it can't be written; the signal's reason
 */
export async function saveConfigFile(file: ConfigFile, content: string, signal?: AbortSignal): Promise<ConfigFile> {
  return withFileLocked(file.path, signal, (target) => replace(file, content, target, signal));
}

/**
 * Writes what `change` makes of the file. Changes that several programs make at once come one after the other, so that none
 * is lost.
 * @throws what `change` throws; UserError when it can't be read or written; the signal's reason
 */
export async function changeConfigFile(
  path: string,
  change: (file: ConfigFile) => string,
  signal?: AbortSignal,
): Promise<ConfigChange> {
  const first = await readConfigFile(path, signal);
  // What changes nothing writes nothing, and works where nothing can be written.
  if (change(first) === (first.content ?? '')) return { before: first, after: first };
  return withFileLocked(path, signal, async (target) => {
    for (let attempt = 1; ; attempt += 1) {
      const before = await readConfigFile(path, signal);
      try {
        return { before, after: await replace(before, change(before), target, signal) };
      } catch (error) {
        // By a program that knows nothing of the lock.
        if (!(error instanceof ConfigFileChanged) || attempt === maxAttempts) throw error;
      }
    }
  });
}

async function replace(
  { path, content: expected }: ConfigFile,
  content: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<ConfigFile> {
  if ((await readConfigText(path, signal)) !== expected) throw new ConfigFileChanged(path);
  if (content === expected) return { path, content };
  try {
    await writeDurably(target, content);
  } catch (error) {
    throw notWritable(path, error);
  }
  return { path, content };
}

/** Calls `work` with the file that is to be replaced: a link stays one, since many people keep their configuration elsewhere. */
async function withFileLocked<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: (target: string) => Promise<T>,
): Promise<T> {
  const target = await targetOf(path);
  using _lock = await lock(path, target, signal);
  return await work(target);
}

async function lock(path: string, target: string, signal: AbortSignal | undefined): Promise<Disposable> {
  try {
    await makeFolder(dirname(target));
    const lockFile = join(dirname(target), `.${basename(target)}.lock`);
    return await withDeadline(lockTimeoutMs, signal, (deadline) => lockBriefly(lockFile, deadline));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TimeoutError)) throw notWritable(path, error);
    throw new UserError(`another program has been changing ${path} for ${lockTimeoutMs / 1000} s`, {
      remedy: 'Nothing was saved. End that program, and try again.',
    });
  }
}

const maxLinks = 40;

/** Where a path leads to; the file at its end need not be there. */
async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links < maxLinks; links += 1) {
    const folder = await realpath(dirname(target)).catch(() => resolve(dirname(target)));
    target = join(folder, basename(target));
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    target = resolve(folder, next);
  }
  return path;
}

function notWritable(path: string, cause: unknown): UserError {
  return new UserError(`cannot write the configuration file ${path}`, { remedy: remedyFor(cause), cause });
}

const remedies: Record<string, string> = {
  ENOSPC: 'Nothing was saved. Make room on its disk, and try again.',
  EDQUOT: 'Nothing was saved. Make room on its disk, and try again.',
  EROFS: 'Its disk is read-only: name another file with --config-file.',
  ENOTDIR: 'What its path leads through is not a folder: name another file with --config-file.',
  EEXIST: 'What its path leads through is not a folder: name another file with --config-file.',
};

function remedyFor(error: unknown): string {
  return remedies[errorCode(error) ?? ''] ?? 'Check the permissions of its folder, in which the new file is made.';
}

/** What keeps runners from starting with a file, each with its place. A setting that isn't there is no mistake. */
export function mistakesIn({ path, content }: ConfigFile): string[] {
  return parseConfig({ file: content, env: {}, flags: new Map() })
    .problems.filter(({ severity }) => severity === 'error')
    .map((problem) => renderProblem(path, problem));
}

/** Undefined where there are none. */
export function mistakesNote([first, ...more]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `No runner starts with it: ${first}${others}. "plan42 runner config validate" tells all.`;
}
