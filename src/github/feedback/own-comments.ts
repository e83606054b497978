const mark = '<!-- event-horizon';

/** Whether Plan42 itself wrote the comment: one of its accounts, with its marker at the beginning. */
export function isOwnComment({
  author,
  body,
}: {
  author?: { login: string } | null | undefined;
  body: string;
}): boolean {
  if (!author?.login.toLowerCase().startsWith('plan42')) return false;
  return unescapeHtml(body).startsWith(mark);
}

// The entities of the marker's characters and of the ampersand.
const entities: Record<string, string> = { lt: '<', LT: '<', excl: '!', amp: '&', AMP: '&' };

function unescapeHtml(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+);?|#(\d+);?|(lt|amp);?|(\w+);)/gi, (all, hex, decimal, old, name) => {
    if (hex !== undefined) return fromCode(Number.parseInt(hex as string, 16), all);
    if (decimal !== undefined) return fromCode(Number(decimal), all);
    return entities[(old ?? name) as string] ?? all;
  });
}

function fromCode(code: number, otherwise: string): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : otherwise;
}
