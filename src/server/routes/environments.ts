import * as v from 'valibot';
import { allowedHostProblem } from '../../gateway/entries.ts';
import type { Clock } from '../../lib/clock.ts';
import { imageProblem } from '../../lib/image-reference.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { Environment, EnvVar } from '../../plan42/objects.ts';
import { isVariableName } from '../../plan42/task-input.ts';
import type { Events } from '../core/events.ts';
import { formatLimit, limits } from '../core/limits.ts';
import { requireFit } from '../core/quotas.ts';
import { change, create, firstVersion, readUndeleted, requireVersion, softDelete } from '../core/versioned.ts';
import {
  changesOf,
  longText,
  mediumText,
  nestedOthers,
  optionalFlag,
  optionalId,
  optionalText,
  otherFields,
  parseBody,
  shortText,
  undelete,
} from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { includeDeleted, listedDeleted, listReply, requiredIfMatch, requireUuidV4 } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import { findEmptySecret, withoutSecrets } from '../store/environment-secrets.ts';
import type { Store } from '../store/store.ts';
import { requireConnection, requireRunner } from './references.ts';

const { list: listLimit, setupScript } = limits;

const list = <const Item extends v.GenericSchema>(item: Item) =>
  v.nullish(v.pipe(v.array(item), v.maxLength(listLimit.max, `must have at most ${listLimit.max} entries`)));
// A client that sends back a secret variable does not have its value.
const EnvVarBody = v.pipe(
  knownFields({ Name: shortText, Value: v.nullish(mediumText), IsSecret: optionalFlag }),
  v.check(({ Value, IsSecret }) => typeof Value === 'string' || IsSecret === true, 'must have a Value'),
  v.transform(({ Name, Value, IsSecret, ...others }) => ({
    ...nestedOthers(others),
    ...{ Name, Value: Value ?? '', IsSecret: IsSecret ?? false },
  })),
);

const Changes = changesOf({
  Name: optionalText,
  Description: v.nullish(mediumText),
  Context: v.nullish(longText),
  // The API has this limit and those of the lists, and responds with 400.
  SetupScript: v.nullish(
    v.pipe(
      v.string(),
      v.check(
        (text) => Buffer.byteLength(text) <= setupScript.max,
        `is larger than ${formatLimit(setupScript)}; shorten it`,
      ),
    ),
  ),
  DockerImage: optionalText,
  Repos: list(shortText),
  AllowedHosts: list(shortText),
  EnvVars: list(EnvVarBody),
  RunnerId: optionalId,
  GithubConnectionId: optionalId,
  Ephemeral: optionalFlag,
  Deleted: undelete,
});

const initial = {
  Name: '',
  Description: '',
  Context: '',
  SetupScript: '',
  DockerImage: '',
  Repos: [],
  AllowedHosts: [],
  EnvVars: [],
  RunnerId: 'default',
  GithubConnectionId: 'default',
};

const path = `${tenantPath}/environments/:environmentId`;

interface EnvironmentDeps {
  store: Pick<Store, 'environments' | 'environmentSecrets' | 'runners' | 'githubConnections' | 'transaction'>;
  clock: Clock;
  events: Events;
}

