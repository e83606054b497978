import { wrapWords } from '../../../lib/display-width.ts';
import { ExitCode } from '../../../lib/errors.ts';
import { printable } from '../../../lib/printable.ts';
import type { Style } from '../../style.ts';
import type { Status } from './finding.ts';
import { worse } from './finding.ts';
import type { Outcome } from './run-checks.ts';

const statusWidth = 9;
const titleWidth = 19;
// In a narrower window what is found comes below the title.
const narrowColumns = 60;

/**
 * One check as people read it: status, title, what was found, and what to do, with commands on lines of their own, which are
 * never broken.
 */
export function renderOutcome(
  { status, check, found, remedies }: Outcome,
  style: Style,
  columns = Number.POSITIVE_INFINITY,
): string {
  const head = styleOf(status, style)(status.padEnd(statusWidth)) + check.title.padEnd(titleWidth);
  const isNarrow = columns < narrowColumns;
  const indent = ' '.repeat(isNarrow ? 2 : statusWidth + titleWidth);
  const sentence = (text: string) => wrapWords(printable(text), columns - indent.length);
  const advice = remedies.flatMap(({ text, command }) =>
    command === undefined
      ? sentence(text)
      : [...sentence(text.replace(/\.$/, ':')), `  ${style.bold(printable(command))}`],
  );
  const lines = [...found.flatMap(sentence), ...advice];
  if (isNarrow) return [head.trimEnd(), ...lines.map((line) => indent + line)].map((line) => `${line}\n`).join('');
  return lines.map((line, i) => `${i === 0 ? head : indent}${line}\n`).join('');
}

function styleOf(status: Status, style: Style): (text: string) => string {
  return { ok: style.good, skipped: style.dim, warning: style.bold, failed: style.bad }[status];
}

export function renderSummary(outcomes: readonly Outcome[], durationMs: number): string {
  const count = (status: Status) => outcomes.filter((outcome) => outcome.status === status).length;
  const counts = (['ok', 'warning', 'failed', 'skipped'] as const)
    .filter((status) => count(status) > 0)
    .map((status) => `${count(status)} ${status}`);
  return `${outcomes.length} checks in ${(durationMs / 1000).toFixed(1)} s: ${counts.join(', ')}.\n`;
}

/** What `--json` prints: docs/schemas/runner-doctor.json. */
export function toJson(
  outcomes: readonly Outcome[],
  facts: { version: string; configFile: string; checkedAt: Date; durationMs: number },
) {
  return {
    version: facts.version,
    configFile: facts.configFile,
    checkedAt: facts.checkedAt.toISOString(),
    durationMs: Math.round(facts.durationMs),
    status: outcomes.map(({ status }) => status).reduce(worse, 'ok'),
    exitCode: exitCodeOf(outcomes),
    checks: outcomes.map(({ check, status, found, remedies, durationMs }) => {
      const { name, title } = check;
      return { name, title, status, found, remedies, durationMs };
    }),
  };
}

/** That of the first check that failed. */
export function exitCodeOf(outcomes: readonly Outcome[]): ExitCode {
  return outcomes.find(({ status }) => status === 'failed')?.exitCode ?? ExitCode.done;
}
