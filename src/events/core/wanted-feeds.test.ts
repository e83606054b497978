import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantConnections } from '../../plan42/event-calls.ts';
import { feedKey, wantedFeeds } from './wanted-feeds.ts';

const connections = [
  { ConnectionID: 'own', Private: true, RunnerID: 'R1', GithubUserLogin: 'octo' },
  { ConnectionID: 'own2', Private: true, RunnerID: 'r1' },
  { ConnectionID: 'other', Private: true, RunnerID: 'r2' },
  { ConnectionID: 'public', Private: false, RunnerID: 'r1' },
];
const find = (
  environments: TenantConnections['environments'],
  defaultConnectionId?: string,
  hasToken = (_id: string) => true,
) => wantedFeeds({ defaultConnectionId, connections, environments }, 'r1', hasToken);
const keys = (...args: Parameters<typeof find>) => find(...args).feeds.map(feedKey);

test('each organisation of an environment with a connection of this runner has one feed', () => {
  const environments = [
    { GithubConnectionId: 'own', Repos: ['acme/app', 'acme/web', 'Globex/x'] },
    { GithubConnectionId: 'OWN', Repos: ['ACME/other', 'globex/y'] },
    { GithubConnectionId: 'own2', Repos: ['acme/app'] },
    { GithubConnectionId: 'own', Repos: ['no-slash', '/x', ''] },
    { GithubConnectionId: 'own', Repos: null },
  ];
  assert.deepEqual(keys(environments), ['own:acme', 'own:globex', 'own2:acme']);
  assert.deepEqual(find(environments).feeds[0]?.login, 'octo');
});

test('environments of other, public, unknown and missing connections have none', () => {
  const named = ['other', 'public', 'unknown'].map((GithubConnectionId) => ({ GithubConnectionId, Repos: ['a/b'] }));
  assert.deepEqual(keys(named), []);
  assert.deepEqual(keys([{ GithubConnectionId: 'own', Repos: ['a/b'], Deleted: true }]), []);
});

test('an environment without a connection has that of the tenant', () => {
  const named = [undefined, null, '', 'default'];
  const environments = named.map((GithubConnectionId, i) => ({ GithubConnectionId, Repos: [`org${i}/repo`] }));
  assert.deepEqual(keys(environments), []);
  assert.deepEqual(keys(environments, 'own'), ['own:org0', 'own:org1', 'own:org2', 'own:org3']);
  assert.deepEqual(keys(environments, 'other'), []);
});

test('a connection without a token is named, once', () => {
  const environments = [1, 2].map(() => ({ GithubConnectionId: 'own', Repos: ['acme/app'] }));
  assert.deepEqual(
    find(environments, undefined, () => false),
    { feeds: [], withoutToken: ['own'] },
  );
});
