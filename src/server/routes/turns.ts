import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import type { Task, Turn, TurnEnder } from '../../plan42/objects.ts';
import { parseInstanceId } from '../../plan42/runner-headers.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { conflict, DomainError, notFound } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { Time } from '../core/time.ts';
import { acceptTurn, addTurn, changeTurn, type TurnDeps } from '../core/turns.ts';
import { change, read, readUndeleted, requireVersion } from '../core/versioned.ts';
import {
  changesOf,
  clearedLevel,
  longText,
  mediumText,
  nestedOthers,
  optionalIds,
  optionalText,
  otherFields,
  parseBody,
  requiredLongText,
  shortText,
} from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { ifMatch, includeDeleted, listReply, requiredIfMatch } from '../http/query.ts';
import {
  allButSignIn,
  created,
  ok,
  type Route,
  route,
  tenantAndAgent,
  tenantAndRunner,
  tenantPath,
} from '../http/route.ts';
import type { Store } from '../store/store.ts';
import type { TurnKey } from '../store/turns.ts';
import { requireOwnFiles } from './files.ts';
import { requireAddedFiles, requireFiles } from './references.ts';
import { requireUseOfTask } from './runner-access.ts';

const CreateBody = knownFields({
  Prompt: requiredLongText,
  ReasoningLevel: optionalText,
  AdditionalFileIDs: optionalIds,
});

const CommitInfo = v.pipe(
  knownFields({ BaselineCommitHash: optionalText, LastCommitHash: optionalText }),
  v.transform(({ BaselineCommitHash, LastCommitHash, ...others }) => ({
    ...nestedOthers(others),
    BaselineCommitHash: BaselineCommitHash ?? null,
    LastCommitHash: LastCommitHash ?? null,
  })),
);
const UpdateBody = changesOf({
  PreviousResponseID: optionalText,
  CommitInfo: v.nullish(v.record(shortText, CommitInfo)),
  Status: optionalText,
  OutputMessage: v.nullish(longText),
  ErrorMessage: v.nullish(mediumText),
  CompletedAt: v.nullish(Time),
  ReasoningLevel: optionalText,
  TaskNewFileIDs: optionalIds,
});
const taskPath = `${tenantPath}/tasks/:taskId` as const;
export const turnPath = `${taskPath}/turns/:turnIndex` as const;

type TurnRouteDeps = TurnDeps &
  Parameters<typeof requireUseOfTask>[0] & { store: Pick<Store, 'files' | 'workstreams' | 'groupedWrite'> };

export function turnRoutes(deps: TurnRouteDeps): Route[] {
  const { store, clock } = deps;
  const { turns } = store;
  return [
    route('PUT', turnPath, { access: tenantAndRunner }, (request) => {
      requireUseOfTask(deps, request.principal, request.params);
      const body = parseBody(request, CreateBody);
      const key = turnKey(request.params);
      const task = readUndeleted(store.tasks, key);
      requireFiles(store, key.TenantId, body.AdditionalFileIDs, 'AdditionalFileIDs');
      requireNextTurn(deps, task, key);
      const version = ifMatch(request);
      if (version !== undefined) requireVersion(store.tasks, task, version);
      const others = otherFields(request, turns, ['AdditionalFileIDs']);
      return created(
        store.transaction(() => {
          const next = change(store.tasks, task, newFiles(task, body.AdditionalFileIDs ?? []), clock);
          return addTurn(deps, next, {
            ...others,
            Prompt: body.Prompt,
            ReasoningLevel: body.ReasoningLevel || undefined,
          });
        }),
      );
    }),

    route('GET', `${taskPath}/turns/last`, { access: tenantAndRunner }, ({ params, query }) => {
      const task = readTask(deps, params, query);
      if (task.LastTurnIndex === undefined) throw notFound('the task has no turn');
      return ok(read(turns, { ...task, TurnIndex: task.LastTurnIndex }));
    }),

    route('GET', turnPath, { access: allButSignIn, afterTurn: true }, ({ params, query }) =>
      ok(readTurn(deps, params, query)),
    ),

    route('GET', `${taskPath}/turns`, { access: tenantAndRunner }, ({ params, query }) => {
      const { TenantId, TaskId } = readTask(deps, params, query);
      return listReply(turns, query, { TenantId, TaskId }, { arrayName: 'Turns' });
    }),

    route('PATCH', turnPath, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const { TaskNewFileIDs, ...changes } = parseBody(request, UpdateBody);
      const key = turnKey(request.params);
      // An agent token proves that a runner has the turn, even if the runner's response was lost.
      const isAgent = request.principal.kind === 'agent';
      return store.groupedWrite(() => {
        // Deleted tasks are included, because their agents may still be running and must be able to report the end.
        const turn = read(turns, key);
        requireOwnFiles(store, request.principal, TaskNewFileIDs ?? []);
        requireActive(turn);
        requireOwnTurn(turn, parseInstanceId(request.headers));
        requireVersion(turns, turn, version);
        // An agent must be able to report its end, even if a file that it created was deleted.
        if (!isAgent) requireAddedFiles(store, read(store.tasks, turn), TaskNewFileIDs, 'TaskNewFileIDs');
        if (isAgent) acceptTurn(deps, turn);
        const endedBy: TurnEnder = isAgent ? 'Agent' : 'User';
        if (TaskNewFileIDs) change(store.tasks, read(store.tasks, turn), { NewFileIDs: TaskNewFileIDs }, clock);
        return ok(
          changeTurn(deps, turn, {
            ...otherFields(request, turns, ['TaskNewFileIDs']),
            ...changes,
            ...clearedLevel(changes),
            ...(isTerminalStatus(changes.Status) && { EndedBy: endedBy }),
          }),
        );
      });
    }),
  ];
}

