import { type CheckStatus, worstStatus } from '../../../checks/finding.ts';
import type { CheckResult } from '../../../checks/run-checks.ts';
import { wrapWords } from '../../../lib/display-width.ts';
import { ExitCode } from '../../../lib/errors.ts';
import { printable } from '../../../lib/printable.ts';
import type { Style } from '../../style.ts';

const statusWidth = 9;
const titleWidth = 19;
// In a narrower terminal, the findings are printed below the title.
const narrowColumns = 60;

/** One check for people: status, title, findings and remedies. Commands are on their own lines, which are not wrapped. */
export function renderResult(result: CheckResult, style: Style, columns = Number.POSITIVE_INFINITY): string {
  const { status, check } = result;
  const head = styleOf(status, style)(status.padEnd(statusWidth)) + check.title.padEnd(titleWidth);
  const isNarrow = columns < narrowColumns;
  const indent = ' '.repeat(isNarrow ? 2 : statusWidth + titleWidth);
  const sentence = (text: string) => wrapWords(printable(text), columns - indent.length);
  const advice = remediesOf(result).flatMap(({ text, command }) =>
    command === undefined
      ? sentence(text)
      : sentence(text.replace(/\.$/, ':')).concat(`  ${style.bold(printable(command))}`),
  );
  const lines = [...messagesOf(result).flatMap(sentence), ...advice];
  if (isNarrow) return [head.trimEnd(), ...lines.map((line) => indent + line)].map((line) => `${line}\n`).join('');
  return lines.map((line, i) => `${i === 0 ? head : indent}${line}\n`).join('');
}

function messagesOf({ check, findings }: CheckResult): string[] {
  return findings.map(({ subject, message }) =>
    check.showSubjects && subject !== check.name ? `${subject}: ${message}` : message,
  );
}

const remediesOf = ({ findings }: CheckResult) => findings.flatMap(({ remedies }) => remedies);

function styleOf(status: CheckStatus, style: Style): (text: string) => string {
  return { ok: style.good, skipped: style.dim, warning: style.bold, failed: style.bad }[status];
}

export function renderSummary(results: readonly CheckResult[], durationMs: number): string {
  const count = (status: CheckStatus) => results.filter((result) => result.status === status).length;
  const counts = (['ok', 'warning', 'failed', 'skipped'] as const)
    .filter((status) => count(status) > 0)
    .map((status) => `${count(status)} ${status}`);
  return `${results.length} checks in ${(durationMs / 1000).toFixed(1)} s: ${counts.join(', ')}.\n`;
}

/** The output of `--json`: docs/schemas/runner-doctor.json. */
export function toJson(
  results: readonly CheckResult[],
  facts: { version: string; configFile: string; checkedAt: Date; durationMs: number },
) {
  return {
    version: facts.version,
    configFile: facts.configFile,
    checkedAt: facts.checkedAt.toISOString(),
    durationMs: Math.round(facts.durationMs),
    status: worstStatus(['ok', ...results.map(({ status }) => status)]),
    exitCode: exitCodeOf(results),
    checks: results.map((result) => ({
      name: result.check.name,
      title: result.check.title,
      status: result.status,
      found: messagesOf(result),
      remedies: remediesOf(result),
      durationMs: result.durationMs,
    })),
  };
}

/** The exit code of the first failure. */
export function exitCodeOf(results: readonly CheckResult[]): ExitCode {
  const findings = results.flatMap((result) => result.findings);
  return findings.find(({ status }) => status === 'failed')?.exitCode ?? ExitCode.done;
}
