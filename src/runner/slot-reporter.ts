import { randomBytes } from 'node:crypto';
import { machineHeaders } from '../plan42/runner-headers.ts';

export interface SlotReporterOptions {
  instanceId: string;
  machine: string;
  maxSlots: number;
  /** The number of jobs that could start now. */
  freeSlots: () => number;
}

/** Reports to the server how many jobs this runner could start: with each poll and response, and at once if there are more. */
export class SlotReporter {
  readonly #options: SlotReporterOptions;
  readonly #run = randomBytes(4).toString('hex');
  #sequence = 0;
  #reported = 0;
  #isDiskLow = false;
  /** Makes a request with the headers soon. Set when there are queues. */
  report: () => void = () => {};

  constructor(options: SlotReporterOptions) {
    this.#options = options;
  }

  /** The headers of one request. */
  headers(): Record<string, string> {
    const { instanceId, machine, maxSlots: max } = this.#options;
    this.#sequence += 1;
    this.#reported = this.#free;
    const slots = {
      free: this.#reported,
      max,
      run: this.#run,
      sequence: this.#sequence,
      reason: this.#isDiskLow ? ('low-disk' as const) : undefined,
    };
    return machineHeaders({ instanceId, machine, slots });
  }

  /** Call this after each change. Fewer slots are reported with the response that took them. */
  update(): void {
    if (this.#free > this.#reported) this.report();
  }

  noteDisk(isLow: boolean): void {
    const isChange = this.#isDiskLow !== isLow;
    this.#isDiskLow = isLow;
    if (isChange) this.report();
  }

  get #free(): number {
    return this.#isDiskLow ? 0 : this.#options.freeSlots();
  }
}
