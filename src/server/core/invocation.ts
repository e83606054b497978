import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { hostedName, repositoryPath } from '../../plan42/hosted-repositories.ts';
import type { Environment, Task, Tenant, Turn } from '../../plan42/objects.ts';
import { findEmptySecret } from '../store/environment-secrets.ts';
import type { RunnerKey } from '../store/runner-queues.ts';
import { SecretError } from '../store/secret-key.ts';
import type { Store } from '../store/store.ts';
import type { Tokens } from './tokens.ts';

/** Where a turn runs. */
export interface TurnAssignment {
  tenant: Tenant;
  environment: Environment;
  runner: RunnerKey;
}

/** Why a turn cannot be sent. It fails if the obstacle is final, and waits otherwise. */
export interface Obstacle {
  obstacle: string;
  isFinal: boolean;
}

type AssignmentStore = Pick<Store, 'tenants' | 'environments' | 'environmentSecrets' | 'runners' | 'githubConnections'>;

/** Decides where the turns of a task run. A missing runner is not final, because the tenant can add one. */
export function assign(
  store: AssignmentStore,
  { TenantId, EnvironmentId }: Pick<Task, 'TenantId' | 'EnvironmentId'>,
): TurnAssignment | Obstacle {
  const tenant = store.tenants.find({ TenantId });
  const environment = store.environments.find({ TenantId, EnvironmentId: EnvironmentId ?? '' });
  if (!tenant || !environment || environment.Deleted) {
    return { obstacle: 'the environment of the task was deleted', isFinal: true };
  }
  const runnerId = orDefault(environment.RunnerId, tenant.DefaultRunnerID);
  if (runnerId === undefined) return waitingBecause('the tenant has no default runner');
  const runner = store.runners.find({ TenantId, RunnerId: runnerId });
  if (!runner || runner.Deleted) return waitingBecause('the runner of the environment was deleted');
  if (!runner.RunsTasks) return waitingBecause(`"${runner.Name}" does not run tasks`);
  if (isConnectionMissing(store, environment)) {
    return { obstacle: 'the GitHub connection of the environment was deleted; choose another one', isFinal: true };
  }
  const variables = reveal(store, environment);
  if ('obstacle' in variables) return variables;
  return { tenant, environment: { ...environment, ...variables }, runner: { TenantID: TenantId, RunnerID: runnerId } };
}

/** Returns the variables with the values of secrets, which no agent must miss. */
function reveal(
  { environmentSecrets }: AssignmentStore,
  environment: Environment,
): Pick<Environment, 'EnvVars'> | Obstacle {
  try {
    const EnvVars = environmentSecrets.reveal(environment);
    const empty = findEmptySecret(EnvVars);
    if (empty === undefined) return { EnvVars };
    return { obstacle: `the secret "${empty.Name}" of the environment has no value; set it again`, isFinal: true };
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return { obstacle: 'a secret of the environment cannot be decrypted; set it again', isFinal: true };
  }
}

function waitingBecause(reason: string): Obstacle {
  return { obstacle: `Waiting for a runner: ${reason}`, isFinal: false };
}

// Without it, the agent would fail later, and for a reason that is harder to see.
function isConnectionMissing(
  { githubConnections }: AssignmentStore,
  { TenantId, GithubConnectionId }: Environment,
): boolean {
  if (GithubConnectionId === 'default') return false;
  return githubConnections.find({ TenantID: TenantId, ConnectionID: GithubConnectionId }) === undefined;
}

function orDefault(id: string, defaultId: string | undefined): string | undefined {
  return id === 'default' ? defaultId : id;
}

// The token is rejected once the turn is finished; no turn takes this long.
const agentTokenMs = 365 * 24 * 3_600_000;

/** Returns the message that starts the agent of a turn. The runner adds GitHub tokens. */
export function invokeAgentRequest(
  { store, tokens, clock }: { store: Pick<Store, 'tasks' | 'githubConnections'>; tokens: Tokens; clock: Clock },
  { tenant, environment }: TurnAssignment,
  turn: Turn,
) {
  const connectionId = orDefault(environment.GithubConnectionId, tenant.DefaultGithubConnectionID);
  const key = { TenantID: tenant.TenantId, ConnectionID: connectionId ?? '' };
  const connection = store.githubConnections.find(key);
  const now = clock.date();
  const task = store.tasks.find(turn);
  return {
    Type: 'InvokeAgentRequest',
    Task: task,
    Turn: turn,
    // A runner lets an agent use the repositories that are named here. No agent adds others to its task on this server.
    Environment: { ...environment, Repos: [...new Set([...environment.Repos, ...Object.keys(task?.RepoInfo ?? {})])] },
    Tenant: tenant,
    ...repositoryUrls(environment),
    ...(connection?.Private && { PrivateGithubConnectionID: connection.ConnectionID }),
    AgentToken: tokens.forAgent(turn, randomUUID(), { from: now, to: new Date(now.getTime() + agentTokenMs) }),
  };
}

/** Where the agent finds the hosted repositories of an environment, relative to the URL of the server. */
function repositoryUrls({ TenantId, Repos }: Environment): { RepoURLs?: Record<string, string> } {
  const urls = Repos.flatMap((repo) => {
    const name = hostedName(repo);
    return name === undefined ? [] : [[repo, repositoryPath(TenantId, name)] as const];
  });
  return urls.length === 0 ? {} : { RepoURLs: Object.fromEntries(urls) };
}
