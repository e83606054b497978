import { hash } from 'node:crypto';
import * as v from 'valibot';
import type { TurnKey } from '../store/turns.ts';
import { type SigningKey, signJwt, verifyJwt } from './jwt.ts';

const audience = 'plan42-control-plane';

const common = { aud: v.literal(audience), sub: v.string(), exp: v.number(), nbf: v.number(), iat: v.number() };

const Claims = v.variant('principal_type', [
  v.object({ ...common, principal_type: v.literal('User'), jti: v.string() }),
  v.object({ ...common, principal_type: v.literal('Runner'), jti: v.string(), runner_id: v.string() }),
  v.object({
    ...common,
    principal_type: v.literal('Agent'),
    jti: v.string(),
    task_id: v.string(),
    turn_index: v.number(),
  }),
]);
export type Claims = v.InferOutput<typeof Claims>;

const prefixes = { User: 'p42t_', Runner: 'p42r_', Agent: 'p42a_' } as const;

// The verdicts on so many tokens are remembered, since checking a signature is most of the work of a poll.
const maxKnownTokens = 1000;

interface Lifetime {
  from: Date;
  to: Date;
}

/** Makes and checks the server's tokens. Whether a token is revoked or its turn is over is not known here. */
export class Tokens {
  readonly #key: SigningKey;
  readonly #issuer: string;
  readonly #known = new Map<string, Claims>();

  /** `issuer` is the server's URL; it may change without making old tokens invalid. */
  constructor(key: SigningKey, issuer: string) {
    this.#key = key;
    this.#issuer = issuer;
  }

  /** A token for everything within a tenant. */
  forTenant(tenantId: string, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('User', tenantId, tokenId, lifetime, {});
  }

  forRunner(tenantId: string, runnerId: string, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('Runner', tenantId, tokenId, lifetime, { runner_id: runnerId });
  }

  /** A token for one turn. */
  forAgent({ TenantId, TaskId, TurnIndex }: TurnKey, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('Agent', TenantId, tokenId, lifetime, { task_id: TaskId, turn_index: TurnIndex });
  }

  /** What a token that this server made says of itself, or undefined. Its times are not checked. */
  verify(token: string): Claims | undefined {
    const known = this.#known.get(token);
    if (known) return known;
    const [prefix] = /^p42[a-z]_/.exec(token) ?? [''];
    const result = v.safeParse(Claims, verifyJwt(token.slice(prefix.length), this.#key));
    if (!result.success || prefixes[result.output.principal_type] !== prefix) return undefined;
    const oldest = this.#known.size < maxKnownTokens ? undefined : this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(token, result.output);
    return result.output;
  }

  #sign(type: keyof typeof prefixes, tenantId: string, tokenId: string, { from, to }: Lifetime, more: object): string {
    const claims = {
      iss: this.#issuer,
      aud: audience,
      sub: tenantId,
      jti: tokenId,
      iat: epochSeconds(from),
      nbf: epochSeconds(from),
      exp: epochSeconds(to),
      principal_type: type,
      ...more,
    };
    return prefixes[type] + signJwt(claims, this.#key);
  }
}

/** What is kept of a runner token: base64 of the SHA-256 of its signature part. */
export function signatureHash(token: string): string {
  return hash('sha256', token.slice(token.lastIndexOf('.') + 1), 'base64');
}

function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
