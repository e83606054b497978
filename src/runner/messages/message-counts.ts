import type { Sample } from '../../lib/prometheus-text.ts';

/** rejected: not a message that this runner understands. unanswered: its handler failed, or the response did not reach the server. */
export type MessageResult = 'answered' | 'rejected' | 'unanswered';

/** Counts messages since the start. Types are those of handlers, so that callers cannot add labels. */
export class MessageCounts {
  readonly #byResult = new Map<string, { type: string; result: MessageResult; count: number }>();
  readonly #secondsByType = new Map<string, number>();

  add(type: string | undefined, result: MessageResult, durationMs: number): void {
    const label = type ?? 'unknown';
    const key = `${label} ${result}`;
    const counted = this.#byResult.get(key) ?? { type: label, result, count: 0 };
    counted.count += 1;
    this.#byResult.set(key, counted);
    this.#secondsByType.set(label, (this.#secondsByType.get(label) ?? 0) + durationMs / 1000);
  }

  get counts(): Sample[] {
    return [...this.#byResult.values()].map(({ type, result, count }) => ({ labels: { type, result }, value: count }));
  }

  /** From a message's arrival to the end of its handling. */
  get seconds(): Sample[] {
    return [...this.#secondsByType].map(([type, value]) => ({ labels: { type }, value }));
  }
}
