/** Follows a log until its container has exited, in a process that a test can kill. Arguments: kubeconfig, job's folder, log. */
import { createLogger } from '../../../src/lib/logger.ts';
import { connect } from '../../../src/runtimes/kubernetes/api/connect.ts';
import { followLog } from '../../../src/runtimes/kubernetes/logs/follow-log.ts';

const [kubeconfig = '', folder = '', logFile = '', url = ''] = process.argv.slice(2);
const api = await connect({ kubeconfig }, {});
const exited = new AbortController();
const poll = setInterval(async () => {
  const response = await fetch(`${url}/exited`).catch(() => undefined);
  if ((await response?.text().catch(() => '')) === 'true') exited.abort();
}, 50);
const logger = createLogger({ level: 'debug', format: 'text', write: (line) => void process.stderr.write(line) });
const job = { jobId: 'job', folder, logFile };
const timing = { tickMs: 20, backoff: { minMs: 5, maxMs: 50 } };
await followLog({ api, job, podName: 'pod', maxLogBytes: 64 * 2 ** 20, exited: exited.signal, logger, signal: undefined, timing });
clearInterval(poll);
