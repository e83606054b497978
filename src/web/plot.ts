export interface PlotSize {
  width: number;
  height: number;
  /** How many samples fit into the width. Fewer samples are aligned to the right. */
  steps: number;
}

const maxPercent = 100;

/** Returns the paths of a plot of percentages: the line, and the area below it. A null sample is a gap. */
export function plotPaths(samples: readonly (number | null)[], size: PlotSize): { line: string; area: string } {
  const runs = runsOf(samples, (sample) => sample !== null);
  const point = (i: number) => `${round(x(i, samples.length, size))} ${round(y(samples[i] ?? 0, size))}`;
  const line = runs.map(({ from, to }) => `M${range(from, to).map(point).join('L')}`);
  const area = runs.map(({ from, to }) => {
    const [left, right] = [x(from, samples.length, size), x(to, samples.length, size)].map(round);
    return `M${left} ${size.height}L${range(from, to).map(point).join('L')}L${right} ${size.height}Z`;
  });
  return { line: line.join(''), area: area.join('') };
}

export interface Band {
  x: number;
  width: number;
}

/** Returns the periods in which the queue was in a state, as bands below the plot. */
export function bandsOf(states: string, state: string, size: PlotSize): Band[] {
  const step = stepWidth(size);
  return runsOf(Array.from(states), (value) => value === state).map(({ from, to }) => {
    const left = Math.max(0, x(from, states.length, size) - step / 2);
    const right = Math.min(size.width, x(to, states.length, size) + step / 2);
    return { x: round(left), width: round(right - left) };
  });
}

function runsOf<T>(values: readonly T[], isIn: (value: T) => boolean): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  values.forEach((value, i) => {
    if (!isIn(value)) return;
    const last = runs.at(-1);
    if (last?.to === i - 1) last.to = i;
    else runs.push({ from: i, to: i });
  });
  return runs;
}

function x(index: number, count: number, size: PlotSize): number {
  return size.width - (count - 1 - index) * stepWidth(size);
}

function y(percent: number, { height }: PlotSize): number {
  // Leaves half a pixel for the width of the line.
  return height - 0.5 - (Math.min(percent, maxPercent) / maxPercent) * (height - 1);
}

function stepWidth({ width, steps }: PlotSize): number {
  return width / Math.max(1, steps - 1);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
