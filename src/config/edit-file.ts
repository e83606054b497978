import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { makeFolder, writeDurably } from '../lib/files.ts';
import { lockBriefly } from '../lib/lock.ts';
import { parseConfig, renderProblem } from './parse.ts';
import { readConfigText } from './read-file.ts';
import { parseToml, TomlSyntaxError } from './toml/parse.ts';

/** A configuration file as it was read, to be edited. */
export interface ConfigFile {
  path: string;
  /** Undefined if the file does not exist. */
  content: string | undefined;
}

/** The file before and after an edit. */
export interface ConfigChange {
  before: ConfigFile;
  after: ConfigFile;
}

/** Another program has written the file since it was read. */
export class ConfigFileChanged extends UserError {
  constructor(path: string) {
    super(`${path} has changed since it was read`, { remedy: 'Nothing was saved. Try again.' });
  }
}

// Other programs hold the lock for milliseconds.
const lockTimeoutMs = 30_000;
// An editor that saves at the same moment causes one or two retries.
const maxAttempts = 10;

/** @throws UserError (exit code 3) if it cannot be read or is not TOML; the signal's reason */
export async function readConfigFile(path: string, signal?: AbortSignal): Promise<ConfigFile> {
  const content = await readConfigText(path, signal);
  try {
    parseToml(content ?? '');
  } catch (error) {
    if (!(error instanceof TomlSyntaxError)) throw error;
    const { line, column } = error.position;
    throw new UserError(`${path}:${line}:${column}: ${error.message}`, {
      remedy: 'Fix it with an editor.',
      exitCode: ExitCode.configuration,
    });
  }
  return { path, content };
}

/**
 * Replaces the file atomically by `content`, with mode 0600, and returns the new file.
 * @throws ConfigFileChanged; UserError if it cannot be written; the signal's reason
 */
export async function saveConfigFile(file: ConfigFile, content: string, signal?: AbortSignal): Promise<ConfigFile> {
  return withFileLocked(file.path, signal, (target) => replace(file, content, target, signal));
}

/**
 * Replaces the file by the result of `change`. Concurrent changes by several programs are serialised, so that none is lost.
 * @throws what `change` throws; UserError if it cannot be read or written; the signal's reason
 */
export async function changeConfigFile(
  path: string,
  change: (file: ConfigFile) => string,
  signal?: AbortSignal,
): Promise<ConfigChange> {
  const first = await readConfigFile(path, signal);
  // An edit without effect writes nothing, so that it works in a read-only folder too.
  if (change(first) === (first.content ?? '')) return { before: first, after: first };
  return withFileLocked(path, signal, async (target) => {
    for (let attempt = 1; ; attempt += 1) {
      const before = await readConfigFile(path, signal);
      try {
        return { before, after: await replace(before, change(before), target, signal) };
      } catch (error) {
        // A program that does not use the lock has written the file.
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

/** Calls `work` with the file to replace: the target of a symbolic link, so that the link itself stays. */
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
    throw new UserError(`another program has locked ${path} for ${lockTimeoutMs / 1000} s`, {
      remedy: 'Nothing was saved. Stop that program and try again.',
    });
  }
}

const maxLinks = 40;

/** Resolves symbolic links. The file that they point to need not exist. */
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
  ENOSPC: 'Nothing was saved. Free disk space and try again.',
  EDQUOT: 'Nothing was saved. Free disk space and try again.',
  EROFS: 'Its file system is read-only. Choose another file with --config-file.',
  ENOTDIR: 'A part of its path is not a folder. Choose another file with --config-file.',
  EEXIST: 'A part of its path is not a folder. Choose another file with --config-file.',
};

function remedyFor(error: unknown): string {
  return remedies[errorCode(error) ?? ''] ?? 'Check the permissions of its folder.';
}

/** The errors in a file that keep a runner from starting, each with its position. A missing setting is none. */
export function mistakesIn({ path, content }: ConfigFile): string[] {
  return parseConfig({ file: content, env: {}, flags: new Map() })
    .problems.filter(({ severity }) => severity === 'error')
    .map((problem) => renderProblem(path, problem));
}

/** One sentence about the mistakes; undefined if there are none. */
export function mistakesNote([first, ...more]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `No runner can start with it: ${first}${others}. To see all errors, run "plan42 runner config validate".`;
}
