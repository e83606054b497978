/** The form of pages that people write: prose wraps, and a decision is short. */
import type { Finding } from './marker-words.ts';

const maxColumns = 100;
const maxDecisionWords = 400;

// Written by "make docs".
const isGenerated = (file: string) => file.startsWith('docs/reference/') || file === 'docs/configuration-screen.md';

export function findLongProse(file: string, source: string): Finding[] {
  if (!file.endsWith('.md') || isGenerated(file)) return [];
  let isCode = false;
  return source.split('\n').flatMap((content, index) => {
    const isFence = /^\s*```/.test(content);
    if (isFence) isCode = !isCode;
    if (isCode || isFence || /^(\||#|\[[^\]]+\]: )/.test(content)) return [];
    // An address can't be wrapped.
    const columns = content.replaceAll(/\]\([^)]*\)/g, ']()').length;
    if (columns <= maxColumns) return [];
    return [{ line: index + 1, found: `${columns} columns`, remedy: `wrap at ${maxColumns}` }];
  });
}

export function findLongDecision(file: string, source: string): Finding[] {
  if (!file.startsWith('docs/decisions/')) return [];
  const count = source.split(/\s+/).filter((word) => /\w/.test(word)).length;
  if (count <= maxDecisionWords) return [];
  return [{ line: 1, found: `${count} words`, remedy: `a decision has at most ${maxDecisionWords}` }];
}
