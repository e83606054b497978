import { useState } from 'preact/hooks';
import { accessKeyVariables } from '../../plan42/access-key-variables.ts';
import type { AccessKey } from '../../plan42/objects.ts';
import { useAction, useApi, usePoll } from './hooks.ts';
import { ErrorNote, FormField, Loading, Snippet, Time } from './parts.tsx';
import { RevocableTable } from './revocable-table.tsx';

const maxKeys = 500;

/** The access keys of the tenant: creates one, shows its secret once, and revokes them. */
export function AccessKeys() {
  const api = useApi();
  const path = `${api.tenantPath}/access-keys`;
  const { value, error, refresh } = usePoll<{ Items: AccessKey[] }>(path, (signal) =>
    api.call('GET', `${path}?maxResults=${maxKeys}`, { signal }),
  );
  return (
    <section class="card" aria-labelledby="access-keys">
      <h2 id="access-keys">Access keys</h2>
      <p class="quiet">
        With an access key, p42-ctl and the Go SDK sign their requests. It has all rights in the tenant.
      </p>
      {value ? <KeyTable keys={value.Items} path={path} onDone={refresh} /> : <Loading error={error} />}
      <NewKey path={path} onDone={refresh} />
    </section>
  );
}

function KeyTable({ keys, path, onDone }: { keys: readonly AccessKey[]; path: string; onDone: () => void }) {
  const api = useApi();
  if (keys.length === 0) return null;
  return (
    <RevocableTable
      caption="Access keys"
      kind="key"
      rows={keys}
      idOf={({ AccessKeyID }) => AccessKeyID}
      columns={[
        { title: 'Name', wide: true, cell: ({ Name }) => Name },
        { title: 'Created', wide: true, cell: ({ CreatedAt }) => <Time at={CreatedAt} /> },
        {
          title: 'Last used',
          cell: ({ LastUsedAt }) => (LastUsedAt === undefined ? 'never' : <Time at={LastUsedAt} />),
        },
      ]}
      consequence="Programs that use it are refused at once."
      revoke={async ({ AccessKeyID }) => {
        await api.call('POST', `${path}/${AccessKeyID}/revoke`);
        onDone();
      }}
    />
  );
}

function NewKey({ path, onDone }: { path: string; onDone: () => void }) {
  const api = useApi();
  const [name, setName] = useState('');
  const [created, setCreated] = useState<{ AccessKeyID: string; SecretAccessKey: string }>();
  const { run, isBusy, error } = useAction(async () => {
    setCreated(await api.call('POST', path, { body: { Name: name.trim() } }));
    setName('');
    onDone();
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    run();
  };
  return (
    <form class="inline" aria-label="New access key" onSubmit={submit} noValidate>
      <FormField label="Name of the new key">
        {(attributes) => <input {...attributes} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
      </FormField>
      <button type="submit" disabled={isBusy}>
        Create access key
      </button>
      <ErrorNote message={error} />
      <div role="status">
        {created === undefined ? null : (
          <div class="made">
            <p>
              <strong>The secret is only shown once.</strong> Where p42-ctl runs, set:
            </p>
            <Snippet label="Variables" text={accessKeyVariables(created)} rows={4} />
          </div>
        )}
      </div>
    </form>
  );
}
