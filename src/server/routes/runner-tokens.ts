import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { wholeNumber } from '../../lib/schema-error.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { RunnerTokenMetadata } from '../../plan42/objects.ts';
import { notFound } from '../core/errors.ts';
import { isoTime } from '../core/time.ts';
import { signatureHash, type Tokens } from '../core/tokens.ts';
import { create, read, readUndeleted, requireVersion } from '../core/versioned.ts';
import { parseBody } from '../http/body.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import { includeDeleted, listReply, queryFlag, requiredIfMatch, requireUuidV4 } from '../http/query.ts';
import { created, noContent, ok, type Route, route, tenantOnly } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { runnerKey, runnerPath } from './runners.ts';

const dayMs = 24 * 3_600_000;
const defaultTtlDays = 90;
const CreateBody = knownFields({
  TTLDays: v.nullish(wholeNumber(1, 365)),
});

const path = `${runnerPath}/tokens/:tokenId` as const;

interface RunnerTokenDeps {
  store: Pick<Store, 'runners' | 'runnerTokens' | 'transaction'>;
  tokens: Tokens;
  clock: Clock;
  liveRequests: LiveRequests;
}

export function runnerTokenRoutes({ store, tokens, clock, liveRequests }: RunnerTokenDeps): Route[] {
  const { runners, runnerTokens } = store;
  return [
    route('PUT', path, { access: tenantOnly }, (request) => {
      const { tenantId, runnerId, tokenId } = request.params;
      requireUuidV4(tokenId);
      const { TTLDays } = parseBody(request, CreateBody);
      readUndeleted(runners, runnerKey(request.params));
      const from = clock.date();
      const to = new Date(from.getTime() + (TTLDays ?? defaultTtlDays) * dayMs);
      const token = tokens.forRunner(tenantId, runnerId, tokenId, { from, to });
      const metadata: RunnerTokenMetadata = {
        ...tokenKey(request.params),
        SignatureHash: signatureHash(token),
        ExpiresAt: isoTime(to),
        Revoked: false,
        CreatedAt: isoTime(from),
        Version: 1,
      };
      // The token is not stored, so no other call can return it.
      return created({ ...create(runnerTokens, metadata), Token: token });
    }),

    route('GET', path, { access: tenantOnly }, ({ params, query }) => {
      const token = read(runnerTokens, tokenKey(params));
      if (token.Revoked && !includeDeleted(query)) throw notFound('the RunnerToken was revoked');
      return ok(token);
    }),

    route('GET', `${runnerPath}/tokens`, { access: tenantOnly }, ({ params, query }) => {
      const revoked = queryFlag(query, 'includeRevoked') ? undefined : false;
      const filter = { TenantID: params.tenantId, RunnerID: params.runnerId, Revoked: revoked };
      // The parameter's name differs from every other list; the response has NextToken like the others.
      return listReply(runnerTokens, query, filter, { tokenName: 'nextPageToken' });
    }),

    route('POST', `${path}/revoke`, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const token = read(runnerTokens, tokenKey(request.params));
      if (token.Revoked) return noContent;
      requireVersion(runnerTokens, token, version);
      runnerTokens.update({ ...token, Revoked: true, RevokedAt: isoTime(clock.date()), Version: token.Version + 1 });
      liveRequests.revoke((principal) => principal.kind === 'runner' && principal.tokenId === token.TokenID);
      return noContent;
    }),
  ];
}

function tokenKey({ tenantId, runnerId, tokenId }: { tenantId: string; runnerId: string; tokenId: string }) {
  return { TenantID: tenantId, RunnerID: runnerId, TokenID: tokenId };
}
