import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { versionOf } from '../scripts/build/version.ts';

const origin = { packageVersion: '1.4.0', env: {}, user: 'Ada', date: new Date('2026-03-04T23:59:59Z') };

describe('the version of a build', () => {
  it('uses the number of the CI run', () => {
    assert.equal(versionOf({ ...origin, env: { GITHUB_RUN_NUMBER: '73', GITHUB_RUN_ATTEMPT: '1' } }), '1.4.73');
    assert.equal(versionOf({ ...origin, env: { GITHUB_RUN_NUMBER: '73' } }), '1.4.73');
  });

  it('adds attempts after the first', () => {
    assert.equal(versionOf({ ...origin, env: { GITHUB_RUN_NUMBER: '73', GITHUB_RUN_ATTEMPT: '2' } }), '1.4.73-2');
  });

  it('uses the attempt of the first job if only failed jobs run again', () => {
    const env = { GITHUB_RUN_NUMBER: '73', GITHUB_RUN_ATTEMPT: '3', PLAN42_BUILD_ATTEMPT: '1' };
    assert.equal(versionOf({ ...origin, env }), '1.4.73');
    assert.equal(versionOf({ ...origin, env: { ...env, PLAN42_BUILD_ATTEMPT: '2' } }), '1.4.73-2');
  });

  it('names user and date outside CI', () => {
    assert.equal(versionOf(origin), '1.4.0-ada.test-2026-03-04');
  });

  it('is valid for every user name', () => {
    assert.equal(versionOf({ ...origin, user: 'Ada L. Ünal' }), '1.4.0-ada-l-nal.test-2026-03-04');
    assert.equal(versionOf({ ...origin, user: '' }), '1.4.0-unknown.test-2026-03-04');
  });
});
