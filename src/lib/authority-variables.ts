/** `SSL_CERT_FILE` and `SSL_CERT_DIR`, the variables that name certificate authorities for programs in C and Go. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesIn, isDamaged, readCaFile } from './ca-file.ts';
import { errorCode, formatError, UserError } from './errors.ts';
import { readFailure, readTextSync } from './read-file.ts';

/**
 * Returns the authorities, in PEM, that the variables name and Node.js does not read: it takes a list of folders for one, and
 * reads neither variable on macOS. Anything that cannot be read is left out: {@link authorityProblems} reports it.
 */
export function unreadAuthorities(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string[] {
  const folders = foldersOf(env);
  const file = env['SSL_CERT_FILE'];
  const ofFolders = platform === 'darwin' || folders.length > 1 ? folders.flatMap(authoritiesIn) : [];
  return platform === 'darwin' && file ? [...authoritiesOf(file), ...ofFolders] : ofFolders;
}

/** Returns the first folder of `SSL_CERT_DIR` that can be read. */
export function readableFolder(env: NodeJS.ProcessEnv): string | undefined {
  return foldersOf(env).find((folder) => {
    try {
      readdirSync(folder);
      return true;
    } catch {
      return false;
    }
  });
}

/** A variable that does not have the effect that it should have. */
export interface AuthorityProblem {
  variable: 'SSL_CERT_FILE' | 'SSL_CERT_DIR';
  /** A sentence without a full stop. */
  message: string;
  remedy: string;
}

/** Returns what prevents that the authorities of the variables are trusted. */
export function authorityProblems(env: NodeJS.ProcessEnv): AuthorityProblem[] {
  const file = env['SSL_CERT_FILE'];
  return [...(file ? problemsOfFile(file) : []), ...foldersOf(env).flatMap(problemsOfFolder)];
}

/** As a sentence for a remedy; empty if there is no problem. */
export function describeAuthorityProblems(env: NodeJS.ProcessEnv): string {
  return authorityProblems(env)
    .map(({ variable, message, remedy }) => ` ${variable} has no effect: ${message}. ${remedy}`)
    .join('');
}

function problemsOfFile(path: string): AuthorityProblem[] {
  const variable = 'SSL_CERT_FILE';
  try {
    readCaFile(path, variable);
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ variable, message: formatError(error), remedy: error.remedy ?? '' }];
  }
}

function problemsOfFolder(path: string): AuthorityProblem[] {
  const problem = (message: string): AuthorityProblem[] => [
    {
      variable: 'SSL_CERT_DIR',
      message,
      remedy: 'Set SSL_CERT_DIR to folders with PEM files, separated by colons, or unset it.',
    },
  ];
  try {
    // The first one is enough: to read all of a system takes longer than the rest of a start.
    const hasAuthority = readdirSync(path).some((name) => authoritiesOf(join(path, name)).length > 0);
    return hasAuthority ? [] : problem(`the folder ${path} contains no PEM certificate`);
  } catch (error) {
    return problem(
      `cannot read the folder ${path}: ${errorCode(error) === 'ENOENT' ? 'it does not exist' : formatError(readFailure(error))}`,
    );
  }
}

function foldersOf(env: NodeJS.ProcessEnv): string[] {
  return (env['SSL_CERT_DIR'] ?? '').split(':').filter((folder) => folder !== '');
}

function authoritiesIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => authoritiesOf(join(folder, name)));
  } catch {
    return [];
  }
}

function authoritiesOf(path: string): string[] {
  try {
    return certificatesIn(readTextSync(path)).filter((certificate) => !isDamaged(certificate));
  } catch {
    // A folder of certificates often contains other things, such as links that lead nowhere.
    return [];
  }
}
