/**
 * Brings changed credentials to the gateway of a running job: in a Secret that is replaced as a whole, so that the runner needs no
 * right to read or to change Secrets. The kubelet updates the files of the gateway's pod within about a minute and a half.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { credentialsFile } from '../../../gateway/policy.ts';
import { formatError } from '../../../lib/errors.ts';
import { writeDurably } from '../../../lib/files.ts';
import type { Logger } from '../../../lib/logger.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { JobPaths } from '../../../shim/shim.ts';
import { isNotFound, type KubeApi } from '../api/kube-api.ts';
import { pathOf } from '../paths.ts';
import { currentCredentials, egressFolder } from './gateway-files.ts';
import { buildChangedSecret, changedSecretName, type OwnerJob } from './manifests.ts';

interface ReplaceOptions {
  api: KubeApi;
  job: OwnerJob;
  instanceId: string;
  logger: Logger;
  signal: AbortSignal;
}

const pollMs = 1000;
const retryMs = 5000;
/** In the folder of the gateway: a hash of the credentials that its pod has. */
const sentFile = 'sent-credentials';

/** The start of a job sends the first ones. */
export async function noteSent(job: Pick<JobPaths, 'folder'>): Promise<void> {
  const now = await currentCredentials(job);
  if (now !== undefined) await writeDurably(join(egressFolder(job), sentFile), hashOf(now));
}

/** Sends credentials whenever they differ from those sent last. Rejects only with the reason of the signal. */
export async function replaceCredentials(paths: JobPaths, options: ReplaceOptions): Promise<never> {
  const { logger, signal } = options;
  for (;;) {
    let pauseMs = pollMs;
    try {
      if (await sendIfChanged(paths, options))
        logger.info('sent changed credentials to gateway', { job_id: paths.jobId });
    } catch (error) {
      signal.throwIfAborted();
      logger.warn('cannot give job its changed credentials, retrying', {
        job_id: paths.jobId,
        error: formatError(error),
      });
      pauseMs = retryMs;
    }
    await sleep(pauseMs, signal);
  }
}

async function sendIfChanged(paths: JobPaths, { api, job, instanceId, signal }: ReplaceOptions): Promise<boolean> {
  const values = await currentCredentials(paths);
  if (values === undefined) return false;
  const file = join(egressFolder(paths), sentFile);
  const hash = hashOf(values);
  if ((await readTextIfExists(file)) === hash) return false;
  const name = changedSecretName(job.name);
  await api.request('DELETE', pathOf(api, 'secrets', name), { signal }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  const content = { [credentialsFile]: JSON.stringify({ version: 1, values }) };
  const body = buildChangedSecret({ job, instanceId }, content);
  await api.request('POST', pathOf(api, 'secrets'), { body, signal });
  await writeDurably(file, hash);
  return true;
}

function hashOf(values: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
