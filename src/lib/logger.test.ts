import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createLogger, type LogFields, type LogFormat, type LogLevel, logLevels, silentLogger } from './logger.ts';

const now = () => new Date('2026-01-02T03:04:05.678Z');

function log(format: LogFormat, message: string, fields?: LogFields, level: LogLevel = 'info'): string {
  const lines: string[] = [];
  createLogger({ level: 'debug', format, write: (line) => lines.push(line), now })[level](message, fields);
  assert.equal(lines.length, 1);
  return lines[0] ?? '';
}

const formats = ['text', 'json'] as const;

test('entries with an error are reported at any level, on one line and without secrets', () => {
  const written: string[] = [];
  const reported: unknown[] = [];
  const options = { level: 'error', format: 'text', now } as const;
  const logger = createLogger({ ...options, write: (line) => written.push(line), onError: (e) => reported.push(e) });
  logger.with({ queueID: 'q' }).warn('it failed', { error: new Error('with p42r_abc.def\n\u001b[2J') });
  logger.warn('only a warning');
  logger.info('not at this level', { error: 'x' });
  logger.error('it is broken');
  assert.deepEqual(reported, [
    { time: now(), message: 'it failed: with p42r_[redacted]\\u000a\\u001b[2J' },
    { time: now(), message: 'it is broken' },
  ]);
  assert.equal(written.length, 1);
});

describe('a log line', () => {
  test('in text', () => {
    const fields = { queueID: 'a-b', n: 5, ok: true, none: undefined, nil: null, text: 'two words', list: [1, 'a'] };
    assert.equal(
      log('text', 'a message', fields),
      '2026-01-02T03:04:05.678Z INFO  a message queueID=a-b n=5 ok=true nil=null text="two words" list=[1,"a"]\n',
    );
    assert.match(
      log('text', 'm', { error: new Error('outer', { cause: new Error('inner') }) }),
      /error="outer: inner"\n$/,
    );
    assert.match(log('text', 'm', { empty: '', at: now() }), / empty="" at=2026-01-02T03:04:05.678Z\n$/);
  });

  test('in JSON', () => {
    const fields = {
      queueID: 'a',
      error: new TypeError('bad', { cause: new Error('worse') }),
      at: now(),
      none: undefined,
    };
    assert.deepEqual(JSON.parse(log('json', 'a message', fields, 'warn')), {
      time: '2026-01-02T03:04:05.678Z',
      level: 'warn',
      message: 'a message',
      queueID: 'a',
      error: 'bad: worse',
      at: '2026-01-02T03:04:05.678Z',
    });
  });

  test('is written at or above the level', () => {
    for (const level of logLevels) {
      const seen: string[] = [];
      const logger = createLogger({ level, format: 'json', write: (line) => seen.push(line), now });
      for (const each of logLevels) logger[each](each);
      const expected = logLevels.slice(logLevels.indexOf(level));
      assert.deepEqual(
        seen.map((line) => (JSON.parse(line) as { level: string }).level),
        expected,
      );
    }
    silentLogger.error('nothing');
  });

  test('has the bound fields, unless overridden', () => {
    const seen: string[] = [];
    const logger = createLogger({ level: 'info', format: 'text', write: (line) => seen.push(line), now });
    logger.with({ a: 1 }).with({ b: 2 }).info('m', { b: 3 });
    assert.match(seen.join(), / m a=1 b=3\n$/);
  });

  for (const format of formats) {
    test(`in ${format} is always one line`, () => {
      const nasty = 'x\n2026-01-02T03:04:05Z ERROR forged\r\u001b[2J\u009b31m\u0000\u007f\u0085\u2028\u2029"';
      for (const line of [
        log(format, 'm', { nasty }),
        log(format, nasty),
        log(format, 'm', { a: [nasty, { b: nasty }] }),
      ]) {
        assert.equal(line.indexOf('\n'), line.length - 1);
        assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\u2028\u2029]/u);
      }
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (value) => {
          const line = log(format, 'm', { value });
          assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\u2028\u2029]/u);
          // A lone surrogate has no UTF-8 and is written as its escape.
          if (format === 'json') assert.equal((JSON.parse(line) as { value: string }).value, value);
        }),
      );
    });

    test(`in ${format} shows characters that a reader cannot see`, () => {
      const line = log(format, 'm', { title: 'a\u202eb\u200bc\u2066d\ufeff\u{e0061}' });
      assert.match(line, /a\\u202eb\\u200bc\\u2066d\\ufeff\\udb40\\udc61/);
    });

    test(`in ${format} takes no long time for a text that another party chose`, () => {
      const before = process.cpuUsage();
      for (const unit of ['eyJ-', '://a:', 'sk-', '"'])
        log(format, unit.repeat(32_000), { value: unit.repeat(32_000) });
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 2_000_000, `${user + system} µs`);
    });

    test(`in ${format} accepts values of any type`, () => {
      assert.match(log(format, 'm', { big: 12345678901234567890n }), /12345678901234567890/);
      for (const value of [Symbol('s'), () => {}, Number.NaN, new Map()]) assert.ok(log(format, 'm', { value }));
    });
  }
});

describe('secrets', () => {
  const jwt = `eyJ${'h'.repeat(20)}.eyJ${'p'.repeat(20)}.${'s_-'.repeat(10)}`;
  const pem = `-----BEGIN PRIVATE KEY-----\n${'K'.repeat(64)}\n${'K'.repeat(64)}\n-----END PRIVATE KEY-----\n`;
  const secrets: Record<string, [secret: string, trace: RegExp]> = {
    'a runner token': [`p42r_${jwt}`, /hhhh|pppp|s_-/],
    'an agent token': [`p42a_${jwt}`, /hhhh|pppp|s_-/],
    'a bare JWT': [jwt, /hhhh|pppp|s_-/],
    'a GitHub token': [`ghp_${'G'.repeat(36)}`, /GGG/],
    'a GitHub server token': [`ghs_${'G'.repeat(36)}`, /GGG/],
    'a fine-grained GitHub token': [`github_pat_${'G'.repeat(36)}`, /GGG/],
    'a private key': [pem, /KKK/],
    'an EC private key': [pem.replaceAll('PRIVATE', 'EC PRIVATE'), /KKK/],
    'a private key that is cut off': [pem.slice(0, 80), /KKK/],
  };
  for (const format of formats) {
    for (const [name, [secret, trace]] of Object.entries(secrets)) {
      test(`are not printed in ${format}: ${name}`, () => {
        for (const around of [
          secret,
          `(${secret})`,
          `line\n${secret}`,
          `\t${secret}`,
          `\u001b${secret}\n`,
          `a=${secret},b`,
        ]) {
          const lines = [
            log(format, 'm', { value: around }),
            log(format, 'm', { value: { deep: [around] } }),
            log(format, 'm', { error: new Error(around) }),
            log(format, around),
          ];
          for (const line of lines) assert.doesNotMatch(line, trace, JSON.stringify(around));
          if (format === 'json') for (const line of lines) JSON.parse(line);
        }
      });
    }
  }

  test('are not detected in other text', () => {
    const text = 'weight_kg high_5 public key: -----BEGIN PUBLIC KEY----- plan42-1 p42 eyJ';
    assert.ok(log('text', text).includes(text));
  });
});
