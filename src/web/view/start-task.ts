import type { Environment } from '../../plan42/objects.ts';
import { isAsWanted, repoInfoOf } from '../../plan42/task-input.ts';
import type { WantedTask } from '../task-form.ts';
import { newUuid } from '../uuid.ts';
import type { Api } from './api.ts';

/** Returns all environments of the tenant, exactly as they are. */
export function listEnvironments(api: Api, signal?: AbortSignal): Promise<Environment[]> {
  return api.list<Environment>(`${api.tenantPath}/environments`, {}, { signal, exact: true });
}

/** Starts the task, in a new environment if no matching one exists. Returns the task's ID. */
export async function startTask(api: Api, { title, prompt, repos, environment }: WantedTask): Promise<string> {
  const taskId = newUuid();
  const body = {
    Title: title,
    Prompt: prompt,
    EnvironmentId: 'id' in environment ? environment.id : await ensureEnvironment(api, environment),
    RepoInfo: repoInfoOf(repos, taskId),
  };
  await api.call('PUT', `${api.tenantPath}/tasks/${taskId}`, { body });
  return taskId;
}

async function ensureEnvironment(
  api: Api,
  wanted: Exclude<WantedTask['environment'], { id: string }>,
): Promise<string> {
  const existing = (await listEnvironments(api)).find((environment) => isAsWanted(environment, wanted));
  if (existing) return existing.EnvironmentId;
  const body = {
    Name: wanted.image,
    Description: 'Created in the web page.',
    DockerImage: wanted.image,
    Repos: wanted.repos,
    EnvVars: wanted.envVars,
    Ephemeral: true,
  };
  const created = await api.call<Environment>('PUT', `${api.tenantPath}/environments/${newUuid()}`, { body });
  return created.EnvironmentId;
}
