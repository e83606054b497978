import { runtimeNames } from '../../config/schema.ts';
import { firstReady, type RuntimeStatus } from '../../runtimes/status.ts';
import type { State } from '../state/state.ts';
import { labelSpans, valueColumn } from './field-line.ts';
import { type Line, pad, raw, type Span, span } from './line.ts';

export function runtimeLine(state: State): Line {
  const { runtime } = state.draft.runner;
  const automatic = firstReady(state.runtimes);
  const name = runtime ?? `first ready${automatic === undefined ? '' : `: ${automatic}`}`;
  const readiness = runtime === undefined ? [] : [raw('  '), readinessOf(state, runtime)];
  return {
    spans: [...labelSpans(state, 'runtime', 'Execution Runtime'), raw(`[${name} v]`), ...readiness],
    fields: ['runtime'],
  };
}

/** The open drop-down. Enter selects the option `marked`. */
export function menuLines(state: State, marked: number): Line[] {
  return runtimeNames.map((name, index) => {
    const isMarked = index === marked;
    const option = raw(` ${isMarked ? '>' : ' '} ${pad(name, 8)}`, isMarked ? 'inverse' : 'plain');
    const spans = [raw(' '.repeat(valueColumn - 1)), option, raw('  '), readinessOf(state, name)];
    return { spans, fields: isMarked ? ['runtime'] : [] };
  });
}

function readinessOf({ runtimes }: State, name: RuntimeStatus['name']): Span {
  const status = runtimes.find((candidate) => candidate.name === name);
  if (status === undefined) return raw('checking', 'dim');
  const { installed, readiness } = status;
  if (readiness.ready) return span(`ready (${readiness.detail})`, 'good');
  return span(installed ? `installed, not ready: ${readiness.reason}` : `not installed: ${readiness.reason}`, 'dim');
}
