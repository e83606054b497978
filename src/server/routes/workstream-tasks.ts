import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import type { Task, Workstream } from '../../plan42/objects.ts';
import { conflict, notFound } from '../core/errors.ts';
import type { TurnDeps } from '../core/turns.ts';
import { change, create, firstVersion, readUndeleted } from '../core/versioned.ts';
import { otherFields, parseBody } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import {
  includeDeleted,
  listedDeleted,
  pageBody,
  pageRequest,
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
  tenantAndRunner,
  tenantOnly,
  tenantPath,
} from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireAddedFiles, requireFiles } from './references.ts';
import { requireUseOfTask } from './runner-access.ts';
import {
  CreateBody,
  changesFor,
  inputs,
  needsPause,
  requireAllowed,
  requireConsistent,
  UpdateBody,
} from './workstream-task-rules.ts';
import { workstreamKey, workstreamPath } from './workstreams.ts';

const MoveBody = knownFields({
  DestinationWorkstreamID: v.pipe(v.string(), v.toLowerCase()),
  TaskVersion: v.number(),
  SourceWorkstreamVersion: v.number(),
  DestinationWorkstreamVersion: v.number(),
});

const path = `${workstreamPath}/tasks/:taskId` as const;

interface WorkstreamTaskDeps extends TurnDeps {
  store: Store;
}

export function workstreamTaskRoutes(deps: WorkstreamTaskDeps): Route[] {
  const { store, clock, events } = deps;
  const { tasks, workstreams, rankedTasks, workstreamTasks } = store;
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      requireUuidV4(request.params.taskId);
      const { AutoPause, ...body } = parseBody(request, CreateBody);
      const workstream = readUndeleted(workstreams, workstreamKey(request.params));
      const key = { TenantId: workstream.TenantId, TaskId: request.params.taskId };
      requireFiles(store, key.TenantId, body.FileIDs, 'FileIDs');
      const existing = tasks.find(key);
      if (existing) throw taskConflict('the Task already exists', existing, workstream);
      const task: Task = {
        ...otherFields(request, tasks, inputs),
        ...key,
        WorkstreamId: workstream.WorkstreamId,
        TaskNumber: workstream.TaskCounter + 1,
        Title: body.Title,
        Prompt: body.Prompt ?? '',
        EnvironmentId: body.EnvironmentId || null,
        Model: body.Model || null,
        ReasoningLevel: body.ReasoningLevel || undefined,
        FileIDs: body.FileIDs ?? undefined,
        Parallel: body.Parallel ?? false,
        AssignedToAI: body.AssignedToAI ?? false,
        AssignedToTenantId: body.AssignedToTenantId || undefined,
        RepoInfo: body.RepoInfo ?? {},
        State: body.State ?? 'Pending',
        Deleted: false,
        ...firstVersion(clock),
      };
      requireConsistent(store, task);
      store.transaction(() => {
        create(rankedTasks, { ...task, Rank: workstreamTasks.lastRank(workstream) });
        const pauses = task.AssignedToAI && AutoPause !== false;
        changeWorkstream(deps, workstream, {
          TaskCounter: workstream.TaskCounter + 1,
          ...(pauses && { Paused: true }),
        });
      });
      return created(tasks.find(key));
    }),

    route('GET', path, { access: allButSignIn }, ({ params, query }) =>
      ok(readTask(store, params, includeDeleted(query))),
    ),

    route('GET', `${workstreamPath}/tasks`, { access: tenantAndRunner }, ({ params, query }) => {
      const workstream = readUndeleted(workstreams, workstreamKey(params), includeDeleted(query));
      const page = rankedTasks.list(
        {
          TenantId: workstream.TenantId,
          WorkstreamId: workstream.WorkstreamId,
          TaskNumber: queryInteger(query, 'taskNumber', { min: 1, max: Number.MAX_SAFE_INTEGER }),
          Deleted: listedDeleted(query),
        },
        pageRequest(query, rankedTasks.order),
        {
          column: 'Rank',
          from: (rankIn(store, workstream, query.get('afterTaskId'), 'afterTaskId') ?? -1) + 1,
          below: rankIn(store, workstream, query.get('beforeTaskId'), 'beforeTaskId') ?? Number.MAX_SAFE_INTEGER,
        },
      );
      return ok(pageBody({ ...page, items: page.items.map(withoutRank) }));
    }),

    route('PATCH', path, { access: allButSignIn }, (request) => {
      const { principal, params } = request;
      requireUseOfTask(deps, principal, params);
      const version = requiredIfMatch(request);
      const { AutoPause, BeforeTaskId, AfterTaskId, RemoveFileIDs, ...known } = parseBody(request, UpdateBody);
      const task = readTask(store, params, known.Deleted === false);
      const workstream = readUndeleted(workstreams, workstreamKey(params));
      const changes = changesFor(task, { ...otherFields(request, tasks, inputs), ...known }, RemoveFileIDs);
      if (task.Version !== version) {
        throw taskConflict(`the Task has version ${task.Version}, not ${version}`, task, workstream);
      }
      // After the version: an update from an older one may lack what another client has added.
      requireAllowed(store, request, task, known);
      const next: Task = { ...task, ...changes };
      requireConsistent(store, next, task);
      requireAddedFiles(store, task, known.NewFileIDs, 'NewFileIDs');
      const rank = newRank(store, workstream, task, { BeforeTaskId, AfterTaskId });
      const pauses = rank !== undefined || needsPause(principal, task, next, AutoPause);
      const changed = store.transaction(() => {
        if (rank !== undefined) workstreamTasks.insertAt(workstream, task, rank);
        changeWorkstream(deps, workstream, pauses ? { Paused: true } : {});
        return change(tasks, task, changes, clock);
      });
      if (task.Deleted) events.emit('turnsToSend');
      return ok(changed);
    }),

    route('DELETE', path, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const task = readTask(store, request.params);
      const workstream = readUndeleted(workstreams, workstreamKey(request.params));
      if (task.Version !== version) {
        throw taskConflict(`the Task has version ${task.Version}, not ${version}`, task, workstream);
      }
      store.transaction(() => {
        change(tasks, task, { Deleted: true }, clock);
        changeWorkstream(deps, workstream);
      });
      // Its agent is stopped.
      if (task.LastTurnIndex !== undefined) events.emit('turnChanged', { ...task, TurnIndex: task.LastTurnIndex });
      return noContent;
    }),

    route('POST', `${tenantPath}/tasks/:taskId/move`, { access: tenantOnly }, (request) => {
      const body = parseBody(request, MoveBody);
      const TenantId = request.params.tenantId;
      const task = readUndeleted(tasks, { TenantId, TaskId: request.params.taskId });
      if (task.WorkstreamId === undefined) throw badRequest('the task is in no workstream');
      if (task.WorkstreamId === body.DestinationWorkstreamID) {
        throw badRequest('DestinationWorkstreamID: the task is there already');
      }
      const source = readUndeleted(workstreams, { TenantId, WorkstreamId: task.WorkstreamId }, true);
      const destination = readUndeleted(workstreams, { TenantId, WorkstreamId: body.DestinationWorkstreamID });
      if (task.Version !== body.TaskVersion) throw taskConflict('the Task has another version', task, source);
      if (source.Version !== body.SourceWorkstreamVersion) {
        throw taskConflict('the source Workstream has another version', task, source);
      }
      if (destination.Version !== body.DestinationWorkstreamVersion) {
        throw taskConflict('the destination Workstream has another version', task, destination);
      }
      const moved = { WorkstreamId: destination.WorkstreamId, TaskNumber: destination.TaskCounter + 1 };
      return ok(
        store.transaction(() => {
          const rank = workstreamTasks.lastRank(destination);
          const Task = change(tasks, task, moved, clock);
          workstreamTasks.insertAt(destination, Task, rank);
          workstreamTasks.moveTurns(Task);
          const pauses = task.AssignedToAI && { Paused: true };
          return {
            Task,
            SourceWorkstream: changeWorkstream(deps, source),
            DestinationWorkstream: changeWorkstream(deps, destination, {
              TaskCounter: destination.TaskCounter + 1,
              ...pauses,
            }),
          };
        }),
      );
    }),
  ];
}

