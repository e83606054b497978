/** Jobs that reach a limit of tokens or money, while they call a model through their gateway and no runner runs. */
import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { readJobUsage } from '../src/gateway/models/ledger.ts';
import { gatewayFolder } from '../src/gateway/policy.ts';
import { issueCertificates } from '../src/jobs/credentials/certificates.ts';
import { limitsFolder, readReached } from '../src/limits/files.ts';
import { startSecureHost } from './support/broker.ts';
import { startControlPlane } from './support/control-plane.ts';
import { requires } from './support/engines-client.ts';
import { eventually } from './support/eventually.ts';
import { killCompanion } from './support/processes-of.ts';
import { RunnerProcess } from './support/runner-process.ts';
import { jobIdOf, untilOver } from './support/tasks.ts';
import { makeTempDir } from './support/temp-dir.ts';

const host = hostname().toLowerCase();
const slackMs = 60_000;

/** Calls two models in turn until it is stopped. It has no key, and does not ask for the usage. */
const agent = `#!/bin/sh
export PATH=/usr/bin:/bin
JOB=$(grep -o 'job-[a-z]*' | head -n 1)
trap 'echo stopped; exit 4' TERM
call() { curl -sS -w '%{http_code}\\n' -H 'Content-Type: application/json' -d "$1" "$OPENAI_BASE_URL/$JOB/chat/completions"; }
while :; do
  call '{"model":"small","stream":true,"messages":[]}'
  call '{"model":"large","messages":[]}'
  sleep 0.2
done
`;

const usage = { prompt_tokens: 70, completion_tokens: 30, prompt_tokens_details: { cached_tokens: 20 } };
/** A million tokens of the small model cost 1000 each, those of the large one ten times as much. */
const callCosts = { small: 0.1, large: 1 };

