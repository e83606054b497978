import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ApiError,
  ConnectionError,
  describeSkew,
  isAuthError,
  isTransient,
  parseErrorResponse,
  parseRetryAfter,
} from './errors.ts';

const call = { method: 'GET', path: '/v1/x' };
const errorOf = (status: number, body: string) => new ApiError(call, parseErrorResponse(status, {}, body));

describe('an error response', () => {
  test('has status, path, message and type', () => {
    const error = errorOf(400, '{"ResponseCode": 400, "Message": "bad ID", "ErrorType": "BadRequest"}');
    assert.equal(error.message, 'GET /v1/x: 400 bad ID');
    const { status, errorType, isFromApi, current, currentType } = error;
    assert.deepEqual(
      { status, errorType, isFromApi, current, currentType },
      { status: 400, errorType: 'BadRequest', isFromApi: true, current: undefined, currentType: undefined },
    );
  });

  test('of a conflict has the current object', () => {
    const body = { Message: 'm', ErrorType: 'Conflict', CurrentType: 'Turn', Current: { Version: 7, New: [1] } };
    const error = errorOf(409, JSON.stringify(body));
    assert.equal(error.currentType, 'Turn');
    assert.deepEqual(error.current, { Version: 7, New: [1] });
  });

  test('is read case-insensitively', () => {
    assert.equal(errorOf(409, '{"errortype": "Conflict", "current": {"Version": 1}}').errorType, 'Conflict');
  });

  for (const [name, body] of Object.entries({
    empty: '',
    'an HTML page': '<html><body>Bad Gateway</body></html>',
    'not an object': '"text"',
    null: 'null',
    'an array': '[{"Message": "m"}]',
    'cut off': '{"Message": "m',
    'of other types': '{"Message": {"a": 1}, "ErrorType": 5}',
    'of nulls': '{"Message": null, "ErrorType": null, "Current": null}',
  })) {
    test(`names status and path when its body is ${name}`, () => {
      const error = errorOf(502, body);
      assert.equal(error.message, 'GET /v1/x: 502');
      assert.equal(error.isFromApi, false);
      assert.equal(error.current, undefined);
    });
  }

  test('has its message truncated', () => {
    assert.ok(errorOf(500, JSON.stringify({ Message: 'x'.repeat(100_000) })).message.length < 1000);
  });
});

describe('a clock that differs from the server’s', () => {
  const now = new Date('2026-01-02T03:04:05Z');
  const refusedAt = (date: string, more = {}) =>
    new ApiError(call, parseErrorResponse(401, { date, ...more }, '{"Message": "m"}', now));
  for (const [date, text] of [
    ['Fri, 02 Jan 2026 03:04:35 GMT', undefined],
    ['nonsense', undefined],
    ['Fri, 02 Jan 2026 03:14:05 GMT', 'the clock of this machine is 10 minutes behind the server’s'],
    ['Fri, 02 Jan 2026 00:04:05 GMT', 'the clock of this machine is 3 hours ahead of the server’s'],
    ['Tue, 02 Jan 2024 03:04:05 GMT', 'the clock of this machine is 731 days ahead of the server’s'],
  ] as const) {
    test(date, () => assert.equal(describeSkew(refusedAt(date)), text));
  }

  test('does not change Retry-After', () => {
    const date = 'Tue, 02 Jan 2024 03:04:05 GMT';
    assert.equal(refusedAt(date, { 'retry-after': 'Tue, 02 Jan 2024 03:04:35 GMT' }).retryAfterMs, 30_000);
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-01-02T03:04:05Z');
  for (const [header, ms] of [
    ['0', 0],
    ['7', 7000],
    [' 7 ', 7000],
    ['99999999999', 300_000],
    ['Fri, 02 Jan 2026 03:04:35 GMT', 30_000],
    ['Fri, 02 Jan 2099 00:00:00 GMT', 300_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
    ['', undefined],
    ['soon', undefined],
    [undefined, undefined],
  ] as const) {
    test(`"${header}" is ${ms} ms`, () => assert.equal(parseRetryAfter(header, now), ms));
  }
  test('counts once', () => assert.equal(parseRetryAfter(['3', '9'], now), 3000));
});

test('network failures, 429 and 5xx are transient', () => {
  for (const status of [429, 500, 501, 502, 503, 504, 599]) assert.ok(isTransient(errorOf(status, '')), `${status}`);
  for (const status of [302, 400, 401, 403, 404, 409, 413, 422])
    assert.ok(!isTransient(errorOf(status, '')), `${status}`);
  assert.ok(isTransient(new ConnectionError(call, 'refused')));
  assert.ok(!isTransient(new TypeError('a bug')));
  assert.ok(!isTransient(undefined));
});

test('401 and 403 are authentication errors', () => {
  for (const status of [401, 403]) assert.ok(isAuthError(errorOf(status, '')));
  for (const status of [400, 404, 500]) assert.ok(!isAuthError(errorOf(status, '')));
});
