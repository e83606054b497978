/**
 * The slope of `values` over equal steps as the median of the slopes between all pairs (Theil and Sen), which no minority of
 * outliers changes, times the number of steps: by how much the values grow from the first to the last.
 */
export function growthOf(values: readonly number[]): number {
  const slopes = values.flatMap((value, index) =>
    values.slice(index + 1).map((later, steps) => (later - value) / (steps + 1)),
  );
  const sorted = slopes.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return median * Math.max(0, values.length - 1);
}
