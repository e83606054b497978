import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../lib/errors.ts';
import { printable, printableLine, printableOutput } from '../lib/printable.ts';
import { renderJson } from './output.ts';
import { renderError } from './render-error.ts';

describe('printable', () => {
  it('removes colours and escapes other control characters', () => {
    assert.equal(printable('\x1b[1;31mred\x1b[0m'), 'red');
    assert.equal(
      printable('a\x1b]0;title\x07b\x1b[2Jc\x9b2Jd\re\x7f'),
      'a\\x1b]0;title\\x07b\\x1b[2Jc\\x9b2Jd\\x0de\\x7f',
    );
    assert.equal(printable('abc\u202egpj.exe'), 'abc\\u202egpj.exe');
  });

  it('cannot be tricked into leaving an escape sequence', () => {
    assert.equal(printable('\x1b\x1b[0m[2J').includes('\x1b'), false);
  });

  it('keeps line breaks and tabs, except on one line', () => {
    assert.equal(printable('a\r\n\tb'), 'a\n\tb');
    assert.equal(printableLine(' a\r\n\tb '), 'a b');
  });
});

describe('printableOutput', () => {
  it('shows the last state of each line, as a terminal would', () => {
    assert.equal(printableOutput('10 %\r20 %\r100 %\r\ndone\r\n'), '100 %\ndone\n');
    assert.equal(printableOutput('a long line\rshort'), 'shortg line');
    assert.equal(printableOutput('a long line\r\x1b[Kshort\r\x1b[2Ks\n'), 's\n');
    assert.equal(printableOutput('\x1b[32m1\x1b[0m\r\x07'), '\\x07');
  });

  it('takes linear time', () => {
    const text = `${'x'.repeat(200_000)}${'\ry'.repeat(200_000)}`;
    assert.equal(printableOutput(text).length, 200_000);
  });
});

describe('printable', () => {
  it('shows characters of no width, but keeps those that shape text', () => {
    assert.equal(printable('a\u200bb\ufeffc\u2060d\u{e0061}e\u00adf'), 'a\\u200bb\\ufeffc\\u2060d\\u{e0061}e\\xadf');
    assert.equal(printable('a\u200db'), 'a\\u200db');
    for (const text of ['👩‍👩‍👧', '☺\ufe0f', 'می\u200cخواهم', 'क\u094d\u200dष', 'e\u0301', 'שלום'])
      assert.equal(printable(text), text);
  });
});

describe('renderJson', () => {
  it('escapes every control character, and round-trips', () => {
    const value = { text: '\x1b[2J\x7f\x9b', title: 'a\u202eb\u200b\u{e0061}👩‍👩‍👧' };
    const json = renderJson(value);
    assert.equal(
      json,
      '{\n  "text": "\\u001b[2J\\u007f\\u009b",\n  "title": "a\\u202eb\\u200b\\udb40\\udc61👩‍👩‍👧"\n}\n',
    );
    assert.deepEqual(JSON.parse(json), value);
  });
});

describe('renderError', () => {
  it('shows what an error of another program hides', () => {
    const { text } = renderError(new UserError('a\x1b[2Jb\u202ec\u200b', { remedy: 'd\u2066' }));
    assert.equal(text, 'ERROR: a\\x1b[2Jb\\u202ec\\u200b. d\\u2066\n');
  });
});
