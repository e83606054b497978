/** Parses the parts of a Markdown page that the tests of the documentation check. */
import { readFile } from 'node:fs/promises';
import { anchor } from '../../../scripts/docs/markdown.ts';

export interface Page {
  path: string;
  anchors: ReadonlySet<string>;
  links: { target: string; line: number }[];
  blocks: Block[];
  /** Text in backticks outside blocks. */
  mentions: { text: string; line: number }[];
}

/** A fenced block. */
export interface Block {
  /** The first word after the fence, such as `sh`. */
  language: string;
  options: string;
  text: string;
  /** Line number of the first line of the text. */
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
  if (open) throw new Error(`${path}: unclosed block`);
  return page;
}

function readText(page: Page & { anchors: Set<string> }, text: string, line: number): void {
  const heading = /^#+ (.*)$/.exec(text)?.[1];
  if (heading !== undefined) page.anchors.add(freeAnchor(page.anchors, anchor(heading.replaceAll(/[`\\]/g, ''))));
  for (const [, mention = ''] of text.matchAll(/`([^`]+)`/g)) page.mentions.push({ text: mention, line });
  const withoutCode = text.replaceAll(/`[^`]*`/g, '');
  for (const [, target = ''] of withoutCode.matchAll(/\]\(([^()\s]+)\)/g)) page.links.push({ target, line });
}

// GitHub numbers equal headings.
function freeAnchor(taken: ReadonlySet<string>, wanted: string): string {
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? wanted : `${wanted}-${count}`;
    if (!taken.has(name)) return name;
  }
}
