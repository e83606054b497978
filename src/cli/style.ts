import { styleText } from 'node:util';
import type { CliContext } from './context.ts';

export interface Style {
  bold: (text: string) => string;
  dim: (text: string) => string;
  good: (text: string) => string;
  bad: (text: string) => string;
}

/** Whether to write colours to `stream`: on a terminal that supports them, unless disabled (https://no-color.org). */
export function wantsColor(stream: { isTTY?: boolean }, { env, argv }: Pick<CliContext, 'env' | 'argv'>): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !argv.includes('--no-color');
}

export function createStyle(enabled: boolean): Style {
  const as = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    enabled ? styleText(format, text, { validateStream: false }) : text;
  return { bold: as('bold'), dim: as('dim'), good: as('green'), bad: as('red') };
}

/** Colours a status by its outcome. The text alone carries the same information. */
export function statusStyle(style: Style): (text: string) => string {
  return (text) => {
    if (text === 'Completed') return style.good(text);
    return text === 'Failed' ? style.bad(text) : text;
  };
}
