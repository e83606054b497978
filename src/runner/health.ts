import { systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { tokenRemedy } from './token-remedy.ts';

export const troubleKinds = ['unreachable', 'refused', 'disk', 'runtime'] as const;

/** Why a part of the runner cannot work at the moment. */
export interface Trouble {
  kind: (typeof troubleKinds)[number];
  message: string;
  since: Date;
}

export type HealthState =
  | { phase: 'starting' }
  | { phase: 'ready' }
  | { phase: 'degraded'; troubles: Trouble[] }
  | { phase: 'draining' };

/** Whether the runner is starting, ready, degraded (and why) or draining. Parts report by name; each change of the whole is logged once. */
export class RunnerHealth {
  readonly #logger: Logger;
  readonly #onChange: (summary: string) => void;
  readonly #tokenRemedy: string;
  readonly #troubles = new Map<string, Trouble>();
  readonly #working = new Set<string>();
  #draining = false;
  #logged = 'starting';

  /** `onChange` receives a one-line summary. `env` has the runner token if it is not in the file. */
  constructor(logger: Logger, onChange: (summary: string) => void = () => {}, env: NodeJS.ProcessEnv = {}) {
    this.#logger = logger;
    this.#onChange = onChange;
    this.#tokenRemedy = tokenRemedy(env);
  }

  get state(): HealthState {
    if (this.#draining) return { phase: 'draining' };
    if (this.#troubles.size > 0) return { phase: 'degraded', troubles: [...this.#troubles.values()] };
    return { phase: this.#working.size > 0 ? 'ready' : 'starting' };
  }

  /** Current failures, also while draining. */
  get troubles(): readonly Trouble[] {
    return [...this.#troubles.values()];
  }

  reportSuccess(part: string): void {
    this.#working.add(part);
    this.#troubles.delete(part);
    this.#reportChange();
  }

  /**
   * Keeps the first failure of a kind until the part works again, but the newest reason of a runtime, whose first one may be
   * corrected already. A rejected token outranks an outage, which says nothing about the token.
   */
  reportFailure(part: string, kind: Trouble['kind'], message: string): void {
    this.#working.delete(part);
    const known = this.#troubles.get(part);
    if (known === undefined || (known.kind !== kind && known.kind !== 'refused'))
      this.#troubles.set(part, { kind, message, since: systemClock.date() });
    else if (kind === 'runtime') this.#troubles.set(part, { ...known, message });
    this.#reportChange();
  }

  remove(part: string): void {
    this.#working.delete(part);
    this.#troubles.delete(part);
    this.#reportChange();
  }

  startDraining(): void {
    this.#draining = true;
    this.#reportChange();
  }

  #reportChange(): void {
    const { state } = this;
    const trouble = state.phase === 'degraded' ? mostSevere(state.troubles) : undefined;
    const summary = trouble?.kind ?? state.phase;
    // No part works for a moment while a queue is replaced: not worth a log line.
    if (summary === this.#logged || summary === 'starting') return;
    this.#logged = summary;
    this.#onChange(trouble === undefined ? summary : `degraded: ${trouble.message}`);
    if (state.phase === 'ready') this.#logger.info('runner ready');
    if (trouble !== undefined) this.#logTrouble(trouble);
  }

  #logTrouble({ kind, message: error }: Trouble): void {
    if (kind === 'refused') this.#logger.error('runner token rejected', { error, remedy: this.#tokenRemedy });
    else if (kind === 'disk') this.#logger.warn('low disk space, not accepting jobs', { error });
    // The part that waits for the runtime logs each reason, with its remedy.
    else if (kind !== 'runtime') this.#logger.warn('server unreachable', { error });
  }
}

function mostSevere(troubles: readonly Trouble[]): Trouble | undefined {
  const byKind = (kind: Trouble['kind']) => troubles.find((trouble) => trouble.kind === kind);
  return byKind('refused') ?? byKind('unreachable') ?? byKind('runtime') ?? byKind('disk');
}
