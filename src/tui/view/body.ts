/** The sections of the form, without scrolling. */
import { type RuntimeName, runtimeNames } from '../../config/schema.ts';
import { firstReady } from '../../runtimes/status.ts';
import { type ModelKey, modelKeys } from '../form.ts';
import { type ConnectionView, connectionsOf } from '../state/fields.ts';
import { currentCheck } from '../state/github.ts';
import type { State } from '../state/state.ts';
import { buttonSpans, fixedLine, labelSpans, textLine, valueColumn } from './field-line.ts';
import { emptyLine, type Line, pad, raw, type Span, span } from './line.ts';

export function drawBody(state: State, columns: number): Line[] {
  const connections = connectionsOf(state);
  return [
    heading('[runner]'),
    textLine(state, 'token', { label: 'Plan42 Runner Token', whenEmpty: 'paste it here', columns }),
    textLine(state, 'url', { label: 'Server URL', whenEmpty: 'empty', columns }),
    runtimeLine(state),
    ...(state.menu === undefined ? [] : menuLines(state, state.menu)),
    ...connections.flatMap((connection) => connectionLines(state, connection, columns)),
    ...(connections.length === 0 ? [emptyLine, { spans: [raw('   '), span(withoutConnections(state), 'dim')] }] : []),
    ...modelLines(state, columns),
    emptyLine,
    {
      spans: [raw(' '), ...buttonSpans(state, 'ok', 'OK'), raw('  '), ...buttonSpans(state, 'cancel', 'Cancel')],
      fields: ['ok', 'cancel'],
    },
  ];
}

const modelLabels: Readonly<Record<ModelKey, string>> = {
  openai_endpoint: 'OpenAI Endpoint',
  openai_token: 'OpenAI Token',
  claude_endpoint: 'Claude Endpoint',
  claude_token: 'Claude Token',
};

function modelLines(state: State, columns: number): Line[] {
  if (state.validation.phase !== 'valid') return [];
  const line = (key: ModelKey) =>
    textLine(state, key, { label: modelLabels[key], whenEmpty: 'as the server sends', columns });
  return [emptyLine, heading('[runner: models of agents]'), ...modelKeys.map(line)];
}

function heading(text: string): Line {
  return { spans: [raw(' '), span(text, 'bold')] };
}

function runtimeLine(state: State): Line {
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
function menuLines(state: State, marked: number): Line[] {
  return runtimeNames.map((name, index) => {
    const isMarked = index === marked;
    const option = raw(` ${isMarked ? '>' : ' '} ${pad(name, 10)}`, isMarked ? 'inverse' : 'plain');
    const spans = [raw(' '.repeat(valueColumn - 1)), option, raw('  '), readinessOf(state, name)];
    return { spans, fields: isMarked ? ['runtime'] : [] };
  });
}

function readinessOf({ runtimes }: State, name: RuntimeName): Span {
  const status = runtimes.find((candidate) => candidate.name === name);
  if (status === undefined) return raw('checking', 'dim');
  const { installed, readiness } = status;
  if (readiness.ready) return span(`ready (${readiness.detail})`, 'good');
  return span(installed ? `installed, not ready: ${readiness.reason}` : `not installed: ${readiness.reason}`, 'dim');
}

function withoutConnections({ validation }: State): string {
  if (validation.phase === 'valid') return 'The tenant has no private GitHub connections.';
  return 'GitHub connections appear when the server has accepted the token.';
}

const whyStray: Record<NonNullable<ConnectionView['stray']>, string> = {
  gone: 'no longer a private connection of the tenant',
  'without an ID': 'no connection ID, so no task uses it',
  double: 'duplicate connection ID, so no task uses it',
};

function connectionLines(state: State, { key, name, id, stray }: ConnectionView, columns: number): Line[] {
  const field = `github:${key}`;
  const lines = [
    emptyLine,
    heading(`[github: ${name || id}]${stray ? ` (${whyStray[stray]})` : ''}`),
    fixedLine('Name', name || '(none)'),
    fixedLine('Connection ID', id || '(none)'),
    textLine(state, `${field}:url`, { label: 'Server URL', whenEmpty: 'https://github.com', columns }),
    textLine(state, `${field}:token`, {
      label: 'Github Token',
      whenEmpty: 'none',
      columns,
      note: githubNote(state, key),
    }),
  ];
  if (!stray) return lines;
  const remove = buttonSpans(state, `${field}:remove`, 'Remove');
  return [...lines, { spans: [raw(' '.repeat(valueColumn - 1)), ...remove], fields: [`${field}:remove`] }];
}

function githubNote(state: State, key: string): Span | undefined {
  const check = currentCheck(state, key);
  if (check === undefined) return undefined;
  if (check.result === 'running') return raw('checking', 'dim');
  const { ok, text } = check.result;
  return ok ? span(`ok: ${text}`, 'good') : span(`! ${text}`, 'bad');
}
