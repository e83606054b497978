/** Jobs that reach a limit of tokens or money behind the wall, on each runtime with one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { jobIdOf, untilOver } from '../tasks.ts';
import { type ContainerRuntime, type JobSetting, setUpJobs } from './job-setting.ts';

const patienceMs = 180_000;
/** So that a notice arrives before the next call. */
const callMs = 1500;
const usage = { prompt_tokens: 70, completion_tokens: 30 };

/** Answers the calls of jobs, which are numbered by the first part of their paths. */
async function startModel() {
  const calls = new Map<string, number>();
  const open = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const job = request.url?.split('/')[1] ?? '';
    calls.set(job, (calls.get(job) ?? 0) + 1);
    request.resume();
    void open.promise
      .then(() => delay(callMs))
      .then(() => {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ model: 'small', choices: [], usage }));
      });
  });
  // Gateways in containers of the cluster come by another address than those on this machine.
  await once(server.listen(0, '0.0.0.0'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    callsOf: (job: string) => calls.get(job) ?? 0,
    /** Until then, calls get no response. */
    open: () => open.resolve(),
    [Symbol.asyncDispose]: async () => {
      open.resolve();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Calls the model again and again. The input of `nc` stays open: at its end, the gateway takes the request for cancelled. */
function agent(host: string, job: string, onTerm: string): string {
  const body = JSON.stringify({ model: 'small', messages: [] });
  const head = [
    `POST http://${host}/${job}/v1/chat/completions HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ].join('\\r\\n');
  const request = `printf '${head}\\r\\n\\r\\n${body.replaceAll('"', '\\"')}'; cat >/tmp/response`;
  return [
    `call() { timeout 60 nc 127.0.0.1 7043 -e sh -c "${request}"; grep -o '^HTTP.*' /tmp/response; }`,
    `trap ${onTerm} TERM; trap 'echo noticed' USR2; echo begun`,
    'while :; do call; sleep 0.3; done',
  ].join('; ');
}

const ending = `'echo stopped at $(date +%s); cat $PLAN42_LIMITS; exit 4'`;
/** Process 1 goes on, and so do its children. */
const stubborn = `''`;

async function setUp(t: TestContext, name: ContainerRuntime) {
  await using undo = new AsyncDisposableStack();
  const model = undo.use(await startModel());
  const config = ({ machine }: Pick<JobSetting, 'machine'>) => `
[egress]
mode = "enforce"
always = ["${machine.address}:${model.port}"]
[limits]
wrap_up = "2s"
model_hosts = ["http://${machine.name}:${model.port}"]
[limits.prices.small]
input = 1000
output = 1000
`;
  const setting = undo.use(await setUpJobs(t, name, config, { withWall: true }));
  if (!setting.plane) return undefined;
  const { plane, images, machine } = setting;
  const host = `${machine.name}:${model.port}`;
  const start = async (job: string, onTerm: string, Name: string, Value: string) => {
    const EnvVars = [{ Name: `PLAN42_LIMITS_${Name}`, Value, IsSecret: false }];
    const EnvironmentId = await plane.newEnvironment({ DockerImage: images.agent, EnvVars, AllowedHosts: [host] });
    return plane.newTask({ EnvironmentId, Prompt: `@@${agent(host, job, onTerm)}@@` });
  };
  const messageOf = async (taskId: string) => (await untilOver(plane, taskId, patienceMs)).turn.ErrorMessage;
  const owned = undo.move();
  return { setting, model, start, messageOf, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export function testModelLimits(name: ContainerRuntime): void {
  suite(name, { concurrency: false }, () => {
    test('limits of tokens and money end jobs while the runner is down', async (t) => {
      await using given = await setUp(t, name);
      if (!given) return;
      const { setting, model, start, messageOf } = given;
      const tasks = {
        tokens: await start('tokens', ending, 'MAX_TOKENS', '450'),
        money: await start('money', ending, 'MAX_COST', '0.35'),
        stubborn: await start('stubborn', stubborn, 'MAX_TOKENS', '150'),
      };
      const jobs = Object.keys(tasks);
      await eventually(async () => jobs.every((job) => model.callsOf(job) > 0), patienceMs).catch((error: unknown) => {
        throw new Error(setting.runner.log, { cause: error });
      });
      await setting.restart(async () => {
        model.open();
        await eventually(async () => model.callsOf('tokens') === 5 && model.callsOf('money') === 4, patienceMs);
        await delay(10_000);
      });
      const restartedAt = Date.now() / 1000;
      const stopped = 'The agent was stopped at a limit: ';
      const messages = {
        tokens: `^${stopped}its models used 500 tokens, and limits\\.max_tokens is 450 tokens\\.`,
        money: `^${stopped}its models cost 0\\.4, and limits\\.max_cost is 0\\.35\\.`,
        stubborn: `^${stopped}its models used 200 tokens, and limits\\.max_tokens is 150 tokens\\.`,
      };
      for (const [job, taskId] of Object.entries(tasks)) {
        const message = await messageOf(taskId);
        const log = await setting.runner.jobLog(jobIdOf(taskId));
        assert.match(message, new RegExp(messages[job as keyof typeof messages]), log);
        assert.equal((await setting.finished(jobIdOf(taskId))).endCode, 'limit-reached');
      }
      // The agent makes one call at a time, so one is all that passes the limit.
      assert.deepEqual(jobs.map(model.callsOf), [5, 4, 2]);
      const log = await setting.runner.jobLog(jobIdOf(tasks.tokens));
      assert.match(log, /^plan42: limits: 80 % used: its models used 400 tokens, .*; the job ends at the limit$/m);
      assert.match(
        log,
        /^plan42: limits: limit reached: its models used 500 tokens, .*; SIGTERM now, SIGKILL in 2 s$/m,
      );
      assert.match(log, /^noticed$/m);
      const [, stoppedAt] = /^stopped at (\d+)$/m.exec(log) ?? [];
      assert.ok(Number(stoppedAt) < restartedAt - 5, `${log}\n${restartedAt}`);
      const [file = '{}'] = /^\{"version":1,.*$/m.exec(log) ?? [];
      const { reached, reason, limits } = JSON.parse(file);
      assert.deepEqual(
        [reached, reason],
        ['max_tokens', 'its models used 500 tokens, and limits.max_tokens is 450 tokens'],
      );
      assert.deepEqual(limits, [{ limit: 'max_tokens', unit: 'tokens', allowed: 450, used: 500 }]);
      const { plane } = setting;
      const sum = await eventually(async () => {
        const reply = await plane.call('GET', `tasks/${tasks.tokens}/turns/1/provider-usage`);
        return reply.status === 200 && reply.body.Calls === 5 ? reply.body : undefined;
      }, patienceMs);
      assert.deepEqual([sum.PromptTokens, sum.CompletionTokens, sum.EstimatedCalls], [350, 150, 0]);
      // The gateway refuses further calls of an agent that ignores SIGTERM.
      assert.match(await setting.runner.jobLog(jobIdOf(tasks.stubborn)), /^HTTP\/1\.1 403 /m);
    });

    test('the count outlives gateways that are killed, and the limit holds', async (t) => {
      await using given = await setUp(t, name);
      if (!given) return;
      const { setting, model, start, messageOf } = given;
      model.open();
      const taskId = await start('killed', ending, 'MAX_TOKENS', '1050');
      let kills = 0;
      for (const calls of [3, 7]) {
        await eventually(async () => model.callsOf('killed') >= calls, patienceMs);
        if (await setting.killGateway(jobIdOf(taskId))) kills += 1;
      }
      assert.equal(kills, 2);
      const message = await messageOf(taskId);
      assert.match(message, /its models used 1,1\d\d tokens, and limits\.max_tokens is 1,050 tokens\./);
      const { plane } = setting;
      // A call that is cut with its gateway may be counted or not; each other one is, soon after the end of the turn.
      const made = model.callsOf('killed');
      await eventually(async () => {
        const { body } = await plane.call('GET', `tasks/${taskId}/turns/1/provider-usage`);
        return body.Calls >= 11 && made - body.Calls <= kills;
      }, patienceMs).catch((error: unknown) => {
        throw new Error(`${made} calls were made`, { cause: error });
      });
    });
  });
}
