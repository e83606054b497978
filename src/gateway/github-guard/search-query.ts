/** Whether a search of GitHub can find nothing outside of the repositories that may be read. */
import { type GithubRules, mayRead, parseFullName } from './rules.ts';

/** Qualifiers that only narrow a search. Others, such as `org`, add what no `repo` names. */
const narrowing = new Set([
  ...['archived', 'assignee', 'author', 'author-date', 'author-name', 'base', 'closed', 'commenter', 'comments'],
  ...['committer', 'committer-date', 'created', 'draft', 'extension', 'filename', 'hash', 'head', 'in', 'interactions'],
  ...[
    'involves',
    'is',
    'label',
    'language',
    'linked',
    'locked',
    'mentions',
    'merge',
    'merged',
    'milestone',
    'no',
    'path',
  ],
  ...['reactions', 'reason', 'review', 'review-requested', 'reviewed-by', 'sha', 'size', 'sort', 'state', 'status'],
  ...['team-review-requested', 'type', 'updated', 'user-review-requested'],
]);

const maxLength = 1000;

/** It needs one or more `repo:OWNER/NAME`, and nothing by which a search language could combine them. */
export function isLimitedSearch(rules: GithubRules, text: string): boolean {
  if (text.length > maxLength || /[()\\]|\p{Cc}/u.test(text)) return false;
  const words = splitWords(text);
  return words.some(isRepository) && words.every((word) => isLimitedWord(rules, word));
}

const isRepository = (word: string) => /^repo:/i.test(word);

function isLimitedWord(rules: GithubRules, word: string): boolean {
  if (isRepository(word)) {
    const name = parseFullName(word.slice('repo:'.length));
    return name !== undefined && mayRead(rules, name);
  }
  // A quote within a word could end it for one reader, and begin the next.
  const [, qualifier, value = ''] = /^-?([a-z-]+):(.*)$/is.exec(word) ?? [undefined, undefined, word];
  if (/"/.test(value) && !/^"[^"]*"$/.test(value)) return false;
  if (qualifier !== undefined) return narrowing.has(qualifier.toLowerCase());
  return value.startsWith('"') || !(/:/.test(value) || /^(?:OR|AND|NOT)$/i.test(value));
}

/** Splits at white space outside of quotes. */
function splitWords(text: string): string[] {
  const parts = text.split('"');
  const words: string[] = [''];
  for (const [index, part] of parts.entries()) {
    const isQuoted = index % 2 === 1;
    const [first = '', ...others] = isQuoted
      ? [`"${part}${index < parts.length - 1 ? '"' : ''}`]
      : part.split(/[\s\p{Z}]/u);
    words.push((words.pop() ?? '') + first, ...others);
  }
  return words.filter((word) => word !== '');
}
