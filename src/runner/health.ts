import type { Logger } from '../lib/logger.ts';

/** Why a part of the runner can't do its work at the moment. */
export interface Trouble {
  kind: 'unreachable' | 'refused' | 'disk';
  message: string;
  since: Date;
}

export type ReadinessState =
  | { phase: 'starting' }
  | { phase: 'ready' }
  | { phase: 'degraded'; troubles: Trouble[] }
  | { phase: 'draining' };

/**
 * The one place that knows whether the runner is starting, ready, degraded (and why) or draining. Parts report by
 * name; a change of the whole is logged once.
 */
export class Readiness {
  readonly #logger: Logger;
  readonly #onChange: (summary: string) => void;
  readonly #troubles = new Map<string, Trouble>();
  readonly #working = new Set<string>();
  #draining = false;
  #logged = 'starting';

  /** `onChange` gets one line that tells how the whole is. */
  constructor(logger: Logger, onChange: (summary: string) => void = () => {}) {
    this.#logger = logger;
    this.#onChange = onChange;
  }

  get state(): ReadinessState {
    if (this.#draining) return { phase: 'draining' };
    if (this.#troubles.size > 0) return { phase: 'degraded', troubles: [...this.#troubles.values()] };
    return { phase: this.#working.size > 0 ? 'ready' : 'starting' };
  }

  /** What is wrong at the moment, also while draining. */
  get troubles(): readonly Trouble[] {
    return [...this.#troubles.values()];
  }

  /** The part works. */
  works(part: string): void {
    this.#working.add(part);
    this.#troubles.delete(part);
    this.#logChange();
  }

  /**
   * The part can't do its work. The first report of a kind counts until it works again; a refusal counts for more than an
   * outage, which says nothing about the token.
   */
  fails(part: string, kind: Trouble['kind'], message: string): void {
    this.#working.delete(part);
    const known = this.#troubles.get(part)?.kind;
    if (known !== kind && known !== 'refused') this.#troubles.set(part, { kind, message, since: new Date() });
    this.#logChange();
  }

  /** The part is no more. */
  forget(part: string): void {
    this.#working.delete(part);
    this.#troubles.delete(part);
    this.#logChange();
  }

  drains(): void {
    this.#draining = true;
    this.#logChange();
  }

  #logChange(): void {
    const { state } = this;
    const refused =
      state.phase === 'degraded' ? state.troubles.find((trouble) => trouble.kind === 'refused') : undefined;
    const others = state.phase === 'degraded' ? state.troubles : [];
    // Without the server, a full disk is the smaller trouble.
    const trouble = refused ?? others.find(({ kind }) => kind !== 'disk') ?? others[0];
    const summary = trouble === undefined ? state.phase : trouble.kind;
    // While a queue is replaced there is none for a moment, which is no news.
    if (summary === this.#logged || summary === 'starting') return;
    this.#logged = summary;
    this.#onChange(trouble === undefined ? summary : `degraded: ${trouble.message}`);
    if (trouble === undefined) this.#logger.info(`the runner is ${state.phase}`);
    else if (trouble.kind === 'refused')
      this.#logger.error('the server refuses the runner token; put a new one into the configuration', {
        error: trouble.message,
      });
    else if (trouble.kind === 'disk') this.#logger.warn('no new jobs are taken', { error: trouble.message });
    else this.#logger.warn('the server cannot be reached, or answers with errors', { error: trouble.message });
  }
}
