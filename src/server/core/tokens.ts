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
  // The URL of the content of a file.
  v.object({ ...common, principal_type: v.literal('Upload'), jti: v.string() }),
  v.object({ ...common, principal_type: v.literal('Download'), jti: v.string() }),
]);
export type Claims = v.InferOutput<typeof Claims>;

const prefixes = { User: 'p42t_', Runner: 'p42r_', Agent: 'p42a_', Upload: 'p42u_', Download: 'p42d_' } as const;

// Verified tokens are cached, because checking the signature is most of the work of a poll.
const maxCachedTokens = 1000;

interface Lifetime {
  from: Date;
  to: Date;
}

/** Issues and verifies the server's tokens. Does not check whether a token is revoked or its turn finished. */
export class Tokens {
  readonly #key: SigningKey;
  readonly #issuer: string;
  readonly #verified = new Map<string, Claims>();

  /** `issuer` is the server's URL. Tokens of an earlier URL stay valid. */
  constructor(key: SigningKey, issuer: string) {
    this.#key = key;
    this.#issuer = issuer;
  }

  /** Issues a token for everything in a tenant. */
  forTenant(tenantId: string, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('User', tenantId, tokenId, lifetime, {});
  }

  forRunner(tenantId: string, runnerId: string, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('Runner', tenantId, tokenId, lifetime, { runner_id: runnerId });
  }

  /** Issues a token for one turn. */
  forAgent({ TenantId, TaskId, TurnIndex }: TurnKey, tokenId: string, lifetime: Lifetime): string {
    return this.#sign('Agent', TenantId, tokenId, lifetime, { task_id: TaskId, turn_index: TurnIndex });
  }

  /** Issues a token for one transfer of the content of a file. */
  forFile(type: 'Upload' | 'Download', tenantId: string, fileId: string, lifetime: Lifetime): string {
    return this.#sign(type, tenantId, fileId, lifetime, {});
  }

  /** Returns the claims of a token of this server, or undefined. Times are not checked. */
  verify(token: string): Claims | undefined {
    const known = this.#verified.get(token);
    if (known) return known;
    const [prefix] = /^p42[a-z]_/.exec(token) ?? [''];
    const result = v.safeParse(Claims, verifyJwt(token.slice(prefix.length), this.#key));
    if (!result.success || prefixes[result.output.principal_type] !== prefix) return undefined;
    const oldest = this.#verified.size < maxCachedTokens ? undefined : this.#verified.keys().next().value;
    if (oldest !== undefined) this.#verified.delete(oldest);
    this.#verified.set(token, result.output);
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

/** Returns base64 of the SHA-256 of a token's signature. The server stores this instead of a runner token. */
export function signatureHash(token: string): string {
  return hash('sha256', token.slice(token.lastIndexOf('.') + 1), 'base64');
}

function epochSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
