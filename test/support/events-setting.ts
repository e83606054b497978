import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '../../src/config/schema.ts';
import { type GithubEvents, startGithubEvents } from '../../src/events/github-events.ts';
import { GithubConnections } from '../../src/github/connections.ts';
import { createLogger } from '../../src/lib/logger.ts';
import { Plan42Client } from '../../src/plan42/client.ts';
import { createTransport } from '../../src/plan42/transport.ts';
import { startControlPlane, type TestControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { type GithubDouble, startGithub } from './github/double.ts';
import { type GithubEvent, makePullRequest, makeRepo, noDiscussion, type PullRequest } from './github/state.ts';
import { makeTempDir } from './temp-dir.ts';
import { TestClock } from './test-clock.ts';

/** One run of the events of a runner. */
export interface EventsRun {
  events: GithubEvents;
  github: GithubConnections;
  clock: TestClock;
  log: string[];
  /** Lets time pass, and waits until everything sleeps again. */
  pass: (ms: number) => Promise<void>;
}

/** A control plane, a GitHub, a task with a pull request, and the events of a runner. */
export interface EventsSetting extends AsyncDisposable {
  plane: TestControlPlane;
  github: GithubDouble;
  connectionId: string;
  environmentId: string;
  stateDir: string;
  home: string;
  pullRequest: PullRequest;
  taskId: string;
  run: EventsRun;
  connection: (fields?: Partial<Connection>) => Record<string, Connection>;
  /** Ends the run as a signal to the runner does. */
  stop: () => Promise<void>;
  start: (options?: StartOptions) => Promise<EventsRun>;
  /** Adds events, the newest first, as the feed has them. */
  publish: (...events: GithubEvent[]) => void;
  checkpoint: () => Promise<Record<string, unknown> | undefined>;
  /** Creates a finished task of the pull request. */
  newTask: (PRID?: string) => Promise<string>;
  finishTurn: (taskId?: string) => Promise<void>;
  lastTurn: (taskId?: string) => Promise<number>;
}

interface StartOptions {
  url?: string;
}

export async function startEventsSetting({ begin = true } = {}): Promise<EventsSetting> {
  const plane = await startControlPlane();
  const github = await startGithub();
  const folder = await makeTempDir();
  const connectionId = randomUUID();
  const body = { Private: true, RunnerID: plane.server.admin.runnerId };
  assert.equal((await plane.call('PUT', `github-connections/${connectionId}`, { body })).status, 201);
  const environmentId = await plane.newEnvironment({ GithubConnectionId: connectionId, Repos: ['acme/app'] });
  const pullRequest = { ...makePullRequest(noDiscussion), number: 5, restId: 1005, author: 'octo' };
  github.state.repos.set('acme/app', makeRepo({ pullRequests: new Map([[5, pullRequest]]) }));
  const token = await plane.newToken();
  const transport = createTransport({});

  const connection = (fields: Partial<Connection> = {}) => {
    const own = { connectionId, url: new URL(github.url), token: github.state.token, name: undefined };
    return { ours: { ...own, ...fields } };
  };
  const setting: EventsSetting = {
    ...{ plane, github, connectionId, environmentId, pullRequest, connection },
    ...{ stateDir: folder.path, home: join(folder.path, 'home'), taskId: '', run: undefined as unknown as EventsRun },
    start: async ({ url = plane.server.url } = {}) => {
      const [clock, log] = [new TestClock(), [] as string[]];
      const logger = createLogger({ level: 'debug', format: 'text', write: (line) => log.push(line) });
      const connections = new GithubConnections({ connections: connection(), transport, logger, userAgent: 'test/1' });
      const events = await startGithubEvents({
        ...{ trigger: '/Plan42', github: connections, clock, random: () => 0.5, logger },
        client: new Plan42Client({ transport, baseUrl: new URL(url), token, userAgent: 'test/1' }),
        ...{ tenantId: plane.server.admin.tenantId, runnerId: plane.server.admin.runnerId },
        ...{ stateDir: setting.stateDir, home: setting.home },
      });
      // The discovery and the summaries sleep, and each feed.
      const isIdle = async () => clock.sleeping === 2 + events.status().feeds.length && events.status().pending === 0;
      await eventually(isIdle);
      setting.run = {
        ...{ events, github: connections, clock, log },
        pass: async (ms) => {
          await clock.advance(ms);
          await eventually(isIdle);
        },
      };
      return setting.run;
    },
    stop: () => setting.run.events.drain(new AbortController().signal),
    publish: (...events) => {
      const known = github.state.feeds.get('acme') ?? [];
      github.state.feeds.set('acme', [...events, ...known]);
    },
    checkpoint: async () => {
      const text = await readFile(join(setting.stateDir, 'github-events.json'), 'utf8').catch(() => '{}');
      return JSON.parse(text)[`${connectionId}:acme`];
    },
    newTask: async (PRID = '1005') => {
      const repo = { FeatureBranch: 'f', TargetBranch: 'main', PRID, PRNumber: 5, PRStatus: 'open' };
      const taskId = await plane.newTask({ EnvironmentId: environmentId, RepoInfo: { 'acme/app': repo } });
      await setting.finishTurn(taskId);
      return taskId;
    },
    finishTurn: async (taskId = setting.taskId) => {
      const { body } = await plane.call('GET', `tasks/${taskId}/turns/last`);
      const update = { ifMatch: body.Version, body: { Status: 'Completed' } };
      assert.equal((await plane.call('PATCH', `tasks/${taskId}/turns/${body.TurnIndex}`, update)).status, 200);
    },
    lastTurn: async (taskId = setting.taskId) => (await plane.call('GET', `tasks/${taskId}/turns/last`)).body.TurnIndex,
    [Symbol.asyncDispose]: async () => {
      await setting.run?.events[Symbol.asyncDispose]();
      await transport.destroy();
      for (const part of [github, plane, folder]) await part[Symbol.asyncDispose]();
    },
  };
  setting.taskId = await setting.newTask();
  if (begin) await setting.start();
  return setting;
}
