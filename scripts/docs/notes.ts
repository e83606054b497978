/** Parses the text below a command's options into paragraphs, lists and preformatted lines. */

export type Note =
  | { kind: 'text'; text: string }
  | { kind: 'list'; title: string; items: string[] }
  /** Examples of commands, each with its comment after a `#`, or other preformatted lines. */
  | { kind: 'lines'; title: string; isShell: boolean; lines: string[] };

/** @param text as shown in a terminal: indented lines belong to the line before them */
export function parseNotes(text: string): Note[] {
  const notes: Note[] = [];
  for (const part of text.split(/\n\s*\n/)) {
    const lines = part.split('\n').filter((line) => line !== '');
    for (let from = 0; from < lines.length; ) {
      const indented = lines.findIndex((line, index) => index >= from && line.startsWith('  '));
      const textEnd = indented === -1 ? lines.length : indented;
      const paragraph = lines.slice(from, textEnd).join(' ');
      const after = lines.findIndex((line, index) => index >= textEnd && !line.startsWith('  '));
      const blockEnd = after === -1 ? lines.length : after;
      const block = lines.slice(textEnd, blockEnd).map((line) => line.slice(2));
      notes.push(block.length === 0 ? { kind: 'text', text: paragraph } : blockOf(paragraph, block));
      from = blockEnd;
    }
  }
  return notes;
}

function blockOf(title: string, lines: string[]): Note {
  if (lines.every((line) => line.startsWith('- ')))
    return { kind: 'list', title, items: lines.map((line) => line.slice(2)) };
  const isShell = lines.some((line) => /\bplan42\b/.test(line));
  return { kind: 'lines', title, isShell, lines: isShell ? lines.map(withComment) : lines };
}

// The help separates a command from its description by spaces.
function withComment(line: string): string {
  return line.replace(/^(\S.*?)( {2,})(?=[^ #])/, (_, command: string, gap: string) => `${command}${gap}# `);
}

/** Returns true for the list of settings, which the documents render separately. */
export function isSettings(note: Note): boolean {
  return note.kind === 'lines' && note.title === 'Settings for --set:';
}