export function environmentRoutes({ store, clock, events }: EnvironmentDeps): Route[] {
  const { environments } = store;
  const keyOf = (params: { tenantId: string; environmentId: string }) => ({
    TenantId: params.tenantId,
    EnvironmentId: params.environmentId,
  });
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      requireUuidV4(request.params.environmentId);
      const fields = withDefaults(parseBody(request, Changes));
      const key = keyOf(request.params);
      checkReferences(store, key.TenantId, fields);
      requireUsableNames(fields);
      const others = otherFields(request, environments);
      const environment = { ...others, ...key, ...initial, ...fields, Deleted: false, ...firstVersion(clock) };
      requireFit(environments, environment);
      return created(
        store.transaction(() => {
          const row = create(environments, { ...environment, EnvVars: withoutSecrets(environment.EnvVars) });
          saveSecrets(store, row, environment.EnvVars);
          return row;
        }),
      );
    }),

    route('GET', path, { access: tenantAndRunner }, ({ params, query }) =>
      ok(readUndeleted(environments, keyOf(params), includeDeleted(query))),
    ),

    route('GET', `${tenantPath}/environments`, { access: tenantAndRunner }, ({ params, query }) =>
      listReply(environments, query, { TenantId: params.tenantId, Deleted: listedDeleted(query) }),
    ),

    route('PATCH', path, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const known = withDefaults(parseBody(request, Changes));
      const changes = { ...otherFields(request, environments), ...known };
      const environment = readUndeleted(environments, keyOf(request.params), changes.Deleted === false);
      checkReferences(store, environment.TenantId, changes);
      requireVersion(environments, environment, version);
      requireUsableNames(changes, environment);
      const { EnvVars } = changes;
      const changed = store.transaction(() => {
        const shown = EnvVars === undefined ? changes : { ...changes, EnvVars: withoutSecrets(EnvVars) };
        const row = change(environments, environment, shown, clock);
        if (EnvVars !== undefined) saveSecrets(store, row, EnvVars);
        return row;
      });
      events.emit('turnsToSend');
      return ok(changed);
    }),

    route('DELETE', path, { access: tenantOnly }, (request) => {
      softDelete(environments, keyOf(request.params), requiredIfMatch(request), clock);
      return noContent;
    }),
  ];
}

/**
 * Saves the values of secret variables, and keeps those that are not given.
 * @throws HttpError 400 for a secret that has no value; DomainError `tooLarge`
 */
function saveSecrets(store: EnvironmentDeps['store'], environment: Environment, variables: readonly EnvVar[]): void {
  store.environmentSecrets.save(environment, variables);
  const EnvVars = store.environmentSecrets.reveal(environment);
  const empty = findEmptySecret(EnvVars);
  if (empty) throw badRequest(`EnvVars: the secret "${empty.Name}" needs a Value, because none is stored`);
  requireFit(store.environments, { ...environment, EnvVars });
}

const maxShownHost = 300;

type Names = Partial<Pick<Environment, 'DockerImage' | 'AllowedHosts' | 'EnvVars'>>;

/**
 * Accepts names that are stored already. @throws HttpError 400 for an image or a variable that no agent can get, or a host that
 * no runner understands, so that it would refuse the jobs
 */
function requireUsableNames({ DockerImage = '', AllowedHosts = [], EnvVars = [] }: Names, stored?: Environment): void {
  const problem = DockerImage === '' || DockerImage === stored?.DockerImage ? undefined : imageProblem(DockerImage);
  if (problem !== undefined) throw badRequest(`DockerImage: ${problem}`);
  for (const host of AllowedHosts) {
    const why = stored?.AllowedHosts.includes(host) ? undefined : allowedHostProblem(host);
    if (why !== undefined) throw badRequest(`AllowedHosts: ${JSON.stringify(host.slice(0, maxShownHost))} ${why}`);
  }
  const known = new Set(stored?.EnvVars.map(({ Name }) => Name));
  const invalid = EnvVars.find(({ Name }) => !known.has(Name) && !isVariableName(Name));
  if (invalid === undefined) return;
  const rule = 'it must consist of letters, digits and underscores, and not begin with a digit';
  throw badRequest(`EnvVars: ${JSON.stringify(invalid.Name)} is not the name of a variable: ${rule}`);
}

type References = Partial<Pick<Environment, 'RunnerId' | 'GithubConnectionId'>>;

// An empty reference is not documented, and can only mean the default.
function withDefaults<Fields extends References>(fields: Fields): Fields {
  const changed = { ...fields };
  if (changed.RunnerId === '') changed.RunnerId = 'default';
  if (changed.GithubConnectionId === '') changed.GithubConnectionId = 'default';
  return changed;
}

function checkReferences(store: EnvironmentDeps['store'], tenantId: string, references: References): void {
  const { RunnerId = 'default', GithubConnectionId = 'default' } = references;
  if (RunnerId !== 'default') requireRunner(store, tenantId, RunnerId, 'RunnerId');
  if (GithubConnectionId !== 'default') requireConnection(store, tenantId, GithubConnectionId, 'GithubConnectionId');
}
