import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { sendJson } from '../../test/support/http-server.ts';
import { JobsSetting } from '../../test/support/jobs-setting.ts';
import { gatewayFolder, reportFile } from '../gateway/policy.ts';
import { type ReportEntry, writeReport } from '../gateway/report.ts';
import { networkReportTiming } from './network-reports.ts';
import type { JobRecord } from './record.ts';

const walled = 'jobs.max_jobs = 3\n[egress]\nmode = "enforce"';
const timing = { ...networkReportTiming, intervalMs: 5, countsMs: 60_000 };

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start(walled);
  setting.timing = { networkReports: timing };
  setting.features.add('TurnNetworks');
  await setting.restart(walled);
});
afterEach(() => setting[Symbol.asyncDispose]());

const refused = (host: string, count = 1): ReportEntry => ({
  host,
  port: 443,
  verdict: 'refused',
  code: 'host-not-allowed',
  rule: 'no entry allows this host',
  remedy: 'Add it.',
  count,
  sentBytes: 0,
  receivedBytes: 0,
  firstAt: '',
  lastAt: '',
});

/** Writes what the job's gateway would write. */
async function write({ jobId }: JobRecord, ...entries: ReportEntry[]): Promise<void> {
  const folder = join(setting.store.paths(jobId).folder, gatewayFolder);
  await mkdir(folder, { recursive: true });
  const others = { allowed: 0, refused: 0 };
  await writeReport(join(folder, reportFile), { version: 1, mode: 'enforce', entries, others });
}

async function runJob(): Promise<JobRecord> {
  const record = await setting.accept();
  await setting.running(record);
  return record;
}

/** The hosts of a job in each report that the server got. */
const hostsOf = ({ taskId }: JobRecord) =>
  setting.server.networks
    .filter(({ TaskId }) => TaskId === taskId)
    .map(({ Network }) => Network.Hosts.map(({ Host, Count }) => `${Host} ${Count}`).join(', '));
const last = () => setting.server.networks.at(-1)?.Network;
const got = (count: number) => eventually(async () => setting.server.networks.length >= count);

describe('the network of a job', () => {
  test('is reported at each new refusal, and at the end with all counts', async () => {
    const record = await runJob();
    await got(1);
    await write(record, refused('a'));
    await got(2);
    // Only a count: not worth a call yet.
    await write(record, refused('a', 7));
    await write(record, refused('a', 8), refused('b'));
    await eventually(async () => hostsOf(record).at(-1) === 'a 8, b 1');
    await write(record, refused('a', 9), refused('b'));
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.equal(hostsOf(record).at(-1), 'a 9, b 1');
    assert.deepEqual([last()?.IsFinal, last()?.Mode], [true, 'Enforce']);
  });

  test('is reported before the turn fails', async () => {
    const record = await runJob();
    await got(1);
    const statuses: string[] = [];
    setting.server.onNetworks = (turns, response) => {
      for (const { Network } of turns) statuses.push(`${setting.turnOf(record).Status} ${Network.Hosts.length}`);
      sendJson(response, 200, { Rejected: [] });
    };
    setting.timing = { networkReports: { ...timing, intervalMs: 60_000 } };
    await setting.restart(walled);
    await write(record, refused('a'));
    setting.runtime.end(record.jobId, { exitCode: 3 });
    await setting.finished();
    assert.match(statuses[0] ?? '', /^(?!Failed).* 1$/);
    assert.match(setting.failureOf(record), /refused a:443/);
  });

  test('is reported again by the next run of the runner', async () => {
    const record = await runJob();
    await write(record, refused('a'));
    await eventually(async () => hostsOf(record).at(-1) === 'a 1');
    await setting.restart(walled, async () => {
      setting.server.networks.length = 0;
    });
    await got(1);
    assert.deepEqual([hostsOf(record)[0], last()?.Mode], ['a 1', 'Enforce']);
  });

  test('is retried while the server is down', async () => {
    const record = await runJob();
    await got(1);
    setting.server.down = true;
    await write(record, refused('a'));
    setting.runtime.end(record.jobId);
    await eventually(async () => setting.jobs.counts.ending === 1);
    setting.server.down = false;
    await setting.finished();
    assert.equal(hostsOf(record).at(-1), 'a 1');
  });

  test('that is not limited is reported as such', async () => {
    await setting.restart('[egress]\nmode = "off"');
    const record = await setting.accept(undefined, { Environment: { AllowedHosts: ['a.example'] } });
    await setting.running(record);
    await got(1);
    assert.deepEqual(last(), {
      Mode: 'None',
      Notes: ['AllowedHosts of the environment is not enforced: egress.mode is "off".'],
      Hosts: [],
      OtherAllowed: 0,
      OtherRefused: 0,
      IsFinal: false,
    });
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.equal(setting.server.networks.length, 1);
  });

  test('is not reported to a server without the call', async () => {
    setting.features.clear();
    const record = await runJob();
    await write(record, refused('a'));
    setting.runtime.end(record.jobId, { exitCode: 3 });
    await setting.finished();
    assert.deepEqual(setting.server.networks, []);
    assert.match(setting.failureOf(record), /refused a:443/);
  });

  test('is not reported again after the server rejected the call', async () => {
    let calls = 0;
    setting.server.onNetworks = (_, response) => {
      calls += 1;
      sendJson(response, 405, { Message: 'no' });
    };
    const record = await runJob();
    await eventually(async () => calls === 1);
    await write(record, refused('a'));
    setting.runtime.end(record.jobId);
    await setting.finished();
    assert.equal(calls, 1);
    assert.equal(setting.logged.filter((line) => line.includes('network reports rejected')).length, 1);
  });

  test('of a turn that moved elsewhere is not reported while it runs', async () => {
    let calls = 0;
    setting.server.onNetworks = (turns, response) => {
      calls += 1;
      const Rejected = turns.map(({ TaskId, TurnIndex }) => ({ TaskId, TurnIndex }));
      sendJson(response, 200, { Rejected });
    };
    const record = await runJob();
    await eventually(async () => calls === 1);
    setting.server.onNetworks = (turns, response) => {
      setting.server.networks.push(...turns);
      sendJson(response, 200, { Rejected: [] });
    };
    await write(record, refused('a'));
    const other = await runJob();
    await got(1);
    assert.deepEqual(
      setting.server.networks.map(({ TaskId }) => TaskId),
      [other.taskId],
    );
  });

  test('never delays a job for long, even if the server does not respond', async () => {
    setting.timing = { networkReports: { ...timing, flushMs: 20, callMs: 40, finalMs: 60 } };
    await setting.restart(walled);
    setting.server.onNetworks = () => {};
    const record = await runJob();
    await write(record, refused('a'));
    setting.runtime.end(record.jobId, { exitCode: 3 });
    await setting.finished();
    assert.match(setting.failureOf(record), /refused a:443/);
  });
});
