/** Fills the data folder of a server that has not started yet, as a company would in some months. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import type { Environment, Task, Turn } from '../../../src/plan42/objects.ts';
import { type Admin, prepare } from '../../../src/server/core/first-start.ts';
import { openStore, type Store } from '../../../src/server/store/store.ts';

/** A turn whose agent uploads its log. */
export interface RunningTurn {
  taskId: string;
  token: string;
  /** The index of the next log entry. */
  index: number;
  version: number;
}

export interface Filled {
  admin: Admin;
  running: RunningTurn[];
  /** A finished task with a log. */
  finishedTask: string;
}

export interface FillOptions {
  dataDir: string;
  tasks: number;
  /** How many of the tasks have a turn that runs. */
  running: number;
}

const environments = 100;
const logEntries = 20;
const prompt = 'Find the cause of the failing test, fix it, and describe what was wrong in the commit. '.repeat(20);
const setupScript = 'npm ci\n'.repeat(100);
const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;

/** Two turns each, with a log of twenty entries; one of twenty failed. The newest tasks run. */
export async function fill({ dataDir, tasks, running }: FillOptions): Promise<Filled> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  using store = await openStore(dataDir, silentLogger);
  const { tokens, admin } = prepare(store, systemClock, 'http://127.0.0.1');
  const now = Date.now();
  const started: RunningTurn[] = [];
  let finishedTask = '';
  const lifetime = { from: new Date(now), to: new Date(now + dayMs) };
  store.transaction(() => {
    const ids = Array.from({ length: environments }, (_, i) => addEnvironment(store, admin, i, now));
    for (let i = 0; i < tasks; i += 1) {
      const isRunning = i >= tasks - running;
      const createdAt = now - (tasks - i) * 5 * minuteMs;
      const task = addTask(store, { admin, environmentId: ids[i % ids.length] ?? '', number: i, createdAt, isRunning });
      if (!isRunning) finishedTask = task.TaskId;
      else {
        const key = { TenantId: admin.tenantId, TaskId: task.TaskId, TurnIndex: 2 };
        const token = tokens.forAgent(key, randomUUID(), lifetime);
        started.push({ taskId: task.TaskId, token, index: logEntries, version: 1 });
      }
    }
  });
  return { admin, running: started, finishedTask };
}

function addEnvironment(store: Store, { tenantId, runnerId }: Admin, number: number, now: number): string {
  const environment: Environment = {
    TenantId: tenantId,
    EnvironmentId: randomUUID(),
    Name: `environment ${number}`,
    Description: '',
    Context: '',
    SetupScript: setupScript,
    DockerImage: 'ghcr.io/company/agent:1',
    Repos: ['company/repository'],
    AllowedHosts: [],
    EnvVars: [],
    RunnerId: runnerId,
    GithubConnectionId: '',
    Deleted: false,
    ...versionAt(now - 100 * dayMs),
  };
  store.environments.insert(environment);
  return environment.EnvironmentId;
}

interface NewTask {
  admin: Admin;
  environmentId: string;
  number: number;
  createdAt: number;
  isRunning: boolean;
}

function addTask(store: Store, { admin, environmentId, number, createdAt, isRunning }: NewTask): Task {
  const hasFailed = number % 20 === 0;
  const last = isRunning ? 'Working' : hasFailed ? 'Failed' : 'Completed';
  const task: Task = {
    TenantId: admin.tenantId,
    TaskId: randomUUID(),
    Title: `Fix the flaky test number ${number}`,
    Prompt: prompt,
    EnvironmentId: environmentId,
    Model: null,
    Parallel: false,
    AssignedToAI: true,
    RepoInfo: { 'company/repository': { FeatureBranch: `fix-${number}`, TargetBranch: 'main' } },
    State: isRunning ? 'Executing' : last,
    LastTurnIndex: 2,
    LastTurnStatus: last,
    LastTurnMachine: `machine-${number % 100}`,
    Deleted: false,
    ...versionAt(createdAt),
  };
  store.tasks.insert(task);
  addTurn(store, task, 1, 'Completed');
  addTurn(store, task, 2, last);
  return task;
}

function addTurn(store: Store, task: Task, TurnIndex: number, Status: string): void {
  const { TenantId, TaskId, CreatedAt } = task;
  const isFinished = Status !== 'Working';
  const turn: Turn = {
    TenantId,
    TaskId,
    TurnIndex,
    Prompt: prompt,
    CommitInfo: null,
    Status,
    Machine: task.LastTurnMachine,
    InstanceId: task.LastTurnMachine,
    Image: 'ghcr.io/company/agent:1',
    ...versionAt(Date.parse(CreatedAt)),
    ...(isFinished && { OutputMessage: 'Fixed.', CompletedAt: CreatedAt, EndedBy: 'Agent' }),
    ...(Status === 'Failed' && { ErrorMessage: 'The agent exited with code 1.' }),
  };
  store.turns.insert(turn);
  store.turnAcceptance.accept(turn, CreatedAt);
  const logs = Array.from({ length: logEntries }, (_, i) => ({
    Timestamp: CreatedAt,
    Message: `${i} of the lines that an agent writes while it reads, edits and tests the files of a repository`,
  }));
  store.turnLogs.append(turn, 0, logs);
  store.turnLogs.setState(turn, { bytes: logEntries * 220, end: undefined, runnerLogs: 0 });
}

function versionAt(time: number) {
  const at = new Date(time).toISOString();
  return { CreatedAt: at, UpdatedAt: at, Version: 1 };
}
