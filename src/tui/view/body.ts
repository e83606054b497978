/** The sections of the form, without scrolling. */
import { type ConnectionView, connectionsOf } from '../state/fields.ts';
import { currentCheck } from '../state/github.ts';
import type { State } from '../state/state.ts';
import { buttonSpans, fixedLine, textLine, valueColumn } from './field-line.ts';
import { emptyLine, type Line, raw, type Span, span } from './line.ts';
import { menuLines, runtimeLine } from './runtime-lines.ts';

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
    emptyLine,
    {
      spans: [raw(' '), ...buttonSpans(state, 'ok', 'OK'), raw('  '), ...buttonSpans(state, 'cancel', 'Cancel')],
      fields: ['ok', 'cancel'],
    },
  ];
}

function heading(text: string): Line {
  return { spans: [raw(' '), span(text, 'bold')] };
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
