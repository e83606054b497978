import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { knownFields } from '../../plan42/fields.ts';
import { conflict } from '../core/errors.ts';
import type { Events } from '../core/events.ts';
import { change, read, requireVersion } from '../core/versioned.ts';
import { changesOf, optionalId, otherFields, parseBody } from '../http/body.ts';
import { forbidden } from '../http/errors.ts';
import { listReply, requiredIfMatch } from '../http/query.ts';
import { allButSignIn, ok, type Route, route, tenantAndRunner, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireConnection, requireRunner } from './references.ts';

const CreateBody = knownFields({ Type: v.picklist(['User', 'Organization', 'Enterprise']) });
const UpdateBody = changesOf({ DefaultRunnerID: optionalId, DefaultGithubConnectionID: optionalId });

interface TenantDeps {
  store: Pick<Store, 'tenants' | 'runners' | 'githubConnections'>;
  clock: Clock;
  events: Events;
}

export function tenantRoutes({ store, clock, events }: TenantDeps): Route[] {
  const { tenants } = store;
  return [
    // There is one tenant, created by the first start; authorisation has rejected any other with 403.
    route('PUT', tenantPath, { access: tenantOnly }, (request) => {
      parseBody(request, CreateBody);
      throw conflict('the Tenant already exists', tenants.type, read(tenants, { TenantId: request.params.tenantId }));
    }),

    route('GET', tenantPath, { access: tenantAndRunner }, ({ params }) =>
      ok(read(tenants, { TenantId: params.tenantId })),
    ),

    route('PATCH', tenantPath, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const tenant = read(tenants, { TenantId: request.params.tenantId });
      const changes = parseBody(request, UpdateBody);
      const { DefaultRunnerID: runnerId, DefaultGithubConnectionID: connectionId } = changes;
      if (runnerId) requireRunner(store, tenant.TenantId, runnerId, 'DefaultRunnerID');
      if (connectionId) requireConnection(store, tenant.TenantId, connectionId, 'DefaultGithubConnectionID');
      requireVersion(tenants, tenant, version);
      const changed = change(
        tenants,
        tenant,
        { ...otherFields(request, tenants), ...emptyAsUndefined(changes) },
        clock,
      );
      events.emit('turnsToSend');
      return ok(changed);
    }),

    route('GET', `${tenantPath}/featureflags`, { access: allButSignIn }, () => ok({ FeatureFlags: {} })),

    route('GET', '/v1/tenants', { access: tenantOnly }, ({ principal, query }) =>
      listReply(tenants, query, { TenantId: principal.tenantId }),
    ),

    route('GET', '/v1/current-user', { access: allButSignIn }, ({ principal }) => {
      if (principal.kind !== 'tenant') throw forbidden('the caller is not a user');
      return ok(read(tenants, { TenantId: principal.tenantId }));
    }),
  ];
}

function emptyAsUndefined<Fields extends Record<string, string>>(
  fields: Fields,
): { [Name in keyof Fields]: string | undefined } {
  const entries = Object.entries(fields).map(([name, value]) => [name, value === '' ? undefined : value]);
  return Object.fromEntries(entries);
}
