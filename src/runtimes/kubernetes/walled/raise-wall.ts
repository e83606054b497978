/** Builds the wall of a job whose Job is suspended, and resumes it when the wall stands. */

import { parseAddress } from '../../../gateway/ip-address.ts';
import { encodeAddress } from '../../../gateway/pod/channel.ts';
import { systemClock } from '../../../lib/clock.ts';
import { sleep } from '../../../lib/sleep.ts';
import { RuntimeError } from '../../runtime.ts';
import { isNotFound, type KubeApi } from '../api/kube-api.ts';
import { create, throughOutage } from '../create.ts';
import type { EventObject } from '../explain/objects.ts';
import { explainStart } from '../explain/start-problem.ts';
import { gatewayAddressAnnotation, gatewayName } from '../manifest/names.ts';
import { pathOf } from '../paths.ts';
import type { RawJob, RawPod } from '../watch/objects.ts';
import { describeCrash, findCrash } from './gateway-crash.ts';
import type { GatewayFiles } from './gateway-files.ts';
import {
  buildGatewayPod,
  buildGatewaySecret,
  buildPolicies,
  changedSecretName,
  type GatewayContent,
} from './manifests.ts';

export interface WallContent extends GatewayContent {
  files: GatewayFiles['files'];
  startTimeoutMs: number;
  /** No error may contain them. */
  secrets: readonly string[];
}

const pollMs = 200;
/** A gateway that crashes at its start crashes again. */
const maxRestarts = 2;
/** A gateway that has crashed once counts as started when it has run for so long. */
const steadyMs = 5000;
const eventsEveryMs = 2000;

/** The pod of the agent exists only after this. @throws RuntimeError if the gateway does not start */
export async function raiseWall(api: KubeApi, content: WallContent): Promise<void> {
  const { job } = content;
  await create(api, 'secrets', buildGatewaySecret(content, content.files));
  const uid = await createGateway(api, content);
  for (const policy of buildPolicies(content, uid)) await create(api, 'networkpolicies', policy);
  const address = await waitForAddress(api, content);
  const annotations = { [gatewayAddressAnnotation]: address };
  const body = { spec: { suspend: false, template: { metadata: { annotations } } } };
  await throughOutage(() => api.request<RawJob>('PATCH', pathOf(api, 'jobs', job.name), { body }), 'resume a Job in');
}

async function createGateway(api: KubeApi, content: GatewayContent): Promise<string> {
  const created = await create<RawPod>(api, 'pods', buildGatewayPod(content));
  if (created !== undefined) return created.metadata.uid;
  // The response to an earlier request was lost.
  const path = pathOf(api, 'pods', gatewayName(content.job.name));
  return (await throughOutage(() => api.request<RawPod>('GET', path), 'read a pod in')).metadata.uid;
}

async function waitForAddress(api: KubeApi, content: WallContent): Promise<string> {
  const name = gatewayName(content.job.name);
  const deadline = systemClock.now() + content.startTimeoutMs;
  let events: EventObject[] = [];
  let steadySince: { id: string; ms: number } | undefined;
  let eventsAt = systemClock.now() + eventsEveryMs;
  for (;;) {
    const { metadata, spec, status } = await throughOutage(
      () => api.request<RawPod>('GET', pathOf(api, 'pods', name)),
      'read a pod in',
    );
    const pod = { metadata: { name, namespace: api.namespace }, ...(spec && { spec }), ...(status && { status }) };
    const crash = findCrash(pod);
    const address = parseAddress(status?.podIP ?? '');
    if (crash?.isRunningAgain !== true) steadySince = undefined;
    else if (steadySince?.id !== crash.id) steadySince = { id: crash.id, ms: systemClock.now() };
    const isSteady = crash === undefined || (steadySince && systemClock.now() - steadySince.ms > steadyMs);
    if (address !== undefined && status?.phase === 'Running' && isSteady) return encodeAddress(address);
    const isLate = systemClock.now() > deadline;
    if (crash !== undefined && (crash.restarts >= maxRestarts || isLate)) {
      const why = await describeCrash(crash, { api, name: content.job.name, secrets: content.secrets });
      throw new RuntimeError(`cannot limit the network of the job: ${why}. Check kubernetes.helper_image.`);
    }
    if (isLate || systemClock.now() > eventsAt) {
      events = await findEvents(api, name);
      eventsAt = systemClock.now() + eventsEveryMs;
    }
    const problem = explainStart({ job: undefined, pod, events });
    if (problem?.isFinal === true || metadata.deletionTimestamp !== undefined || isLate) {
      const why = problem?.reason ?? 'its pod did not start in time';
      const remedy = problem?.remedy ?? 'Check kubernetes.helper_image and the nodes.';
      throw new RuntimeError(`cannot limit the network of the job: its gateway does not start: ${why}. ${remedy}`);
    }
    await sleep(pollMs);
  }
}

async function findEvents(api: KubeApi, name: string): Promise<EventObject[]> {
  const query = { fieldSelector: `type=Warning,involvedObject.name=${name}` };
  const path = pathOf(api, 'events');
  const found = await api.request<{ items: EventObject[] }>('GET', path, { query }).catch(() => ({ items: [] }));
  return found.items;
}

/**
 * Removes what an interrupted start has left: its parts belong together, and the next start has others. The agent's pod does not
 * exist yet. @throws an error of the API server
 */
export async function removeRemains(api: KubeApi, name: string, secrets: readonly string[]): Promise<void> {
  const remove = (path: string, body?: object) =>
    throughOutage(async () => {
      await api.request('DELETE', path, { body }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }, 'remove an interrupted start from');
  await remove(pathOf(api, 'jobs', name), { propagationPolicy: 'Background' });
  await remove(pathOf(api, 'pods', gatewayName(name)), { gracePeriodSeconds: 0 });
  for (const secret of [...secrets, gatewayName(name), changedSecretName(name)])
    await remove(pathOf(api, 'secrets', secret));
  for (const policy of [name, gatewayName(name)]) await remove(pathOf(api, 'networkpolicies', policy));
}
