import { bandsOf, plotPaths } from '../plot.ts';
import { summarise } from '../series.ts';

interface PlotProps {
  /** The description for screen readers. */
  label: string;
  samples: readonly (number | null)[];
  /** The state at each sample, if shown. */
  states?: string;
  steps: number;
}

const shapes = { large: { width: 720, height: 96 }, small: { width: 180, height: 28 } };
const bandHeight = 3;

/** Utilisation in percent over the last hour. A band below marks the time in which the queue was not healthy. */
export function UtilisationPlot({ label, samples, states = '', steps, size }: PlotProps & { size: 'large' | 'small' }) {
  const { width, height } = shapes[size];
  const plotHeight = height - bandHeight - 1;
  const plot = { width, height: plotHeight, steps };
  const { line, area } = plotPaths(samples, plot);
  const bands = (state: string, tone: string) =>
    bandsOf(states, state, plot).map(({ x, width }) => (
      <rect key={x} class={tone} x={x} width={width} y={height - bandHeight} height={bandHeight} />
    ));
  return (
    <svg
      class={`plot ${size}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${inWords(samples)}`}
    >
      <line class="limit" x1={0} x2={width} y1={0.5} y2={0.5} />
      <line class="base" x1={0} x2={width} y1={plotHeight} y2={plotHeight} />
      <path class="area" d={area} />
      <path class="line" d={line} />
      {bands('U', 'bad')}
      {bands('D', 'attention')}
    </svg>
  );
}

function inWords(samples: readonly (number | null)[]): string {
  const summary = summarise(samples);
  if (!summary) return 'no samples yet';
  const { now, mean, highest } = summary;
  return `${now === undefined ? 'no runner is polling' : `now ${now}%`}, average ${mean}%, maximum ${highest}%`;
}
