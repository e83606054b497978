/** Brings the files of certificate authorities into containers. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readBytes } from '../../lib/read-file.ts';
import { authorityVariables, type CaFile, writeAuthorities } from '../authorities.ts';
import { RuntimeError, type StartOptions } from '../runtime.ts';
import { instanceLabel, lastErrorLine, type RunEngine, removalTimeoutMs } from './client.ts';

const target = '/etc/plan42/ca';
/** A container that only copies files has the name of the job with this suffix. */
const copySuffix = '-ca';

export interface AuthorityDeps {
  run: RunEngine;
  instanceId: string;
  /** Whether the engine is on another machine, which does not have the files. */
  isRemote: () => Promise<boolean>;
  /** Whether the engine knows the labels of SELinux. */
  relabels: boolean;
}

/**
 * Writes the files and returns the options of `run` with which the container has them, read-only.
 * @throws UserError if the authorities cannot be read, RuntimeError if the engine cannot take them
 */
export async function authorityOptions(
  job: StartOptions,
  caFile: CaFile | undefined,
  deps: AuthorityDeps,
): Promise<string[]> {
  const ofJob = job.egress?.broker?.authority;
  if (caFile === undefined && ofJob === undefined) return [];
  const folder = await writeAuthorities(job.folder, { caFile, ofJob }, 'container');
  const source = (await deps.isRemote()) ? await copyToVolume(folder, job, deps) : folder;
  return [...mount(source, deps.relabels), ...variableOptions(authorityVariables(target))];
}

export function variableOptions(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
}

// SELinux lets a container read the files only with the label that "z" sets, which --mount does not have.
function mount(source: string, relabels: boolean): string[] {
  if (!relabels || source.includes(':')) return ['--mount', `type=bind,source=${source},target=${target},readonly`];
  return ['--volume', `${source}:${target}:ro,z`];
}

export const authorityVolumePrefix = 'plan42-ca-';

/** A volume is named by its content, so that jobs share it. */
export function authorityVolume(bundle: Buffer): string {
  return authorityVolumePrefix + createHash('sha256').update(bundle).digest('hex').slice(0, 16);
}

async function copyToVolume(folder: string, job: StartOptions, { run, instanceId }: AuthorityDeps): Promise<string> {
  const content = await readBytes(join(folder, 'bundle.pem'));
  const name = authorityVolume(content);
  const label = `${instanceLabel}=${instanceId}`;
  const container = `${job.jobId}${copySuffix}`;
  const call = async (...args: string[]) => {
    const result = await run(args, { timeoutMs: removalTimeoutMs });
    if (result.exitCode !== 0)
      throw new RuntimeError(`cannot copy the certificate authorities to the engine: ${lastErrorLine(result)}`);
  };
  await run(['rm', '--force', container], { timeoutMs: removalTimeoutMs });
  await call('volume', 'create', '--label', label, name).catch(async (error: unknown) => {
    // Podman rejects a volume that exists.
    if ((await run(['volume', 'inspect', name])).exitCode !== 0) throw error;
  });
  const options = ['--pull', 'never', '--volume', `${name}:${target}`, '--entrypoint', '/none'];
  await call('create', '--name', container, '--label', label, ...options, job.image);
  try {
    await call('cp', `${folder}/.`, `${container}:${target}`);
  } finally {
    await run(['rm', '--force', container], { timeoutMs: removalTimeoutMs });
  }
  return name;
}
