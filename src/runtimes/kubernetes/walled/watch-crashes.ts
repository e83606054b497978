/** Reports crashes of the gateway of a running job: in the log of the runner and in that of the job, each once. */
import { join } from 'node:path';
import { makeFolder, writeDurably } from '../../../lib/files.ts';
import type { Logger } from '../../../lib/logger.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import { createLogInput, type JobPaths } from '../../../shim/shim.ts';
import type { KubeApi } from '../api/kube-api.ts';
import { gatewayName } from '../manifest/names.ts';
import type { ClusterView } from '../watch/cluster-view.ts';
import { describeCrash, findCrash } from './gateway-crash.ts';
import { currentCredentials, egressFolder } from './gateway-files.ts';

interface WatchOptions {
  api: KubeApi;
  view: Pick<ClusterView, 'waitFor'>;
  /** The name of the Job. */
  name: string;
  /** Called with a clause about each crash. */
  onCrash: (text: string) => void;
  logger: Logger;
  signal: AbortSignal;
}

/** In the folder of the gateway: the crash that was reported last. */
const reportedFile = 'reported-crash';

/** Rejects only with the reason of the signal, or an error of the disk. */
export async function watchCrashes(job: JobPaths, options: WatchOptions): Promise<never> {
  const { api, view, name, onCrash, logger, signal } = options;
  const folder = egressFolder(job);
  let reported = await readTextIfExists(join(folder, reportedFile));
  for (;;) {
    const crash = await view.waitFor(
      gatewayName(name),
      ({ pod }) => {
        const found = pod && findCrash(pod.object);
        return found?.id === reported ? undefined : found;
      },
      signal,
    );
    const secrets = Object.values((await currentCredentials(job)) ?? {});
    const text = await describeCrash(crash, { api, name, secrets, signal });
    onCrash(text);
    logger.warn('egress gateway crashed, restarting', { job_id: job.jobId, error: text });
    createLogInput(job)(`plan42: network: ${text}. It starts again.\n`);
    reported = crash.id;
    await makeFolder(folder);
    await writeDurably(join(folder, reportedFile), reported);
  }
}
