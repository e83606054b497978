import { displayWidth, truncate } from '../lib/display-width.ts';

export interface TableColumn<Row> {
  title: string;
  /** Without control characters. */
  cell: (row: Row) => string;
  /** May be truncated to this width if the table is wider than the terminal; true means 8. */
  flexible?: boolean | number;
  /** Colours the text of a cell. */
  style?: (text: string, row: Row) => string;
}

const gap = '  ';
const minFlexibleWidth = 8;

/**
 * A text table with aligned columns. Flexible columns, the last one first, are truncated to fit `width`, which is undefined if
 * the output is not a terminal. Then a tab is between the columns instead, because one long title would push all others far
 * to the right, and nothing is truncated.
 */
export function renderTable<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[], width?: number): string {
  if (width === undefined) return renderLines([columns.map(({ title }) => title), ...rows.map(cellsOf(columns))]);
  const widths = columns.map((column) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(column.cell(row)))),
  );
  shrinkToFit(widths, columns, width);
  const line = (cells: string[]) => `${cells.join(gap).trimEnd()}\n`;
  const header = line(columns.map((column, i) => pad(column.title, widths[i] ?? 0)));
  const body = rows.map((row) =>
    line(columns.map(({ cell, style }, i) => pad(cell(row), widths[i] ?? 0, (text) => style?.(text, row) ?? text))),
  );
  return header + body.join('');
}

function cellsOf<Row>(columns: readonly TableColumn<Row>[]): (row: Row) => string[] {
  return (row) => columns.map(({ cell }) => cell(row));
}

function renderLines(lines: readonly string[][]): string {
  return lines.map((cells) => `${cells.join('\t').trimEnd()}\n`).join('');
}

function shrinkToFit<Row>(widths: number[], columns: readonly TableColumn<Row>[], width: number): void {
  for (const [i, { flexible }] of [...columns.entries()].toReversed()) {
    if (flexible) shrink(widths, i, width, flexible === true ? minFlexibleWidth : flexible);
  }
}

function shrink(widths: number[], index: number, total: number, min: number): void {
  const others = widths.reduce((sum, width, i) => (i === index ? sum : sum + width), gap.length * (widths.length - 1));
  widths[index] = Math.min(widths[index] ?? 0, Math.max(min, total - others));
}

function pad(text: string, width: number, style = (cut: string) => cut): string {
  const cut = truncate(text, width);
  return style(cut) + ' '.repeat(Math.max(0, width - displayWidth(cut)));
}
