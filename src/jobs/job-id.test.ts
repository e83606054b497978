import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatJobId, isJobId, isJobIdPrefix, matchingJobs } from './job-id.ts';

const taskId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe('job IDs', () => {
  test('consist of task ID and turn index', () => {
    assert.equal(formatJobId(taskId, 1), `plan42-${taskId}-1`);
    assert.equal(formatJobId(taskId.toUpperCase(), 12), `plan42-${taskId}-12`);
  });

  test('that are formatted are valid', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), (id, index) => {
        assert.ok(isJobId(formatJobId(id, index)));
      }),
    );
  });

  for (const text of [
    '',
    'plan42-',
    `plan42-${taskId}`,
    `plan42-${taskId}-`,
    `plan42-${taskId}-0`,
    `plan42-${taskId}-01`,
    `plan42-${taskId}--1`,
    `plan42-${taskId}-1.5`,
    `plan42-${taskId}-1\n`,
    `plan42-${taskId}-1.draft`,
    `plan42-${taskId}-1/..`,
    `plan42-${taskId}-9999999999`,
    `../plan42-${taskId}-1`,
    `-plan42-${taskId}-1`,
    ` plan42-${taskId}-1`,
    `PLAN42-${taskId}-1`,
    `plan42-../../../../../../../../../etc/pas-1`,
  ]) {
    test(`are not ${JSON.stringify(text)}`, () => assert.equal(isJobId(text), false));
  }
});

const [a, b] = ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', '3f9504e0-4f89-41d3-9a0c-0305e82c3301'];
const jobs = [`plan42-${a}-1`, `plan42-${a}-10`, `plan42-${b}-2`];

describe('jobs are found by', () => {
  for (const [text, ...found] of [
    [`plan42-${a}-1`, 0],
    [`${a}-1`, 0],
    [`PLAN42-${a.toUpperCase()}-1`, 0],
    [`plan42-${a}-10`, 1],
    [`plan42-${a}`, 0, 1],
    [a, 0, 1],
    ['3f9', 2],
    ['plan42-3f9', 2],
    ['3f', 0, 1, 2],
    ['p', 0, 1, 2],
    ['plan42-', 0, 1, 2],
    ['4', ...[]],
    [`${b}-3`, ...[]],
    ['', ...[]],
    ['..', ...[]],
  ] as const) {
    test(JSON.stringify(text), () => {
      assert.deepEqual(
        matchingJobs(jobs, text),
        found.map((i) => jobs[i]),
      );
    });
  }
});

describe('the start of a job ID', () => {
  test('is any prefix of any job ID, with or without plan42-', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 999_999_999 }), fc.nat(60), (taskId, turn, length) => {
        const jobId = formatJobId(taskId, turn);
        assert.ok(isJobIdPrefix(jobId.slice(0, length + 1)));
        assert.ok(isJobIdPrefix(jobId.slice('plan42-'.length).slice(0, length + 1)));
      }),
    );
  });

  test('never has a meaning in a path, a shell or a command line', () => {
    fc.assert(fc.property(fc.string(), (text) => assert.ok(!isJobIdPrefix(text) || /^[-0-9a-z]+$/i.test(text))));
    for (const text of [
      '../x',
      'plan42-../x',
      `plan42-${a}-1/..`,
      `plan42-${a}-0`,
      '-',
      '--all',
      '-f',
      `${a}/`,
      ' ',
      '3f\n',
      'plan43',
    ])
      assert.equal(isJobIdPrefix(text), false, text);
  });
});
