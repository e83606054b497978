import { systemClock } from '../../../lib/clock.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminRunnerToken } from '../../../plan42/admin-objects.ts';
import { describeEnd, type TokenState, tokenState } from '../../../plan42/token-end.ts';
import type { CliContext } from '../../context.ts';
import { formatLocalTime, print, renderJson, terminalWidth } from '../../output.ts';
import { shortIds } from '../../short-ids.ts';
import { createStyle, type Style, wantsColor } from '../../style.ts';
import { renderTable } from '../../table.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface ListTokensOptions extends LocationOptions {
  all?: boolean;
  json?: boolean;
}

/** Prints valid tokens, or all of them with --all. JSON always has all, with their state. */
export async function listTokens(context: CliContext, options: ListTokensOptions): Promise<void> {
  const { stdout, signal } = context;
  const tokens = await callServer(context, options, ({ client }) => allTokens(client));
  if (options.json)
    return print(stdout, renderJson(tokens.map((token) => ({ ...token, State: stateOf(token) }))), signal);
  const shown = options.all ? tokens : tokens.filter((token) => ['valid', 'ending'].includes(stateOf(token)));
  if (shown.length === 0) {
    context.stderr.write(withLocation('No valid tokens. Create one with "plan42 server token create".\n', options));
    return;
  }
  const idOf = shortIds(tokens.map((token) => token.TokenID));
  const style = createStyle(wantsColor(stdout, context));
  const table = renderTable(
    shown,
    [
      { title: 'TOKEN', cell: (token) => printableLine(idOf(token.TokenID)) },
      { title: 'RUNNER', cell: (token) => printableLine(token.RunnerID), flexible: true },
      { title: 'CREATED', cell: (token) => printableLine(formatLocalTime(token.CreatedAt ?? '')) },
      { title: 'EXPIRES', cell: (token) => printableLine(formatLocalTime(token.ExpiresAt)) },
      { title: 'STATE', cell: renderState, style: colourOf(style) },
    ],
    terminalWidth(stdout),
  );
  await print(stdout, table, signal);
}

function stateOf(token: AdminRunnerToken): TokenState | 'revoked' {
  return token.Revoked ? 'revoked' : tokenState(new Date(token.ExpiresAt), systemClock.date());
}

function renderState(token: AdminRunnerToken): string {
  const state = stateOf(token);
  return state === 'ending' ? `ends ${describeEnd(new Date(token.ExpiresAt), systemClock.date())}` : state;
}

function colourOf(style: Style): (text: string) => string {
  return (text) => {
    if (text === 'valid') return style.good(text);
    return text.startsWith('ends') ? style.bad(text) : style.dim(text);
  };
}

/** The tokens of all runners, including expired and revoked ones, newest first. */
export async function allTokens(client: AdminClient): Promise<AdminRunnerToken[]> {
  const runners = await client.listRunners();
  const tokens = await Promise.all(runners.map((runner) => client.listRunnerTokens(runner.RunnerId)));
  const createdAt = (token: AdminRunnerToken) => Date.parse(token.CreatedAt ?? '') || 0;
  return tokens.flat().toSorted((a, b) => createdAt(b) - createdAt(a) || a.TokenID.localeCompare(b.TokenID));
}
