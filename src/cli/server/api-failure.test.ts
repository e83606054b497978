import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../lib/errors.ts';
import { ConnectionError } from '../../plan42/errors.ts';
import { explainApiFailure } from './api-failure.ts';

test('a certificate that is not trusted is explained in sentences, with variables that have no effect', () => {
  const location = { url: 'https://localhost:1', token: 'p42t_x', ids: undefined, tokenSource: '$PLAN42_SERVER_TOKEN' };
  const cause = Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const failure = new ConnectionError({ method: 'GET', path: '/v1/tenants' }, 'self-signed', { cause });
  const error = explainApiFailure(failure, location, { SSL_CERT_FILE: '/does/not/exist', SSL_CERT_DIR: '/none\n:/no' });
  assert.ok(error instanceof UserError);
  assert.match(
    error.message,
    /^cannot reach https:\/\/localhost:1: the server’s certificate is not trusted \(DEPTH_\w+\)$/,
  );
  const remedy = error.remedy ?? '';
  assert.match(remedy, /with it\. SSL_CERT_FILE has no effect: .+ SSL_CERT_DIR has no effect: .+ SSL_CERT_DIR has /);
  assert.doesNotMatch(remedy, /[.:][A-Z]|\n/, 'a space is between sentences');
});
