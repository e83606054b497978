import assert from 'node:assert/strict';
import { requireUsable } from '../../src/cli/runner/config/require-usable.ts';
import { mistakesNote } from '../../src/config/edit-file.ts';
import { allSettings, collectionOf, findSetting, namedTable } from '../../src/config/find-setting.ts';
import { InvalidValue } from '../../src/config/kinds.ts';
import { parseConfig, renderProblem } from '../../src/config/parse.ts';
import { credentialFields, priceFields, tables } from '../../src/config/schema.ts';
import { editToml } from '../../src/config/toml/edit.ts';
import { parseKey } from '../../src/config/toml/key.ts';
import { outlineOf } from '../../src/config/toml/outline.ts';
import { isTable, parseToml, TomlSyntaxError } from '../../src/config/toml/parse.ts';
import { renderKey } from '../../src/config/toml/render.ts';
import { changeOfUrl, editSettings } from '../../src/config/url-change.ts';
import { UserError } from '../../src/lib/errors.ts';
import type { Target } from '../target.ts';

const toml = `# a comment
[runner]
url = "https://api.example.com" # here
token = 'p42r_x'

[jobs]
max_jobs = 5
limits = { memory = "4g", cpus = 1.5 }

[[other]]
list = [
  "a", # one
  1979-05-27T07:32:00Z,
]

[github."a.b"]
url = """https://
github.com"""
`;

export const targets: readonly Target[] = [
  {
    covers: [
      'config/toml/parse.ts#parseToml',
      'config/toml/parse.ts#isTable',
      'config/toml/outline.ts#outlineOf',
      'config/toml/duplicate-key.ts#explainDuplicate',
      'config/toml/duplicate-key.ts#isDuplicate',
      'config/toml/explain-syntax.ts#explainSyntax',
    ],
    corpus: [toml],
    run: (text: string) => [isTable(parseToml(text).values), outlineOf(text)],
    errors: [TomlSyntaxError],
    // The user's own file, read by the parser of a library.
    baseMs: 2000,
    maxKiB: 16,
  },
  {
    covers: ['config/parse.ts#parseConfig', 'config/parse.ts#renderProblem', 'config/edit-file.ts#mistakesNote'],
    corpus: [toml, '[runner]\nurl = 5\nurll = ""\n'],
    run: (text: string) => {
      const { problems } = parseConfig({ file: text, env: {}, flags: new Map([['jobs.max_jobs', text.slice(0, 99)]]) });
      const lines = problems.map((problem) => renderProblem('/etc/plan42-runner.toml', problem));
      return [...lines, lines.length > 0 ? mistakesNote(lines) : ''].join('\n');
    },
    maxGrowth: 400,
    baseMs: 2000,
    maxKiB: 16,
  },
  {
    covers: ['cli/runner/config/require-usable.ts#requireUsable'],
    corpus: [toml, '[runner.model_mappings."a b"]\nmodel = "m"\n[limits.prices.x]\ninput = 1\n'],
    run: (text: string) => {
      const assignments = [{ setting: findSetting('jobs.max_jobs'), text }];
      requireUsable({ path: '/a.toml', content: undefined }, text, {}, { type: 'set', assignments });
      return 'usable';
    },
    errors: [UserError],
    maxGrowth: 400,
    baseMs: 2000,
    maxKiB: 16,
  },
  {
    covers: ['config/toml/edit.ts#editToml', 'config/url-change.ts#changeOfUrl', 'config/url-change.ts#editSettings'],
    corpus: [toml],
    run: (text: string) => {
      const path = ['runner', 'url'];
      const edits = [
        { type: 'set', path, value: text.slice(0, 100) } as const,
        { type: 'unset', path: ['jobs', 'max_jobs'] } as const,
      ];
      return [changeOfUrl(text, edits), editToml(text, edits), editSettings(text, edits)];
    },
    errors: [TomlSyntaxError, UserError],
    check: ([, edited]: [unknown, string], text: string) =>
      assert.ok(edited.includes(text.split('\n')[0]?.startsWith('# a comment') ? '# a comment' : '')),
    baseMs: 2000,
    maxKiB: 16,
  },
  {
    covers: [
      'config/find-setting.ts#findSetting',
      'config/find-setting.ts#namedTable',
      'config/find-setting.ts#collectionOf',
      'config/find-setting.ts#allSettings',
      'config/toml/key.ts#parseKey',
      'config/toml/render.ts#renderKey',
    ],
    corpus: [
      'runner.url',
      'github.a.token',
      'github."a.b".url',
      'jobs',
      'limits.prices."a.b".input',
      'credentials.a.hosts',
      `runner.model_mappings.'GPT-5.1 Codex'."provider"`,
    ],
    run: (text: string) => {
      // Every name can be written as a key.
      if (text !== '__proto__') assert.deepEqual(parseKey(renderKey([text, 'a'])), [text.toWellFormed(), 'a']);
      allSettings({ github: [text] });
      return [findSetting(text).name, namedTable(text), collectionOf(text)];
    },
    errors: [UserError],
    // A name in quotes is parsed as TOML.
    baseMs: 1000,
    maxKiB: 16,
  },
  {
    // Every kind of value, read from an environment variable or a flag.
    covers: [
      'config/kinds.ts#number',
      'config/kinds.ts#duration',
      'config/kinds.ts#choice',
      'config/kinds.ts#list',
      'config/kinds.ts#parseAddress',
      'config/credentials.ts#parseCredentialHost',
      'config/models.ts#parseModelHost',
      'config/mounts.ts#parseMount',
      'config/variables.ts#parseVariable',
    ],
    corpus: [
      '/a:/b:ro,z',
      '["~/a:/b:rw", "/c:/d"]',
      'NAME=value, OTHER',
      '1h30m',
      '500ms',
      '["a", "b"]',
      'a, b',
      '127.0.0.1:9142',
      'https://x.example.com/a',
      '/abs/path',
      'yes',
      '1e3',
    ],
    run: (text: string) =>
      Object.values({ ...tables, credentialFields, priceFields }).flatMap((fields) =>
        Object.values(fields as Record<string, { kind: { fromText: (text: string) => unknown } }>).map(({ kind }) => {
          try {
            return kind.fromText(text);
          } catch (error) {
            if (error instanceof InvalidValue) return error.message.length;
            throw error;
          }
        }),
      ),
    passes: 34,
    maxKiB: 128,
  },
];
