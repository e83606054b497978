import { randomUUID } from 'node:crypto';
import type { Store } from '../store/store.ts';
import { exportSigningKey, generateSigningKey, importSigningKey } from './jwt.ts';
import type { Clock } from './time.ts';
import { Tokens } from './tokens.ts';
import { firstVersion } from './versioned.ts';

/** What a person needs to use the server. */
export interface Admin {
  tenantId: string;
  runnerId: string;
  tenantToken: string;
}

/** Reads the server's tokens and IDs; the first time, makes them, with a tenant and a runner. */
export function prepare(store: Store, clock: Clock, issuer: string): { tokens: Tokens; admin: Admin } {
  return store.transaction(() => {
    const pem = store.settings.get('signingKey') ?? exportSigningKey(generateSigningKey());
    store.settings.set('signingKey', pem);
    const tokens = new Tokens(importSigningKey(pem), issuer);
    return { tokens, admin: readAdmin(store) ?? makeAdmin(store, clock, tokens) };
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

// The token is in the data directory like the key that signed it, and there is nobody who could renew it.
const tenantTokenYears = 20;

function makeAdmin({ settings, tenants, runners }: Store, clock: Clock, tokens: Tokens): Admin {
  const [tenantId, runnerId] = [randomUUID(), randomUUID()];
  const from = clock();
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
