/** A turn of the reference agent, with a real server for git, a GitHub and a server for the turn, all on loopback. */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { Adapter } from '../../src/agent/adapters/adapter.ts';
import { runAgentProcess } from '../../src/agent/agent.ts';
import type { AgentResult, AgentTask } from '../../src/agent/drivers/driver.ts';
import { type GitServer, startGitServer } from './git-server.ts';
import { type GithubDouble, startGithub } from './github/double.ts';
import { makeRepo } from './github/state.ts';
import { makeTempDir, type TempDir } from './temp-dir.ts';
import { startTurnServer, type TurnServer } from './turn-server.ts';

export const token = 'github-token-0123456789';
export const ids = {
  TenantId: '11111111-1111-4111-8111-111111111111',
  TaskId: '22222222-2222-4222-8222-222222222222',
};
/** The branch of the task with the title of {@link makeRequest}. */
export const branch = 'plan42/fix-the-greeting-22222222';

/** Usually changes files in `task.folder`. */
export type ScriptedAgent = (task: AgentTask) => Promise<unknown>;

export interface AgentSetting extends AsyncDisposable {
  dir: TempDir;
  git: GitServer;
  github: GithubDouble;
  /** Runs a turn to its end, and returns the server that it reported to. The workspace is new each time. */
  turn: (agent: ScriptedAgent, options?: TurnOptions) => Promise<TurnServer & { exitCode: number }>;
}

export interface TurnOptions {
  /** Replaces fields of the request. */
  request?: Record<string, unknown>;
  env?: NodeJS.ProcessEnv;
  server?: TurnServer;
  signal?: AbortSignal;
  workspace?: string;
  /** The arguments of the agent's process. */
  args?: string[];
}

interface AgentSettingOptions {
  /** The address of the git server. */
  host?: string;
  /** Serves git and GitHub to the agent in place of the real ones, with the request of the turn. */
  front?: (
    git: GitServer,
  ) => Promise<{ url: string; accept: (request: Record<string, unknown>) => void } & AsyncDisposable>;
}

export async function makeAgentSetting(options: AgentSettingOptions = {}): Promise<AgentSetting> {
  const { host = '127.0.0.1' } = options;
  const dir = await makeTempDir();
  const github = await startGithub({ state: { token, repos: new Map([['acme/app', makeRepo()]]) } });
  const git = await startGitServer(join(dir.path, 'git'), {
    password: token,
    host,
    api: (response, request) => github.server.answer(response, request),
  });
  await git.create('acme/app');
  await git.commit('acme/app', { 'greeting.txt': 'helo\n', 'README.md': 'An app\n' }, { message: 'Start' });
  const front = await options.front?.(git);
  let turns = 0;
  return {
    dir,
    git,
    github,
    async turn(agent, { request = {}, env = {}, server, signal, workspace, args = [] } = {}) {
      turns += 1;
      const turnServer = server ?? (await startTurnServer());
      const input = makeRequest({ GithubURL: front?.url ?? git.url, ...request });
      front?.accept(input);
      const exitCode = await runAgentProcess({
        args,
        env: {
          PATH: process.env['PATH'],
          HOME: dir.path,
          PLAN42_URL: turnServer.url,
          PLAN42_AGENT: 'scripted',
          PLAN42_WORKSPACE: workspace ?? join(dir.path, `workspace ${turns}`),
          ...env,
        },
        stdin: Readable.from([JSON.stringify(input)]),
        signal: signal ?? new AbortController().signal,
        reportError: (message) => console.log(`ERROR: ${message}`),
        agents: {
          find: () => Promise.resolve(adapter),
          run: async (_adapter, task) => ({
            message: 'Done.',
            usage: undefined,
            ...((await agent(task)) as Partial<AgentResult> | undefined),
          }),
        },
      });
      if (server === undefined) await turnServer[Symbol.asyncDispose]();
      return Object.assign(turnServer, { exitCode });
    },
    async [Symbol.asyncDispose]() {
      await front?.[Symbol.asyncDispose]();
      await git[Symbol.asyncDispose]();
      await github[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const adapter: Adapter = { name: 'scripted', packages: {}, keys: [], hosts: [] };

export function makeRequest(fields: Record<string, unknown> = {}): Record<string, unknown> {
  const { Turn = {}, Task = {}, Environment = {}, ...others } = fields as Record<string, Record<string, unknown>>;
  return {
    Type: 'InvokeAgentRequest',
    Task: { ...ids, Title: 'Fix the greeting', Prompt: 'Fix it', RepoInfo: {}, Version: 1, ...Task },
    Turn: { ...ids, TurnIndex: 1, Prompt: 'Fix it', Version: 1, ...Turn },
    Environment: { Repos: ['acme/app'], ...Environment },
    AgentToken: 'p42a_agent-token',
    GithubToken: token,
    ...others,
  };
}

/** Skips nothing: git is on every machine that has this repository. */
export function setUpAgent(t: TestContext, options?: AgentSettingOptions): Promise<AgentSetting> {
  return makeAgentSetting(options).then((setting) => {
    t.after(() => setting[Symbol.asyncDispose]());
    return setting;
  });
}
