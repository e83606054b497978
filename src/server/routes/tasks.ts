import * as v from 'valibot';
import { isUuid } from '../../lib/uuid.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { RepoInfo, Task } from '../../plan42/objects.ts';
import { notFound } from '../core/errors.ts';
import { Time } from '../core/time.ts';
import { addTurn, type TurnDeps } from '../core/turns.ts';
import { change, create, firstVersion, read, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import { findForeignRepository, forbiddenBranchChange } from '../git/push-rights.ts';
import {
  changesOf,
  clearedLevel,
  nestedOthers,
  optionalCount,
  optionalId,
  optionalIds,
  optionalText,
  otherFields,
  parseBody,
  requiredLongText,
  requiredText,
  shortText,
  undelete,
} from '../http/body.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import {
  includeDeleted,
  listedDeleted,
  listReply,
  pageBodyWithItems,
  queryInteger,
  requiredIfMatch,
  requireUuidV4,
} from '../http/query.ts';
import {
  allButSignIn,
  created,
  noContent,
  ok,
  type Route,
  route,
  tenantAndAgent,
  tenantAndRunner,
  tenantOnly,
  tenantPath,
} from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { searchTasks } from '../store/tasks.ts';
import { requireOwnFiles } from './files.ts';
import { requireAddedFiles, requireEnvironment, requireFiles } from './references.ts';
import { mayUseTask, requirePullRequestChange, requireUseOfTask } from './runner-access.ts';

const RepoInfoBody = v.pipe(
  knownFields({
    FeatureBranch: optionalText,
    TargetBranch: optionalText,
    PRLink: optionalText,
    PRID: optionalText,
    PRNumber: optionalCount,
    PRStatus: optionalText,
    PRStatusUpdatedAt: v.nullish(Time),
  }),
  v.transform((info): RepoInfo => ({ FeatureBranch: '', TargetBranch: '', ...nestedOthers(info) })),
);
export const repoInfoByRepo = v.nullish(v.record(shortText, RepoInfoBody));

const CreateBody = knownFields({
  Title: requiredText,
  Prompt: requiredLongText,
  EnvironmentId: optionalId,
  Model: optionalText,
  ReasoningLevel: optionalText,
  FileIDs: optionalIds,
  RepoInfo: repoInfoByRepo,
});
const UpdateBody = changesOf({
  Title: v.nullish(requiredText),
  Prompt: v.nullish(requiredLongText),
  EnvironmentId: optionalId,
  Model: optionalText,
  ReasoningLevel: optionalText,
  NewFileIDs: optionalIds,
  RepoInfo: repoInfoByRepo,
  Deleted: undelete,
});

const path = `${tenantPath}/tasks/:taskId`;

interface TaskDeps extends TurnDeps {
  store: TurnDeps['store'] & Pick<Store, 'files' | 'environments' | 'githubConnections' | 'tenants' | 'turnNetworks'>;
}