/** Adds files to those that were added after the first turn. @throws HttpError 400 */
function newFiles({ NewFileIDs = [] }: Task, added: readonly string[]): Pick<Task, 'NewFileIDs'> {
  if (added.length === 0) return {};
  const all = [...new Set([...NewFileIDs, ...added])];
  if (all.length <= limits.files.max) return { NewFileIDs: all };
  throw badRequest(`AdditionalFileIDs: a task may have at most ${limits.files.max} new files`);
}

/** @throws HttpError 400 */
export function turnKey({
  tenantId,
  taskId,
  turnIndex,
}: {
  tenantId: string;
  taskId: string;
  turnIndex: string;
}): TurnKey {
  if (!/^[1-9]\d{0,8}$/.test(turnIndex)) throw badRequest('the index of a turn must be a positive integer');
  return { TenantId: tenantId, TaskId: taskId, TurnIndex: Number(turnIndex) };
}

function readTask({ store }: TurnDeps, params: { tenantId: string; taskId: string }, query: URLSearchParams): Task {
  return readUndeleted(store.tasks, { TenantId: params.tenantId, TaskId: params.taskId }, includeDeleted(query));
}

/** Returns the turn in the path. It counts as deleted if its task is. @throws DomainError `notFound` */
export function readTurn(
  deps: TurnDeps,
  params: { tenantId: string; taskId: string; turnIndex: string },
  query: URLSearchParams,
): Turn {
  const key = turnKey(params);
  readTask(deps, params, query);
  return read(deps.store.turns, key);
}

/** @throws DomainError `turnFinished`, from which an agent learns that its turn is finished */
export function requireActive(turn: Turn): void {
  if (!isTerminalStatus(turn.Status)) return;
  throw new DomainError('turnFinished', 'the turn is finished', { type: 'Turn', object: turn });
}

/** @throws DomainError `conflict` if the turn was given to another runner than the one that makes the call */
function requireOwnTurn(turn: Turn, instanceId: string | undefined): void {
  if (instanceId === undefined || turn.InstanceId === undefined || turn.InstanceId === instanceId) return;
  throw conflict(`the turn was given to ${turn.Machine ?? 'another machine'}`, 'Turn', turn);
}

/** @throws DomainError `conflict` unless the task's last turn is finished and `key` is the next one */
function requireNextTurn({ store }: TurnRouteDeps, task: Task, key: TurnKey): void {
  const { turns, tasks } = store;
  const existing = turns.find(key);
  if (existing) throw conflict('the Turn already exists', turns.type, existing);
  const last = task.LastTurnIndex === undefined ? undefined : turns.find({ ...key, TurnIndex: task.LastTurnIndex });
  if (!task.AssignedToAI) throw conflict('the task is not assigned to AI', tasks.type, task);
  if (!last) throw conflict('the task has no first turn yet', tasks.type, task);
  requireRunningWorkstream(store, task);
  if (!isTerminalStatus(last.Status)) throw conflict(`turn ${last.TurnIndex} is not finished`, turns.type, last);
  if (key.TurnIndex !== last.TurnIndex + 1) throw conflict(`the next turn is ${last.TurnIndex + 1}`, turns.type, last);
}

/** @throws DomainError `conflict` if the task's workstream is paused or deleted */
function requireRunningWorkstream({ workstreams, tasks }: TurnRouteDeps['store'], task: Task): void {
  const { TenantId, WorkstreamId } = task;
  const workstream = WorkstreamId === undefined ? undefined : workstreams.find({ TenantId, WorkstreamId });
  if (workstream?.Deleted) throw conflict('the workstream was deleted', tasks.type, task);
  if (workstream?.Paused) throw conflict('the workstream is paused', tasks.type, task);
}
