/** An exponentially weighted moving average: the weight of a measurement decays by a factor of e every `timeMs`. */
export class Ewma {
  readonly #timeMs: number;
  #sum = 0;
  #weight = 0;
  #measuredAt = 0;

  constructor(timeMs: number) {
    this.#timeMs = timeMs;
  }

  /** Undefined before the first measurement. */
  get value(): number | undefined {
    return this.#weight === 0 ? undefined : this.#sum / this.#weight;
  }

  /** @param now in milliseconds of one monotonic clock */
  add(measurement: number, now: number): void {
    const decay = this.#weight === 0 ? 0 : Math.exp((this.#measuredAt - now) / this.#timeMs);
    this.#sum = this.#sum * decay + measurement;
    this.#weight = this.#weight * decay + 1;
    this.#measuredAt = now;
  }
}
