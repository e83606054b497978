/**
 * What a build is called: `MAJOR.MINOR.PATCH[-ATTEMPT]` with the number and the attempt of the CI run that made it, the
 * first attempt left out. `PLAN42_BUILD_ATTEMPT` is the attempt in which the run's first job ran: when only failed jobs run again,
 * their packages belong to those that are there. Anything else is somebody's own, `MAJOR.MINOR.0-USER.test-DATE`. Both are semantic versions, as npm
 * wants them.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface BuildInfo {
  version: string;
  /** Abbreviated; empty outside a checkout. */
  commit: string;
  /** Of the commit, in seconds since 1970: what is built from one commit has the same time everywhere. */
  commitTime: number;
  /** `owner/name` at GitHub, where releases are; empty when the build doesn't know. */
  repository: string;
}

interface Origin {
  /** Only its first two numbers count. */
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
  const name = user.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-') || 'somebody';
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
