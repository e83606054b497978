import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { createFile } from '../../../lib/files.ts';
import { createLogger } from '../../../lib/logger.ts';
import { readText } from '../../../lib/read-file.ts';
import type { KubeApi } from '../api/kube-api.ts';
import type { ContainerStatus, PodObject } from '../explain/objects.ts';
import type { JobInCluster } from '../watch/cluster-view.ts';
import { findCrash, findWords } from './gateway-crash.ts';
import { watchCrashes } from './watch-crashes.ts';

const podWith = (status: Omit<ContainerStatus, 'name'>, deletionTimestamp?: string): PodObject => ({
  metadata: { name: 'plan42-x-gateway', deletionTimestamp },
  status: { phase: 'Running', containerStatuses: [{ name: 'gateway', ...status }] },
});
const ended = (containerID: string, exitCode = 1) => ({ terminated: { containerID, exitCode, reason: 'Error' } });

test('a container that has ended is a crash, unless its pod is being removed', () => {
  assert.equal(findCrash(podWith({ state: { running: {} } })), undefined);
  assert.equal(findCrash(podWith({ state: ended('a') }, '2026-01-01T00:00:00Z')), undefined);
  const now = findCrash(podWith({ state: ended('a') }));
  assert.deepEqual([now?.id, now?.isPrevious, now?.isRunningAgain], ['a', false, false]);
  const before = findCrash(podWith({ state: { running: {} }, lastState: ended('a'), restartCount: 3 }));
  assert.deepEqual([before?.id, before?.isPrevious, before?.isRunningAgain, before?.restarts], ['a', true, true, 3]);
});

test('the words of a gateway are its last lines that are no messages, without secrets', () => {
  const message = JSON.stringify({ run: 1, n: 1, content: { kind: 'alive' } });
  const log = ['one', message, '', 'Error: no policy for top-secret', '  at f (x.js)', `token=p42r_${'a'.repeat(20)}.`];
  assert.equal(
    findWords(log.join('\n'), ['top-secret', '']),
    'one | Error: no policy for [redacted] | at f (x.js) | token=p42r_[redacted]',
  );
  assert.equal(findWords('', []), '');
  assert.ok(findWords('x'.repeat(10_000), []).length <= 600);
});

test('each crash is reported once, in the log of the runner and in that of the job', async () => {
  await using dir = await makeTempDir();
  const job = { jobId: 'j', folder: join(dir.path, 'job'), logFile: join(dir.path, 'log') };
  await mkdir(join(job.folder, 'egress'), { recursive: true });
  await createFile(join(job.folder, 'log-lines'));
  const queries: unknown[] = [];
  const api: KubeApi = {
    ...{ namespace: 'ns', server: 's', request: () => Promise.reject(new Error('unused')) },
    stream: async (path, { query }) => {
      queries.push([path, query?.['previous']]);
      return (async function* () {
        yield Buffer.from('plan42: cannot start the network gateway of the job: bad policy\n');
      })();
    },
  };
  let log = '';
  const write = (text: string) => {
    log += text;
  };
  const logger = createLogger({ level: 'info', format: 'text', write, onError: () => {} });

  async function watch(...states: PodObject[]): Promise<string[]> {
    const crashes: string[] = [];
    const done = new AbortController();
    const view = {
      waitFor: async <T>(_: string, find: (state: JobInCluster) => T | undefined): Promise<T> => {
        for (let object = states.shift(); object !== undefined; object = states.shift()) {
          const found = find({ job: undefined, events: [], pod: { object } as JobInCluster['pod'] });
          if (found !== undefined) return found;
        }
        throw new Error('no more states');
      },
    };
    const onCrash = (text: string) => crashes.push(text);
    const options = { api, view, name: 'plan42-x', onCrash, logger, signal: done.signal };
    await assert.rejects(watchCrashes(job, options), /no more states/);
    return crashes;
  }

  const running = podWith({ state: { running: {} } });
  const again = podWith({ state: { running: {} }, lastState: ended('a') });
  const text =
    'its egress gateway crashed (exit code 1): plan42: cannot start the network gateway of the job: bad policy';
  assert.deepEqual(await watch(running, podWith({ state: ended('a') }), again, podWith({ state: ended('b', 137) })), [
    text,
    text.replace('code 1)', 'code 137)'),
  ]);
  // Another run of the runner.
  assert.deepEqual(await watch(podWith({ state: { running: {} }, lastState: ended('b', 137) })), []);
  const query = ['/api/v1/namespaces/ns/pods/plan42-x-gateway/log', undefined];
  assert.deepEqual(queries, [query, query]);
  assert.equal(
    log.match(/WARN +egress gateway crashed, restarting job_id=j error="its egress gateway/g)?.length,
    2,
    log,
  );
  assert.match(
    await readText(join(job.folder, 'log-lines')),
    /^plan42: network: its egress gateway crashed .*bad policy\. It starts again\.$/m,
  );
});
