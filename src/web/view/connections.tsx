import { useState } from 'preact/hooks';
import type { ConnectionOrgs } from '../../plan42/admin-objects.ts';
import { connectionToCheck, describeOrgs, explainFailedCheck, maxOrgs } from '../../plan42/connection-check.ts';
import type { GithubConnection, Runner, Tenant } from '../../plan42/objects.ts';
import { isConnectionName } from '../../plan42/task-input.ts';
import { newUuid } from '../uuid.ts';
import { CallError } from './api.ts';
import { useAction, useApi } from './hooks.ts';
import { ListTable } from './list-table.tsx';
import { Confirm, ErrorNote, FormField, Snippet } from './parts.tsx';
import type { Surroundings } from './surroundings.ts';

interface ConnectionsProps extends Surroundings {
  onDone: () => void;
}

/** The GitHub connections: creates one, makes one the default, deletes them. */
export function Connections(props: ConnectionsProps) {
  return (
    <section class="card" aria-labelledby="connections">
      <h2 id="connections">GitHub connections</h2>
      <p class="quiet">
        Agents clone and push with the token of a connection. The token stays on the machine of a runner.
      </p>
      {props.connections.length === 0 ? null : <ConnectionTable {...props} />}
      <NewConnection {...props} />
    </section>
  );
}

function ConnectionTable({ tenant, environments, connections, runners, onDone }: ConnectionsProps) {
  const api = useApi();
  const [asked, setAsked] = useState<GithubConnection>();
  const setDefault = useAction(async ({ ConnectionID }: GithubConnection) => {
    await makeDefault(api, tenant, ConnectionID);
    onDone();
  });
  const usersOf = ({ ConnectionID }: GithubConnection) =>
    environments.filter(({ GithubConnectionId }) => GithubConnectionId === ConnectionID);
  const remove = useAction(async (connection: GithubConnection) => {
    for (const { EnvironmentId, Version } of usersOf(connection)) {
      const body = { GithubConnectionId: 'default' };
      await api.call('PATCH', `${api.tenantPath}/environments/${EnvironmentId}`, { body, ifMatch: Version });
    }
    if (tenant.DefaultGithubConnectionID === connection.ConnectionID) await makeDefault(api, tenant, '');
    const path = `${api.tenantPath}/github-connections/${connection.ConnectionID}`;
    await api.call('DELETE', path, { ifMatch: connection.Version });
    onDone();
  });
  const [works, setWorks] = useState<string>();
  const check = useAction(async (connection: GithubConnection) => {
    setWorks(undefined);
    setWorks(await checkConnection(api, connection, runners));
  });
  const confirmed = (yes: boolean) => {
    setAsked(undefined);
    if (yes && asked) remove.run(asked);
  };
  const names = asked ? usersOf(asked).map(({ Name }) => Name) : [];
  const effect =
    names.length > 0 ? `${names.join(', ')} then ${names.length === 1 ? 'uses' : 'use'} the default connection. ` : '';
  const isDefault = ({ ConnectionID }: GithubConnection) => tenant.DefaultGithubConnectionID === ConnectionID;
  const isBusy = setDefault.isBusy || remove.isBusy || check.isBusy;
  return (
    <>
      <ListTable
        caption="GitHub connections"
        rows={connections}
        keyOf={({ ConnectionID }) => ConnectionID}
        columns={[
          {
            title: 'Connection',
            cell: (connection) => <span title={connection.ConnectionID}>{nameOf(connection)}</span>,
          },
          {
            title: 'Runner',
            wide: true,
            cell: ({ RunnerID }) => runners.find(({ RunnerId }) => RunnerId === RunnerID)?.Name,
          },
          {
            title: 'Used by',
            cell: (connection) =>
              [...(isDefault(connection) ? ['default'] : []), ...usersOf(connection).map(({ Name }) => Name)].join(
                ', ',
              ),
          },
        ]}
        action={(connection) => {
          const name = nameOf(connection);
          return (
            <div class="actions">
              <button type="button" disabled={isBusy} onClick={() => check.run(connection)}>
                Check<span class="hidden"> {name}</span>
              </button>
              {isDefault(connection) ? null : (
                <button type="button" disabled={isBusy} onClick={() => setDefault.run(connection)}>
                  Make default<span class="hidden"> {name}</span>
                </button>
              )}
              <button type="button" disabled={isBusy} onClick={() => setAsked(connection)}>
                Delete<span class="hidden"> {name}</span>
              </button>
            </div>
          );
        }}
      />
      <ErrorNote message={setDefault.error ?? remove.error ?? check.error} />
      <div role="status">{works === undefined ? null : <p>{works}</p>}</div>
      {asked ? (
        <Confirm
          question={`Delete the connection ${asked.Name ?? ''}?`}
          consequence={`${effect}This cannot be undone.`}
          action="Delete the connection"
          onAnswer={confirmed}
        />
      ) : null}
    </>
  );
}

