import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { sendJson } from '../../test/support/http-server.ts';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting, untilAborted } from '../../test/support/jobs-setting.ts';
import type { ServedTurn } from '../../test/support/many-turns.ts';
import { type Sleep, sleep } from '../lib/sleep.ts';
import type { JobRecord } from './record.ts';

const quick = { intervalMs: 5, waitMs: 5, pauseMs: 1, idleMs: 1 };
const never = 24 * 60 * 60_000;

let setting: JobsSetting;

beforeEach(async () => {
  setting = await JobsSetting.start();
  setting.timing = { turnWatch: quick, exitGrace: { ownMs: never, unknownMs: 1 } };
  await setting.restart();
});
afterEach(() => setting[Symbol.asyncDispose]());

const cancelled = { Status: 'Failed', ErrorMessage: 'cancelled by user', EndedBy: 'User' };

/** Ends the turn as another client of the server would. */
function end(record: JobRecord, changes: Partial<ServedTurn> = cancelled): void {
  const turn = setting.turnOf(record);
  Object.assign(turn, changes, { Version: turn.Version + 1 });
}

async function runJob(): Promise<JobRecord> {
  const record = await setting.accept();
  await setting.running(record);
  return record;
}

const isKilled = ({ jobId }: JobRecord) => setting.runtime.calls.includes(`kill ${jobId}`);
const finishedRecord = async ({ jobId }: JobRecord) => setting.store.readFinished(jobId);

/** Resolves when the runner has read turns several times more. */
async function afterReads(count = 4): Promise<void> {
  const { reads } = setting.server;
  await eventually(async () => setting.server.reads >= reads + count);
}

describe('a turn that the server has ended', () => {
  test('ends its running job, frees the slot, and is the reason in the record', async () => {
    const record = await runJob();
    const next = await setting.accept();
    end(record);
    await setting.running(next);
    assert.ok(isKilled(record));
    // The slot is free before the record is archived.
    const { endCode, endText } = await eventually(async () => finishedRecord(record).catch(() => undefined));
    assert.equal(endCode, 'turn-ended');
    assert.equal(endText, 'the turn has ended on the server (Failed): cancelled by user');
    assert.equal(setting.failureOf(record), 'cancelled by user');
    setting.runtime.end(next.jobId);
    await setting.finished();
  });

  test('ends an adopted job', async () => {
    const record = await runJob();
    await setting.restart(undefined, async () => end(record));
    await setting.finished();
    assert.ok(isKilled(record));
    assert.equal((await finishedRecord(record)).endCode, 'turn-ended');
  });

  test('ends it also if the server cannot say who failed the turn', async () => {
    const record = await runJob();
    end(record, { Status: 'Failed', ErrorMessage: 'gone' });
    await setting.finished();
    assert.ok(isKilled(record));
  });

  test('ends a job that is pulling its image', async () => {
    setting.runtime.onPull = untilAborted;
    const record = await setting.accept();
    await eventually(async () => setting.statusesOf(record).length === 1);
    setting.features.add('EndedTurns');
    end(record);
    // The watch of our server sees every job; on others, a heartbeat does.
    setting.server.onEndedTurns = () => [{ TaskId: record.taskId, TurnIndex: 1, Reason: 'Finished', ...cancelled }];
    await setting.finished();
    assert.ok(!setting.isStarted(record));
    assert.equal((await finishedRecord(record)).endCode, 'turn-ended');
  });

  test('ends a job of another tenant, on which the server does not report', async () => {
    setting.features.add('EndedTurns');
    const record = await setting.accept({ ...makeRecord(), tenantId: 'another' });
    await setting.running(record);
    end(record);
    await setting.finished();
    assert.ok(isKilled(record));
  });

  test('leaves an agent time to exit if it finished the turn itself', async () => {
    let graces = 0;
    const countGraces: Sleep = (ms, signal) => {
      if (ms === never) graces += 1;
      return sleep(ms, signal);
    };
    setting.timing = { ...setting.timing, sleep: countGraces };
    await setting.restart();
    for (const changes of [{ Status: 'Completed' }, { Status: 'Failed', EndedBy: 'Agent' }]) {
      const record = await runJob();
      end(record, changes);
      const expected = graces + 1;
      await eventually(async () => graces === expected);
      assert.ok(!isKilled(record));
      setting.runtime.end(record.jobId, { exitCode: 3 });
      await setting.finished();
      const { endCode, endText } = await finishedRecord(record);
      assert.deepEqual([endCode, endText], ['exited', 'exit code 3']);
    }
  });

  test('ends an agent that does not exit in time', async () => {
    setting.timing = { turnWatch: quick, exitGrace: { ownMs: 1, unknownMs: 1 } };
    await setting.restart();
    const record = await runJob();
    end(record, { Status: 'Completed' });
    await setting.finished();
    assert.ok(isKilled(record));
    assert.equal((await finishedRecord(record)).endText, 'the turn has ended on the server (Completed)');
  });
});

describe('a deleted task', () => {
  const notFound = { ResponseCode: 404, ErrorType: 'NotFound', Message: 'the Task was deleted' };

  test('ends its job', async () => {
    const record = await runJob();
    setting.server.onRead = (response) => sendJson(response, 404, notFound);
    await setting.finished();
    assert.ok(isKilled(record));
    const { endCode, failure } = await finishedRecord(record);
    assert.deepEqual(
      [endCode, failure],
      ['turn-deleted', 'The agent was stopped: the task was deleted on the server.'],
    );
  });

  test('is not concluded from a single 404', async () => {
    const record = await runJob();
    let misses = 0;
    setting.server.onRead = (response) => {
      misses += 1;
      if (misses % 2 === 1) sendJson(response, 404, notFound);
      else sendJson(response, 200, setting.turnOf(record));
    };
    await afterReads(8);
    assert.ok(!isKilled(record));
    setting.runtime.end(record.jobId);
    await setting.finished();
  });
});

describe('no job ends because of', () => {
  const answers = {
    'a rejected token': (response) => sendJson(response, 401, { ResponseCode: 401, Message: 'no' }),
    'a missing permission': (response) => sendJson(response, 403, { ResponseCode: 403, Message: 'no' }),
    'a failing server': (response) => sendJson(response, 500, { ResponseCode: 500, Message: 'no' }),
    'a page of a proxy that says 404': (response) => response.writeHead(404).end('<html>not found</html>'),
    'an unreadable response': (response) => response.writeHead(200).end('{"Status":'),
    'a response of another shape': (response) => sendJson(response, 200, { Status: 7 }),
    'a broken connection': (response) => response.destroy(),
  } satisfies Record<string, NonNullable<(typeof setting)['server']['onRead']>>;

  for (const [name, answer] of Object.entries(answers)) {
    test(name, async () => {
      const record = await runJob();
      setting.server.onRead = answer;
      await afterReads();
      assert.ok(!isKilled(record));
      setting.server.onRead = undefined;
      end(record);
      await setting.finished();
      assert.ok(isKilled(record), 'it is stopped once the server says so');
    });
  }
});