async function setUp(t: TestContext, name: 'podman' | 'docker') {
  const engines = await requires(t, name, 'registry');
  if (!engines) return undefined;
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  /** The calls wait until the runner is gone, and those after 80 % until the warden has seen it. */
  const runnerGone = Promise.withResolvers<void>();
  const noticed = Promise.withResolvers<void>();
  /** The models that were called, by the job that the prompt names. */
  const calls = new Map<string, (keyof typeof callCosts)[]>();
  const listener: RequestListener = (request, response) => {
    void (async () => {
      const chunks = await Array.fromAsync(request as AsyncIterable<Buffer>);
      const { model, stream, stream_options: options } = JSON.parse(Buffer.concat(chunks).toString());
      const job = request.url?.split('/')[1] ?? '';
      const made = calls.getOrInsertComputed(job, () => []);
      made.push(model);
      await runnerGone.promise;
      if (job === 'job-tokens' && made.length > 8) await noticed.promise;
      response.setHeader('content-type', stream ? 'text/event-stream' : 'application/json');
      const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
      const text = event({ model, choices: [{ index: 0, delta: { content: 'hello' } }] });
      const last = options?.include_usage === true ? event({ model, choices: [], usage }) : '';
      response.end(stream ? `${text}${last}data: [DONE]\n\n` : JSON.stringify({ model, choices: [], usage }));
    })();
  };
  const certificates = issueCertificates([host], new Date());
  const model = stack.use(await startSecureHost([host], listener, certificates));
  const { address } = await lookup(host, { family: 4 });
  const given = join(dir.path, 'given');
  await mkdir(given);
  await writeFile(join(given, 'agent.sh'), agent);
  await chmod(join(given, 'agent.sh'), 0o755);
  const ca = join(dir.path, 'ca.pem');
  await writeFile(ca, certificates.authority);
  const plane = stack.use(await startControlPlane());
  const config = `
[jobs]
ca_file = "${ca}"
entrypoint = "/given/agent.sh"
mounts = ["${given}:/given", "/usr:/usr", "/usr/lib:/lib", "/usr/lib64:/lib64"]
env = ["OPENAI_BASE_URL=https://${host}:${model.port}"]
[images]
pull_policy = "if-not-present"
[egress]
mode = "enforce"
always = ["${address}:${model.port}"]
[limits]
wrap_up = "5s"
max_tokens = 1_000_000
[limits.prices.small]
input = 1000
output = 1000
[limits.prices.large]
input = 10_000
output = 10_000
`;
  const proxies = Object.fromEntries(
    ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy', 'ALL_PROXY', 'all_proxy'].map((key) => [key, '']),
  );
  const options = {
    url: plane.server.url,
    token: await plane.newToken(),
    runtime: name,
    config,
    env: { ...engines[name].env, ...proxies, NODE_EXTRA_CA_CERTS: undefined },
  };
  const start = async (job: string, Name: string, Value: string) => {
    const EnvVars = [{ Name, Value, IsSecret: false }];
    const AllowedHosts = [`${host}:${model.port}`];
    const EnvironmentId = await plane.newEnvironment({ DockerImage: engines.images.agent, EnvVars, AllowedHosts });
    return plane.newTask({ EnvironmentId, Prompt: `job-${job}` });
  };
  const owned = stack.move();
  return { plane, options, calls, start, runnerGone, noticed, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

for (const name of ['podman', 'docker'] as const) {
  suite(name, () => {
    test('tokens and money are limited while the runner is down, and counted as the models did', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const { plane, options, calls, start, runnerGone, noticed } = setting;
      await using first = await RunnerProcess.start(options);
      await first.ready();
      const tasks = {
        tokens: await start('tokens', 'PLAN42_LIMITS_MAX_TOKENS', '950'),
        money: await start('money', 'PLAN42_LIMITS_MAX_COST', '2.25'),
      };
      const folderOf = (taskId: string) => ({ folder: join(first.folder, 'state/jobs/active', jobIdOf(taskId)) });
      for (const job of Object.keys(tasks)) await eventually(async () => calls.has(`job-${job}`), slackMs);
      assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
      runnerGone.resolve();
      await eventually(async () => (await first.jobLog(jobIdOf(tasks.tokens))).includes('80 % used'), slackMs);
      noticed.resolve();
      for (const taskId of Object.values(tasks))
        await eventually(async () => (await readReached(folderOf(taskId))) !== undefined, slackMs);
      const ledger = await readJobUsage(folderOf(tasks.money).folder);
      await using second = await RunnerProcess.start({ ...options, folder: first.folder });
      const messages: Record<string, string> = {};
      for (const [job, taskId] of Object.entries(tasks))
        messages[job] = (await untilOver(plane, taskId, slackMs)).turn.ErrorMessage;
      const made = (job: string) => calls.get(`job-${job}`) ?? [];
      // The agent makes one call at a time, so one is all that passes the limit.
      assert.equal(made('tokens').length, 10);
      assert.match(
        messages['tokens'] ?? '',
        /stopped at a limit: its models used 1,000 tokens, and limits\.max_tokens is 950 tokens\./,
      );
      const cost = made('money').reduce((sum, model) => sum + callCosts[model], 0);
      assert.equal(cost.toFixed(2), '2.30');
      assert.match(messages['money'] ?? '', /its models cost 2\.30, and limits\.max_cost is 2\.25\./);
      assert.deepEqual(
        ledger.map(({ model, isEstimate, cost: each }) => [model, isEstimate, each]),
        made('money').map((model) => [model, false, callCosts[model]]),
      );
      for (const [job, taskId] of Object.entries(tasks)) {
        const { body: sum } = await eventually(async () => {
          const reply = await plane.call('GET', `tasks/${taskId}/turns/1/provider-usage`);
          return reply.status === 200 && reply.body.Calls === made(job).length ? reply : undefined;
        }, slackMs);
        assert.deepEqual([sum.PromptTokens, sum.CompletionTokens], [made(job).length * 70, made(job).length * 30]);
        assert.deepEqual([sum.CachedReadInputTokens, sum.EstimatedCalls], [made(job).length * 20, 0]);
      }
      const { Limits } = (await plane.call('GET', `tasks/${tasks.tokens}/turns/1/network`)).body;
      assert.deepEqual(Limits, [{ Limit: 'max_tokens', Unit: 'tokens', Allowed: 950, Used: 1000 }]);
      const log = await second.jobLog(jobIdOf(tasks.tokens));
      assert.match(log, /plan42: limits: 80 % used: its models used 800 tokens/);
      assert.match(log, /plan42: limits: limit reached: its models used 1,000 tokens/);
      assert.doesNotMatch(log, /prompt_tokens.*"stream"|"choices":\[\],"usage".*\n\ndata/);
    });

    test('the count outlives gateways and wardens that are killed, and the limit holds', async (t) => {
      await using setting = await setUp(t, name);
      if (!setting) return;
      const { plane, options, calls, start, runnerGone, noticed } = setting;
      await using first = await RunnerProcess.start(options);
      await first.ready();
      const taskId = await start('killed', 'PLAN42_LIMITS_MAX_TOKENS', '3_050');
      const folder = join(first.folder, 'state/jobs/active', jobIdOf(taskId));
      await eventually(async () => calls.has('job-killed'), slackMs);
      assert.equal(await first.stop('SIGKILL'), 'SIGKILL');
      runnerGone.resolve();
      noticed.resolve();
      const made = () => calls.get('job-killed')?.length ?? 0;
      let kills = 0;
      while (made() < 24) {
        const before = made();
        await eventually(async () => made() >= before + 4, slackMs);
        if (await killCompanion(join(folder, gatewayFolder))) kills += 1;
        await killCompanion(limitsFolder({ folder }));
      }
      assert.ok(kills >= 4, `${kills} gateways were killed`);
      await eventually(async () => (await readReached({ folder })) !== undefined, slackMs);
      const counted = (await readJobUsage(folder)).length;
      // A call that is cut with its gateway may be counted or not; each other one is.
      assert.ok(counted >= 31 && made() - counted <= kills, `${made()} calls, ${counted} counted, ${kills} kills`);
      await using _second = await RunnerProcess.start({ ...options, folder: first.folder });
      const { ErrorMessage } = (await untilOver(plane, taskId, slackMs)).turn;
      assert.match(ErrorMessage, /its models used 3,[01]\d\d tokens, and limits\.max_tokens is 3,050 tokens\./);
    });
  });
}
