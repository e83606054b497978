import { chmod, lstat, open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { environmentFailure, fullDiskRemedy } from '../lib/environment-failure.ts';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { makeFolder } from '../lib/files.ts';
import { lockBriefly } from '../lib/lock.ts';
import { followLinks, replaceFile } from '../lib/replace-file.ts';
import { shellQuote } from '../lib/shell-quote.ts';
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
 * Replaces the file by `content`, and returns the new file. See `replaceFile` for what it keeps.
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
    await forbidOthers(target);
    await replaceFile(target, content);
  } catch (error) {
    throw await notWritable(target, error);
  }
  return { path, content };
}

/**
 * A user's own file, which has tokens, is closed to everyone else but its group. Root's file is not: the runner that reads
 * it may be any user.
 */
async function forbidOthers(target: string): Promise<void> {
  const found = await stat(target).catch(() => undefined);
  if (found === undefined || found.uid === 0 || found.uid !== process.geteuid?.()) return;
  if ((found.mode & 0o007) !== 0) await chmod(target, found.mode & 0o770);
}

/** Calls `work` with the file to replace: the target of a symbolic link, so that the link itself stays. */
async function withFileLocked<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: (target: string) => Promise<T>,
): Promise<T> {
  const target = await followLinks(path);
  using _lock = await lock(path, target, signal);
  return await work(target);
}

async function lock(path: string, target: string, signal: AbortSignal | undefined): Promise<Disposable> {
  try {
    await makeFolder(dirname(target), { forOwner: true });
    const lockFile = join(dirname(target), `.${basename(target)}.lock`);
    return await withDeadline(lockTimeoutMs, signal, (deadline) => lockBriefly(lockFile, deadline));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TimeoutError)) {
      if (isForbidden(error) && (await isWritable(target))) return noLock;
      throw await notWritable(path, error);
    }
    throw new UserError(`another program has locked ${path} for ${lockTimeoutMs / 1000} s`, {
      remedy: 'Nothing was saved. Stop that program and try again.',
    });
  }
}

const isForbidden = (error: unknown) => ['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '');

/** The file may be writable in a folder that is not, which has no place for a lock then. */
async function isWritable(target: string): Promise<boolean> {
  try {
    await using _file = await open(target, 'r+');
    return true;
  } catch {
    return false;
  }
}

const noLock: Disposable = { [Symbol.dispose]: () => {} };

async function notWritable(path: string, cause: unknown): Promise<UserError> {
  if (cause instanceof UserError) return cause;
  return new UserError(`cannot write the configuration file ${path}`, { remedy: await remedyFor(path, cause), cause });
}

const remedies: Record<string, string> = {
  EROFS: 'Its file system is read-only. Choose another file with --config-file.',
  ENOTDIR: 'A part of its path is not a folder. Choose another file with --config-file.',
  EEXIST: 'A part of its path is not a folder. Choose another file with --config-file.',
};

async function remedyFor(path: string, error: unknown): Promise<string> {
  if (environmentFailure(error)?.kind === 'diskFull')
    return `Nothing was saved. ${fullDiskRemedy(dirname(path))} Then try again.`;
  const known = remedies[errorCode(error) ?? ''];
  if (known !== undefined) return known;
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.uid === process.geteuid?.()) return 'Check the permissions of its folder.';
  return `It belongs to another user. Run this as that user, or with sudo and -c ${shellQuote(path)}.`;
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
