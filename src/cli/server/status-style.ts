import type { Style } from '../style.ts';

/** Colours a status or a state by how it went; the text itself tells the same. */
export function statusStyle(style: Style): (text: string) => string {
  return (text) => {
    if (text === 'Completed') return style.good(text);
    return text === 'Failed' ? style.bad(text) : text;
  };
}
