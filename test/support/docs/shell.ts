/** Parses the shell syntax that the documentation uses: quotes, pipes, substitutions, comments. */

/** Returns the words of each simple command, without assignments and redirections. */
export function shellCommands(text: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  let isTarget = false;
  const endWord = () => {
    if (word !== undefined && !isTarget && !(words.length === 0 && /^\w+=/.test(word))) words.push(word);
    if (word !== undefined) isTarget = false;
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const token = nextToken(rest, word === undefined);
    at += token.length;
    if (token.kind === 'space') endWord();
    else if (token.kind === 'end') endCommand();
    else if (token.kind === 'redirection') {
      // A digit right before it is a file descriptor.
      if (word !== undefined && /^\d$/.test(word)) word = undefined;
      endWord();
      isTarget = !/&\d$/.test(token.text);
    } else if (token.kind === 'text') word = (word ?? '') + token.text;
    for (const inner of token.inner) commands.push(...shellCommands(inner));
  }
  endCommand();
  return commands;
}

interface Token {
  kind: 'space' | 'end' | 'redirection' | 'text' | 'nothing';
  length: number;
  text: string;
  /** Commands in substitutions. */
  inner: string[];
}

function nextToken(rest: string, atWordStart: boolean): Token {
  const token = (kind: Token['kind'], length: number, text = '', inner: string[] = []) => ({
    kind,
    length,
    text,
    inner,
  });
  const match = (pattern: RegExp) => pattern.exec(rest)?.[0];
  const found = match(/^\\\n/);
  if (found !== undefined) return token('nothing', found.length);
  const comment = atWordStart ? match(/^#[^\n]*/) : undefined;
  if (comment !== undefined) return token('nothing', comment.length);
  const space = match(/^[ \t]+/);
  if (space !== undefined) return token('space', space.length);
  if (rest.startsWith('$(') || rest.startsWith('<(')) {
    const inner = untilParenthesis(rest.slice(2));
    return token('text', inner.length + 3, 'SUBSTITUTION', [inner]);
  }
  const end = match(/^(\n|&&|\|\|?|;|&|[()])/);
  if (end !== undefined) return token('end', end.length);
  const redirection = match(/^(>>?|<)(&\d)?/);
  if (redirection !== undefined) return token('redirection', redirection.length, redirection);
  const single = match(/^'[^']*'/);
  if (single !== undefined) return token('text', single.length, single.slice(1, -1));
  const double = match(/^"(\\.|\$\([^)]*\)|[^"\\])*"/s);
  if (double !== undefined) {
    const inner = [...double.matchAll(/\$\(([^)]*)\)/g)].map(([, command = '']) => command);
    return token('text', double.length, double.slice(1, -1), inner);
  }
  const escaped = match(/^\\./);
  return token('text', escaped?.length ?? 1, escaped?.slice(1) ?? rest.slice(0, 1));
}

function untilParenthesis(text: string): string {
  let depth = 1;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (depth === 0) return text.slice(0, at);
  }
  throw new Error(`unclosed parenthesis: ${text}`);
}
