import type { Clock } from '../../lib/clock.ts';
import type { Task } from '../../plan42/objects.ts';
import type { LogMatches, PageTurn, TaskDocument, TaskSummary } from '../../plan42/page-objects.ts';
import { addSummaries } from '../../plan42/provider-usage.ts';
import { isoTime } from '../core/time.ts';
import { read, readUndeleted } from '../core/versioned.ts';
import { badRequest } from '../http/errors.ts';
import { pageBody, pageRequest } from '../http/query.ts';
import { ok, type Route, route, tenantOnly } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { turnKey } from './turns.ts';

interface PageTaskDeps {
  store: Pick<
    Store,
    | 'tasks'
    | 'turns'
    | 'turnAcceptance'
    | 'turnLogs'
    | 'turnNetworks'
    | 'providerUsageSums'
    | 'turnEvents'
    | 'environments'
    | 'files'
    | 'countTasks'
  >;
  clock: Clock;
}

const searched = ['Title', 'TaskId', 'RepoInfo', 'LastTurnMachine', 'Prompt'] as const;
// Older turns are in `plan42 server task show`.
const turnsShown = { maxResults: 100, maxChars: 4 * 1024 * 1024, after: undefined };
const maxLogMatches = 500;
const maxSearchChars = 200;

/** The calls of the web page about tasks: as few as possible, because it polls. */
export function pageTaskRoutes(deps: PageTaskDeps): Route[] {
  const { store } = deps;
  const { tasks } = store;
  return [
    route('GET', '/page/tasks', { access: tenantOnly }, ({ principal, query }) => {
      const text = searchOf(query);
      const page = tasks.list(
        { TenantId: principal.tenantId, Deleted: false, State: query.get('state') ?? undefined },
        { ...pageRequest(query, tasks.order), descending: true },
        undefined,
        text === undefined ? undefined : { columns: searched, text },
      );
      const body = pageBody({ ...page, items: page.items.map(summaryOf) }, 'Tasks');
      return ok(text === undefined ? { ...body, Counts: store.countTasks(principal.tenantId) } : body);
    }),

    route('GET', '/page/tasks/:taskId', { access: tenantOnly }, ({ principal, params }) =>
      ok(taskDocument(deps, { TenantId: principal.tenantId, TaskId: params.taskId })),
    ),

    route('GET', '/page/tasks/:taskId/turns/:turnIndex/log', { access: tenantOnly }, ({ principal, params, query }) => {
      const key = turnKey({ ...params, tenantId: principal.tenantId });
      readUndeleted(tasks, key);
      const text = searchOf(query);
      if (text === undefined) throw badRequest('search is required');
      const { count, entries } = store.turnLogs.search(read(store.turns, key), text, maxLogMatches);
      return ok({ Count: count, Entries: entries } satisfies LogMatches);
    }),
  ];
}

/** @throws HttpError 400 */
function searchOf(query: URLSearchParams): string | undefined {
  const text = query.get('search')?.trim() || undefined;
  if (text !== undefined && text.length > maxSearchChars)
    throw badRequest(`search must have at most ${maxSearchChars} characters`);
  return text;
}

function taskDocument({ store, clock }: PageTaskDeps, key: Pick<Task, 'TenantId' | 'TaskId'>): TaskDocument {
  const task = readUndeleted(store.tasks, key);
  const accepted = store.turnAcceptance.acceptedTimes(key);
  const { items } = store.turns.list(key, { ...turnsShown, descending: true });
  const turns: PageTurn[] = items.toReversed();
  const networks = store.turnNetworks.ofTask(key, turnsShown.maxResults);
  const usage = store.providerUsageSums.ofTask(key);
  const tags = store.turnEvents.tagsOfTask(key);
  for (const turn of turns) {
    turn.AcceptedAt = accepted.get(turn.TurnIndex);
    turn.Network = networks.get(turn.TurnIndex);
    turn.Usage = usage.get(turn.TurnIndex);
    turn.MessagesTag = tags.get(turn.TurnIndex);
  }
  const environment = store.environments.find({ TenantId: key.TenantId, EnvironmentId: task.EnvironmentId ?? '' });
  const sum = addSummaries([...usage.values()]);
  const Files = filesOf(store, task);
  const document = {
    Now: isoTime(clock.date()),
    Task: task,
    Turns: turns,
    ...(sum && { Usage: sum }),
    ...(Files.length > 0 && { Files }),
  };
  if (!environment) return document;
  const { EnvironmentId, Name, DockerImage, AllowedHosts, Deleted } = environment;
  return { ...document, Environment: { EnvironmentId, Name, DockerImage, AllowedHosts, Deleted } };
}

function filesOf({ files }: Pick<Store, 'files'>, { TenantId, FileIDs = [], NewFileIDs = [] }: Task) {
  return [...new Set([...FileIDs, ...NewFileIDs])].flatMap((id) => {
    const file = files.find({ TenantID: TenantId, FileID: id });
    if (file === undefined) return [];
    const { FileID, Name, Size, Uploaded, IsMalicious, Deleted } = file;
    return [{ FileID, Name, Size, Uploaded, IsMalicious, Deleted }];
  });
}

function summaryOf(task: Task): TaskSummary {
  const { TaskId, Title, State, LastTurnIndex, CreatedAt, UpdatedAt } = task;
  const { LastTurnStatus, LastTurnMachine, LastTurnEndedBy } = task;
  const lastTurn = { LastTurnIndex, LastTurnStatus, LastTurnMachine, LastTurnEndedBy };
  return { TaskId, Title, State, ...lastTurn, CreatedAt, UpdatedAt };
}
