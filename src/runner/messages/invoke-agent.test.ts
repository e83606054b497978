import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createFakeRuntime } from '../../../test/support/fake-runtime.ts';
import { parseConfig } from '../../config/parse.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import type { JobRecord } from '../../jobs/record.ts';
import { JobExistsError } from '../../jobs/store.ts';
import { UserError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import { createInvokeAgentHandler } from './invoke-agent.ts';

const taskId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const good = {
  Type: 'InvokeAgentRequest',
  Task: { TenantId: 'tenant-1', TaskId: taskId, Title: 'A title' },
  Turn: { TenantId: 'tenant-1', TaskId: taskId, TurnIndex: 2, Status: 'Pending', Version: 1 },
  Environment: { DockerImage: 'ghcr.io/org/agent:1' },
  AgentToken: 'p42a_secret',
};

interface Accepted {
  record: JobRecord;
  secrets: { request: string; agentToken: string };
}

/** Asks the handler; returns its error message and what was accepted. */
async function ask(
  body: unknown,
  accept: () => Promise<void> = async () => {},
  {
    lowDisk,
    isActive = false,
    jobs: ofJobs = '',
    runtime = createFakeRuntime(),
  }: { lowDisk?: string; isActive?: boolean; jobs?: string; runtime?: Runtime } = {},
) {
  const accepted: Accepted[] = [];
  const jobs: Pick<Jobs, 'accept' | 'arrive' | 'has'> = {
    arrive: () => ({ number: 1, isNext: Promise.resolve(), [Symbol.dispose]: () => {} }),
    has: () => isActive,
    accept: async (record, secrets) => {
      await accept();
      accepted.push({ record, secrets });
    },
  };
  const file = `images.allowed = ["ghcr.io/org/*", "host:*/agent*"]\n[jobs]\n${ofJobs}`;
  const { config } = parseConfig({ file, env: {}, flags: new Map() });
  const handler = createInvokeAgentHandler({
    config,
    jobs: jobs as Jobs,
    runtime,
    instanceId: 'instance',
    tenantId: 'own-tenant',
    lowDiskReason: async () => lowDisk,
    logger: silentLogger,
  });
  const text = JSON.stringify(body);
  const message = { type: 'InvokeAgentRequest', text, body: JSON.parse(text) as unknown };
  const answer = await handler(message, new AbortController().signal);
  assert.deepEqual(Object.keys(answer).toSorted(), ['ErrorMessage', 'Type']);
  assert.equal(answer.Type, 'InvokeAgentResponse');
  return { error: 'ErrorMessage' in answer ? answer.ErrorMessage : undefined, accepted };
}

const withTurn = (fields: object) => ({ ...good, Turn: { ...good.Turn, ...fields } });
const withImage = (DockerImage: unknown) => ({ ...good, Environment: { DockerImage } });

describe('a good request', () => {
  test('is accepted with its record, and the text as it came', async () => {
    const { error, accepted } = await ask(good);
    assert.equal(error, null);
    const { acceptedAt, ...record } = accepted[0]?.record ?? ({} as JobRecord);
    assert.deepEqual(record, {
      recordVersion: 1,
      jobId: `plan42-${taskId}-2`,
      instanceId: 'instance',
      tenantId: 'tenant-1',
      taskId,
      turnIndex: 2,
      title: 'A title',
      image: 'ghcr.io/org/agent:1',
      runtime: 'docker',
      phase: 'accepted',
    });
    assert.ok(Math.abs(Date.parse(acceptedAt) - Date.now()) < 5000);
    assert.deepEqual(accepted[0]?.secrets, { request: JSON.stringify(good), agentToken: 'p42a_secret' });
    assert.doesNotMatch(JSON.stringify(record), /secret/);
  });

  test('may lack optional fields and have unknown ones', async () => {
    const { Turn, Environment, AgentToken, Type } = good;
    const bare = { Type, Turn: { TaskId: Turn.TaskId, TurnIndex: 1 }, Environment, AgentToken, Task: null, Shiny: [1] };
    const { error, accepted } = await ask({ ...bare, FeedBack: null, PrivateGithubConnectionID: null });
    assert.equal(error, null);
    assert.equal(accepted[0]?.record.tenantId, 'own-tenant');
    assert.equal(accepted[0].record.title, '');
  });

  test('may have other capitals', async () => {
    const turn = { taskID: taskId.toUpperCase(), turnindex: 3 };
    const { accepted } = await ask({
      type: good.Type,
      turn,
      environment: { dockerimage: 'ghcr.io/org/a' },
      agentToken: 't',
    });
    assert.equal(accepted[0]?.record.jobId, `plan42-${taskId}-3`);
  });
});

describe('a bad request is answered with what is wrong, and not accepted', () => {
  const cases: [name: string, body: unknown, error: RegExp][] = [
    ['nothing but a type', { Type: 'InvokeAgentRequest' }, /^invalid task ID: /],
    [
      'all null',
      { Type: good.Type, Task: null, Turn: null, Environment: null, AgentToken: null },
      /^invalid task ID: /,
    ],
    ['a turn that is text', { ...good, Turn: 'x' }, /Turn/],
    ['a turn that is an array', { ...good, Turn: [] }, /Turn/],
    ['a task that is a number', { ...good, Task: 5 }, /Task/],
    ['an environment that is text', { ...good, Environment: 'x' }, /Environment/],
    ['a token that is a number', { ...good, AgentToken: 5 }, /AgentToken/],
    ['no token', { ...good, AgentToken: null }, /agent token/],
    ['a token with a line break', { ...good, AgentToken: 'p42a_se\ncret' }, /^invalid agent token: .*line break/],
    ['a token with a line break after it', { ...good, AgentToken: 'p42a_secret\r\n' }, /^invalid agent token: /],
    ['a token with a space', { ...good, AgentToken: 'p42a secret' }, /^invalid agent token: /],
    ['a token that is not ASCII', { ...good, AgentToken: 'p42a_☃' }, /^invalid agent token: /],
    [
      'a token that no header can hold',
      { ...good, AgentToken: 'p42a_'.padEnd(8193, 'x') },
      /^invalid agent token: longer/,
    ],
    ['a tenant ID that is no part of a path', withTurn({ TenantId: '..' }), /^invalid tenant ID: \.\.$/],
    ['a tenant ID that cannot be encoded', withTurn({ TenantId: '\ud800' }), /^invalid tenant ID: /],
    ['no task ID', withTurn({ TaskId: null }), /^invalid task ID: /],
    ['a task ID that is no UUID', withTurn({ TaskId: '../../etc' }), /^invalid task ID: \.\.\/\.\.\/etc$/],
    ['a task ID with more', withTurn({ TaskId: `${taskId}\n` }), /^invalid task ID: /],
    ['a task ID that is a number', withTurn({ TaskId: 42 }), /^invalid task ID: 42$/],
    ['a task ID that is an object', withTurn({ TaskId: { a: 1 } }), /^invalid task ID: /],
    ['no turn index', withTurn({ TurnIndex: undefined }), /^invalid turn index: /],
    ['a turn index of 0', withTurn({ TurnIndex: 0 }), /^invalid turn index: 0$/],
    ['a negative turn index', withTurn({ TurnIndex: -1 }), /^invalid turn index: -1$/],
    ['a fraction of a turn', withTurn({ TurnIndex: 1.5 }), /^invalid turn index: 1\.5$/],
    ['a turn index that is text', withTurn({ TurnIndex: '1' }), /^invalid turn index: 1$/],
    ['a huge turn index', withTurn({ TurnIndex: 1e300 }), /^invalid turn index: /],
    ['no environment', { ...good, Environment: null }, /^invalid Docker image: /],
    ['no image', withImage(null), /^invalid Docker image: /],
    ['an empty image', withImage(''), /^invalid Docker image: invalid repository: ''$/],
    ['an image that is a number', withImage(5), /^invalid Docker image: /],
    ['an option for an image', withImage('--privileged'), /^invalid Docker image: invalid repository: '--privileged'$/],
    [
      'a tag with a space',
      withImage('ghcr.io/org/agent:latest extra text'),
      /^invalid Docker image: invalid tag: 'latest extra text'$/,
    ],
    ['a bad port', withImage('host:99999/agent'), /^invalid Docker image: invalid port: '99999'$/],
    ['an image that is not allowed', withImage('docker.io/evil/agent'), /docker\.io\/evil\/agent.*not allowed/],
  ];
  for (const [name, body, expected] of cases) {
    test(name, async () => {
      const { error, accepted } = await ask(body);
      assert.match(error ?? '', expected);
      assert.deepEqual(accepted, []);
      assert.doesNotMatch(error ?? '', /secret/);
    });
  }

  test('without end, in a message of reasonable length', async () => {
    for (const body of [withTurn({ TaskId: 'x'.repeat(100_000) }), withImage(`a:${'x y'.repeat(100_000)}`)]) {
      const { error } = await ask(body);
      assert.ok((error ?? '').length < 1000, `${error?.length}`);
    }
  });

  test('a job that there is already', async () => {
    const { error } = await ask(good, () => Promise.reject(new JobExistsError(`plan42-${taskId}-2`)));
    assert.equal(error, `the job plan42-${taskId}-2 is already queued or running`);
  });

  test('because of low disk space', async () => {
    const lowDisk = 'not enough disk space on host: 3.0 MiB free';
    const { error, accepted } = await ask(good, undefined, { lowDisk });
    assert.equal(error, lowDisk);
    assert.deepEqual(accepted, []);
  });

  test('because of authorities that cannot be read', async () => {
    const { error, accepted } = await ask(good, undefined, { jobs: 'ca_file = "/does/not/exist.pem"' });
    assert.match(
      error ?? '',
      /: cannot read the CA file \/does\/not\/exist\.pem: .*\. Set jobs\.ca_file to a PEM file/,
    );
    assert.deepEqual(accepted, []);
  });

  test('because of a mount that cannot be made', async () => {
    const runtime = createFakeRuntime();
    runtime.checkSettings = () =>
      Promise.reject(new UserError('cannot mount /gone: it does not exist', { remedy: 'Create it.' }));
    const { error, accepted } = await ask(good, undefined, { runtime });
    assert.match(error ?? '', /^\S+: cannot mount \/gone: it does not exist\. Create it\.$/);
    assert.deepEqual(accepted, []);
  });

  test('but a running job is reported as existing even if the disk is full', async () => {
    const exists = () => Promise.reject(new JobExistsError(`plan42-${taskId}-2`));
    const { error } = await ask(good, exists, { lowDisk: 'not enough disk space', isActive: true });
    assert.match(error ?? '', /already queued or running/);
  });

  test('a job that cannot be recorded', async () => {
    const { error } = await ask(good, () => Promise.reject(new Error('ENOSPC: no space left on device')));
    assert.match(error ?? '', /cannot save the job: ENOSPC/);
  });
});
