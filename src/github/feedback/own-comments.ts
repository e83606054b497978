const mark = '<!-- event-horizon';

/** Whether Plan42 itself wrote this: one of its accounts, with its mark at the beginning. */
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

// Those that the mark's characters have, and the ampersand's, which must not make one of what follows it.
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
