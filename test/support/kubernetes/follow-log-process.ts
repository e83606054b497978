/** A process that follows the log of a pod until its agent has exited, as a runner does. A test kills it. */
import { createLogger } from '../../../src/lib/logger.ts';
import { sleep } from '../../../src/lib/sleep.ts';
import { connect } from '../../../src/runtimes/kubernetes/api/connect.ts';
import { isNotFound } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import { followLog } from '../../../src/runtimes/kubernetes/logs/follow-log.ts';
import type { RawPod } from '../../../src/runtimes/kubernetes/watch/objects.ts';

const [kubeconfig = '', podName = '', folder = '', logFile = ''] = process.argv.slice(2);
const logger = createLogger({ level: 'debug', format: 'text', write: (line) => void process.stderr.write(line) });
const api = await connect({ kubeconfig }, {});
const exited = new AbortController();

async function untilPhase(phases: readonly string[]): Promise<void> {
  const path = `/api/v1/namespaces/${api.namespace}/pods/${podName}`;
  for (;;) {
    const found = await api.request<RawPod>('GET', path).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    if (phases.includes(found?.status?.phase ?? '')) return;
    await sleep(200);
  }
}

console.log('ready');
await untilPhase(['Running', 'Succeeded', 'Failed']);
const job = { jobId: podName, folder, logFile };
const following = followLog({
  api,
  job,
  podName,
  maxLogBytes: 2 ** 30,
  exited: exited.signal,
  logger,
  signal: undefined,
});
await untilPhase(['Succeeded', 'Failed']);
exited.abort();
await following;
