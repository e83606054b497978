import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placeConfig } from '../../../../test/support/config-place.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';

describe('plan42 runner config unset', () => {
  it('takes settings and whole connections out and leaves comments', async () => {
    await using at = await placeConfig('[jobs]\npids = 99 # few\ncpus = 1\n\n[github."a b"] # old\ntoken = "x"\n');
    const run = await at.config(['unset', 'jobs.pids', 'github.a b', '--json']);
    assert.equal(await at.read(), '[jobs]\n# few\ncpus = 1\n\n# old\n');
    const { changed } = parseAs('runner-config-set.json', run.stdout);
    assert.equal(changed, true);
    assert.equal((await at.config(['unset', 'jobs.pids'])).stderr, 'Nothing changed.\n');
    assert.equal((await at.config(['unset', 'github.work'])).stderr, 'Nothing changed.\n');
    assert.equal((await at.config(['unset', 'jobs.pid'])).exitCode, 2);
    assert.equal((await at.config(['unset', 'github.token'])).exitCode, 2);
  });
});
