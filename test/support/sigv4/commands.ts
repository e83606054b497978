/**
 * The calls of each command of `p42-ctl`, by the reference of the API: method, path, headers and body. `T` is the path of
 * the tenant; the names in braces are IDs that the replay chooses.
 */
export interface Command {
  name: string;
  calls: readonly CommandCall[];
}

export interface CommandCall {
  method: string;
  path: string;
  /** The object whose version the call has to send: its path. */
  versionOf?: string;
  headers?: Record<string, string>;
  body?: object | string;
  /** Undefined if it is not among the calls that every server has: then only 401 and 403 are wrong. */
  status?: number;
}

const get = (path: string, status = 200): CommandCall => ({ method: 'GET', path, status });
const put = (path: string, body?: object, status = 201): CommandCall => ({
  method: 'PUT',
  path,
  ...(body && { body }),
  status,
});
const patch = (path: string, body: object): CommandCall => ({
  method: 'PATCH',
  path,
  body,
  versionOf: path,
  status: 200,
});
const remove = (path: string): CommandCall => ({ method: 'DELETE', path, versionOf: path, status: 204 });
const optional = (method: string, path: string, body?: object): CommandCall => ({
  method,
  path,
  ...(body && { body }),
});
const command = (name: string, ...calls: CommandCall[]): Command => ({ name, calls });

const environment = 'T/environments/{environment}';
const task = 'T/tasks/{task}';
const turn = `${task}/turns/1`;
const runner = 'T/runners/{runner}';
const token = `${runner}/tokens/{token}`;
const queue = 'T/runners/{own}/queues/{queue}';
const connection = 'T/github-connections/{connection}';
const workstream = 'T/workstreams/{workstream}';
const deleted = '?includeDeleted=true';

export const commands: readonly Command[] = [
  command('tenant list', get('/v1/tenants')),
  command('tenant get', get('T')),
  command('tenant current-user', get('/v1/current-user')),
  command('tenant update', get('T'), patch('T', { DefaultRunnerID: '{own}' })),
  command('policies list', optional('GET', 'T/policies')),
  command('ui-token generate', optional('PUT', 'T/ui-tokens/{token}')),
  command(
    'environment create',
    put(environment, {
      ...{ Name: 'e', Description: '', Context: '', SetupScript: '', DockerImage: 'agent' },
      ...{ Repos: null, AllowedHosts: null, EnvVars: null },
    }),
  ),
  command('environment get', get(`${environment}?includeDeleted=false`)),
  command('environment list', get('T/environments')),
  command('environment update', get(`${environment}${deleted}`), patch(environment, { Name: 'Größe' })),
  command('runner create', put(runner, { Name: 'r', IsCloud: false, RunsTasks: true, ProxiesGithub: true })),
  command('runner get', get(runner)),
  command('runner list', get('T/runners?proxiesGithub=true&runsTasks=true')),
  command('runner update', get(`${runner}${deleted}`), patch(runner, { Description: 'd' })),
  command('runner generate-token', put(token, { TTLDays: 7 })),
  command('runner get-token', get(token)),
  command('runner list-tokens', get(`${runner}/tokens?includeRevoked=false`)),
  command('runner revoke-token', get(`${token}${deleted}`), {
    ...{ method: 'POST', path: `${token}/revoke`, versionOf: `${token}${deleted}`, status: 204 },
  }),
  command('runner delete', get(runner), remove(runner)),
  command('runner list-queues', get('/v1/runner-queues?includeDrained=false&includeHealthy=true')),
  command('runner get-queue', get(queue)),
  command('runner ping-queue', { method: 'POST', path: `${queue}/ping`, status: 204 }),
  command('github add-connection', put(connection, { Private: true, RunnerID: '{own}', Name: 'c' })),
  command('github get-connection', get(connection)),
  command('github list-connections', get('T/github-connections?private=true')),
  command('github update-connection', get(connection), patch(connection, { Name: 'd' })),
  command('github list-orgs -i -c', get(`${connection}/orgs?maxResults=5`)),
  command('github search-repos', get(`${connection}/orgs/a%20b+c%2Fd/repos?search=a+b%2Bc`)),
  command('github list-branches', get(`${connection}/orgs/o/repos/r/branches`)),
  command('github default-branches', optional('POST', `${connection}/default-branches`, { Repos: ['o/r'] })),
  command('github delete-connection', get(connection), remove(connection)),
  command('github list-orgs', optional('GET', '/v1/github/orgs')),
  command('github add-org', optional('PUT', '/v1/github/orgs/{token}', { OrgName: 'o' })),
  command(
    'task create',
    put(task, { Title: 't', Prompt: 'p', EnvironmentId: '{environment}', Model: 'GPT-5', RepoInfo: null }),
  ),
  command('task get', get(`${task}?includeDeleted=false`)),
  command('task list', get('T/tasks?maxResults=10')),
  command('task search', { method: 'POST', path: '/v1/tasks/search?taskId={task}', body: '{}\n', status: 200 }),
  command('task update', get(`${task}${deleted}`), patch(task, { Title: 'u' })),
  command('task get-github-creds', optional('GET', `${task}/github-creds`)),
  command('turn get', get(turn)),
  command('turn get-last', get(`${task}/turns/last`)),
  command('turn list', get(`${task}/turns`)),
  command('turn list-active', get('/v1/turns?maxUpdatedAt=2030-01-01T00%3A00%3A00Z&partition=0')),
  command('logs upload', get(turn), get(`${turn}/logs/last`, 404), {
    ...{ method: 'POST', path: `${turn}/logs`, versionOf: turn, status: 200 },
    body: { Index: 1, Logs: [{ Timestamp: '2026-01-02T03:04:05.6+01:00', Message: '<one> & “two”' }] },
  }),
  command('turn update', get(`${turn}${deleted}`), patch(turn, { Status: 'Completed' })),
  command('logs stream', {
    ...{ method: 'GET', path: `${turn}/logs?includeDeleted=false`, status: 200 },
    headers: { Accept: 'text/event-stream' },
  }),
  command('logs stream, at the end', {
    ...{ method: 'GET', path: `${turn}/logs?includeDeleted=false`, status: 204 },
    headers: { Accept: 'text/event-stream', 'Last-Event-Id': '1' },
  }),
  command('turn create', get(task), get(`${task}/turns/last`), {
    ...{ method: 'PUT', path: `${task}/turns/2`, versionOf: task, body: { Prompt: 'q' }, status: 201 },
  }),
  command('task delete', get(task), remove(task)),
  command('environment delete', get(environment), remove(environment)),
  command('runner delete-queue', get(queue), remove(queue)),
  command('workstream create', put(workstream, { Name: 'w', Description: '' })),
  command('workstream get', get(workstream)),
  command('workstream list', get('T/workstreams')),
  command('workstream update', get(`${workstream}${deleted}`), patch(workstream, { Name: 'x' })),
  command('workstream add-short-name', get(workstream), {
    ...{ method: 'PUT', path: `${workstream}/shortnames/n`, versionOf: workstream, status: 204 },
  }),
  command('workstream list-short-names', get('T/shortnames')),
  command('workstream list-tasks', get(`${workstream}/tasks`)),
  command('workstream delete-short-name', get(workstream), {
    ...{ method: 'DELETE', path: `${workstream}/shortnames/n`, versionOf: workstream, status: 204 },
  }),
  command('workstream delete', get(workstream), remove(workstream)),
  command('feature-flag list', optional('GET', '/v1/featureflags')),
  command('feature-flag get-tenant-flags', get('T/featureflags')),
  command('file list', optional('GET', 'T/files')),
];
