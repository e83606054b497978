/** Runs one target on many inputs. */
import { AssertionError } from 'node:assert';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { anyShape, bytesOf, piecesOf, type Shape, valueLike } from './inputs.ts';
import { measure, neededMs } from './measure.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  seed: string;
  /** Whether to go on, by the numbers of inputs and faults so far. */
  goOn: (inputs: number, faults: number) => boolean;
  /** In KiB. */
  maxKiB: number;
}

export interface Fault {
  target: string;
  reason: string;
  /** The seed and the number of the input make it again. */
  seed: string;
  input: unknown;
}

export interface FuzzResult {
  inputs: number;
  kib: number;
  /** The longest time for an input of at least 16 KiB. */
  slowestMsPerKiB: number;
  faults: Fault[];
}

const budgetMsPerKiB = 1;
// A small input must not fail because code is compiled, or the machine is busy.
const minBudgetMs = 4;
// Four times the input may take twelve times as long. Quadratic time takes sixteen times as long.
const maxScaling = 12;
// Shorter times are too coarse to be compared.
const minScaledMs = 8;
// Another path through the code, or the collector, explains a difference within a tenth of the budget.
const minScaledMsPerKiB = 0.1;
const minComparedMs = 0.2;
const maxFaults = 5;

export const nameOf = ({ covers }: Target): string => covers[0] ?? 'without a name';

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzResult> {
  const result: FuzzResult = { inputs: 0, kib: 0, slowestMsPerKiB: 0, faults: [] };
  const pieces = piecesOf([...target.corpus, ...literalsOf(target)]);
  while (options.goOn(result.inputs, result.faults.length) && result.faults.length < maxFaults) {
    const seed = `${options.seed}:${nameOf(target)}:${result.inputs}`;
    const fault = await tryOne(target, seed, pieces, options, result);
    if (fault !== undefined) result.faults.push({ target: nameOf(target), seed, ...fault });
    result.inputs += 1;
  }
  return result;
}

async function tryOne(
  target: Target,
  seed: string,
  pieces: readonly string[],
  { maxKiB }: FuzzOptions,
  totals: FuzzResult,
): Promise<{ reason: string; input: unknown } | undefined> {
  const random = new Random(seed);
  const shape = anyShape(random, target.corpus, pieces);
  const largest = 1024 * Math.min(maxKiB, target.maxKiB ?? 1024);
  const size = random.chance(70) ? random.below(2048) : random.below(largest + 1);
  const make = (length: number) => inputOf(target, seed, shape, length);
  const input = make(size);
  const length = lengthOf(input);
  // A long text in many places of a value.
  if (length > 4 * largest + 65_536) return undefined;
  const { ms, output, error } = await measure(() => run(target, input));
  const kib = Math.max(1, length / 1024);
  totals.kib += length / 1024;
  const problem = error === undefined ? outputProblem(target, output, input, length) : errorProblem(target, error);
  if (problem !== undefined) return { reason: problem, input };
  const budgetMs = (target.baseMs ?? minBudgetMs) + kib * budgetMsPerKiB * (target.passes ?? 1);
  const shortest = ms <= budgetMs ? ms : await neededMs(() => run(target, input), budgetMs);
  if (length >= 16_384) totals.slowestMsPerKiB = Math.max(totals.slowestMsPerKiB, shortest / kib);
  if (shortest > budgetMs) {
    return { reason: `took ${shortest.toFixed(1)} ms for ${kib.toFixed(1)} KiB`, input };
  }
  return size >= 4096 && size <= largest / 4 ? scalingProblem(target, make, size) : undefined;
}

async function scalingProblem(
  target: Target,
  make: (size: number) => unknown,
  size: number,
): Promise<{ reason: string; input: unknown } | undefined> {
  const [small, large] = [make(size), make(4 * size)];
  const [smallLength, largeLength] = [lengthOf(small), lengthOf(large)];
  // A text that was mutated has one size only.
  if (largeLength < 3 * smallLength) return undefined;
  const leastMs = Math.max(minScaledMs, (minScaledMsPerKiB * largeLength) / 1024);
  if ((await measure(() => run(target, large))).ms < leastMs) return undefined;
  const [smallMs, largeMs] = [await neededMs(() => run(target, small)), await neededMs(() => run(target, large))];
  if (largeMs < leastMs || largeMs <= maxScaling * Math.max(smallMs, minComparedMs)) return undefined;
  // Once more, because a compiler or collector may have interfered with the first comparison.
  const smallAgainMs = await neededMs(() => run(target, small));
  const largeAgainMs = await neededMs(() => run(target, large));
  if (largeAgainMs <= maxScaling * smallAgainMs) return undefined;
  // Memory that fits into a cache no more explains one such step, not two.
  const larger = make(16 * size);
  if (lengthOf(larger) >= 3 * largeLength) {
    const allowedMs = maxScaling * Math.min(largeMs, largeAgainMs);
    if ((await neededMs(() => run(target, larger), allowedMs)) <= allowedMs) return undefined;
  }
  const sizes = `${smallLength} and ${largeLength} characters`;
  return {
    reason: `takes more than linear time: ${smallMs.toFixed(2)} and ${largeMs.toFixed(2)} ms for ${sizes}`,
    input: large,
  };
}

function run({ run }: Target, input: unknown): unknown {
  return run(input as never);
}

function inputOf({ input = 'text', corpus }: Target, seed: string, shape: Shape, size: number): unknown {
  const random = new Random(`${seed}:input`);
  const text = shape(size);
  if (input === 'bytes') return bytesOf(random, text);
  if (input === 'text') return text;
  const base: unknown = corpus.length > 0 ? JSON.parse(random.pick(corpus)) : text;
  return valueLike(random, base, text);
}

function lengthOf(input: unknown): number {
  if (typeof input === 'string' || input instanceof Uint8Array) return input.length;
  try {
    return JSON.stringify(input).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function errorProblem({ errors = [] }: Target, error: unknown): string | undefined {
  if (errors.some((kind) => error instanceof kind)) return undefined;
  return `threw ${error instanceof Error ? (error.stack ?? error.message) : inspect(error)}`;
}

function outputProblem(target: Target, output: unknown, input: unknown, length: number): string | undefined {
  const { maxGrowth = 12, check } = target;
  if (typeof output === 'string' && output.length > 1000 + maxGrowth * length) {
    return `returned ${output.length} characters for ${length}`;
  }
  try {
    check?.(output as never, input as never);
    return undefined;
  } catch (error) {
    return error instanceof AssertionError ? `is wrong: ${error.message}` : errorProblem(target, error);
  }
}

/** The texts that the source compares with, and the alphabet of its regular expressions. */
function literalsOf({ covers }: Target): string[] {
  const files = new Set(covers.map((name) => name.split('#')[0] ?? ''));
  return [...files].flatMap((file) => {
    const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
    return [...source.matchAll(/'([^'\n]{1,40})'|\/((?:[^/\n\\]|\\.){1,80})\/[a-z]*[;,).]/g)].map(
      ([, text, pattern]) => text ?? pattern ?? '',
    );
  });
}
