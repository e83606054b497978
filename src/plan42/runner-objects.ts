/** The objects of the API as a runner reads them. Almost every field may be absent or null. */
import * as v from 'valibot';
import { WrappedSecret } from './ecies.ts';
import { knownFields, view } from './fields.ts';
import { repoInfoFields, runnerQueueFields, taskFields, turnFields } from './objects.ts';

export const PartialQueue = knownFields({
  ...view(runnerQueueFields, ['Version'], ['TenantID', 'RunnerID', 'QueueID']),
  /** Features beyond the protocol. Absent from other servers. */
  Features: v.nullish(v.array(v.string())),
});
export type PartialQueue = v.InferOutput<typeof PartialQueue>;

export const RunnerMessage = knownFields({
  MessageID: v.pipe(v.string(), v.nonEmpty()),
  CallerID: v.string(),
  CallerPublicKey: v.string(),
  CreatedAt: v.nullish(v.string()),
  Payload: WrappedSecret,
});
export type RunnerMessage = v.InferOutput<typeof RunnerMessage>;

export const PartialRepoInfo = knownFields(
  view(
    repoInfoFields,
    [],
    ['PRLink', 'PRID', 'PRNumber', 'PRStatus', 'PRStatusUpdatedAt', 'FeatureBranch', 'TargetBranch'],
  ),
);

export const PartialTask = knownFields({
  ...view(taskFields, [], ['TenantId', 'TaskId', 'Title', 'LastTurnIndex']),
  RepoInfo: v.nullish(v.record(v.string(), PartialRepoInfo)),
});
export type PartialTask = v.InferOutput<typeof PartialTask>;

export const PartialTurn = knownFields(
  view(
    turnFields,
    ['Version'],
    [
      'TenantId',
      'WorkstreamId',
      'TaskId',
      'TurnIndex',
      'Prompt',
      'PreviousResponseID',
      'Status',
      'OutputMessage',
      'ErrorMessage',
      'CompletedAt',
      'EndedBy',
      'Machine',
      'InstanceId',
      'CreatedAt',
      'UpdatedAt',
    ],
  ),
);
export type PartialTurn = v.InferOutput<typeof PartialTurn>;
