import type { Environment } from '../../plan42/objects.ts';
import { hashOf } from '../place.ts';
import { AccessKeys } from './access-keys.tsx';
import { Connections } from './connections.tsx';
import { useApi, useLoad } from './hooks.ts';
import { ListTable } from './list-table.tsx';
import { Heading, Loading } from './parts.tsx';
import { loadSurroundings, type Surroundings } from './surroundings.ts';

export function EnvironmentsView() {
  const api = useApi();
  const { value, error, reload } = useLoad('environments', (signal) => loadSurroundings(api, signal));
  return (
    <>
      <Heading title="Environments">
        <a class="button" href={hashOf({ view: 'newEnvironment' })}>
          Create an environment
        </a>
      </Heading>
      {value ? (
        <>
          <Environments {...value} />
          <Connections {...value} onDone={reload} />
          <AccessKeys />
        </>
      ) : (
        <Loading error={error} />
      )}
    </>
  );
}

function Environments({ environments, ...surroundings }: Surroundings) {
  const sorted = environments.toSorted((a, b) => a.Name.localeCompare(b.Name));
  const [made, withTask] = [true, false].map((isMade) => sorted.filter(({ Ephemeral }) => isMade === !Ephemeral));
  return (
    <>
      {made?.length ? (
        <EnvironmentTable caption="Environments" environments={made} {...surroundings} />
      ) : (
        <p class="quiet">
          An environment is what tasks have in common: image, repositories, variables. There is none yet.
        </p>
      )}
      {withTask?.length ? (
        <details>
          <summary>{withTask.length} created with a task, removed with their last task</summary>
          <EnvironmentTable caption="Environments created with a task" environments={withTask} {...surroundings} />
        </details>
      ) : null}
    </>
  );
}

function EnvironmentTable({ caption, environments, tenant, connections }: Surroundings & { caption: string }) {
  const connectionOf = ({ GithubConnectionId }: Environment) => {
    const id = GithubConnectionId === 'default' ? tenant.DefaultGithubConnectionID : GithubConnectionId;
    return connections.find(({ ConnectionID }) => ConnectionID === id)?.Name ?? '';
  };
  return (
    <ListTable
      class="tasks"
      caption={caption}
      rows={environments}
      keyOf={({ EnvironmentId }) => EnvironmentId}
      columns={[
        {
          title: 'Environment',
          cell: ({ EnvironmentId, Name, DockerImage }) => (
            <>
              <a href={hashOf({ view: 'environment', environmentId: EnvironmentId })}>{Name || EnvironmentId}</a>
              {DockerImage === Name ? null : <span class="detail quiet">{DockerImage}</span>}
            </>
          ),
        },
        { title: 'Repositories', wide: true, cell: ({ Repos }) => Repos.join(', ') },
        { title: 'Connection', wide: true, cell: connectionOf },
      ]}
      action={({ EnvironmentId, Name }) => (
        <a href={hashOf({ view: 'newTask', environment: EnvironmentId })}>
          Start a task<span class="hidden"> in {Name}</span>
        </a>
      )}
    />
  );
}
