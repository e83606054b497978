/** A target covers one or more functions that read or format text from outside. */
export interface Target {
  /** `FILE#FUNCTION`, the file below `src/`. */
  covers: readonly string[];
  /** Valid and nearly valid inputs, from which others are made. For `value`, they are JSON. */
  corpus: readonly string[];
  /** Default: `text`. `value` is parsed JSON. */
  input?: 'text' | 'bytes' | 'value';
  /** Throws an error of `errors`, or returns within the time budget. */
  run: (input: never) => unknown;
  /** Errors that reject an input. Any other error is a fault. */
  errors?: readonly (abstract new (
    ...args: never[]
  ) => Error)[];
  /** Throws if the output is wrong. */
  check?: (output: never, input: never) => void;
  /** Time that an input of any length may take beside the budget, for a target that is more than a function. */
  baseMs?: number;
  /** How many times it reads the input. The budget is for each. Default: 1. */
  passes?: number;
  /** How many times as long as the input an output may be. Default: 12, an escape of each UTF-16 unit twice over. */
  maxGrowth?: number;
  /** The largest input in KiB that the function's callers let through. Default: 1024. */
  maxKiB?: number;
}
