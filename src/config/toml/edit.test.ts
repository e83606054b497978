import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseTOML } from 'toml-eslint-parser';
import { ExitCode, UserError } from '../../lib/errors.ts';
import { type Edit, editToml } from './edit.ts';
import { outlineOf } from './outline.ts';
import { parseToml } from './parse.ts';
import { renderKey, renderValue, type TomlValue } from './render.ts';

const set = (path: string, value: TomlValue): Edit => ({ type: 'set', path: path.split('.'), value });
const unset = (path: string): Edit => ({ type: 'unset', path: path.split('.') });

describe('editToml', () => {
  const cases: [what: string, before: string, edit: Edit, after: string][] = [
    ['an empty file', '', set('runner.url', 'x'), '[runner]\nurl = "x"\n'],
    ['a value', "[runner] # r\n  url = 'a' # u\n", set('runner.url', 'b'), '[runner] # r\n  url = "b" # u\n'],
    ['the same value', "[runner]\nurl = 'a'\n", set('runner.url', 'a'), "[runner]\nurl = 'a'\n"],
    ['a new key', '[a]\n  b = 1 # b\n\n[c]\n', set('a.d', true), '[a]\n  b = 1 # b\n  d = true\n\n[c]\n'],
    ['a table without keys', '[a] # none\n[b]', set('a.k', 1), '[a] # none\nk = 1\n[b]'],
    ['the last line without line break', '[a]\nb = 1', set('a.c', 2), '[a]\nb = 1\nc = 2'],
    ['a new table', '[a]\nb = 1', set('github.my one.url', 'x'), '[a]\nb = 1\n\n[github."my one"]\nurl = "x"\n'],
    ['Windows line breaks', '[a]\r\nb = 1\r\n', set('a.c', 2), '[a]\r\nb = 1\r\nc = 2\r\n'],
    ['dotted keys', 'a.b = 1\n[c]\n', set('a.d', 2), 'a.b = 1\na.d = 2\n[c]\n'],
    ['dotted tables', 'g.a.u = 1\n[c]\n', set('g.b.u', 2), 'g.a.u = 1\ng.b.u = 2\n[c]\n'],
    ['an inline table', 'a = { b = 1 } # a\n', set('a.c', 2), 'a = { b = 1, c = 2 } # a\n'],
    ['an empty inline table', 'a = {}\n', set('a.c', 2), 'a = { c = 2 }\n'],
    ['a table in an inline one', 'g = { x = { u = 1 } }', set('g.y.u', 2), 'g = { x = { u = 1 }, y.u = 2 }'],
    ['a list', '[a]\nb = [\n  1, # one\n]\n', set('a.b', ['x', 'y"']), '[a]\nb = ["x", "y\\""]\n'],
    ['a subtable first', '[g.a]\nk = 1\n', set('g.k', 2), '[g.a]\nk = 1\n\n[g]\nk = 2\n'],
    ['removing a key', '[a]\nb = 1\nc = 2\n', unset('a.b'), '[a]\nc = 2\n'],
    ['removing a key with a comment', '[a]\n  b = 1 # why\nc = 2', unset('a.b'), '[a]\n  # why\nc = 2'],
    ['removing a missing key', '[a]\nb = 1\n', unset('a.c'), '[a]\nb = 1\n'],
    ['removing the first of an inline table', 'a = { b = 1, c = 2 }', unset('a.b'), 'a = { c = 2 }'],
    ['removing the last of an inline table', 'a = { b = 1, c = 2 }', unset('a.c'), 'a = { b = 1 }'],
    ['removing the only one of an inline table', 'a = { b = 1 }', unset('a.b'), 'a = {  }'],
    ['removing the last key of a table', '[a]\nb = 1\n\n[c]\nd = 1\n', unset('c.d'), '[a]\nb = 1\n'],
    ['the same of the first table', '[a]\nb = 1\n\n[c]\nd = 1\n', unset('a.b'), '[c]\nd = 1\n'],
    ['the same of the only one', '[a]\r\nb = 1\r\n', unset('a.b'), ''],
    ['the same with a comment', '[a] # mine\nb = 1\n', unset('a.b'), '[a] # mine\n'],
    ['the same with a comment in it', '[a]\n# mine\nb = 1\n\n[c]\n', unset('a.b'), '[a]\n# mine\n\n[c]\n'],
    ['the same with a comment above', '# mine\n[a]\nb = 1\n', unset('a.b'), '# mine\n[a]\n'],
    ['the same of a table in a table', '[g.a]\nk = 1\n[g.a.b]\nk = 2\n', unset('g.a.k'), '[g.a.b]\nk = 2\n'],
    [
      'removing a table',
      '[a]\nb = 1\n\n# mine\n[g.x] # x\nu = 1\n[g.x.y]\nk = 2\n\n[c]\nd = 1\n',
      unset('g.x'),
      '[a]\nb = 1\n\n# mine\n# x\n\n[c]\nd = 1\n',
    ],
    ['removing a table and the line above', '[a]\nb = 1\n\n[g.x]\nu = 1\n', unset('g.x'), '[a]\nb = 1\n'],
    ['removing a dotted table', 'g.x.u = 1\ng.x.v = 2\ng.y.u = 3\n', unset('g.x'), 'g.y.u = 3\n'],
  ];
  for (const [what, before, edit, after] of cases) {
    it(what, () => {
      assert.equal(editToml(before, [edit]), after);
      assert.equal(editToml(after, [edit]), after, 'again');
    });
  }

  it('applies several edits in order', () => {
    const edits = [set('a.b', 1), set('a.c', 2), unset('a.b'), set('d.e', 3)];
    assert.equal(editToml('', edits), '[a]\nc = 2\n\n[d]\ne = 3\n');
  });

  it('rejects edits that the file leaves no place for', () => {
    const refused: [string, Edit, RegExp][] = [
      ['a = 1\n', set('a.b', 2), /^a is not a table$/],
      ['[[g]]\nk = 1\n', set('g.x', 2), /^g is not a table$/],
      ['[a.b]\nc = 1\n', set('a.b', 2), /^cannot edit a\.b the way/],
      ['', set('a', 1), /^cannot edit a the way/],
    ];
    for (const [source, edit, message] of refused) {
      assert.throws(
        () => editToml(source, [edit]),
        (error) =>
          error instanceof UserError && message.test(error.message) && error.exitCode === ExitCode.configuration,
      );
    }
  });

  it('preserves comments and other values, and is idempotent', () => {
    fc.assert(
      fc.property(file, editOf, (source, edit) => {
        const after = tryEdit(source, edit);
        fc.pre(after !== undefined);
        assert.deepEqual(commentsOf(after), commentsOf(source));
        assert.deepEqual(othersOf(after, edit.path), othersOf(source, edit.path));
        assert.equal(editToml(after, [edit]), after, 'idempotent');
        if (edit.type === 'unset') return;
        const value = edit.path.reduce<unknown>(
          (table, name) => (table as Record<string, unknown>)[name],
          parseToml(after).values,
        );
        assert.deepEqual(value, edit.value);
      }),
      { numRuns: 1500 },
    );
  });

  it('writes any text and any name so that it round-trips', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(text, text, (name, value) => {
        fc.pre(name !== '__proto__');
        const { values } = parseToml(`${renderKey([name])} = ${renderValue(value)}\n`);
        assert.deepEqual(Object.entries(values), [[name.toWellFormed(), value.toWellFormed()]]);
      }),
    );
  });
});

