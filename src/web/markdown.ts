import MarkdownIt, { type Token } from 'markdown-it';
import { printable } from '../lib/printable.ts';
import { type ShownLink, shownLink } from './shown-text.ts';

const tags = [
  'p',
  'h4',
  'h5',
  'h6',
  'ul',
  'ol',
  'li',
  'blockquote',
  'pre',
  'code',
  'strong',
  'em',
  's',
  'a',
  'br',
  'hr',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
] as const;
export type MarkdownTag = (typeof tags)[number];

/** Text, or one of a few elements. There is no way to write another element or an attribute. */
export type MarkdownNode = string | MarkdownElement;
export interface MarkdownElement {
  tag: MarkdownTag;
  children: MarkdownNode[];
  /** Only an `a` has it. */
  link?: ShownLink;
  /** The first number of an `ol`. */
  start?: number;
}

// HTML stays text. Nesting is limited, because the result is walked recursively.
const parser = new MarkdownIt({ html: false, linkify: true, breaks: true, maxNesting: 50 });
// Only what has a scheme: `agent.ts` is no address. Only https becomes a link, and finding `//` takes quadratic time.
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
for (const scheme of ['//', 'ftp:', 'mailto:']) parser.linkify.add(scheme, null);

// A browser needs seconds to lay out more.
const maxCharacters = 200_000;

/** Reads what an agent wrote. Returns undefined if it is too long to be shown as anything but plain text. */
export function readMarkdown(text: string): MarkdownNode[] | undefined {
  if (text.length > maxCharacters) return undefined;
  return build(parser.parse(text, {}), headingLevels());
}

type LevelOf = (tag: string) => MarkdownTag;

/** Builds the tree of a list of tokens. What it does not know becomes text. */
function build(tokens: readonly Token[], levelOf: LevelOf): MarkdownNode[] {
  const root: MarkdownNode[] = [];
  const open = [root];
  for (const token of tokens) {
    const siblings = open.at(-1) ?? root;
    if (token.nesting === 1) {
      const element = elementOf(token, levelOf);
      // A paragraph of a compact list has no element.
      if (element === undefined) open.push(siblings);
      else {
        siblings.push(element);
        open.push(element.children);
      }
    } else if (token.nesting === -1) open.pop();
    else siblings.push(...leavesOf(token, levelOf));
  }
  return root;
}

function elementOf(token: Token, levelOf: LevelOf): MarkdownElement | undefined {
  if (token.hidden) return undefined;
  if (token.type === 'heading_open') return { tag: levelOf(token.tag), children: [] };
  const tag = tags.find((each) => each === token.tag);
  if (tag === undefined) return undefined;
  if (tag === 'a') return linkTo(String(token.attrGet('href') ?? ''), []);
  const start = Number(token.attrGet('start') ?? 1);
  return { tag, children: [], ...(tag === 'ol' && start !== 1 && { start }) };
}

function leavesOf(token: Token, levelOf: LevelOf): MarkdownNode[] {
  switch (token.type) {
    case 'inline':
      return build(token.children ?? [], levelOf);
    case 'code_inline':
      return [{ tag: 'code', children: [printable(token.content)] }];
    case 'fence':
    case 'code_block':
      return [{ tag: 'pre', children: [printable(token.content.replace(/\n$/, ''))] }];
    case 'softbreak':
    case 'hardbreak':
      return [{ tag: 'br', children: [] }];
    case 'hr':
      return [{ tag: 'hr', children: [] }];
    // The page loads nothing from other servers.
    case 'image':
      return [linkTo(String(token.attrGet('src') ?? ''), [printable(token.content) || 'image'])];
    default:
      // Character references such as &#x202e; are decoded by now.
      return token.content === '' ? [] : [printable(token.content)];
  }
}

function linkTo(url: string, children: MarkdownNode[]): MarkdownElement {
  const link = shownLink(url);
  return { tag: 'a', children, ...(link && { link }) };
}

/** Headings continue the page's own, without a gap: the highest of a text is an `h4`. */
function headingLevels(): LevelOf {
  const above: number[] = [];
  return (tag) => {
    const level = Number(tag.slice(1));
    while ((above.at(-1) ?? 0) >= level) above.pop();
    above.push(level);
    return (['h4', 'h5', 'h6'] as const)[above.length - 1] ?? 'h6';
  };
}
