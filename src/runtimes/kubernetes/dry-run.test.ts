import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import { parseConfig } from '../../config/parse.ts';
import { UserError } from '../../lib/errors.ts';
import { type KubeApi, KubeApiError } from './api/kube-api.ts';
import { tryDryRun } from './dry-run.ts';
import { findWarnings } from './find-warnings.ts';
import { buildSampleJob } from './sample-job.ts';

async function sampleWith(dir: string, template: string | undefined, more: Record<string, string> = {}) {
  const file = join(dir, 'pod.yaml');
  if (template !== undefined) await writeFile(file, template);
  const flags = new Map(Object.entries(more));
  if (template !== undefined) flags.set('kubernetes.pod_template', file);
  const { config } = parseConfig({ env: {}, flags });
  return { config, sample: await buildSampleJob(config, { instanceId: 'i' }) };
}

function apiThat(error?: Error) {
  const requests: unknown[] = [];
  const api: KubeApi = {
    ...{ namespace: 'ns', server: 's', stream: () => Promise.reject(new Error('unused')) },
    request: async (method, path, options) => {
      requests.push([method, path, options?.query]);
      if (error) throw error;
      return undefined as never;
    },
  };
  return { api, requests };
}

const invalid = (message: string, status = 422) => new KubeApiError(message, { status });

test('a Job is accepted, or refused in the words of the API server, with the field of the template', async () => {
  await using dir = await makeTempDir();
  const template = 'spec: { containers: [{ name: agent, securityContext: { privileged: true } }] }';
  const { sample } = await sampleWith(dir.path, template);
  const { api, requests } = apiThat();
  assert.equal(await tryDryRun(sample, api), undefined);
  assert.deepEqual(requests, [
    ['POST', '/apis/batch/v1/namespaces/ns/jobs', { fieldValidation: 'Strict', dryRun: 'All' }],
  ]);
  const refusedBy = (error: Error) => tryDryRun(sample, apiThat(error).api);
  const refused = await refusedBy(
    invalid(
      'Job.batch "plan42-x" is invalid: cannot set `allowPrivilegeEscalation` to false and `privileged` to true.',
    ),
  );
  assert.match(refused?.reason ?? '', /^the cluster refuses the Job of a task: cannot set .* to true$/);
  assert.match(
    refused?.remedy ?? '',
    /^Remove securityContext\.privileged: true of the container "agent" from \S+pod\.yaml, or set jobs\.no_new_privileges = false\.$/,
  );
  const misspelt = await refusedBy(invalid('strict decoding error: unknown field "spec.x"', 400));
  assert.match(misspelt?.remedy ?? '', /^Correct kubernetes\.pod_template \S+pod\.yaml\.$/);
  const quota = await refusedBy(invalid('jobs.batch "x" is forbidden: exceeded quota: q', 403));
  assert.equal(quota?.isQuota, true);
});

test('a webhook that has no dry runs says nothing, and neither does an outage', async () => {
  await using dir = await makeTempDir();
  const { sample } = await sampleWith(dir.path, undefined);
  const hook = invalid('admission webhook "w.example" does not support dry run', 400);
  assert.equal(await tryDryRun(sample, apiThat(hook).api), undefined);
  for (const status of [429, 500])
    await assert.rejects(tryDryRun(sample, apiThat(invalid('busy', status)).api), /busy/);
  const refused = await tryDryRun(sample, apiThat(invalid('denied by policy', 403)).api);
  assert.deepEqual(refused?.remedy, 'Change the policy of the cluster.');
});

test('the image of the sample is one that may run', async () => {
  await using dir = await makeTempDir();
  const imageOf = async (more: Record<string, string>) =>
    (await sampleWith(dir.path, undefined, more)).sample.manifest.spec?.template.spec?.containers[0]?.image;
  assert.equal(await imageOf({ 'images.allowed': 'r.example/*,r.example/a:1' }), 'r.example/a:1');
  assert.equal(await imageOf({ 'images.allowed': 'r.example/team/*' }), 'r.example/team/sample');
  assert.equal(await imageOf({ 'kubernetes.helper_image': 'r.example/runner:1' }), 'r.example/runner:1');
});

test('an unusable template is an error of the operator, without a line of the file', async () => {
  await using dir = await makeTempDir();
  const cases: [string, RegExp][] = [
    ['spec:\n  - a\n s3cret', /^cannot read kubernetes\.pod_template \S+: it is not YAML \(line \d\)$/],
    ['just text', /it is not an object/],
    ['spec: { containers: [{ name: agent, env: [{ name: KEY, value: x }] }] }', /the variable KEY .*jobs\.env/],
  ];
  for (const [template, message] of cases)
    await assert.rejects(
      sampleWith(dir.path, template, { 'jobs.env': 'KEY=value' }),
      (error) => error instanceof UserError && message.test(error.message) && !/s3cret/.test(error.message),
    );
});

test('warnings name what agents get, and what a wall makes of it', async () => {
  await using dir = await makeTempDir();
  const hook = 'containers: [{ name: agent, lifecycle: { preStop: { exec: { command: [sh] } } } }]';
  const template = `spec: { hostPID: true, automountServiceAccountToken: true, ${hook} }`;
  const warningsWith = async (more: Record<string, string>) => {
    const { config, sample } = await sampleWith(dir.path, template, more);
    return findWarnings(config, sample.openings).map(({ reason }) => reason);
  };
  const [pid, token, ...others] = await warningsWith({});
  assert.equal(
    pid,
    'kubernetes.pod_template sets hostPID: true: agents see the processes of the node and can send them signals',
  );
  assert.match(token ?? '', /sets automountServiceAccountToken: true: agents get the token/);
  assert.deepEqual(others, []);
  const walled = await warningsWith({ 'kubernetes.helper_image': 'r.example/runner:1' });
  assert.match(walled.join('\n'), /signals\. Jobs whose network is limited are refused with it\n.*in the cluster\n/);
  assert.equal(walled.length, 3);
  const { config } = await sampleWith(dir.path, undefined, { 'jobs.pids': '100' });
  assert.match(findWarnings(config, [])[0]?.reason ?? '', /^jobs\.pids is not applied/);
});
