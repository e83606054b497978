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
    return { tokens, admin: readAdmin(store, clock, tokens) ?? createAdmin(store, clock, tokens) };
  });
}

/** Returns a new token if the old one was discarded. */
function readAdmin({ settings }: Store, clock: Clock, tokens: Tokens): Admin | undefined {
  const [tenantId, runnerId] = [settings.get('tenantId'), settings.get('runnerId')];
  if (tenantId === undefined || runnerId === undefined) return undefined;
  const tenantToken = settings.get('tenantToken') ?? newTenantToken(tenantId, clock, tokens);
  settings.set('tenantToken', tenantToken);
  return { tenantId, runnerId, tenantToken };
}

// The token lies beside the key that signed it, so a shorter lifetime would not protect it, and nothing renews it.
const tenantTokenYears = 20;

function newTenantToken(tenantId: string, clock: Clock, tokens: Tokens): string {
  const from = clock.date();
  const to = new Date(from);
  to.setUTCFullYear(from.getUTCFullYear() + tenantTokenYears);
  return tokens.forTenant(tenantId, randomUUID(), { from, to });
}

function createAdmin({ settings, tenants, runners }: Store, clock: Clock, tokens: Tokens): Admin {
  const [tenantId, runnerId] = [randomUUID(), randomUUID()];
  const admin = { tenantId, runnerId, tenantToken: newTenantToken(tenantId, clock, tokens) };
  const common = { Deleted: false, ...firstVersion(clock) };
  tenants.insert({ TenantId: tenantId, Type: 'User', FullName: 'Local user', DefaultRunnerID: runnerId, ...common });
  const abilities = { IsCloud: false, RunsTasks: true, ProxiesGithub: true };
  runners.insert({ TenantId: tenantId, RunnerId: runnerId, Name: 'Local runner', ...abilities, ...common });
  settings.set('tenantId', admin.tenantId);
  settings.set('runnerId', admin.runnerId);
  settings.set('tenantToken', admin.tenantToken);
  return admin;
}
