import { useState } from 'preact/hooks';
import type { RunnerTokenMetadata } from '../../plan42/objects.ts';
import { describeEnd, tokenState } from '../../plan42/token-end.ts';
import { newUuid } from '../uuid.ts';
import { useAction, useApi, usePoll } from './hooks.ts';
import { ErrorNote, FormField, Loading, Snippet, Time } from './parts.tsx';
import { RevocableTable } from './revocable-table.tsx';

const defaultDays = '90';
const maxTokens = 500;

/** The tokens of a runner: creates one, shows it once, and revokes them. `now` is the time of the server. */
export function RunnerTokens({ runnerId, serverUrl, now }: { runnerId: string; serverUrl: string; now: string }) {
  const api = useApi();
  const path = `${api.tenantPath}/runners/${encodeURIComponent(runnerId)}/tokens`;
  const { value, error, refresh } = usePoll<{ Items: RunnerTokenMetadata[] }>(path, (signal) =>
    api.call('GET', `${path}?maxResults=${maxTokens}`, { signal }),
  );
  return (
    <section class="card" aria-labelledby="tokens">
      <h2 id="tokens">Tokens</h2>
      {value ? <TokenTable now={now} tokens={value.Items} path={path} onDone={refresh} /> : <Loading error={error} />}
      <NewToken path={path} serverUrl={serverUrl} onDone={refresh} />
    </section>
  );
}

interface TokenTableProps {
  now: string;
  tokens: readonly RunnerTokenMetadata[];
  path: string;
  onDone: () => void;
}

function TokenTable({ now, tokens, path, onDone }: TokenTableProps) {
  const api = useApi();
  if (tokens.length === 0) return <p class="quiet">There are no tokens. A runner needs one to connect.</p>;
  return (
    <RevocableTable
      caption="Tokens"
      kind="token"
      rows={tokens}
      idOf={({ TokenID }) => TokenID}
      columns={[
        { title: 'Created', wide: true, cell: ({ CreatedAt }) => <Time at={CreatedAt} /> },
        {
          title: 'Valid until',
          cell: ({ ExpiresAt }) => (
            <>
              <Time at={ExpiresAt} />
              <TokenEnd expiresAt={ExpiresAt} now={now} />
            </>
          ),
        },
      ]}
      consequence="Runners that use it are disconnected."
      revoke={async ({ TokenID, Version }) => {
        await api.call('POST', `${path}/${TokenID}/revoke`, { ifMatch: Version });
        onDone();
      }}
    />
  );
}

function TokenEnd({ expiresAt, now }: { expiresAt: string; now: string }) {
  const [end, date] = [new Date(expiresAt), new Date(now)];
  const state = tokenState(end, date);
  if (state === 'valid') return null;
  return <span class="attention">{state === 'expired' ? ' (expired)' : ` (${describeEnd(end, date)})`}</span>;
}

function NewToken({ path, serverUrl, onDone }: { path: string; serverUrl: string; onDone: () => void }) {
  const api = useApi();
  const [days, setDays] = useState(defaultDays);
  const [mistake, setMistake] = useState<string>();
  const [created, setCreated] = useState<string>();
  const { run, isBusy, error } = useAction(async () => {
    const body = { TTLDays: Number(days) };
    setCreated((await api.call<{ Token: string }>('PUT', `${path}/${newUuid()}`, { body })).Token);
    onDone();
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const isValid = /^\d{1,3}$/.test(days.trim()) && Number(days) >= 1 && Number(days) <= 365;
    setMistake(isValid ? undefined : 'Enter a number of days from 1 to 365.');
    if (isValid) run();
  };
  return (
    <form class="inline" aria-label="New token" onSubmit={submit} noValidate>
      <FormField label="Valid for, in days" error={mistake}>
        {(attributes) => (
          <input
            {...attributes}
            inputMode="numeric"
            class="short"
            value={days}
            onInput={(event) => setDays(event.currentTarget.value)}
          />
        )}
      </FormField>
      <button type="submit" disabled={isBusy}>
        Create token
      </button>
      <ErrorNote message={error} />
      <div role="status">{created === undefined ? null : <CreatedToken token={created} serverUrl={serverUrl} />}</div>
    </form>
  );
}

function CreatedToken({ token, serverUrl }: { token: string; serverUrl: string }) {
  const commands = [
    `export PLAN42_RUNNER_URL=${serverUrl}`,
    'read -rs PLAN42_RUNNER_TOKEN && export PLAN42_RUNNER_TOKEN   # paste the token, then Enter',
    'plan42 runner exec',
  ].join('\n');
  return (
    <div class="made">
      <p>
        <strong>The token is only shown once.</strong> To connect a runner, run:
      </p>
      <Snippet label="Token" text={token} rows={6} />
      <Snippet label="Commands" text={commands} rows={3} />
    </div>
  );
}
