/** Key pairs with which clients of AWS Signature Version 4 sign requests, for everything in a tenant. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { AccessKey } from '../../plan42/objects.ts';
import type { Store } from '../store/store.ts';
import { skipIfStorageFails } from './storage.ts';
import { isoTime } from './time.ts';
import { create } from './versioned.ts';

interface AccessKeyDeps {
  store: Pick<Store, 'accessKeys' | 'accessKeySecrets' | 'transaction'>;
  clock: Clock;
}

// Without characters that look alike.
const idAlphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const idLength = 16;

/** Creates a key. Its secret is returned this once. */
export function createAccessKey(
  { store, clock }: AccessKeyDeps,
  { tenantId, name }: { tenantId: string; name: string },
): { key: AccessKey; secret: string } {
  const letters = Array.from(randomBytes(idLength), (byte) => idAlphabet.charAt(byte % idAlphabet.length));
  const key: AccessKey = {
    TenantID: tenantId,
    AccessKeyID: `P42K${letters.join('')}`,
    Name: name,
    Revoked: false,
    CreatedAt: isoTime(clock.date()),
  };
  const secret = `p42s_${randomBytes(32).toString('base64url')}`;
  store.transaction(() => {
    create(store.accessKeys, key);
    store.accessKeySecrets.save(key, secret);
  });
  return { key, secret };
}

/** Revokes a key at once, and removes its secret. Idempotent. */
export function revokeAccessKey({ store, clock }: AccessKeyDeps, key: AccessKey): void {
  if (key.Revoked) return;
  store.transaction(() => {
    store.accessKeys.update({ ...key, Revoked: true, RevokedAt: isoTime(clock.date()) });
    store.accessKeySecrets.remove(key);
  });
}

// Each use would be a write.
const resolutionMs = 60_000;

/** Records when a key was last used, to the minute. */
export function noteAccessKeyUse({ store, clock }: AccessKeyDeps, key: AccessKey): void {
  const now = clock.date();
  const last = Date.parse(key.LastUsedAt ?? '');
  if (Math.abs(now.getTime() - last) < resolutionMs) return;
  skipIfStorageFails(() => store.accessKeys.update({ ...key, LastUsedAt: isoTime(now) }));
}
