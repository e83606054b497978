/** A page of Markdown, as far as the tests of the documentation look into it. */
import { readFile } from 'node:fs/promises';
import { anchor } from '../../../scripts/docs/markdown.ts';

export interface Page {
  path: string;
  anchors: ReadonlySet<string>;
  links: { target: string; line: number }[];
  blocks: Block[];
  /** What stands in backticks within the text. */
  mentions: { text: string; line: number }[];
}

/** What stands between fences. */
export interface Block {
  /** What follows the fence: `sh`, and perhaps more. */
  language: string;
  options: string;
  text: string;
  /** Of the first line of the text. */
  line: number;
}

export async function readPage(path: string): Promise<Page> {
  return parsePage(path, await readFile(path, 'utf8'));
}

export function parsePage(path: string, source: string): Page {
  const page = { path, anchors: new Set<string>(), links: [], blocks: [], mentions: [] } as Page & {
    anchors: Set<string>;
  };
  let open: { fence: string; block: Block } | undefined;
  for (const [index, text] of source.split('\n').entries()) {
    const [, fence, language = '', options = ''] = /^\s*(```+)\s*(\S*)\s*(.*)$/.exec(text) ?? [];
    if (open) {
      if (fence?.startsWith(open.fence) && language === '') open = undefined;
      else open.block.text += `${text}\n`;
    } else if (fence !== undefined) {
      open = { fence, block: { language, options, text: '', line: index + 2 } };
      page.blocks.push(open.block);
    } else {
      readText(page, text, index + 1);
    }
  }
  if (open) throw new Error(`${path}: a block is not closed`);
  return page;
}

function readText(page: Page & { anchors: Set<string> }, text: string, line: number): void {
  const heading = /^#+ (.*)$/.exec(text)?.[1];
  if (heading !== undefined) page.anchors.add(freeAnchor(page.anchors, anchor(heading.replaceAll(/[`\\]/g, ''))));
  for (const [, mention = ''] of text.matchAll(/`([^`]+)`/g)) page.mentions.push({ text: mention, line });
  const withoutCode = text.replaceAll(/`[^`]*`/g, '');
  for (const [, target = ''] of withoutCode.matchAll(/\]\(([^()\s]+)\)/g)) page.links.push({ target, line });
}

// GitHub numbers headings that are the same.
function freeAnchor(taken: ReadonlySet<string>, wanted: string): string {
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? wanted : `${wanted}-${count}`;
    if (!taken.has(name)) return name;
  }
}
