/** Every call that a version of the Plan42 SDK knows. docs/control-plane.md has the table of these and of the server's own. */
import { type Method, tenantPath } from '../http/route.ts';

export interface SdkCall {
  /** The name in the SDK. */
  name: string;
  method: Method;
  /** As in {@link Route}; the names of the parameters do not matter. */
  path: string;
  /** Why this server does not have it. */
  missing?: string;
}

const call = (name: string, method: Method, path: string, missing?: string): SdkCall => ({
  name,
  method,
  path,
  ...(missing !== undefined && { missing }),
});

const environment = `${tenantPath}/environments/:environmentId`;
const task = `${tenantPath}/tasks/:taskId`;
const turn = `${task}/turns/:turnIndex`;
const workstream = `${tenantPath}/workstreams/:workstreamId`;
const workstreamTask = `${workstream}/tasks/:taskId`;
const runner = `${tenantPath}/runners/:runnerId`;
const runnerToken = `${runner}/tokens/:tokenId`;
const queue = `${runner}/queues/:queueId`;
const connection = `${tenantPath}/github-connections/:connectionId`;
const file = `${tenantPath}/files/:fileId`;
const key = `${tenantPath}/encryption-keys`;
/** Clients may ask for the policies of all tenants. */
export const policiesPath = `${tenantPath}/policies`;

const noUsers = 'this server has one tenant and no users; use a tenant token';
const noPolicies = 'the kind of a token decides what it may do; policies cannot be changed';
const noFlags = 'this server has no feature flags that clients can set';
const noApp = 'this server has no GitHub application; use a GitHub connection of a runner';
const noKeys = 'this server encrypts secrets with the key in its data folder, which clients cannot rotate';

