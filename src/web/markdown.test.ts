import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MarkdownNode, readMarkdown } from './markdown.ts';

/** Writes the tree as markup, with the links that can be followed. */
function shown(text: string): string {
  const write = (node: MarkdownNode): string => {
    if (typeof node === 'string') return node;
    const { tag, link, start, children } = node;
    const attributes = `${link?.href ? ` ${link.href}` : ''}${start === undefined ? '' : ` ${start}`}`;
    return `<${tag}${attributes}>${children.map(write).join('')}</${tag}>`;
  };
  return (readMarkdown(text) ?? []).map(write).join('');
}

test('paragraphs, emphasis, code and lists', () => {
  assert.equal(
    shown('Fixed **it**, _really_ ~~not~~.\nSee `a.ts`.'),
    '<p>Fixed <strong>it</strong>, <em>really</em> <s>not</s>.<br></br>See <code>a.ts</code>.</p>',
  );
  assert.equal(shown('- a\n- b\n  1. c'), '<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>');
  assert.equal(shown('3. a\n\n4. b'), '<ol 3><li><p>a</p></li><li><p>b</p></li></ol>');
  assert.equal(shown('```ts\na <b>\n```\n> q\n\n---'), '<pre>a <b></pre><blockquote><p>q</p></blockquote><hr></hr>');
  assert.equal(
    shown('|a|b|\n|-|-|\n|1|2|'),
    '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>',
  );
});

test('headings leave no gap', () => {
  assert.equal(shown('## a\n#### b\n# c\n### d'), '<h4>a</h4><h5>b</h5><h4>c</h4><h5>d</h5>');
});

test('HTML is text', () => {
  const evil = '<img src=x onerror="alert(1)"> <script>alert(2)</script>';
  assert.equal(shown(evil), `<p>${evil}</p>`);
  assert.equal(shown('<div>\n**a**\n</div>'), '<p><div><br></br><strong>a</strong><br></br></div></p>');
});

test('only https links can be followed, and images become links', () => {
  assert.equal(shown('[a](https://example.com/b)'), '<p><a https://example.com/b>a</a></p>');
  assert.equal(shown('See https://example.com/b.'), '<p>See <a https://example.com/b>https://example.com/b</a>.</p>');
  assert.equal(shown('![logo](https://example.com/i.png)'), '<p><a https://example.com/i.png>logo</a></p>');
  for (const text of ['[a](http://example.com)', '[a](docs/x.md)', '[a](https://user:pw@example.com)']) {
    assert.equal(shown(text), '<p><a>a</a></p>', text);
  }
  for (const text of ['[a](javascript:alert(1))', '[a](data:text/html,x)']) assert.equal(shown(text), `<p>${text}</p>`);
  const unlinked = 'agent.ts, me@example.com, mailto:me@example.com, //example.com and ftp://example.com';
  assert.equal(shown(unlinked), `<p>${unlinked}</p>`);
});

test('character references cannot hide or reverse text', () => {
  assert.equal(shown('a&#x202e;b&#27;[2J `&#x202e;` &amp;'), '<p>a\\u202eb�[2J <code>&#x202e;</code> &</p>');
});

test('hostile texts are read, and too long ones are not', () => {
  for (const part of ['>', '[', '![[', '**a *b ', '~a~~', '- ', '`', '|a', '&#x', 'a.', '  - a\n']) {
    assert.ok(readMarkdown(part.repeat(20_000 / part.length)));
  }
  assert.equal(readMarkdown('a'.repeat(200_001)), undefined);
});
