import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import { Time } from '../core/time.ts';
import { acceptTurn, addTurn, changeTurn, type TurnParts } from '../core/turns.ts';
import { change, read, readUndeleted, requireVersion } from '../core/versioned.ts';
import { optionalText, parseBody, pickPresent, requiredText } from '../http/body.ts';
import { badRequest, conflict, notFound } from '../http/errors.ts';
import { ifMatch, includeDeleted, pageBody, pageRequest, requiredIfMatch } from '../http/query.ts';
import {
  created,
  everybody,
  ok,
  type Route,
  route,
  tenantAndAgent,
  tenantAndRunner,
  tenantOnly,
  tenantPath,
} from '../http/route.ts';
import type { Task } from '../store/tasks.ts';
import type { Turn, TurnKey } from '../store/turns.ts';

const CreateBody = knownFields({ Prompt: requiredText });

const hash = v.nullish(v.string());
const CommitInfo = v.pipe(
  knownFields({ BaselineCommitHash: hash, LastCommitHash: hash }),
  v.transform(({ BaselineCommitHash, LastCommitHash }) => ({
    BaselineCommitHash: BaselineCommitHash ?? null,
    LastCommitHash: LastCommitHash ?? null,
  })),
);
const UpdateBody = knownFields({
  PreviousResponseID: optionalText,
  CommitInfo: v.nullish(v.record(v.string(), CommitInfo)),
  WorkstreamId: optionalText,
  Status: optionalText,
  OutputMessage: optionalText,
  ErrorMessage: optionalText,
  CompletedAt: v.nullish(Time),
});
const updatable = [
  'PreviousResponseID',
  'CommitInfo',
  'WorkstreamId',
  'Status',
  'OutputMessage',
  'ErrorMessage',
  'CompletedAt',
] as const;

const taskPath = `${tenantPath}/tasks/:taskId` as const;
export const turnPath = `${taskPath}/turns/:turnIndex` as const;

export function turnRoutes(parts: TurnParts): Route[] {
  const { store, clock } = parts;
  const { turns } = store;
  return [
    route('PUT', turnPath, { access: tenantOnly }, (request) => {
      const { Prompt } = parseBody(request, CreateBody);
      const key = turnKey(request.params);
      const task = readUndeleted(store.tasks, key);
      requireNextTurn(parts, task, key);
      const version = ifMatch(request);
      if (version !== undefined) requireVersion(store.tasks, task, version);
      return created(store.transaction(() => addTurn(parts, change(store.tasks, task, {}, clock), Prompt)));
    }),

    route('GET', `${taskPath}/turns/last`, { access: tenantAndRunner }, ({ params, query }) => {
      const task = readTask(parts, params, query);
      if (task.LastTurnIndex === undefined) throw notFound('the task has no turn');
      return ok(read(turns, { ...task, TurnIndex: task.LastTurnIndex }));
    }),

    route('GET', turnPath, { access: everybody, afterTurn: true }, ({ params, query }) =>
      ok(readTurn(parts, params, query)),
    ),

    route('GET', `${taskPath}/turns`, { access: tenantAndRunner }, ({ params, query }) => {
      const { TenantId, TaskId } = readTask(parts, params, query);
      const page = pageRequest(query, turns.order);
      return ok(
        pageBody(
          turns.list(
            [
              ['TenantId', '=', TenantId],
              ['TaskId', '=', TaskId],
            ],
            page,
          ),
          'Turns',
        ),
      );
    }),

    route('PATCH', turnPath, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const changes = pickPresent(parseBody(request, UpdateBody), updatable);
      // Also of a deleted task: its agent may still be running, and must be able to say that it has ended.
      const turn = read(turns, turnKey(request.params));
      requireActive(turn);
      requireVersion(turns, turn, version);
      return store.transaction(() => {
        // Whoever has the agent's token got it from a runner that has the turn, even if its answer was lost.
        if (request.principal.kind === 'agent') acceptTurn(parts, turn);
        return ok(changeTurn(parts, turn, changes));
      });
    }),
  ];
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

function readTask({ store }: TurnParts, params: { tenantId: string; taskId: string }, query: URLSearchParams): Task {
  return readUndeleted(store.tasks, { TenantId: params.tenantId, TaskId: params.taskId }, includeDeleted(query));
}

/** The turn that the path names; whether a deleted one counts depends on its task. @throws HttpError 404 */
export function readTurn(
  parts: TurnParts,
  params: { tenantId: string; taskId: string; turnIndex: string },
  query: URLSearchParams,
): Turn {
  const key = turnKey(params);
  readTask(parts, params, query);
  return read(parts.store.turns, key);
}

/** @throws HttpError 409, by which an agent knows that its turn is over */
export function requireActive(turn: Turn): void {
  if (isTerminalStatus(turn.Status)) throw conflict('the turn is over', 'Turn', turn, 'UpdateCompletedTurn');
}

/** @throws HttpError 409 unless `key` is what follows the task's last turn, which is over */
function requireNextTurn({ store: { turns, tasks } }: TurnParts, task: Task, key: TurnKey): void {
  const existing = turns.find(key);
  if (existing) throw conflict('the Turn exists already', turns.type, existing);
  const last = task.LastTurnIndex === undefined ? undefined : turns.find({ ...key, TurnIndex: task.LastTurnIndex });
  if (!task.AssignedToAI) throw conflict('the task is not assigned to AI', tasks.type, task);
  if (!last) throw conflict('the task has no first turn yet', tasks.type, task);
  if (!isTerminalStatus(last.Status)) throw conflict(`turn ${last.TurnIndex} is not over`, turns.type, last);
  if (key.TurnIndex !== last.TurnIndex + 1) throw conflict(`the next turn is ${last.TurnIndex + 1}`, turns.type, last);
}
