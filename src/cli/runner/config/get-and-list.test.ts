import assert from 'node:assert/strict';
import { chmod, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { placeConfig } from '../../../../test/support/config-place.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';

describe('plan42 runner config get and list', () => {
  const content =
    '[runner]\ntoken = "p42r_secret"\n[jobs]\ncpus = 0.5\nstop_timeout = "5s"\n[github."a.b"]\nurl = "https://a.example"\n';

  it('get prints one value: from the environment, the file or the defaults', async () => {
    await using at = await placeConfig(content);
    const env = { PLAN42_JOBS_PIDS: '77' };
    const get = async (key: string) => (await at.config(['get', key], { env })).stdout;
    assert.equal(await get('jobs.pids'), '77\n');
    assert.equal(await get('jobs.cpus'), '0.5\n');
    assert.equal(await get('runner.url'), 'https://api.dev.plan42.ai\n');
    assert.equal(await get('queues.shutdown_timeout'), '5m\n');
    assert.equal(await get('images.allowed'), '["*"]\n');
    assert.equal(await get('runner.token'), '********\n');
    assert.equal((await at.config(['get', 'runner.token', '--show-secrets'])).stdout, 'p42r_secret\n');
    assert.equal(
      (await at.config(['get', 'runner.runtime'], { env: { PLAN42_RUNNER_RUNTIME: ' HOST ' } })).stdout,
      'host\n',
    );
    await using other = await placeConfig('[runner]\nruntime = " Podman "\n');
    assert.equal((await other.config(['get', 'runner.runtime'])).stdout, 'podman\n');
    const unset = await at.config(['get', 'runner.runtime']);
    assert.deepEqual([unset.exitCode, unset.stdout], [1, '']);
    assert.match(unset.stderr, /^ERROR: runner\.runtime is not set in /);
    const noConnection = await at.config(['get', 'github.nope.url']);
    assert.deepEqual([noConnection.exitCode, noConnection.stdout], [1, '']);
  });

  it('get prints value and origin as JSON', async () => {
    await using at = await placeConfig(content);
    const get = async (...argv: string[]) =>
      parseAs('runner-config-get.json', (await at.config(['get', ...argv, '--json'])).stdout);
    const common = { key: 'runner.token', origin: 'file', secret: true, isSet: true };
    assert.deepEqual(await get('runner.token'), { ...common, value: null });
    assert.deepEqual(await get('runner.token', '--show-secrets'), { ...common, value: 'p42r_secret' });
    assert.deepEqual(await get('jobs.cpus'), {
      key: 'jobs.cpus',
      value: 0.5,
      origin: 'file',
      secret: false,
      isSet: true,
    });
  });

  it('list shows settings, and with --all also defaults', async () => {
    await using at = await placeConfig(content);
    const run = await at.config(['list'], { env: { PLAN42_LOG_LEVEL: 'debug' } });
    assert.deepEqual(
      run.stdout.split('\n').map((line) => line.split('\t')[0]),
      ['KEY', 'runner.token', 'jobs.cpus', 'jobs.stop_timeout', 'log.level', 'github."a.b".url', ''],
    );
    assert.ok((await at.config(['list', '-a'])).stdout.split('\n').length > 30);
    const json = await at.config(['list', '--json']);
    const { settings } = parseAs('runner-config-list.json', json.stdout);
    assert.ok(settings.length > 30);
    assert.ok(!json.stdout.includes('p42r_secret'));
  });

  it('lists a setting that is empty as the one that counts', async () => {
    const empty = '[runner]\nruntime = " "\nopenai_token = ""\nclaude_endpoint = ""\n[github.a]\nurl = ""\n';
    await using at = await placeConfig(`${empty}[jobs]\nca_file = ""\n[egress]\nproxy = ""\n`);
    const { stdout } = await at.config(['list', '--all']);
    for (const name of ['runner.runtime', 'runner.openai_token', 'runner.claude_endpoint'])
      assert.match(stdout, new RegExp(`^${name}\t\tdefault$`, 'm'));
    assert.match(stdout, /^github\.a\.url\thttps:\/\/github\.com\tdefault$/m);
    // "" is a value of these: none, where the default is that of another setting.
    assert.match(stdout, /^jobs\.ca_file\t\tfile$/m);
    assert.match(stdout, /^egress\.proxy\t\*{8}\tfile$/m);
    assert.equal((await at.config(['get', 'runner.runtime'])).exitCode, 1);
  });

  it('mappings of models are settings like others', async () => {
    await using at = await placeConfig('[runner]\ntoken = "p42r_x"\n');
    const mapping = 'runner.model_mappings."GPT-5.1 Codex"';
    const settings = [`${mapping}.provider=openai`, `${mapping}.model=our-codex`, `${mapping}.extended_context=true`];
    const complete = await at.config(['set', ...settings], { env: { PLAN42_STATE_DIR: dirname(at.file) } });
    assert.equal(complete.exitCode, 0);
    assert.match(complete.stderr, /^Saved \S+ If the runner is running, it reloads the file automatically\.\n$/);
    const lines = (await at.config(['list'])).stdout.split('\n').map((line) => line.split('\t').slice(0, 2).join(' '));
    assert.deepEqual(lines.slice(2), [
      `${mapping}.provider openai`,
      `${mapping}.model our-codex`,
      `${mapping}.extended_context true`,
      '',
    ]);
    assert.equal((await at.config(['get', `${mapping}.model`])).stdout, 'our-codex\n');
    assert.equal((await at.config(['get', 'runner.model_mappings.GPT-5.1 Codex.model'])).stdout, 'our-codex\n');
    const wrong = await at.config(['get', `${mapping}.modle`]);
    assert.match(wrong.stderr, /did you mean 'runner\.model_mappings\."GPT-5\.1 Codex"\.model'\?/);
    const literal = "runner.model_mappings.'GPT-5.1 Codex'";
    assert.equal((await at.config(['set', `${literal}.model`, 'other'])).exitCode, 0);
    assert.equal((await at.config(['get', `${mapping}.model`])).stdout, 'other\n');
    assert.equal((await at.config(['set', `${literal}.model=a=b`, `${literal}.provider=p`])).exitCode, 0);
    assert.equal((await at.config(['get', `${literal}.model`])).stdout, 'a=b\n');
    const equals = `runner.model_mappings."x='y'"`;
    await at.config(['set', `${equals}.provider=p`, `${equals}.model=m`]);
    assert.match(
      await readFile(at.file, 'utf8'),
      /^\[runner\.model_mappings\."x='y'"\]\nprovider = "p"\nmodel = "m"$/m,
    );
    assert.equal((await at.config(['unset', equals])).exitCode, 0);
    const unset = await at.config(['get', 'runner.model_mappings.A B.provider']);
    assert.match(
      unset.stderr,
      /Set it with "plan42 runner config set 'runner\.model_mappings\.A B\.provider' VALUE"\./,
    );
    const spaced = await at.config(['set', 'runner.model_mappings.A B', 'y']);
    assert.match(spaced.stderr, /a setting in it, such as 'runner\.model_mappings\."A B"\.provider'\./);
    const open = await at.config(['set', `runner.model_mappings."GPT.model=x`]);
    assert.deepEqual([open.exitCode, /is not a key of TOML\. Quote names as in the file/.test(open.stderr)], [2, true]);
    const table = await at.config(['set', 'runner.model_mappings.x', 'y']);
    assert.match(
      table.stderr,
      /is a table, not a setting\. Name a setting in it, such as runner\.model_mappings\.x\.provider\./,
    );
    assert.equal((await at.config(['unset', literal])).exitCode, 0);
    assert.deepEqual((await at.config(['list'])).stdout.split('\n').slice(2), ['']);
  });

  it('warn if other users can access the file', async () => {
    await using at = await placeConfig(content);
    await chmod(at.file, 0o644);
    const warning = `${at.file} contains tokens and other users can access it. Run: chmod 600 ${at.file}`;
    assert.ok((await at.config(['list'])).stderr.includes(`WARNING: ${warning}\n`));
    await chmod(at.file, 0o600);
    assert.doesNotMatch((await at.config(['list'])).stderr, /chmod/);
  });

  it('fail if a named file does not exist', async () => {
    await using at = await placeConfig();
    for (const argv of [['list'], ['get', 'jobs.pids'], ['validate'], ['validate', '--json']]) {
      const run = await at.config(argv);
      assert.deepEqual([run.exitCode, run.stdout], [3, '']);
      assert.match(run.stderr, /^ERROR: configuration file \S+ not found\. Choose another file, or create it: /);
    }
  });

  it('list reports problems of the file', async () => {
    await using at = await placeConfig('[jobs]\npids = "x"\nmax_job = 1\n');
    const { stderr, stdout } = await at.config(['list']);
    assert.match(stderr, /^ERROR: \S+:2:1: jobs\.pids is not a number$/m);
    assert.match(stderr, /^WARNING: \S+:3:1: unknown key "jobs\.max_job", did you mean "max_jobs"\?$/m);
    assert.match(stdout, /^jobs\.pids\tx\tfile$/m);
  });
});
