import assert from 'node:assert/strict';
import { emptyEnvironmentForm, fieldOfError, readEnvironmentForm } from '../../src/web/environment-form.ts';
import { logFile, textParts } from '../../src/web/log-text.ts';
import { type MarkdownNode, readMarkdown } from '../../src/web/markdown.ts';
import { hashOf, placeOf, signInCodeOf } from '../../src/web/place.ts';
import { branchUrl, commitUrl } from '../../src/web/repo-links.ts';
import { logLine, shownLink, shownValue } from '../../src/web/shown-text.ts';
import { emptyTaskForm, formToRepeat, readTaskForm } from '../../src/web/task-form.ts';
import { clockTime, exactTime, localTime } from '../../src/web/times.ts';
import { isWaiting } from '../../src/web/turn-state.ts';
import type { Target } from '../target.ts';

const hidden = /[\p{Cc}\p{Bidi_Control}\u200b\ufeff]/u;

/** Fails if the tree has a link that must not be followed, or hidden text. */
function checkNode(node: MarkdownNode): void {
  if (typeof node === 'string') {
    assert.doesNotMatch(node.replaceAll(/[\n\t]/g, ''), hidden);
    return;
  }
  if (node.link?.href !== undefined) assert.match(node.link.href, /^https:\/\/[^@/]+(?:\/|$)/);
  for (const child of node.children) checkNode(child);
}

export const targets: readonly Target[] = [
  {
    covers: ['web/markdown.ts#readMarkdown'],
    corpus: [
      '# a\n\n- **b** `c`\n',
      '[a](https://b.c/d) <b>x</b>',
      '|a|b|\n|-|-|\n|1|2|',
      '> ```\n> &#x202e;\n',
      '//b.c/://',
    ],
    run: (text: string) => readMarkdown(text),
    check: (nodes: MarkdownNode[] | undefined) => {
      for (const node of nodes ?? []) checkNode(node);
    },
    // The blocks, and then the text in them, where each bracket may begin a link.
    passes: 4,
    maxKiB: 64,
  },
  {
    covers: ['web/log-text.ts#textParts', 'web/log-text.ts#logFile'],
    corpus: ['An ERROR\nand an error', 'İi'],
    run: (text: string) => {
      logFile([{ timestamp: text, message: text }]);
      const parts = textParts(text, text.slice(0, 3)).map(({ part }) => part);
      assert.equal(parts.join(''), text);
      return parts.length;
    },
  },
  {
    covers: ['web/repo-links.ts#branchUrl', 'web/repo-links.ts#commitUrl', 'web/turn-state.ts#isWaiting'],
    corpus: ['me/web', 'https://github.com/me/web/pull/7', 'abcdef1'],
    run: (text: string) => {
      const pull = 'https://github.com/me/web/pull/7';
      isWaiting(text);
      return [
        branchUrl('me/web', text, pull),
        commitUrl('me/web', text, pull),
        commitUrl(text, 'abcdef1', text),
      ].join();
    },
  },
  {
    covers: ['web/place.ts#placeOf', 'web/place.ts#hashOf', 'web/place.ts#signInCodeOf'],
    corpus: ['#/tasks?state=Executing&after=x', '#/tasks/a%2Fb', '#sign-in=abc', '#/runners/%E0%A4%A'],
    run: (hash: string) => {
      const place = placeOf(hash);
      if (place.view !== 'unknown' && !hash.includes('\ud800')) {
        try {
          hashOf(place);
        } catch (error) {
          // A lone surrogate has no address.
          if (!(error instanceof URIError)) throw error;
        }
      }
      return signInCodeOf(hash);
    },
    // The address of the browser. URLSearchParams of Node.js takes quadratic time.
    maxKiB: 64,
  },
  {
    covers: ['web/shown-text.ts#logLine'],
    corpus: ['\u001b[1mred\u001b[0m\ttext', 'a\u202eb'],
    run: logLine,
    check: (text: string) => {
      assert.doesNotMatch(text.replaceAll(/[\n\t]/g, ''), hidden);
      assert.ok(text.length < 100_000);
    },
  },
  {
    covers: ['web/shown-text.ts#shownLink'],
    corpus: ['https://github.com/a/b/pull/8', 'https://github.com@evil.example/x', 'javascript:alert(1)', 'http://a'],
    run: (text: string) => shownLink(text),
    check: (link: ReturnType<typeof shownLink>) => {
      if (link?.href !== undefined) assert.equal(new URL(link.href).host, link.host);
    },
  },
  {
    covers: ['web/shown-text.ts#shownValue'],
    corpus: [JSON.stringify({ Title: 'a\u202eb', List: ['\u001b[1mx'], Deep: { Text: 'x' } })],
    input: 'value',
    run: (value: unknown) => JSON.stringify(shownValue(value)),
    check: (json: string) => assert.doesNotMatch(json, hidden),
    maxGrowth: 100,
    maxKiB: 256,
  },
  {
    covers: [
      'web/environment-form.ts#readEnvironmentForm',
      'web/environment-form.ts#fieldOfError',
      'web/lines.ts#readLines',
    ],
    corpus: ['org/repo\na/b', '*.example.com:443', 'NAME', 'python:3.14'],
    run: (text: string) => {
      const variables = [{ name: text, value: text, isSecret: true }];
      const lines = { image: text, name: text, repos: text, hosts: text };
      fieldOfError(lines.hosts);
      return readEnvironmentForm({ ...emptyEnvironmentForm, ...lines, variables });
    },
  },
  {
    covers: ['web/task-form.ts#readTaskForm', 'web/task-form.ts#formToRepeat'],
    corpus: ['NAME=VALUE\nB=1', 'org/repo:main\na/b', 'python:3.14'],
    run: (text: string) => {
      const RepoInfo = { [text]: { FeatureBranch: text, TargetBranch: text } };
      formToRepeat({ Title: text, Prompt: text, EnvironmentId: text, RepoInfo });
      return readTaskForm({ ...emptyTaskForm, image: text, prompt: text, title: text, repos: text, variables: text });
    },
  },
  {
    covers: ['web/times.ts#localTime', 'web/times.ts#clockTime', 'web/times.ts#exactTime'],
    corpus: ['2026-01-02T03:04:05Z', 'x'],
    run: (text: string) => [localTime(text, new Date(0)), clockTime(text), exactTime(text)].join(''),
  },
];
