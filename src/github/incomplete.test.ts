import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingOrganizations } from './incomplete.ts';

const missing = (header?: string) => missingOrganizations({ 'x-github-sso': header }, new URL('https://github.com/'));

test('a response that leaves out organisations with single sign-on is not complete', () => {
  assert.equal(
    missing('partial-results; organizations=21955855,20582480'),
    'GitHub left out 2 organisations (IDs 21955855, 20582480). Authorise the token for their single sign-on: "Configure SSO" at https://github.com/settings/tokens.',
  );
  assert.match(missing('partial-results') ?? '', /^GitHub left out organisations\./);
  for (const header of [undefined, '', 'required; url=https://github.com/orgs/a/sso?authorization_request=x'])
    assert.equal(missing(header), undefined);
  assert.doesNotMatch(missing(`partial-results; organizations=<b>,${'9'.repeat(99)},5`) ?? '', /<b>|999/);
});
