import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { makeRecord } from '../../test/support/job-record.ts';
import { JobsSetting } from '../../test/support/jobs-setting.ts';
import { githubRepos } from './github-repos.ts';
import { Mirrors } from './mirrors/mirrors.ts';

let setting: JobsSetting;
let asked: string[][];

/** Real mirrors without git, which a test can replace. */
class TestMirrors extends Mirrors {
  override begin: Mirrors['begin'] = async (repos) => {
    asked.push([...repos]);
    const mount = { source: '/mirrors', target: '/target', isReadOnly: true, relabel: true };
    return { name: 'folder', mount, wait: async () => {} };
  };
}

async function start(): Promise<TestMirrors> {
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => logger };
  const limits = { maxBytes: 1, minFreeBytes: 1, env: { PATH: '/nowhere' }, caFile: undefined };
  const mirrors = new TestMirrors({ folder: setting.store.folders.mirrors, ...limits, logger });
  setting.timing = { mirrors };
  await setting.restart();
  return mirrors;
}

beforeEach(async () => {
  asked = [];
  setting = await JobsSetting.start();
});
afterEach(() => setting[Symbol.asyncDispose]());

const request = { Environment: { Repos: ['org/a', 'org/b'] }, PrivateGithubConnectionID: 'c' };

test('a job has the mirrors of its connection, and its record names them', async () => {
  await start();
  const record = await setting.accept(makeRecord(), request);
  await setting.running(record);
  assert.deepEqual(asked, [['org/a', 'org/b']]);
  assert.equal(setting.runtime.started[0]?.mounts?.[0]?.source, '/mirrors');
  assert.equal((await setting.store.readActive(record.jobId)).mirrors, 'folder');
});

test('a job without a connection has none', async () => {
  await start();
  await setting.running(await setting.accept(makeRecord(), { Environment: request.Environment }));
  assert.deepEqual(asked, []);
  assert.equal(setting.runtime.started[0]?.mounts, undefined);
});

test('a job starts without mirrors if they fail', async () => {
  const mirrors = await start();
  mirrors.begin = () => Promise.reject(new Error('the disk is full'));
  await setting.running(await setting.accept(makeRecord(), request));
  assert.equal(setting.runtime.started[0]?.mounts, undefined);
  assert.match(setting.logged.join(''), /WARN {2}cannot use git mirrors .*the disk is full/);
});

test('only repositories of GitHub with a plain name have a mirror', () => {
  const repos = [
    'org/a',
    'org/a',
    '../x',
    'org/..',
    'org/-x',
    'org/x.git',
    'org',
    5,
    'local/b',
    `org/${'x'.repeat(300)}`,
  ];
  assert.deepEqual(githubRepos({ Environment: { Repos: repos }, RepoURLs: { 'local/b': '/v1/x' } }), ['org/a']);
  for (const Environment of [null, undefined, {}, { Repos: 'org/a' }])
    assert.deepEqual(githubRepos({ Environment }), []);
  assert.deepEqual(githubRepos({ Environment: { Repos: ['org/a'] }, RepoURLs: 5 }), ['org/a']);
});