export const sdkCalls: readonly SdkCall[] = [
  call('CreateTenant', 'PUT', tenantPath),
  call('GetTenant', 'GET', tenantPath),
  call('UpdateTenant', 'PATCH', tenantPath),
  call('ListTenants', 'GET', '/v1/tenants'),
  call('GetCurrentUser', 'GET', '/v1/current-user'),
  call('GetUser', 'GET', '/v1/users/:userId', noUsers),
  call('ListUsers', 'GET', '/v1/users', noUsers),
  call('GenerateWebUIToken', 'PUT', `${tenantPath}/ui-tokens/:tokenId`, noUsers),
  call('ListPolicies', 'GET', policiesPath, noPolicies),
  call('GetTenantFeatureFlags', 'GET', `${tenantPath}/featureflags`),

  call('CreateEnvironment', 'PUT', environment),
  call('GetEnvironment', 'GET', environment),
  call('ListEnvironments', 'GET', `${tenantPath}/environments`),
  call('UpdateEnvironment', 'PATCH', environment),
  call('DeleteEnvironment', 'DELETE', environment),

  call('CreateTask', 'PUT', task),
  call('GetTask', 'GET', task),
  call('ListTasks', 'GET', `${tenantPath}/tasks`),
  call('UpdateTask', 'PATCH', task),
  call('DeleteTask', 'DELETE', task),
  call('SearchTasks', 'POST', '/v1/tasks/search'),
  call('MoveTask', 'POST', `${task}/move`),
  call('GetTaskGithubCreds', 'GET', `${task}/github-creds`),
  call('GetGithubCreds', 'GET', `${tenantPath}/githubcreds`, noApp),
  call('UploadAttachment', 'POST', `${task}/attachments`, 'use files: CreateFile, and FileIDs of the task'),

  call('CreateTurn', 'PUT', turn),
  call('GetTurn', 'GET', turn),
  call('GetLastTurn', 'GET', `${task}/turns/last`),
  call('ListTurns', 'GET', `${task}/turns`),
  call('UpdateTurn', 'PATCH', turn),
  call('ListActiveTurns', 'GET', '/v1/turns'),
  call('UploadTurnLogs', 'POST', `${turn}/logs`),
  call('StreamTurnLogs', 'GET', `${turn}/logs`),
  call('GetLastTurnLog', 'GET', `${turn}/logs/last`),
  call('WriteProviderUsage', 'PUT', `${turn}/iterations/:iteration/provider-usage`),
  call('CreateSubAgent', 'PUT', `${turn}/subagents/:agentId`),
  call('ListSubAgents', 'GET', `${turn}/subagents`),
  call('SendMessage', 'PUT', `${turn}/messages/:messageId`),
  call('StreamMessages', 'GET', `${turn}/messages`),

  call('CreateWorkstream', 'PUT', workstream),
  call('GetWorkstream', 'GET', workstream),
  call('ListWorkstreams', 'GET', `${tenantPath}/workstreams`),
  call('UpdateWorkstream', 'PATCH', workstream),
  call('DeleteWorkstream', 'DELETE', workstream),
  call('CreateWorkstreamTask', 'PUT', workstreamTask),
  call('GetWorkstreamTask', 'GET', workstreamTask),
  call('ListWorkstreamTasks', 'GET', `${workstream}/tasks`),
  call('UpdateWorkstreamTask', 'PATCH', workstreamTask),
  call('DeleteWorkstreamTask', 'DELETE', workstreamTask),
  call('AddWorkstreamShortName', 'PUT', `${workstream}/shortnames/:name`),
  call('DeleteWorkstreamShortName', 'DELETE', `${workstream}/shortnames/:name`),
  call('ListWorkstreamShortNames', 'GET', `${tenantPath}/shortnames`),
  call('MoveShortName', 'POST', `${tenantPath}/shortnames/:name/move`),

  call('CreateRunner', 'PUT', runner),
  call('GetRunner', 'GET', runner),
  call('ListRunners', 'GET', `${tenantPath}/runners`),
  call('UpdateRunner', 'PATCH', runner),
  call('DeleteRunner', 'DELETE', runner),
  call('GenerateRunnerToken', 'PUT', runnerToken),
  call('GetRunnerToken', 'GET', runnerToken),
  call('ListRunnerTokens', 'GET', `${runner}/tokens`),
  call('RevokeRunnerToken', 'POST', `${runnerToken}/revoke`),
  call('RegisterRunnerQueue', 'PUT', queue),
  call('GetRunnerQueue', 'GET', queue),
  call('UpdateRunnerQueue', 'PATCH', queue),
  call('DeleteRunnerQueue', 'DELETE', queue),
  call('GetMessagesBatch', 'GET', `${queue}/messages`),
  call('WriteResponse', 'PUT', `${queue}/messages/:messageId/response`),
  call('PingRunnerQueue', 'POST', `${queue}/ping`),
  call('ListRunnerQueues', 'GET', '/v1/runner-queues'),

  call('CreateGithubConnection', 'PUT', connection),
  call('GetGithubConnection', 'GET', connection),
  call('ListGithubConnections', 'GET', `${tenantPath}/github-connections`),
  call('UpdateGithubConnection', 'PATCH', connection),
  call('DeleteGithubConnection', 'DELETE', connection),
  call('ListOrgsForGithubConnection', 'GET', `${connection}/orgs`),
  call('SearchRepos', 'GET', `${connection}/orgs/:org/repos`),
  call('ListRepoBranches', 'GET', `${connection}/orgs/:org/repos/:repo/branches`),
  call('GetDefaultBranches', 'POST', `${connection}/default-branches`),

  call('CreateFile', 'PUT', file),
  call('GetFile', 'GET', file),
  call('ListFiles', 'GET', `${tenantPath}/files`),
  call('UpdateFile', 'PATCH', file),
  call('DeleteFile', 'DELETE', file),
  call('GetDownloadURL', 'GET', `${file}/download-url`),

  call('AddGithubOrg', 'PUT', '/v1/github/orgs/:orgId', noApp),
  call('GetGithubOrg', 'GET', '/v1/github/orgs/:orgId', noApp),
  call('ListGithubOrgs', 'GET', '/v1/github/orgs', noApp),
  call('UpdateGithubOrg', 'PATCH', '/v1/github/orgs/:orgId', noApp),
  call('DeleteGithubOrg', 'DELETE', '/v1/github/orgs/:orgId', noApp),
  ...[
    { one: 'FeatureFlag', list: '/v1/featureflags' },
    { one: 'FeatureFlagOverride', list: `${tenantPath}/featureFlagOverrides` },
  ].flatMap(({ one, list }) => [
    call(`Create${one}`, 'PUT', `${list}/:name`, noFlags),
    call(`Get${one}`, 'GET', `${list}/:name`, noFlags),
    call(`List${one}s`, 'GET', list, noFlags),
    call(`Update${one}`, 'PATCH', `${list}/:name`, noFlags),
    call(`Delete${one}`, 'DELETE', `${list}/:name`, noFlags),
  ]),
  call('GenerateEncryptionKey', 'PUT', `${key}/:version`, noKeys),
  call('GetEncryptionKey', 'GET', `${key}/:version`, noKeys),
  call('GetLatestEncryptionKey', 'GET', `${key}/latest`, noKeys),
  call('ListEncryptionKeys', 'GET', key, noKeys),
];

/** Identifies a call or a route, whatever its parameters are called. */
export function routeName({ method, path }: { method: Method; path: string }): string {
  return `${method} ${path.replaceAll(/:\w+/g, ':')}`;
}
