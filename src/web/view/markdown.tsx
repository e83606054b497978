import { type ComponentChild, createElement } from 'preact';
import { useMemo } from 'preact/hooks';
import { type MarkdownElement, type MarkdownNode, readMarkdown } from '../markdown.ts';
import { ExternalLink } from './external-link.tsx';

/** A text of an agent: as Markdown, or as plain text if it is very long. */
export function Markdown({ text }: { text: string }) {
  // The page polls, and parses a text only if it has changed.
  const nodes = useMemo(() => readMarkdown(text), [text]);
  if (nodes === undefined) return <div class="text">{text}</div>;
  return <div class="markdown">{nodes.map(render)}</div>;
}

function render(node: MarkdownNode, n: number): ComponentChild {
  if (typeof node === 'string') return node;
  const children = node.children.map(render);
  if (node.tag === 'a') return <Link key={n} element={node} />;
  // Wide tables and code have a scroll bar of their own.
  if (node.tag === 'table' || node.tag === 'pre') {
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard.
      // biome-ignore lint/a11y/useSemanticElements: a fieldset is a group of controls.
      <div key={n} class="scroll" tabIndex={0} role="group" aria-label={node.tag === 'table' ? 'Table' : 'Code'}>
        {createElement(node.tag, {}, ...children)}
      </div>
    );
  }
  const { tag, start } = node;
  return createElement(tag, { key: n, ...(start !== undefined && { start }) }, ...children);
}

function Link({ element: { link, children } }: { element: MarkdownElement }) {
  const shown = children.map(render);
  const text = children.map((child) => (typeof child === 'string' ? child : '')).join('');
  if (link === undefined) return <span>{shown}</span>;
  // A text that is the address itself shows the host already.
  const isAddress = text === link.href || URL.parse(text)?.href === link.href;
  return (
    <ExternalLink link={link} showHost={!isAddress}>
      {shown}
    </ExternalLink>
  );
}
