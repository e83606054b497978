/** The calls with which a runner finds the feeds of GitHub to read, and acts on their events. */
import * as v from 'valibot';
import type { TurnPath } from './client.ts';
import { knownFields, view } from './fields.ts';
import { type ApiEndpoint, callApi, callApiWithDate } from './http.ts';
import { listAll } from './list-all.ts';
import { environmentFields, githubConnectionFields, taskFields, tenantFields } from './objects.ts';
import { pathSegment } from './path-segment.ts';
import { PartialRepoInfo, PartialTurn } from './runner-objects.ts';

export const EventConnection = knownFields(
  view(githubConnectionFields, ['ConnectionID'], ['Private', 'RunnerID', 'GithubUserLogin']),
);
export type EventConnection = v.InferOutput<typeof EventConnection>;

export const EventEnvironment = knownFields(view(environmentFields, [], ['Repos', 'GithubConnectionId', 'Deleted']));
export type EventEnvironment = v.InferOutput<typeof EventEnvironment>;

/** A task whose `RepoInfo` is written back as a whole, with its unknown fields. */
export const EventTask = knownFields({
  ...view(taskFields, ['TaskId', 'Version'], ['WorkstreamId', 'State', 'Deleted']),
  RepoInfo: v.nullish(v.record(v.string(), PartialRepoInfo)),
});
export type EventTask = v.InferOutput<typeof EventTask>;

const Tenant = knownFields(view(tenantFields, [], ['DefaultGithubConnectionID']));
// Newer servers return the tasks as `Items`.
const FoundTasks = knownFields({ Items: v.nullish(v.array(EventTask)), Tasks: v.nullish(v.array(EventTask)) });

/** Everything from which the feeds follow. */
export interface TenantConnections {
  defaultConnectionId: string | undefined;
  /** The private ones, of all runners. */
  connections: EventConnection[];
  environments: EventEnvironment[];
}

export async function readTenantConnections(
  endpoint: ApiEndpoint,
  tenantId: string,
  signal: AbortSignal,
): Promise<TenantConnections> {
  const tenant = tenantPath(tenantId);
  const { DefaultGithubConnectionID } = await callApi(endpoint, { method: 'GET', path: tenant, signal }, Tenant);
  const list = { path: `${tenant}/github-connections`, query: { private: 'true' }, signal };
  const connections = await listAll(endpoint, list, EventConnection);
  const environments = await listAll(endpoint, { path: `${tenant}/environments`, signal }, EventEnvironment);
  return { defaultConnectionId: DefaultGithubConnectionID ?? undefined, connections, environments };
}

/** Returns the tasks of a pull request by its ID. */
export async function searchTasks(
  endpoint: ApiEndpoint,
  tenantId: string,
  pullRequestId: number,
  signal: AbortSignal,
): Promise<EventTask[]> {
  const query = new URLSearchParams({ pullRequestId: String(pullRequestId), tenantID: tenantId });
  const path = `/v1/tasks/search?${query.toString()}`;
  const { Items, Tasks } = await callApi(endpoint, { method: 'POST', path, body: {}, signal }, FoundTasks);
  return Items ?? Tasks ?? [];
}

export interface TaskOfEvent {
  tenantId: string;
  taskId: string;
  /** Undefined for a task outside of workstreams. */
  workstreamId: string | undefined;
}

/** Returns the last turn, and the `Date` header of the response. */
export async function getLastTurn(
  endpoint: ApiEndpoint,
  { tenantId, taskId, workstreamId }: TaskOfEvent,
  signal: AbortSignal,
): Promise<{ data: PartialTurn; date: string | undefined }> {
  const query = workstreamId ? `?${new URLSearchParams({ workstreamID: workstreamId }).toString()}` : '';
  const path = `${taskPath(tenantId, taskId)}/turns/last${query}`;
  return callApiWithDate(endpoint, { method: 'GET', path, signal }, PartialTurn);
}

/** Creates a turn of a task that has this version. */
export async function createTurn(
  endpoint: ApiEndpoint,
  { tenantId, taskId, turnIndex, workstreamId }: TurnPath & Pick<TaskOfEvent, 'workstreamId'>,
  { version, prompt }: { version: number; prompt: string },
  signal: AbortSignal,
): Promise<void> {
  const path = `${taskPath(tenantId, taskId)}/turns/${turnIndex}`;
  const body = { Prompt: prompt, ...(workstreamId && { WorkstreamID: workstreamId }) };
  await callApi(endpoint, { method: 'PUT', path, body, ifMatch: version, signal }, v.unknown());
}

/** Updates a task, or a task of a workstream. */
export async function updateTask(
  endpoint: ApiEndpoint,
  { tenantId, taskId, workstreamId }: TaskOfEvent,
  { version, changes }: { version: number; changes: Pick<EventTask, 'RepoInfo' | 'State'> },
  signal: AbortSignal,
): Promise<void> {
  const path = workstreamId
    ? `${tenantPath(tenantId)}/workstreams/${pathSegment(workstreamId)}/tasks/${pathSegment(taskId)}`
    : taskPath(tenantId, taskId);
  await callApi(endpoint, { method: 'PATCH', path, body: changes, ifMatch: version, signal }, v.unknown());
}

function tenantPath(tenantId: string): string {
  return `/v1/tenants/${pathSegment(tenantId)}`;
}

function taskPath(tenantId: string, taskId: string): string {
  return `${tenantPath(tenantId)}/tasks/${pathSegment(taskId)}`;
}
