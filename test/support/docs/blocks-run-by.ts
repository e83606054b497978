import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readPage } from './page.ts';
import { runBy } from './run-page.ts';

const root = join(import.meta.dirname, '../../..');

interface FoundBlock {
  text: string;
  /** Its page and line. */
  place: string;
}

/** The blocks of the documentation that the comment `run by` leaves to a test file. It has to run all of them. */
export async function blocksRunBy({ filename }: ImportMeta): Promise<FoundBlock[]> {
  const file = relative(root, filename);
  const found: FoundBlock[] = [];
  for (const path of globSync(['*.md', 'docs/**/*.md', 'examples/**/README.md'], { cwd: root })) {
    const { blocks } = await readPage(join(root, path));
    for (const { text, line, marks } of blocks) {
      if (marks.get(runBy) === file) found.push({ text, place: `${path}:${line}` });
    }
  }
  return found;
}
