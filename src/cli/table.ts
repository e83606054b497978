import { displayWidth, truncate } from '../lib/display-width.ts';

export interface Column<Row> {
  title: string;
  /** Without control characters. */
  cell: (row: Row) => string;
  /** Cut to fit when the table is wider than the terminal, but not below so many columns; true stands for 8. */
  flexible?: boolean | number;
  /** How a cell's text is coloured. */
  style?: (text: string, row: Row) => string;
}

const gap = '  ';
const minFlexibleWidth = 8;

/**
 * Lines of text with aligned columns, at most `width` columns wide where the flexible columns can make it so, the last of them
 * first; `width` is undefined when the output is not a terminal, and then nothing is cut.
 */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width?: number): string {
  const widths = columns.map((column) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(column.cell(row)))),
  );
  if (width !== undefined) shrinkToFit(widths, columns, width);
  const line = (cells: string[]) => `${cells.join(gap).trimEnd()}\n`;
  const header = line(columns.map((column, i) => pad(column.title, widths[i] ?? 0)));
  const body = rows.map((row) =>
    line(columns.map(({ cell, style }, i) => pad(cell(row), widths[i] ?? 0, (text) => style?.(text, row) ?? text))),
  );
  return header + body.join('');
}

function shrinkToFit<Row>(widths: number[], columns: readonly Column<Row>[], width: number): void {
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
