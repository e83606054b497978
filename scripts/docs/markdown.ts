/** Text as Markdown. */

export function plain(text: string): string {
  return text.replaceAll(/[\\`*_<>[\]|]/g, String.raw`\$&`);
}

/** @param text without backticks */
export function code(text: string): string {
  return `\`${text}\``;
}

export function fence(language: string, lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.join('\n')}\n\`\`\`\n`;
}

/** Cells are Markdown already; in a table even code needs its pipes escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapePipes).join(' | ')} |\n`;
  return [line(head), `|${'---|'.repeat(head.length)}\n`, ...rows.map(line)].join('');
}

function escapePipes(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, String.raw`\|`);
}

/** The anchor that GitHub gives a heading. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

export const generatedNote =
  '<!-- Written by "make docs" from the definitions in the code: what is changed here by hand is lost. -->\n';
