import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { placeConfig } from '../../../../test/support/config-place.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { runnerJwt } from '../../../../test/support/runner-jwt.ts';

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

  it('takes all tables out that users have named', async () => {
    const mapping = '[runner.model_mappings."GPT 5"]\nprovider = "p"\nmodel = "m"\n';
    const content = `${mapping}[runner.model_mappings.""]\n[limits.prices.x]\ninput = 1\noutput = 1\n[github.a]\nname = "a"\n`;
    await using at = await placeConfig(`[jobs]\ncpus = 1\n${content}`);
    assert.equal((await at.config(['unset', 'runner.model_mappings.""'])).exitCode, 0);
    assert.doesNotMatch(await at.read(), /""/);
    for (const name of ['runner.model_mappings', 'limits."prices"', 'github']) {
      const run = await at.config(['unset', name], { env: { PLAN42_STATE_DIR: dirname(at.file) } });
      assert.equal(run.exitCode, 0, run.stderr);
      const isReloaded = run.stderr.includes('If the runner is running, it reloads the file automatically.');
      assert.equal(isReloaded, !name.startsWith('limits'), run.stderr);
    }
    assert.equal(await at.read(), '[jobs]\ncpus = 1\n');
    assert.match((await at.config(['unset', 'credentials'])).stderr, /^ERROR: "credentials" is a table, not a setting/);
    assert.match((await at.config(['set', 'github=1'])).stderr, /^ERROR: "github" is a table, not a setting/);
  });

  it('warns if no runner starts without its token', async () => {
    const content = `[runner]\ntoken = "${runnerJwt()}"\n`;
    await using at = await placeConfig(content);
    const run = await at.config(['unset', 'runner.token']);
    assert.equal(run.exitCode, 0);
    assert.match(run.stderr, /\nWARNING: runner\.token is not set now: no runner starts without PLAN42_RUNNER_TOKEN /);
    assert.doesNotMatch((await at.config(['unset', 'runner.token'])).stderr, /WARNING/);
    await using other = await placeConfig(content);
    const env = { PLAN42_RUNNER_TOKEN: runnerJwt() };
    assert.doesNotMatch((await other.config(['unset', 'runner.token'], { env })).stderr, /WARNING/);
  });

  it('saves no file with which no runner starts', async () => {
    const host = `[runner]\ntoken = "${runnerJwt()}"\nruntime = "host"\n[host]\nunisolated = true\ncommand = ["a"]\n`;
    const mapping = '[runner.model_mappings.Y]\nprovider = "p"\nmodel = "m"\n';
    const cases: [content: string, names: string[], message: string, remedy: string][] = [
      [
        mapping,
        ['runner.model_mappings.Y.model', 'jobs.cpus'],
        'runner.model_mappings.Y has no model',
        'To remove runner.model_mappings.Y as well: plan42 runner config unset jobs.cpus runner.model_mappings.Y -c ',
      ],
      [
        host,
        ['host.command'],
        'host.command is not set',
        'To remove runner.runtime as well: plan42 runner config unset host.command runner.runtime -c ',
      ],
      [host, ['host.unisolated'], 'jobs without isolation are not switched on', 'unset host.unisolated runner.runtime'],
    ];
    for (const [content, names, message, remedy] of cases) {
      await using at = await placeConfig(content);
      const run = await at.config(['unset', ...names]);
      assert.equal(run.exitCode, 3, names.join());
      assert.ok(
        run.stderr.startsWith(`ERROR: no runner can start with this change: ${message}. Nothing was`),
        run.stderr,
      );
      assert.ok(run.stderr.includes(remedy), run.stderr);
      assert.equal(await at.read(), content);
      const words = /runner config unset (.*) -c /.exec(run.stderr)?.[1]?.split(' ') ?? [];
      assert.equal((await at.config(['unset', ...words])).exitCode, 0, 'the command of the remedy works');
    }
  });
});
