/** An agent that is in a folder of this machine, which `jobs.mounts` gives to jobs. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Config } from '../config/schema.ts';
import { formatError } from '../lib/errors.ts';
import { type Finding, failed, passed } from './finding.ts';

/** Where the doctor's own program is, if a mount would cover it. No mount can: it is below a reserved folder. */
const uncoveredEntrypoint = '/etc/plan42/doctor';

/** The path on this machine of an entrypoint that is in a mount; undefined if it is in the image. */
export function findMountedEntrypoint({ entrypoint, mounts }: Config['jobs']): string | undefined {
  const covering = mounts
    .filter(({ target }) => entrypoint === target || entrypoint.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  return covering && join(covering.source, relative(covering.target, entrypoint));
}

/** Returns the configuration with an entrypoint that the doctor's image can have. */
export function withUncoveredEntrypoint(config: Config): Config {
  if (findMountedEntrypoint(config.jobs) === undefined) return config;
  return { ...config, jobs: { ...config.jobs, entrypoint: uncoveredEntrypoint } };
}

/** The test container does not start an agent that is in a mount, so its file is looked at instead. Empty without one. */
export async function checkMountedEntrypoint({ jobs }: Config): Promise<Finding[]> {
  const path = findMountedEntrypoint(jobs);
  if (path === undefined) return [];
  const subject = 'jobs.entrypoint';
  const refuse = (why: string) =>
    failed(subject, `no agent can start: ${jobs.entrypoint} is the file ${path} of this machine, ${why}`, {
      text: 'Put an executable file there, or correct jobs.entrypoint and jobs.mounts.',
    });
  try {
    if (!(await stat(path)).isFile()) return [refuse('which is no file')];
    await access(path, constants.X_OK);
  } catch (error) {
    return [refuse(`which cannot be executed: ${formatError(error)}`)];
  }
  return [
    passed(
      subject,
      `${path} of this machine is an executable file; the test container ran a program of its own instead`,
    ),
  ];
}