const nameOf = ({ ConnectionID, Name, GithubUserLogin }: GithubConnection) => Name ?? GithubUserLogin ?? ConnectionID;

/** Returns what the runner sees at GitHub. @throws Error that says why it does not, with the way out */
async function checkConnection(
  api: ReturnType<typeof useApi>,
  connection: GithubConnection,
  runners: readonly Runner[],
): Promise<string> {
  const checked = connectionToCheck(connection, runners);
  const { id, name } = checked;
  try {
    const path = `${api.tenantPath}/github-connections/${id}/orgs?maxResults=${maxOrgs}`;
    return `The connection ${name} works: ${describeOrgs(await api.call<ConnectionOrgs>('GET', path), checked)}.`;
  } catch (error) {
    const failure = error instanceof CallError ? explainFailedCheck(error, checked) : undefined;
    if (failure === undefined) throw error;
    throw new Error(`The connection ${name} does not work: ${failure.problem}. ${failure.remedy}`, { cause: error });
  }
}

function NewConnection({ tenant, connections, runners, onDone }: ConnectionsProps) {
  const api = useApi();
  const [name, setName] = useState('');
  const [runnerId, setRunnerId] = useState(tenant.DefaultRunnerID ?? runners[0]?.RunnerId ?? '');
  const [mistake, setMistake] = useState<string>();
  const [created, setCreated] = useState<GithubConnection>();
  const { run, isBusy, error } = useAction(async () => {
    const path = `${api.tenantPath}/github-connections/${newUuid()}`;
    const body = { Private: true, Name: name, RunnerID: runnerId };
    const connection = await api.call<GithubConnection>('PUT', path, { body });
    if (!tenant.DefaultGithubConnectionID) await makeDefault(api, tenant, connection.ConnectionID);
    setCreated(connection);
    setName('');
    onDone();
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const found = mistakeIn(name, connections);
    setMistake(found);
    if (found === undefined) run();
  };
  return (
    <form class="inline" aria-label="New connection" onSubmit={submit} noValidate>
      <FormField label="Name" error={mistake}>
        {(attributes) => (
          <input
            {...attributes}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </FormField>
      {runners.length > 1 ? <RunnerChoice runners={runners} value={runnerId} onChange={setRunnerId} /> : null}
      <button type="submit" disabled={isBusy}>
        Create connection
      </button>
      <ErrorNote message={error} />
      <div role="status">{created ? <NextStep connection={created} /> : null}</div>
    </form>
  );
}

function RunnerChoice(props: { runners: readonly Runner[]; value: string; onChange: (id: string) => void }) {
  const { runners, value, onChange } = props;
  return (
    <FormField label="Runner that has the token">
      {(attributes) => (
        <select {...attributes} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {runners.map(({ RunnerId, Name }) => (
            <option key={RunnerId} value={RunnerId}>
              {Name}
            </option>
          ))}
        </select>
      )}
    </FormField>
  );
}

function NextStep({ connection: { Name, ConnectionID } }: { connection: GithubConnection }) {
  const table = `github.${Name}`;
  const commands = [
    `plan42 runner config set ${table}.connection_id=${ConnectionID}`,
    `plan42 runner config set ${table}.token --from-file token.txt`,
  ].join('\n');
  return (
    <div class="made">
      <p>
        <strong>The connection {Name} is created.</strong> Set its GitHub token where the runner runs:
      </p>
      <Snippet label="Commands" text={commands} rows={3} />
    </div>
  );
}

function mistakeIn(name: string, connections: readonly GithubConnection[]): string | undefined {
  if (!isConnectionName(name)) return 'Use letters, digits, “-” and “_”.';
  return connections.some(({ Name }) => Name === name) ? 'There is a connection with this name.' : undefined;
}

async function makeDefault(api: ReturnType<typeof useApi>, { Version }: Tenant, connectionId: string): Promise<void> {
  const body = { DefaultGithubConnectionID: connectionId };
  await api.call('PATCH', api.tenantPath, { body, ifMatch: Version });
}
