import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Block, readPage } from './page.ts';
import { runBy } from './run-page.ts';

const root = join(import.meta.dirname, '../../..');

/** The blocks of the documentation that the comment `run by` leaves to a test file. It has to run all of them. */
export async function blocksRunBy({ filename }: ImportMeta): Promise<(Block & { path: string })[]> {
  const file = relative(root, filename);
  const found: (Block & { path: string })[] = [];
  for (const path of globSync(['*.md', 'docs/**/*.md', 'examples/**/README.md'], { cwd: root })) {
    const { blocks } = await readPage(join(root, path));
    found.push(...blocks.filter(({ marks }) => marks.get(runBy) === file).map((block) => ({ ...block, path })));
  }
  return found;
}
