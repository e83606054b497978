/** Words that read as if translated, each with what to write instead. See the glossary in docs/contributing.md. */
import { extname } from 'node:path';

export interface Finding {
  line: number;
  found: string;
  remedy: string;
}

const replacements = new Map([
  ['nobody', 'no one, unmanaged, or name the actor'],
  ['somebody', 'name the actor: you, a user, another process'],
  ['someone', 'name the actor: you, a user, another process'],
  ['whoever', 'name the actor: a client, a caller, a process that'],
  ['told', 'reported, returned, responded, notified'],
  ['anew', 'again, re-created, reconnecting'],
  ['for ever', 'indefinitely, or retryForever'],
  ['for want of', 'because X is missing, out of X'],
  ['by itself', 'automatically, alone, on its own'],
]);

const words = new RegExp(
  String.raw`\b(${[...replacements.keys()].join('|').replaceAll(' ', String.raw`\s+`)})\b`,
  'gi',
);
const remedy = 'a whole sentence, or "Returns …", "Empty if …"';
const openings = /(?:\/\/|\/\*\*?|^\s*\*|^\s*#)\s+(Of the|Of an?|What)\b/;
const withComments = new Set(['.ts', '.tsx', '.js', '.css', '.sh', '.yml', '.go']);

// Quotations: the phrase may stand in this file, nowhere else.
const allowed: readonly { file: string; phrase: RegExp }[] = [
  { file: 'scripts/lint/marker-words.ts', phrase: /^ {2}\['.*$/gm },
  { file: 'test/lint.test.ts', phrase: /^ {2}'.*$/gm },
  // The left column of the glossary.
  { file: 'docs/contributing.md', phrase: /^\| [^|]* \|/gm },
];

export function findMarkerWords(file: string, source: string): Finding[] {
  const text = allowed
    .filter((one) => one.file === file)
    .reduce((rest, { phrase }) => rest.replaceAll(phrase, ''), source);
  return text.split('\n').flatMap((content, index) => {
    const line = index + 1;
    const inLine = [...content.matchAll(words)].map(([found]) => ({ line, found, remedy: remedyFor(found) }));
    const opening = withComments.has(extname(file)) ? openings.exec(content)?.[1] : undefined;
    return opening === undefined
      ? inLine
      : inLine.concat({ line, found: `comment that starts with "${opening}"`, remedy });
  });
}

function remedyFor(found: string): string {
  return replacements.get(found.toLowerCase().replaceAll(/\s+/g, ' ')) ?? '';
}
