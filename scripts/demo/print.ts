import { createStyle, wantsColor } from '../../src/cli/style.ts';

const isColored = wantsColor(process.stdout, { env: process.env, argv: [] });
export const style = createStyle(isColored);

export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function printTitle(text: string): void {
  print(`\n${style.bold(text)}`);
}

/** The output of a program, set off from what the demo says. */
export function printOutput(text: string): void {
  for (const line of text.trimEnd().split('\n')) print(`  ${style.dim('│')} ${line}`.trimEnd());
}

export function printDiff(diff: string): void {
  const color = (line: string) => {
    if (/^\+(?!\+\+)/.test(line)) return style.good(line);
    return /^-(?!--)/.test(line) ? style.bad(line) : line;
  };
  printOutput(diff.split('\n').map(color).join('\n'));
}

export function printCommand(words: readonly string[]): void {
  const quoted = words.map((word) => (/[\s"]/.test(word) ? `"${word}"` : word));
  print(`  ${style.dim('$')} ${style.bold(quoted.join(' '))}`);
}

/** Aligns columns that are separated by tabs. */
export function alignColumns(lines: readonly string[]): string {
  const rows = lines.map((line) => line.split('\t'));
  const widthOf = (column: number) =>
    Math.max(...rows.filter((row) => row.length > 1).map((row) => row[column]?.length ?? 0));
  return rows
    .map((row) => (row.length > 1 ? row.map((cell, column) => cell.padEnd(widthOf(column))).join('  ') : row[0]))
    .join('\n');
}
