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
  text: string;
  /** Line number of the first line of the text. */
  line: number;
  /** The text of the heading above. */
  heading: string;
  /** The comments `<!-- NAME: TEXT -->` right before the block. */
  marks: ReadonlyMap<string, string>;
}

export async function readPage(path: string): Promise<Page> {
  return parsePage(path, await readFile(path, 'utf8'));
}

export function parsePage(path: string, source: string): Page {
  const page = { path, anchors: new Set<string>(), links: [], blocks: [], mentions: [] } as Page & {
    anchors: Set<string>;
  };
  let open: { fence: string; block: Block } | undefined;
  let comment: string | undefined;
  let marks = new Map<string, string>();
  let heading = '';
  for (const [index, text] of source.split('\n').entries()) {
    const [, fence, language = ''] = /^\s*(```+)\s*(\S*).*$/.exec(text) ?? [];
    if (open) {
      if (fence?.startsWith(open.fence) && language === '') open = undefined;
      else open.block.text += `${text}\n`;
    } else if (comment !== undefined || text.startsWith('<!--')) {
      comment = comment === undefined ? text : `${comment}\n${text}`;
      const [, name, value = ''] = /^<!-- ?(?:([a-z ]+):)?\s*(.*?)\s*-->$/s.exec(comment) ?? [];
      if (name !== undefined) marks.set(name, value);
      if (text.endsWith('-->')) comment = undefined;
    } else if (fence !== undefined) {
      open = { fence, block: { language, text: '', line: index + 2, heading, marks } };
      marks = new Map();
      page.blocks.push(open.block);
    } else {
      if (text !== '') marks = new Map();
      heading = /^#+ (.*)$/.exec(text)?.[1] ?? heading;
      readText(page, text, index + 1);
    }
  }
  if (open) throw new Error(`${path}: unclosed block`);
  if (comment !== undefined) throw new Error(`${path}: unclosed comment`);
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