/** Writes the next version of the workstream, and starts the tasks that may then start. */
function changeWorkstream(
  { store, clock, events }: WorkstreamTaskDeps,
  workstream: Workstream,
  changes: Partial<Workstream> = {},
): Workstream {
  events.emit('workstreamsChanged');
  return change(store.workstreams, workstream, changes, clock);
}

function taskConflict(message: string, Task: Task, Workstream: Workstream) {
  return conflict(message, 'WorkstreamTaskConflict', { Task, Workstream });
}

/** @throws DomainError `notFound`, also for a task of another workstream */
function readTask(
  { tasks, workstreams }: Store,
  params: { tenantId: string; workstreamId: string; taskId: string },
  includeDeleted = false,
): Task {
  readUndeleted(workstreams, workstreamKey(params), includeDeleted);
  const task = readUndeleted(tasks, { TenantId: params.tenantId, TaskId: params.taskId }, includeDeleted);
  if (task.WorkstreamId === params.workstreamId) return task;
  throw notFound('the workstream does not have this task');
}

function withoutRank({ Rank: _rank, ...task }: Task & { Rank: number }): Task {
  return task;
}

function rankIn(
  store: Store,
  workstream: Workstream,
  taskId: string | null | undefined,
  field: string,
): number | undefined {
  if (!taskId) return undefined;
  const rank = store.workstreamTasks.rankOf(workstream, taskId.toLowerCase());
  if (rank === undefined) throw badRequest(`${field}: no such task in the workstream: ${taskId}`);
  return rank;
}

/** Returns the rank that a task is to have; undefined if it keeps its own. @throws HttpError 400 */
function newRank(
  store: Store,
  workstream: Workstream,
  { TaskId }: Task,
  { BeforeTaskId, AfterTaskId }: Record<'BeforeTaskId' | 'AfterTaskId', string | undefined>,
): number | undefined {
  if (BeforeTaskId && AfterTaskId) throw badRequest('BeforeTaskId, AfterTaskId: only one of them');
  if (BeforeTaskId === TaskId || AfterTaskId === TaskId) return undefined;
  const after = rankIn(store, workstream, AfterTaskId, 'AfterTaskId');
  return after === undefined ? rankIn(store, workstream, BeforeTaskId, 'BeforeTaskId') : after + 1;
}
