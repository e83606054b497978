import assert from 'node:assert/strict';
import { displayWidth, truncate, wrapWords } from '../../src/lib/display-width.ts';
import { errorCode, formatError, UserError } from '../../src/lib/errors.ts';
import { JsonError, parseJson, requireBoundedJson, tryParseJson } from '../../src/lib/json.ts';
import { createLogger } from '../../src/lib/logger.ts';
import { isLoopback } from '../../src/lib/loopback.ts';
import { parseLossless } from '../../src/lib/lossless-json.ts';
import { parseMountTable } from '../../src/lib/mount-table.ts';
import { nearest } from '../../src/lib/nearest.ts';
import {
  escapeHidden,
  escapeHiddenInLines,
  maskHidden,
  printable,
  printableLine,
  printableOutput,
} from '../../src/lib/printable.ts';
import { BodyTooLargeError, readBytes, readText } from '../../src/lib/read-body.ts';
import { endsInsidePrivateKey, redact } from '../../src/lib/redact.ts';
import { shellQuote } from '../../src/lib/shell-quote.ts';
import { inSources } from '../../src/lib/source-positions.ts';
import { trimEnd } from '../../src/lib/trim-end.ts';
import { isUuid, isUuidV4 } from '../../src/lib/uuid.ts';
import type { Target } from '../target.ts';

const json = ['{"a":[1,"x",{"b":null}],"c":12345678901234567890,"d":1.0}', '[]', '"\\u0000\\ud83d\\ude00"'];
const secret = 'QqzZ'.repeat(10);
const secrets = [
  `\u001b[1mghp_${secret} %20ghp_${secret} token_github_pat_${secret}`,
  `p42r_eyJ${secret}.eyJ${secret}.${secret} eyJ${secret}.${secret}.${secret}`,
  `https://user:${secret}@example.com/?access_token=${secret}#x`,
  `-----BEGIN EC PRIVATE KEY-----\n${secret}\n${secret}\n-----END EC PRIVATE KEY-----`,
  `Authorization: Bearer a1${secret}, sk-ant-api03-${secret} sk-${secret} xoxb-1-${secret} glpat-${secret}`,
  `npm_${secret} AIza${secret}`,
];
const hidden = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b\ufeff]/u;

async function* inChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 8192) yield await Promise.resolve(bytes.subarray(at, at + 8192));
}

function logged(value: unknown): string {
  let lines = '';
  for (const format of ['text', 'json'] as const) {
    const logger = createLogger({ level: 'info', format, write: (line) => (lines += line) });
    logger.info('event', { value, error: new Error(JSON.stringify(value)?.slice(0, 10_000)) });
  }
  return lines;
}

