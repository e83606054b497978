import type { Clock } from '../../lib/clock.ts';
import { knownFields } from '../../plan42/fields.ts';
import { createAccessKey, revokeAccessKey } from '../core/access-keys.ts';
import { notFound } from '../core/errors.ts';
import { read } from '../core/versioned.ts';
import { optionalText, parseBody } from '../http/body.ts';
import { forbidden } from '../http/errors.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import { listReply, queryFlag } from '../http/query.ts';
import { created, noContent, type Route, route, tenantOnly, tenantPath } from '../http/route.ts';
import type { Store } from '../store/store.ts';

const CreateBody = knownFields({ Name: optionalText });

interface AccessKeyDeps {
  store: Pick<Store, 'accessKeys' | 'accessKeySecrets' | 'transaction'>;
  clock: Clock;
  liveRequests: LiveRequests;
}

/** The calls of this server only, for the keys of clients that sign requests. */
export function accessKeyRoutes(deps: AccessKeyDeps): Route[] {
  const { store, liveRequests } = deps;
  const { accessKeys } = store;
  return [
    route('POST', `${tenantPath}/access-keys`, { access: tenantOnly }, (request) => {
      const { principal } = request;
      // Otherwise a key that was stolen could outlive its revocation.
      if (principal.kind === 'tenant' && principal.signedRequest)
        throw forbidden('an access key cannot create another one; use a tenant token');
      const { Name } = parseBody(request, CreateBody);
      const { key, secret } = createAccessKey(deps, { tenantId: request.params.tenantId, name: Name ?? '' });
      return created({ ...key, SecretAccessKey: secret });
    }),

    route('GET', `${tenantPath}/access-keys`, { access: tenantOnly }, ({ params, query }) => {
      const revoked = queryFlag(query, 'includeRevoked') ? undefined : false;
      return listReply(accessKeys, query, { TenantID: params.tenantId, Revoked: revoked });
    }),

    route('POST', `${tenantPath}/access-keys/:key/revoke`, { access: tenantOnly }, ({ params }) => {
      const key = read(accessKeys, { AccessKeyID: params.key.toUpperCase() });
      if (key.TenantID !== params.tenantId) throw notFound('no such AccessKey');
      revokeAccessKey(deps, key);
      liveRequests.revoke((other) => other.kind === 'tenant' && other.signedRequest?.accessKeyId === key.AccessKeyID);
      return noContent;
    }),
  ];
}
