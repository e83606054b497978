import { join } from 'node:path';
import { listCompanions, stopCompanion } from '../../shim/shim.ts';
import { isJobId } from '../job-id.ts';
import type { Garbage, GarbageContext } from './garbage.ts';

/** Egress gateways without an active job. A job is active before its gateway is started and until it is stopped. */
export async function* findGateways({ store }: GarbageContext): AsyncGenerator<Garbage> {
  const { active } = store.folders;
  for (const folder of await listCompanions(active)) {
    const [jobId = ''] = folder.split('/');
    if (!isJobId(jobId) || (await store.isActive(jobId))) continue;
    yield {
      kind: 'gateway',
      name: jobId,
      bytes: undefined,
      reason: 'its job is finished',
      remove: async () => {
        if (await store.isActive(jobId)) return false;
        await stopCompanion(join(active, folder));
        return true;
      },
    };
  }
}
