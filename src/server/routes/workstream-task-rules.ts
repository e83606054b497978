/** The rules for changes of a task in a workstream. */
import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { type Task, taskStates } from '../../plan42/objects.ts';
import {
  changesOf,
  clearedLevel,
  longText,
  optionalFlag,
  optionalId,
  optionalIds,
  optionalText,
  requiredText,
  undelete,
} from '../http/body.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import type { ApiRequest, Principal } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireOwnFiles } from './files.ts';
import { requireEnvironment } from './references.ts';
import { requirePullRequestChange } from './runner-access.ts';
import { repoInfoByRepo, requireOwnBranches } from './tasks.ts';

const common = {
  Prompt: v.nullish(longText),
  EnvironmentId: optionalId,
  Model: optionalText,
  ReasoningLevel: optionalText,
  RepoInfo: repoInfoByRepo,
  Parallel: optionalFlag,
  AssignedToAI: optionalFlag,
  AssignedToTenantId: optionalId,
  State: v.nullish(v.picklist(taskStates, `must be one of ${taskStates.join(', ')}`)),
  AutoPause: optionalFlag,
};
export const CreateBody = knownFields({ ...common, Title: requiredText, FileIDs: optionalIds });
const UpdateEntries = {
  ...common,
  Title: v.nullish(requiredText),
  NewFileIDs: optionalIds,
  RemoveFileIDs: optionalIds,
  BeforeTaskId: optionalId,
  AfterTaskId: optionalId,
  Deleted: undelete,
};
export const UpdateBody = changesOf(UpdateEntries);
// Fields of requests only.
export const inputs = ['AutoPause', 'RemoveFileIDs', 'BeforeTaskId', 'AfterTaskId', 'Rank'];
export type Update = v.InferOutput<typeof UpdateBody>;
type Changes = Omit<Update, 'AutoPause' | 'BeforeTaskId' | 'AfterTaskId' | 'RemoveFileIDs'>;

/** Returns the changes of the stored task. An empty text clears. */
export function changesFor(task: Task, known: Changes, removedFiles: readonly string[] = []): Partial<Task> {
  const { EnvironmentId, Model, AssignedToTenantId, ...others } = known;
  const changes: Partial<Task> = { ...others, ...clearedLevel(others) };
  if (EnvironmentId !== undefined) changes.EnvironmentId = EnvironmentId || null;
  if (Model !== undefined) changes.Model = Model || null;
  // The task of an agent has no other assignee.
  if (AssignedToTenantId !== undefined || known.AssignedToAI)
    changes.AssignedToTenantId = AssignedToTenantId || undefined;
  if (removedFiles.length > 0) {
    const removed = new Set(removedFiles);
    changes.FileIDs = task.FileIDs?.filter((id) => !removed.has(id));
    changes.NewFileIDs = (known.NewFileIDs ?? task.NewFileIDs)?.filter((id) => !removed.has(id));
  }
  return changes;
}

// As in UpdateTask.
const agentFields = new Set(['Title', 'Prompt', 'Model', 'ReasoningLevel', 'NewFileIDs', 'RepoInfo']);

/** @throws HttpError 403 for an agent or a runner that changes more than it may */
export function requireAllowed(store: Store, { principal, json }: ApiRequest, task: Task, known: Changes): void {
  const sent = Object.keys(json ?? {}).map((name) => name.toLowerCase());
  if (principal.kind === 'runner') {
    if (sent.some((name) => name !== 'repoinfo' && name !== 'state')) {
      throw forbidden('a runner may change only RepoInfo and State');
    }
    requirePullRequestChange(principal, task, known.RepoInfo ? { RepoInfo: known.RepoInfo } : {});
  }
  if (principal.kind !== 'agent') return;
  const other = [...Object.keys(UpdateEntries), ...inputs].find(
    (name) => !agentFields.has(name) && sent.includes(name.toLowerCase()),
  );
  if (other !== undefined) throw forbidden(`an agent may not change ${other}`);
  requireOwnFiles(store, principal, known.NewFileIDs ?? []);
  if (known.RepoInfo) requireOwnBranches(task, known.RepoInfo, store);
}

/** @throws HttpError 400 */
export function requireConsistent(store: Store, task: Task, before?: Task): void {
  const { AssignedToAI, AssignedToTenantId, TenantId, EnvironmentId, Model, RepoInfo } = task;
  if (EnvironmentId !== null && EnvironmentId !== before?.EnvironmentId) {
    requireEnvironment(store, TenantId, EnvironmentId);
  }
  if (before?.LastTurnIndex !== undefined && EnvironmentId !== before.EnvironmentId) {
    throw badRequest('EnvironmentId: the environment of a task with turns cannot change');
  }
  if (AssignedToTenantId !== undefined && AssignedToTenantId !== TenantId) {
    throw badRequest('AssignedToTenantId: must be the tenant itself');
  }
  if (AssignedToTenantId !== undefined && AssignedToAI) {
    throw badRequest('AssignedToTenantId: the task is assigned to AI');
  }
  // A task that was an agent's keeps them.
  if (!before && !AssignedToAI && (Model !== null || Object.keys(RepoInfo).length > 0)) {
    throw badRequest('Model, RepoInfo: only for a task that is assigned to AI');
  }
}

const edited = ['Title', 'Prompt', 'EnvironmentId', 'Model', 'ReasoningLevel', 'Parallel'] as const;

/** A person who changes what an agent is about to do gets the time to finish that. */
export function needsPause(principal: Principal, task: Task, next: Task, autoPause: boolean | undefined): boolean {
  if (principal.kind !== 'tenant') return false;
  if (task.Deleted && !next.Deleted) return true;
  if (task.AssignedToAI !== next.AssignedToAI) return autoPause !== false;
  return next.AssignedToAI && edited.some((name) => task[name] !== next[name]);
}
