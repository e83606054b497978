import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { makeRunnerHome } from '../../../../test/support/runner-home.ts';
import { gatewayFolder, reportFile } from '../../../gateway/policy.ts';
import { type Report, type ReportEntry, writeReport } from '../../../gateway/report.ts';

const at = '2026-11-28T10:00:00.000Z';
const entry = (host: string, more: Partial<ReportEntry>): ReportEntry => ({
  ...{ host, port: 443, verdict: 'allowed', code: '', rule: '"a" in AllowedHosts', remedy: '', count: 1 },
  ...{ sentBytes: 0, receivedBytes: 0, firstAt: at, lastAt: at },
  ...more,
});
const refused = {
  verdict: 'refused',
  code: 'host-not-allowed',
  rule: 'no entry allows this host',
  remedy: 'Add it.',
} as const;
const report: Report = {
  version: 1,
  mode: 'enforce',
  entries: [
    entry('a.example', { sentBytes: 2048, receivedBytes: 10 }),
    entry('b.example', { ...refused, count: 3 }),
    entry('c.example', { ...refused, port: 8443 }),
    entry('10.0.0.1', { ...refused, code: 'address-not-allowed', rule: 'it is a private address', port: 80 }),
    entry('d.example', { ...refused, remedy: 'Add it there and to egress.allowed of the runner.' }),
  ],
  others: { allowed: 0, refused: 5 },
};

test('the connections of a job are shown while it runs and after it has finished', async () => {
  await using home = await makeRunnerHome();
  const job = await home.add();
  assert.match((await home.runner(['job', 'egress', job.jobId])).stderr, /its network was not limited/);
  parseAs('runner-job-egress.json', (await home.runner(['job', 'egress', job.jobId, '--json'])).stdout);
  const folder = join(home.store.paths(job.jobId).folder, gatewayFolder);
  await mkdir(folder);
  await writeReport(join(folder, reportFile), report);
  const { stdout } = await home.runner(['job', 'egress', job.jobId]);
  assert.deepEqual(stdout.split('\n').slice(0, 7), [
    'VERDICT\tHOST\tCOUNT\tSENT\tRECEIVED\tRULE',
    'refused\tb.example:443\t3\t0 bytes\t0 bytes\tno entry allows this host',
    'refused\tc.example:8443\t1\t0 bytes\t0 bytes\tno entry allows this host',
    'refused\t10.0.0.1:80\t1\t0 bytes\t0 bytes\tit is a private address',
    'refused\td.example:443\t1\t0 bytes\t0 bytes\tno entry allows this host',
    'allowed\ta.example:443\t1\t2.0 KiB\t10 bytes\t"a" in AllowedHosts',
    '5 connections to further hosts, of which 5 were refused.',
  ]);
  const [, admitted, excluded] = stdout.split('\n\n');
  assert.match(admitted ?? '', /AllowedHosts of the environment, or to .*:\n {2}\["b\.example", "c\.example:8443"\]$/);
  assert.match(
    excluded ?? '',
    /AllowedHosts of the environment and to egress\.allowed, or .*:\n {2}\["d\.example"\]\n$/,
  );
  await home.store.keepEgress(job.jobId);
  await home.store.finish(job);
  assert.equal((await home.runner(['job', 'egress', job.jobId])).stdout, stdout);
  const json = parseAs('runner-job-egress.json', (await home.runner(['job', 'egress', job.jobId, '--json'])).stdout);
  assert.deepEqual([json.mode, json.hosts[0].host, json.hosts.length], ['enforce', 'b.example', 5]);
});
