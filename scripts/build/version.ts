/**
 * The version of a build. In CI it is `MAJOR.MINOR.PATCH[-ATTEMPT]`, with the number and the attempt of the run; the first
 * attempt is omitted. `PLAN42_BUILD_ATTEMPT` is the attempt in which the run's first job ran: if only failed jobs run
 * again, their packages get the version of the existing ones. Elsewhere it is `MAJOR.MINOR.0-USER.test-DATE`. Both are
 * semantic versions, which npm requires.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface BuildInfo {
  version: string;
  /** Abbreviated hash. Empty outside a checkout. */
  commit: string;
  /** Seconds since 1970. Files in packages get this time, so that the same commit gives the same bytes. */
  commitTime: number;
  /** `owner/name` on GitHub, for links to releases. Empty outside CI. */
  repository: string;
}

interface Origin {
  /** Only its major and minor numbers are used. */
  packageVersion: string;
  env: NodeJS.ProcessEnv;
  user: string;
  date: Date;
}

export function versionOf({ packageVersion, env, user, date }: Origin): string {
  const [major = '0', minor = '0'] = packageVersion.split('.');
  const run = env['GITHUB_RUN_NUMBER'];
  if (run !== undefined && /^[1-9]\d*$/.test(run)) {
    const attempt = env['PLAN42_BUILD_ATTEMPT'] || env['GITHUB_RUN_ATTEMPT'] || '1';
    return `${major}.${minor}.${run}${attempt === '1' ? '' : `-${attempt}`}`;
  }
  const name = user.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-') || 'unknown';
  return `${major}.${minor}.0-${name}.test-${date.toISOString().slice(0, 10)}`;
}

export async function buildInfo(root: string, env: NodeJS.ProcessEnv = process.env): Promise<BuildInfo> {
  const { version: packageVersion } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const [commit = '', time = ''] = (await git(root, ['log', '-1', '--format=%h %ct', '--abbrev=9'])).split(' ');
  const commitTime = Number(env['SOURCE_DATE_EPOCH'] ?? (time || 0));
  const date = commitTime > 0 ? new Date(commitTime * 1000) : new Date();
  return {
    version: versionOf({ packageVersion, env, user: userInfo().username, date }),
    commit,
    commitTime,
    repository: env['GITHUB_REPOSITORY'] ?? '',
  };
}

async function git(root: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', root, ...args]);
    return stdout.trim();
  } catch {
    return '';
  }
}
