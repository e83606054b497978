/** The guards of each intercepted host. */
import { createGithubGuard } from '../github-guard/guard.ts';
import { guardedHosts } from '../github-guard/hosts.ts';
import type { Target } from '../host-name.ts';
import { type LedgerEntry, openLedger } from '../models/ledger.ts';
import { createModelGuard } from '../models/model-guard.ts';
import type { EgressPolicy } from '../policy.ts';
import type { Guard } from './hooks.ts';
import { observing } from './observe.ts';

/** Returns the guards of a host, in the order in which they review a request. */
export type FindGuards = (target: Target) => readonly Guard[];

interface GuardsOptions {
  /** That of the gateway, which keeps the ledger of the models. */
  folder: string;
  policy: Pick<EgressPolicy, 'mode' | 'github' | 'models'>;
  writeLine: (line: string) => void;
  onCall?: (entry: LedgerEntry, index: number) => void;
}

export async function createGuards({ folder, policy, writeLine, onCall }: GuardsOptions): Promise<FindGuards> {
  const { mode, github, models } = policy;
  const guards = new Map<string, Guard[]>();
  const add = (guard: Guard, hosts: readonly { host: string; port: number }[]) => {
    for (const { host, port } of hosts) {
      // Without TLS, a host may be what redirects to it.
      for (const each of port === 443 ? [443, 80] : [port])
        guards.getOrInsertComputed(`${host} ${each}`, () => []).push(guard);
    }
  };
  if (github !== undefined) {
    const { host, port } = github;
    const guard = createGithubGuard(github);
    add(
      mode === 'observe' ? observing(guard) : guard,
      guardedHosts(host).map((name) => ({ host: name, port })),
    );
  }
  if (models !== undefined)
    add(createModelGuard({ policy: models, ledger: await openLedger(folder, onCall), writeLine }), models.hosts);
  return ({ host, port }) => guards.get(`${host.text} ${port}`) ?? [];
}