export function taskRoutes(deps: TaskDeps): Route[] {
  const { store, clock, events } = deps;
  const { tasks } = store;
  const keyOf = (params: { tenantId: string; taskId: string }) => ({
    TenantId: params.tenantId,
    TaskId: params.taskId,
  });
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      requireUuidV4(request.params.taskId);
      const body = parseBody(request, CreateBody);
      const key = keyOf(request.params);
      const EnvironmentId = body.EnvironmentId ?? '';
      requireEnvironment(store, key.TenantId, EnvironmentId);
      requireFiles(store, key.TenantId, body.FileIDs, 'FileIDs');
      const task: Task = {
        ...otherFields(request, tasks),
        ...key,
        Title: body.Title,
        Prompt: body.Prompt,
        EnvironmentId,
        Model: body.Model ?? null,
        ReasoningLevel: body.ReasoningLevel || undefined,
        FileIDs: body.FileIDs ?? undefined,
        Parallel: false,
        AssignedToAI: true,
        RepoInfo: body.RepoInfo ?? {},
        State: 'Pending',
        Deleted: false,
        ...firstVersion(clock),
      };
      store.transaction(() => {
        create(tasks, task);
        addTurn(deps, task, { Prompt: task.Prompt });
      });
      return created(read(tasks, key));
    }),

    route('GET', path, { access: allButSignIn }, ({ params, query }) =>
      ok(readUndeleted(tasks, keyOf(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/tasks`, { access: tenantAndRunner }, ({ params, query }) => {
      const WorkstreamId = query.get('workstreamID')?.toLowerCase() || undefined;
      const filter = { TenantId: params.tenantId, Deleted: listedDeleted(query), WorkstreamId };
      return listReply(tasks, query, filter, { arrayName: 'Tasks' });
    }),

    route('PATCH', path, { access: allButSignIn }, (request) => {
      requireUseOfTask(deps, request.principal, request.params);
      const version = requiredIfMatch(request);
      const { EnvironmentId: environmentId, ...known } = parseBody(request, UpdateBody);
      const changes = { ...otherFields(request, tasks), ...known, ...clearedLevel(known) };
      const task = readUndeleted(tasks, keyOf(request.params), changes.Deleted === false);
      if ((environmentId ?? task.EnvironmentId) !== task.EnvironmentId) {
        throw badRequest('EnvironmentId: the environment of a task cannot change');
      }
      if (request.principal.kind === 'agent' && changes.RepoInfo) requireOwnBranches(task, changes.RepoInfo, store);
      requireOwnFiles(store, request.principal, changes.NewFileIDs ?? []);
      requireVersion(tasks, task, version);
      // After the version: an update from an older one may lack what another client has added.
      requirePullRequestChange(request.principal, task, changes);
      requireAddedFiles(store, task, changes.NewFileIDs, 'NewFileIDs');
      const changed = change(tasks, task, changes, clock);
      // Turns of deleted tasks are not sent, but this task is undeleted.
      if (task.Deleted) events.emit('turnsToSend');
      return ok(changed);
    }),

    route('DELETE', path, { access: tenantOnly }, (request) => {
      const task = softDelete(tasks, keyOf(request.params), requiredIfMatch(request), clock);
      // Its agent is stopped.
      if (task.LastTurnIndex !== undefined) events.emit('turnChanged', { ...task, TurnIndex: task.LastTurnIndex });
      return noContent;
    }),

    route('GET', `${path}/github-creds`, { access: tenantAndAgent }, ({ params, query }) => {
      readUndeleted(tasks, keyOf(params), includeDeleted(query));
      // The hosted service gives out tokens of its GitHub application.
      throw notFound('the server has no GitHub token: the runner has it, and gives it to the agent of a turn');
    }),

    route('POST', '/v1/tasks/search', { access: tenantAndRunner, repeatable: true }, ({ principal, query }) => {
      const pullRequestId = queryInteger(query, 'pullRequestId', { min: 1, max: Number.MAX_SAFE_INTEGER });
      const taskId = query.get('taskId') ?? undefined;
      if (pullRequestId === undefined && taskId === undefined) throw badRequest('pullRequestId or taskId is required');
      if (taskId !== undefined && !isUuid(taskId)) throw badRequest('taskId must be a UUID');
      const found = searchTasks(tasks, principal.tenantId, {
        taskId: taskId?.toLowerCase(),
        pullRequestId: pullRequestId?.toString(),
      });
      const items = found.filter((task) => mayUseTask(deps, principal, task));
      return ok(pageBodyWithItems({ items, next: undefined }, 'Tasks'));
    }),
  ];
}

/**
 * Runners limit jobs whose network is limited to the repositories of environment and task, and their pushes to the branches
 * of the task (docs/github.md). An agent must not choose these for its next turn, whose network may be limited.
 * @throws HttpError 403
 */
export function requireOwnBranches(
  task: Task,
  update: Record<string, RepoInfo>,
  { environments, turnNetworks }: TaskDeps['store'],
): void {
  const { TenantId, TaskId, LastTurnIndex, EnvironmentId } = task;
  const environment = environments.find({ TenantId, EnvironmentId: EnvironmentId ?? '' });
  const network =
    LastTurnIndex === undefined ? undefined : turnNetworks.find({ TenantId, TaskId, TurnIndex: LastTurnIndex });
  const isLimited = (environment?.AllowedHosts.length ?? 0) > 0 || network?.Mode === 'Enforce';
  const foreign = findForeignRepository(task, update, environment?.Repos ?? []);
  if (foreign !== undefined) {
    throw forbidden(`RepoInfo: an agent may not add ${foreign}, which neither its environment nor its task names`);
  }
  const repo = forbiddenBranchChange(task, update, isLimited);
  if (repo !== undefined) throw forbidden(`RepoInfo: an agent may not change the branches of ${repo} like this`);
}