export const targets: readonly Target[] = [
  {
    covers: ['lib/redact.ts#redact', 'lib/redact.ts#endsInsidePrivateKey'],
    corpus: secrets,
    run: (text: string) => (endsInsidePrivateKey(text) ? redact(text) : redact(text)),
    check: (clean: string) => assert.equal(redact(clean), clean, 'redacting twice changes the text'),
  },
  {
    covers: ['lib/source-positions.ts#inSources'],
    corpus: [
      'Error: x\n    at f (file:///a/b.mjs:1:2)\n    at async file:///%zz.mjs:3:4',
      'file:///proc/self/mem.mjs:1:1',
    ],
    run: (trace: string) => inSources(trace),
    check: (shown: string, trace: string) => assert.equal(shown, trace, 'there are no maps'),
  },
  {
    // Whole secrets, each between texts that are no part of it.
    covers: ['lib/redact.ts#redact'],
    corpus: ['\u001b[1m', '%20', 'a_', '\\n', '"', 'https://', ' ', '{"a":"', '('],
    run: (around: string) => secrets.map((text) => redact(`${around}\n${text}\n${around}`)).join(''),
    check: (clean: string) => assert.ok(!clean.includes(secret), 'a secret comes through'),
    maxGrowth: 60,
    passes: 12,
    maxKiB: 64,
  },
  {
    covers: [
      'lib/logger.ts#createLogger',
      'lib/errors.ts#formatError',
      'lib/bounded-value.ts#EntryBounds.bound',
      'lib/bounded-value.ts#EntryBounds.text',
    ],
    corpus: [...secrets.map((text) => JSON.stringify({ text, list: [text] })), ...json],
    input: 'value',
    run: logged,
    check: (lines: string) => {
      assert.equal(lines.split('\n').length, 3, 'an entry is not one line');
      assert.doesNotMatch(lines.replaceAll('\n', ''), hidden);
      assert.ok(lines.length < 400_000, 'an entry is not bounded');
      JSON.parse(lines.split('\n')[1] ?? '');
    },
    maxGrowth: 1000,
  },
  {
    covers: ['lib/printable.ts#printableOutput', 'lib/printable.ts#withoutOverwritten'],
    corpus: ['\r 10 % \r\u001b[32m 20 %\u001b[0m\r100 %\r\n', 'long line\rsh\u001b[K\ndone\rDO'],
    run: printableOutput,
    check: (shown: string) => {
      assert.doesNotMatch(shown, /[[\p{Cc}--[\t\n]]\p{Bidi_Control}]/v);
    },
    maxGrowth: 20,
  },
  {
    covers: ['lib/printable.ts#printable', 'lib/printable.ts#printableLine'],
    corpus: ['\u001b[1;31mred\u001b[0m\r\n\ttext', 'a\u202eb\u200bc👩‍👩‍👧 नमस्ते‍'],
    run: (text: string) => [printable(text), printableLine(text)].join('\n'),
    check: (text: string) => assert.doesNotMatch(text.replaceAll(/[\n\t]/g, ''), hidden),
    maxGrowth: 20,
  },
  {
    covers: ['lib/printable.ts#escapeHidden', 'lib/printable.ts#escapeHiddenInLines', 'lib/printable.ts#maskHidden'],
    corpus: ['a\u202eb\u200bc👩‍👩‍👧', '\u001b[1m'],
    run: (text: string) => [escapeHidden(text), escapeHiddenInLines(JSON.stringify(text)), maskHidden(text)],
    check: ([, json, masked]: [string, string, string], text: string) => {
      assert.equal(JSON.parse(json), text, 'the value is another');
      assert.equal(masked.length, text.length);
      assert.doesNotMatch(json, hidden);
    },
  },
  {
    covers: ['lib/mount-table.ts#parseMountTable'],
    corpus: [
      '26 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n27 26 8:1 /a\\040b /c\\134d rw - ext4 /dev/sda1 rw\n',
      '1 2 3 4 \\999',
    ],
    run: parseMountTable,
  },
  {
    covers: ['lib/display-width.ts#displayWidth', 'lib/display-width.ts#truncate', 'lib/display-width.ts#wrapWords'],
    corpus: ['two words', '日本 👩‍👩‍👧 e\u0301', 'x'.repeat(100)],
    run: (text: string) => [displayWidth(text), truncate(text, 40), wrapWords(text, 40)],
    check: ([, cut]: [number, string]) => assert.ok(displayWidth(cut) <= 40),
    // Titles and log lines, which are cut before.
    maxKiB: 64,
  },
  {
    covers: ['lib/json.ts#parseJson', 'lib/json.ts#tryParseJson', 'lib/json.ts#requireBoundedJson'],
    corpus: json,
    run: (text: string) => {
      tryParseJson(text);
      requireBoundedJson(text);
      return parseJson(text);
    },
    errors: [JsonError],
  },
  {
    covers: ['lib/lossless-json.ts#parseLossless'],
    corpus: json,
    run: parseLossless,
    errors: [JsonError],
    check: (value: unknown, text: string) => assert.deepEqual(JSON.parse(JSON.stringify(value)), JSON.parse(text)),
  },
  {
    covers: ['lib/read-body.ts#readBytes', 'lib/read-body.ts#readText', 'lib/read-body.ts#TextReader.end'],
    corpus: ['{"a":1}', '\ufeffx'],
    input: 'bytes',
    run: async (bytes: Buffer) => [await readBytes(inChunks(bytes), 100_000), await readText(inChunks(bytes), 100_000)],
    errors: [BodyTooLargeError],
  },
  {
    covers: ['lib/errors.ts#errorCode', 'lib/errors.ts#formatError'],
    corpus: ['cannot read: permission denied', 'ENOSPC'],
    run: (text: string) => {
      const error = new AggregateError([new UserError(text, { cause: new Error(text, { cause: text }) })], text);
      return [formatError(error), formatError(text), errorCode(Object.assign(error, { code: text }))].join('');
    },
  },
  {
    covers: ['lib/nearest.ts#nearest'],
    corpus: ['runner.url', 'jobs.max_jobs', 'list'],
    run: (text: string) => nearest(text, ['jobs.max_jobs', 'runner.url', 'log.level']),
  },
  {
    covers: ['lib/shell-quote.ts#shellQuote'],
    corpus: ["it's", 'a b', '/usr/bin/x'],
    run: shellQuote,
  },
  {
    covers: ['lib/trim-end.ts#trimEnd'],
    corpus: ['https://example.com///', '...'],
    run: (text: string) => trimEnd(text, './'),
    check: (short: string, text: string) => assert.ok(text.startsWith(short) && !/[./]$/.test(short)),
  },
  {
    covers: ['lib/uuid.ts#isUuid', 'lib/uuid.ts#isUuidV4', 'lib/loopback.ts#isLoopback'],
    corpus: ['1b4e28ba-2fa1-41d2-883f-0016d3cca427', '127.0.0.1', '::1', 'localhost'],
    run: (text: string) => [isUuid(text), isUuidV4(text), isLoopback(text)],
  },
];
