/** The objects of the API as the commands of `plan42` read them. Fields that the commands need must be present. */
import * as v from 'valibot';
import { knownFields, view } from './fields.ts';
import {
  accessKeyFields,
  environmentFields,
  fileFields,
  githubConnectionFields,
  runnerFields,
  runnerTokenFields,
  taskFields,
  tenantFields,
  turnFields,
  workstreamFields,
} from './objects.ts';
import { signInLinkFields } from './page-objects.ts';
import { PartialRepoInfo } from './runner-objects.ts';

export const AdminTenant = knownFields(
  view(tenantFields, ['TenantId', 'Version'], ['DefaultRunnerID', 'DefaultGithubConnectionID']),
);
export type AdminTenant = v.InferOutput<typeof AdminTenant>;

export const AdminRunner = knownFields(view(runnerFields, ['RunnerId', 'Name'], []));
export type AdminRunner = v.InferOutput<typeof AdminRunner>;

export const AdminRunnerToken = knownFields(
  view(runnerTokenFields, ['RunnerID', 'TokenID', 'ExpiresAt', 'Version'], ['Revoked', 'RevokedAt', 'CreatedAt']),
);
export type AdminRunnerToken = v.InferOutput<typeof AdminRunnerToken>;

/** Only the call that creates a token returns the token itself. */
export const NewRunnerToken = knownFields({
  ...view(runnerTokenFields, ['RunnerID', 'TokenID', 'ExpiresAt'], []),
  Token: v.string(),
});
export type NewRunnerToken = v.InferOutput<typeof NewRunnerToken>;

export const AdminAccessKey = knownFields(
  view(accessKeyFields, ['AccessKeyID', 'Name', 'Revoked', 'CreatedAt'], ['RevokedAt', 'LastUsedAt']),
);
export type AdminAccessKey = v.InferOutput<typeof AdminAccessKey>;

/** Only the call that creates a key returns its secret. */
export const NewAccessKey = knownFields({
  ...view(accessKeyFields, ['AccessKeyID', 'Name', 'CreatedAt'], []),
  SecretAccessKey: v.string(),
});
export type NewAccessKey = v.InferOutput<typeof NewAccessKey>;

/** Only servers with a web page return it. */
export const NewSignInLink = knownFields(signInLinkFields);

export const AdminEnvironment = knownFields(
  view(
    environmentFields,
    ['EnvironmentId', 'Version'],
    [
      'Name',
      'Description',
      'Context',
      'SetupScript',
      'DockerImage',
      'Repos',
      'AllowedHosts',
      'EnvVars',
      'RunnerId',
      'GithubConnectionId',
      'Ephemeral',
      'CreatedAt',
    ],
  ),
);
export type AdminEnvironment = v.InferOutput<typeof AdminEnvironment>;

export const AdminConnection = knownFields(
  view(
    githubConnectionFields,
    ['ConnectionID', 'Version'],
    ['Private', 'RunnerID', 'GithubUserLogin', 'Name', 'CreatedAt'],
  ),
);
export type AdminConnection = v.InferOutput<typeof AdminConnection>;

/** The first page of the organisations that a connection can read, and the user's own name. */
export const ConnectionOrgs = knownFields({
  Items: v.array(v.string()),
  NextToken: v.nullish(v.string()),
  Incomplete: v.nullish(v.string()),
});
export type ConnectionOrgs = v.InferOutput<typeof ConnectionOrgs>;

export const AdminTask = knownFields({
  ...view(
    taskFields,
    ['TaskId', 'Title', 'CreatedAt', 'Version'],
    [
      'Prompt',
      'EnvironmentId',
      'UpdatedAt',
      'State',
      'LastTurnStatus',
      'LastTurnIndex',
      'LastTurnMachine',
      'LastTurnEndedBy',
      'WorkstreamId',
      'TaskNumber',
      'AssignedToAI',
      'FileIDs',
      'NewFileIDs',
    ],
  ),
  RepoInfo: v.nullish(v.record(v.string(), PartialRepoInfo)),
});
export type AdminTask = v.InferOutput<typeof AdminTask>;

export const AdminTurn = knownFields(
  view(
    turnFields,
    ['TaskId', 'TurnIndex', 'Status', 'CreatedAt', 'Version'],
    ['Prompt', 'OutputMessage', 'ErrorMessage', 'CompletedAt', 'EndedBy', 'Machine', 'Image'],
  ),
);
export type AdminTurn = v.InferOutput<typeof AdminTurn>;

export const AdminFile = knownFields(
  view(fileFields, ['FileID', 'Name', 'Size', 'CreatedAt'], ['Uploaded', 'IsMalicious', 'Deleted', 'TaskId']),
);
export type AdminFile = v.InferOutput<typeof AdminFile>;

/** Only the call that creates a file returns where its content is sent. */
export const NewFile = knownFields({ ...view(fileFields, ['FileID'], []), UploadURL: v.string() });

export const FileDownload = knownFields({ ...view(fileFields, ['Name'], []), DownloadURL: v.string() });

export const AdminWorkstream = knownFields(
  view(
    workstreamFields,
    ['WorkstreamId', 'Name', 'Paused', 'CreatedAt', 'Version'],
    ['Description', 'DefaultShortName', 'TaskCounter'],
  ),
);
export type AdminWorkstream = v.InferOutput<typeof AdminWorkstream>;
