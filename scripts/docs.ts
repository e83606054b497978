/** Writes the generated pages of docs/, and the man pages to dist/man. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './build/bundle.ts';
import { buildInfo } from './build/version.ts';
import { renderManPages } from './docs/man-pages.ts';
import { pages } from './docs/pages.ts';

await mkdir(join(root, 'docs/reference'), { recursive: true });
for (const { path, render } of pages) await writeFile(path, render());

const man = join(root, 'dist/man');
await mkdir(man, { recursive: true });
const { version, commitTime } = await buildInfo(root);
for (const [name, text] of renderManPages({ version, date: new Date(commitTime * 1000) }))
  await writeFile(join(man, name), text);
