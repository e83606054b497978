import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Store } from '../store/store.ts';
import { exportSigningKey, generateSigningKey, importSigningKey } from './jwt.ts';
import { Tokens } from './tokens.ts';
import { firstVersion } from './versioned.ts';

/** The IDs and the token that a user of the server needs. */
export interface Admin {
  tenantId: string;
  runnerId: string;
  tenantToken: string;
}

/** Reads the signing key, IDs and token of the server. The first start creates them, with a tenant and a runner. */
export function prepare(store: Store, clock: Clock, issuer: string): { tokens: Tokens; admin: Admin } {
  return store.transaction(() => {
    const pem = store.settings.get('signingKey') ?? exportSigningKey(generateSigningKey());
    store.settings.set('signingKey', pem);
    const tokens = new Tokens(importSigningKey(pem), issuer);
    return { tokens, admin: readAdmin(store) ?? createAdmin(store, clock, tokens) };
  });
}

function readAdmin({ settings }: Store): Admin | undefined {
  const [tenantId, runnerId, tenantToken] = [
    settings.get('tenantId'),
    settings.get('runnerId'),
    settings.get('tenantToken'),
  ];
  if (tenantId === undefined || runnerId === undefined || tenantToken === undefined) return undefined;
  return { tenantId, runnerId, tenantToken };
}

// The token lies beside the key that signed it, so a shorter lifetime would not protect it, and nothing renews it.
const tenantTokenYears = 20;

function createAdmin({ settings, tenants, runners }: Store, clock: Clock, tokens: Tokens): Admin {
  const [tenantId, runnerId] = [randomUUID(), randomUUID()];
  const from = clock.date();
  const to = new Date(from);
  to.setUTCFullYear(from.getUTCFullYear() + tenantTokenYears);
  const admin = { tenantId, runnerId, tenantToken: tokens.forTenant(tenantId, randomUUID(), { from, to }) };
  const common = { Deleted: false, ...firstVersion(clock) };
  tenants.insert({ TenantId: tenantId, Type: 'User', FullName: 'Local user', DefaultRunnerID: runnerId, ...common });
  const abilities = { IsCloud: false, RunsTasks: true, ProxiesGithub: true };
  runners.insert({ TenantId: tenantId, RunnerId: runnerId, Name: 'Local runner', ...abilities, ...common });
  settings.set('tenantId', admin.tenantId);
  settings.set('runnerId', admin.runnerId);
  settings.set('tenantToken', admin.tenantToken);
  return admin;
}