function tryEdit(source: string, edit: Edit): string | undefined {
  try {
    return editToml(source, [edit]);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

const commentsOf = (source: string) => parseTOML(source, { tomlVersion: '1.0' }).comments.map(({ value }) => value);

/** Path and text of every value that the edit is not about. */
function othersOf(source: string, path: readonly string[]): [string, string][] {
  return outlineOf(source)
    .entries.filter((entry) => !source.slice(entry.value.start).startsWith('{'))
    .filter((entry) => !path.every((name, index) => entry.path[index] === name))
    .map((entry): [string, string] => [renderKey(entry.path), source.slice(entry.value.start, entry.value.end)])
    .toSorted(([a], [b]) => a.localeCompare(b));
}

const name = fc.constantFrom('a', 'b', 'c', 'my name', 'x.y', '');
const scalar = fc.constantFrom('1', '"t"', "'l # l'", 'true', '1979-05-27', '0.5', '[1, 2]', '"""m\n# m"""', '0x1F');
const value = fc.oneof(
  scalar,
  fc
    .uniqueArray(fc.tuple(name, scalar), { selector: ([key]) => key, maxLength: 3 })
    .map((pairs) => `{ ${pairs.map(([key, v]) => `${renderKey([key])} = ${v.replace(/^""".*/s, '1')}`).join(', ')} }`),
);
const comment = fc.constantFrom('', ' # c', '# d', '\t# é😀 "');
const path = fc.array(name, { minLength: 1, maxLength: 3 });
const line = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('', '  '), path, value, comment)
      .map(([indent, key, v, c]) => `${indent}${renderKey(key)} = ${v}${c}`),
  },
  { weight: 2, arbitrary: fc.tuple(path, comment).map(([key, c]) => `[${renderKey(key)}]${c}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '# alone', '  # indented') },
);
/** Only files that are TOML: lines that contradict those before them are left out. */
const file = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(([lines, br, ends]) => {
    const kept: string[] = [];
    for (const next of lines) {
      kept.push(next.replaceAll('\n', br));
      if (!isToml(kept.join(br))) kept.pop();
    }
    return kept.join(br) + (ends ? br : '');
  });
const isToml = (text: string) => {
  try {
    parseToml(text);
    return true;
  } catch {
    return false;
  }
};
const editPath = fc.array(name, { minLength: 2, maxLength: 3 });
const newValue = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.array(fc.string(), { maxLength: 2 }));
const editOf: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ type: fc.constant('set' as const), path: editPath, value: newValue }),
  fc.record({ type: fc.constant('unset' as const), path: editPath }),
);

it('a file with a byte order mark can be edited', () => {
  const edits = [{ type: 'set', path: ['jobs', 'max_jobs'], value: 2 }] as const;
  assert.equal(editToml('\ufeff[jobs]\nmax_jobs = 1\n', edits), '\ufeff[jobs]\nmax_jobs = 2\n');
});

it('a file that is nested too deeply is rejected', () => {
  for (const depth of [60, 100_000]) {
    const text = `a = ${'['.repeat(depth)}${']'.repeat(depth)}\n`;
    assert.throws(() => editToml(text, []) === text && parseToml(text), /nested deeper than 50 levels/);
  }
});
