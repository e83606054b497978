import { useState } from 'preact/hooks';
import { accessKeyVariables } from '../../plan42/access-key-variables.ts';
import type { AccessKey } from '../../plan42/objects.ts';
import { useAction, useApi, usePoll } from './hooks.ts';
import { Confirm, ErrorNote, FormField, Loading, Snippet, Time } from './parts.tsx';

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
  const [asked, setAsked] = useState<AccessKey>();
  const { run, isBusy, error } = useAction(async ({ AccessKeyID }: AccessKey) => {
    await api.call('POST', `${path}/${AccessKeyID}/revoke`);
    onDone();
  });
  if (keys.length === 0) return null;
  const confirmed = (yes: boolean) => {
    setAsked(undefined);
    if (yes && asked) run(asked);
  };
  return (
    <>
      <table>
        <caption class="hidden">Access keys</caption>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col" class="wide">
              Name
            </th>
            <th scope="col" class="wide">
              Created
            </th>
            <th scope="col">Last used</th>
            <th scope="col">
              <span class="hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.AccessKeyID}>
              <th scope="row">
                <code title={key.AccessKeyID}>{key.AccessKeyID.slice(0, 8)}</code>
              </th>
              <td class="wide">{key.Name}</td>
              <td class="wide">
                <Time at={key.CreatedAt} />
              </td>
              <td>{key.LastUsedAt === undefined ? 'never' : <Time at={key.LastUsedAt} />}</td>
              <td class="action">
                <button type="button" disabled={isBusy} onClick={() => setAsked(key)}>
                  Revoke<span class="hidden"> key {key.AccessKeyID.slice(0, 8)}</span>
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <ErrorNote message={error} />
      {asked ? (
        <Confirm
          question={`Revoke access key ${asked.AccessKeyID.slice(0, 8)}?`}
          consequence="Programs that use it are refused at once. This cannot be undone."
          action="Revoke"
          onAnswer={confirmed}
        />
      ) : null}
    </>
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
