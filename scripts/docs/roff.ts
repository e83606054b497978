/** Renders roff for man(7). */

const special: Record<string, string> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '"': '\\(dq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '’': '\\(cq',
  '…': '...',
};

/** Escapes text, also for the arguments of macros. */
export function plain(text: string): string {
  const escaped = text
    .replaceAll(/[\\\-'"`^~’…]/g, (character) => special[character] ?? character)
    .replaceAll(/\P{ASCII}/gu, (character) => `\\[u${hex(character)}]`);
  // A line that starts with a dot is a request.
  return escaped.replace(/^\./, String.raw`\&.`);
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

/** Renders a usage line: placeholders in italics, literal words in bold. */
export function term(text: string): string {
  const parts = text.split(/([[\]<>()|,\s]+|\.\.\.)/);
  let depth = 0;
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return part === '' ? '' : depth > 0 && !part.startsWith('-') ? italic(part) : bold(part);
      depth += count(part, /[<[]/g) - count(part, /[>\]]/g);
      return plain(part.replaceAll(/[<>]/g, ''));
    })
    .join('');
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

export function section(title: string, body: string): string {
  return `.SH ${quote(title)}\n${body}`;
}

export function subsection(title: string, body: string): string {
  return `.SS ${quote(title)}\n${body}`;
}

export function paragraph(text: string): string {
  return `.PP\n${plain(text)}\n`;
}

/** @param head in roff */
export function item(head: string, text: string): string {
  return `.TP\n${head}\n${plain(text)}\n`;
}

/** Renders preformatted lines. */
export function lines(all: readonly string[]): string {
  return `.PP\n.RS 4\n.nf\n${all.map((line) => `${plain(line)}\n`).join('')}.fi\n.RE\n`;
}

export function header(title: string, date: Date, source: string): string {
  const parts = [title.toUpperCase(), '1', date.toISOString().slice(0, 10), source, 'Plan42'];
  return `.TH ${parts.map(quote).join(' ')}\n.nh\n.ad l\n`;
}

function quote(text: string): string {
  return `"${plain(text)}"`;
}
