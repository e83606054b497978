/** The marker of a started job in a folder that another replica, or an earlier pod, has lost. */
import type { V1Job } from '@kubernetes/client-node';
import { systemClock } from '../../../lib/clock.ts';
import { formatError } from '../../../lib/errors.ts';
import type { JobPaths } from '../../../shim/shim.ts';
import { RuntimeError } from '../../runtime.ts';
import { isNotFound, type KubeApi } from '../api/kube-api.ts';
import { restoreMarkerText, writeMarker } from '../job-marker.ts';
import { objectName, walledLabel } from '../manifest/names.ts';
import { countSecrets } from '../manifest/secrets.ts';
import { pathOf } from '../paths.ts';
import { restoreGatewayFiles } from '../walled/gateway-files.ts';

/** From the text of the marker, else from the Job in the cluster. Writes none if neither exists. @throws RuntimeError */
export async function restoreMarker(
  job: JobPaths,
  text: string | undefined,
  { api, instanceId, maxLogBytes }: { api: KubeApi; instanceId: string; maxLogBytes: number },
): Promise<void> {
  if (text !== undefined && (await restoreMarkerText(job, text))) {
    await restoreGatewayFiles(job, text);
    return;
  }
  const name = objectName(instanceId, job.jobId);
  const found = await api.request<V1Job>('GET', pathOf(api, 'jobs', name)).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw new RuntimeError(`cannot read the Job ${name}: ${formatError(error)}`, { cause: error });
  });
  // A Job that was never resumed has no agent.
  if (found === undefined || found.spec?.suspend === true) return;
  const isWalled = found.spec?.template.metadata?.labels?.[walledLabel] !== undefined;
  const { uid = '', creationTimestamp } = found.metadata ?? {};
  const now = systemClock.date().getTime();
  const createdAt = creationTimestamp === undefined ? now : new Date(creationTimestamp).getTime();
  const startedAtMs = Math.min(createdAt, now);
  const secrets = countSecrets(found);
  const marker = { namespace: api.namespace, name, uid, secrets, maxLogBytes, startedAtMs };
  await writeMarker(job, { ...marker, ...(isWalled && { wall: true }) });
}
