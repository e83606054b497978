import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { placeConfig } from '../../../../test/support/config-place.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { runnerJwt } from '../../../../test/support/runner-jwt.ts';

const token = runnerJwt();

describe('plan42 runner config set', () => {
  it('creates the file with mode 0600, and prints how to apply it', async () => {
    await using at = await placeConfig();
    const run = await at.config(['set', 'runner.url=http://127.0.0.1:7042', 'jobs.max_jobs=8', 'images.allowed=a,b']);
    assert.deepEqual([run.exitCode, run.stdout], [0, '']);
    assert.match(run.stderr, /^Saved \S+\. Start the runner when the file is complete: "plan42 runner enable"/);
    assert.equal(
      await at.read(),
      '[runner]\nurl = "http://127.0.0.1:7042"\n\n[jobs]\nmax_jobs = 8\n\n[images]\nallowed = ["a", "b"]\n',
    );
    assert.equal((await stat(at.file)).mode & 0o777, 0o600);
    assert.equal((await at.config(['set', 'jobs.max_jobs', '8'])).stderr, 'Nothing changed.\n');
    const again = await at.config(['set', 'jobs.max_jobs', '9']);
    assert.match(again.stderr, /^Saved \S+\. Start the runner when the file is complete: /, 'none was ever started');
    const env = { PLAN42_STATE_DIR: dirname(at.file) };
    const used = await at.config(['set', 'jobs.max_jobs', '10'], { env });
    assert.match(used.stderr, /^Saved \S+\. If the runner is running, restart it to apply the change: /);
    const models = await at.config(['set', 'runner.no_websearch', 'true'], { env });
    assert.match(models.stderr, /^Saved \S+\. If the runner is running, it reloads the file automatically\.$/m);
  });

  it('prints how to start the runner if the file is new and has a token', async () => {
    await using at = await placeConfig();
    const { stderr } = await at.config(['set', 'runner.url=http://127.0.0.1:7042', 'runner.token'], { stdin: token });
    assert.match(stderr, /^Saved \S+\. Start the runner: "plan42 runner enable"/);
  });

  it('takes tokens from standard input and from files, and never shows them', async () => {
    await using at = await placeConfig('# mine\n[runner]\n');
    const piped = await at.config(['set', 'runner.token'], { stdin: ` ${token}\r\n\n` });
    assert.match(piped.stderr, /Start the runner: /);
    assert.equal(await at.read(), `# mine\n[runner]\ntoken = "${token}"\n`);
    const secret = `${at.file}.secret`;
    await writeFile(secret, 'ghp_x\n');
    await at.config(['set', 'github.a.token', '--from-file', secret]);
    const shown = await at.config(['list']);
    assert.match(shown.stdout, /^runner\.token\t\*{8}\tfile$/m);
    assert.match(shown.stdout, /^github\.a\.token\t\*{8}\tfile$/m);
    for (const run of [piped, shown]) assert.ok(!`${run.stdout}${run.stderr}`.includes(token.slice(5, 30)));
  });

  it('binds secrets to hosts', async () => {
    await using at = await placeConfig();
    const settings = ['credentials.npm.variable=NPM_TOKEN', 'credentials.npm.hosts=a.example,b.example:8443'];
    assert.equal((await at.config(['set', ...settings, 'credentials.npm.header=X-Own'])).exitCode, 0);
    const written = 'variable = "NPM_TOKEN"\nhosts = ["a.example", "b.example:8443"]\nheader = "X-Own"\n';
    assert.equal(await at.read(), `[credentials.npm]\n${written}`);
    assert.match((await at.config(['list'])).stdout, /^credentials\.npm\.variable\tNPM_TOKEN\tfile$/m);
    assert.equal((await at.config(['get', 'credentials.npm.header'])).stdout, 'X-Own\n');
    const wrong = await at.config(['set', 'credentials.npm.hosts=*.example']);
    assert.match(wrong.stderr, /^ERROR: credentials\.npm\.hosts is /);
    await at.config(['unset', 'credentials.npm.header']);
    await at.config(['unset', 'credentials.npm']);
    assert.equal(await at.read(), '');
  });

  it('keeps spaces in the variables of jobs, and never shows their values', async () => {
    await using at = await placeConfig();
    await at.config(['set', 'jobs.env'], { stdin: '["GREETING=hello, world 42", "LANG"]\n' });
    assert.equal(await at.read(), '[jobs]\nenv = ["GREETING=hello, world 42", "LANG"]\n');
    assert.match((await at.config(['list'])).stdout, /^jobs\.env\t\*{8}\tfile$/m);
    await at.config(['unset', 'jobs.env']);
    assert.match((await at.config(['list', '--all'])).stdout, /^jobs\.env\t\[\]\tdefault$/m);
    const wrong = await at.config(['set', 'jobs.env'], { stdin: '["hello world 42"]' });
    assert.match(wrong.stderr, /jobs\.env is a list whose item 1 is not "NAME=value"/);
    assert.ok(!wrong.stderr.includes('hello'));
    const argument = await at.config(['set', 'jobs.env=A=hello']);
    assert.match(argument.stderr, /^ERROR: jobs\.env is a secret/);
  });

  it('rejects invalid values without writing', async () => {
    const cases: [argv: string[], exitCode: number, error: RegExp, stdin?: string][] = [
      [['runner.token', token], 2, /^ERROR: runner\.token is a secret.*--from-file\.$/],
      [[`runner.token=${token}`], 2, /is a secret/],
      [['runner.token'], 2, /the value for runner\.token is empty/, ' \n'],
      [
        ['runner.token', 'github.a.token', 'jobs.pids=99'],
        2,
        /missing values for runner\.token and github\.a\.token/,
        'x',
      ],
      [['runner.url'], 2, /missing value for runner\.url/],
      [['runner.ulr', 'x'], 2, /did you mean "runner\.url"\?/],
      [['runner.url', 'http://example.com'], 3, /^ERROR: invalid server url: it is not an https URL/],
      [['jobs.max_jobs=8', 'jobs.cpus=many'], 3, /^ERROR: jobs\.cpus is not a number\. Allowed values: /],
      [['runner.token'], 4, /^ERROR: invalid runner token: it does not start with "p42r_"/, 'ghp_x'],
      [['runner.token'], 4, /^ERROR: invalid runner token: it expired/, runnerJwt({ exp: 1 })],
      [
        ['github.a.token', '--from-file', '/nonexistent'],
        1,
        /^ERROR: cannot read the value for github\.a\.token from \/nonexistent/,
      ],
      [['github.a.token', '--from-file', '/'], 1, / from \/: it is a folder, not a file\. Choose/],
      [['jobs.cpus='], 2, /^ERROR: the value for jobs\.cpus is empty\. .* unset jobs\.cpus"\.$/],
      [['runner.url='], 2, /^ERROR: the value for runner\.url is empty/],
      [['jobs=1'], 2, /^ERROR: "jobs" is a table, not a setting\. Name a setting in it, such as jobs\.max_jobs\.$/],
      [['github.a=1'], 2, /"github\.a" is a table.* such as github\.a\.name\.$/],
      [['jobs.cpus=1', '--from-file', '/nonexistent'], 2, /--from-file requires a setting without a value/],
    ];
    for (const [argv, exitCode, error, stdin] of cases) {
      await using at = await placeConfig('# nothing\n');
      const run = await at.config(['set', ...argv], stdin === undefined ? {} : { stdin });
      assert.equal(run.exitCode, exitCode, run.stderr);
      assert.match(run.stderr.trimEnd(), error);
      assert.ok(!run.stderr.includes(token.slice(5, 30)), run.stderr);
      assert.equal(await at.read(), '# nothing\n');
    }
  });

  it('does not join lines or words to one value', async () => {
    const twoLines = / has more than one line\. Give only the value, on one line\.$/;
    const noToken = / is not a token: it contains a space, a line break or another invalid character/;
    const cases: [argv: string[], exitCode: number, error: RegExp, stdin?: string][] = [
      ...['runner.openai_token', 'runner.claude_token', 'kubernetes.state_key', 'github.a.token'].flatMap(
        (name): typeof cases => [
          [[name], 3, noToken, 'key1\nkey2\n'],
          [[name], 3, noToken, '  sk-cl aude  '],
        ],
      ),
      [
        ['runner.token'],
        4,
        /^ERROR: invalid runner token: it contains a space or a line break\. /,
        `${token.slice(0, 40)}\n${token.slice(40)}\n`,
      ],
      [['egress.proxy'], 3, /is not the URL of an http or https proxy/, 'http://a\n.example:80'],
      [['runner.claude_endpoint=https://a\n.example'], 3, /is not a URL like/],
      [['github.a.url=https://a\n.example'], 3, /is not a URL like/],
      [['limits.model_hosts=a.example\nb.example'], 3, /which is not "host"/],
      [['host.command=agent\nother'], 3, twoLines],
      [['github.a.name=a\nb'], 3, twoLines],
      [['github.a.name=[a\nb]'], 3, twoLines],
      [['jobs.entrypoint=/bin/a\n/bin/b'], 3, twoLines],
      [['jobs.env'], 3, /more than one line/, 'A=1\nB=2\n'],
    ];
    for (const [argv, exitCode, error, stdin] of cases) {
      await using at = await placeConfig('# nothing\n');
      const run = await at.config(['set', ...argv], stdin === undefined ? {} : { stdin });
      assert.match(run.stderr.trimEnd(), error);
      assert.equal(run.exitCode, exitCode, argv.join());
      assert.ok(!/key1|sk-cl/.test(run.stderr), run.stderr);
      assert.equal(await at.read(), '# nothing\n');
    }
    await using at = await placeConfig();
    await at.config(['set', 'host.command'], { stdin: '["agent", "a\\nb"]' });
    const several = await at.config(['set', 'images.allowed=[\n"a/*",\n"b"\n]', 'host.command=["agent", "a\\nb"]']);
    assert.equal(several.exitCode, 0, several.stderr);
    const secret = `${at.file}.secret`;
    await writeFile(secret, 'sk-one\r\n\n');
    assert.equal((await at.config(['set', 'runner.claude_token', '--from-file', secret])).exitCode, 0);
    assert.match(await at.read(), /^claude_token = "sk-one"$/m);
  });

  it('saves no file with which no runner starts', async () => {
    const runnable = `[runner]\ntoken = "${token}"\n`;
    const cases: [content: string, argv: string[], message: string, remedy: string][] = [
      [
        '',
        ['runner.model_mappings.Y.model=only'],
        'runner.model_mappings.Y has no provider',
        'Set all of it at once: plan42 runner config set runner.model_mappings.Y.model=only runner.model_mappings.Y.provider=PROVIDER',
      ],
      [
        '',
        ['runner.model_mappings."GPT 5".provider=p q'],
        'runner.model_mappings."GPT 5" has no model',
        `plan42 runner config set 'runner.model_mappings."GPT 5".provider=p q' 'runner.model_mappings."GPT 5".model=MODEL'`,
      ],
      [
        '[runner.model_mappings.Y]\nprovider = "p"\nmodel = "m"\n',
        ['runner.model_mappings.Y.model='],
        'runner.model_mappings.Y has no model',
        'Choose another value, or remove runner.model_mappings.Y: plan42 runner config unset runner.model_mappings.Y',
      ],
      ['', ['limits.prices.gpt-5.input=1'], 'limits.prices.gpt-5 has no output', 'limits.prices.gpt-5.output=OUTPUT'],
      [
        '',
        ['credentials.npm.header=X-Own'],
        'credentials.npm has no variable',
        'credentials.npm.header=X-Own credentials.npm.variable=VARIABLE credentials.npm.hosts=HOSTS',
      ],
      [
        runnable,
        ['runner.runtime=host', 'host.command=a,b c'],
        'jobs without isolation are not switched on',
        "plan42 runner config set runner.runtime=host 'host.command=a,b c' host.unisolated=true",
      ],
      [runnable, ['runner.runtime=host', 'host.unisolated=true'], 'host.command is not set', 'host.command=COMMAND'],
      [
        `${runnable}runtime = "host"\n[host]\nunisolated = true\ncommand = ["a"]\n`,
        ['host.unisolated=false'],
        'jobs without isolation are not switched on',
        'Choose another value, or remove runner.runtime: plan42 runner config unset runner.runtime',
      ],
      [
        `${runnable}runtime = "kubernetes"\n`,
        ['runner.instance_id=3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9'],
        'runner.instance_id is set, but kubernetes.state_key is not',
        'set runner.instance_id=3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9 kubernetes.state_key -c',
      ],
    ];
    for (const [content, argv, message, remedy] of cases) {
      await using at = await placeConfig(content);
      const run = await at.config(['set', ...argv]);
      assert.equal(run.exitCode, 3, argv.join());
      assert.ok(run.stderr.startsWith(`ERROR: no runner can start with this change: ${message}`), run.stderr);
      assert.ok(run.stderr.includes(remedy), run.stderr);
      assert.ok(run.stderr.endsWith(` -c ${at.file}\n`), run.stderr);
      assert.equal(await at.read(), content);
    }
  });

  it('completes a file in several steps', async () => {
    await using at = await placeConfig('[runner.model_mappings.Y]\nprovider = "p"\n');
    for (const step of [
      'runner.runtime=host',
      'jobs.cpus=1',
      'runner.model_mappings.Y.model=m',
      'host.unisolated=true',
    ])
      assert.equal((await at.config(['set', step])).exitCode, 0, step);
    const env = { PLAN42_RUNNER_TOKEN: token, PLAN42_HOST_COMMAND: 'agent' };
    const inEnvironment = await at.config(['set', 'runner.runtime=host'], { env });
    assert.equal(inEnvironment.exitCode, 0, inEnvironment.stderr);
  });

  it('checks the certificate again when the URL changes', async () => {
    await using at = await placeConfig('[runner]\nurl = "https://a.example" # a\nskip_ssl_verify = true\n');
    await at.config(['set', 'runner.url', 'https://a.example']);
    assert.match(await at.read(), /skip_ssl_verify = true/);
    const other = await at.config(['set', 'runner.url', 'https://b.example']);
    assert.equal(await at.read(), '[runner]\nurl = "https://b.example" # a\nskip_ssl_verify = false\n');
    assert.match(other.stderr, /^WARNING: runner\.skip_ssl_verify is now false, because runner\.url has changed/m);
    await at.config(['set', 'runner.url=https://c.example', 'runner.skip_ssl_verify=true']);
    assert.match(await at.read(), /skip_ssl_verify = true/);
    const unset = await at.config(['unset', 'runner.url', '--json']);
    assert.match(parseAs('runner-config-set.json', unset.stdout).warnings[0], /^runner\.skip_ssl_verify is now false/);
  });

  it('reports if no runner can start with the file', async () => {
    await using at = await placeConfig('[runner]\nruntime = "dokcer"\n[jobs]\ncpus = "x"\n');
    const run = await at.config(['set', 'jobs.pids=99']);
    assert.equal(run.exitCode, 0);
    assert.equal(
      run.stderr,
      `Saved ${at.file}. No runner can start with it: ${at.file}:2:1: runner.runtime is not one of docker, podman, apple, ` +
        'host, kubernetes, and 1 more. To see all errors, run "plan42 runner config validate".\n',
    );
    const json = await at.config(['set', 'jobs.pids=98', '--json']);
    const { warnings } = parseAs('runner-config-set.json', json.stdout);
    assert.deepEqual(warnings, [
      `${at.file}:2:1: runner.runtime is not one of docker, podman, apple, host, kubernetes`,
      `${at.file}:4:1: jobs.cpus is not a number`,
    ]);
    const fixed = await at.config(['set', 'runner.runtime=host', 'jobs.cpus=1']);
    assert.match(fixed.stderr, /^Saved \S+\. Start the runner when the file is complete/);
  });

  it('prints JSON', async () => {
    await using at = await placeConfig();
    const env = { PLAN42_JOBS_PIDS: '77' };
    const run = await at.config(['set', 'jobs.pids=99', 'queues.scale_down_at=0.9', '--json'], { env });
    const { warnings, ...done } = parseAs('runner-config-set.json', run.stdout);
    const keys = ['jobs.pids', 'queues.scale_down_at'];
    assert.deepEqual(done, { configFile: at.file, changed: true, keys, runner: 'unknown' });
    assert.equal(warnings.length, 2);
    assert.match(warnings[0], /^queues\.scale_down_at is not below queues\.scale_up_at/);
    assert.match(warnings[1], /^PLAN42_JOBS_PIDS in this environment overrides jobs\.pids in the file/);
  });

  it('reads a token from a named pipe, and can be interrupted without a writer', async () => {
    await using at = await placeConfig();
    const pipe = `${at.file}.pipe`;
    execFileSync('mkfifo', [pipe]);
    const set = ['set', 'github.a.token', '--from-file', pipe];
    const aborted = await at.config(set, { signal: AbortSignal.timeout(100) });
    assert.equal(aborted.exitCode, 130, aborted.stderr);
    // Waits for a reader.
    const writer = promisify(execFile)('/bin/sh', ['-c', 'echo ghp_x > "$0"', pipe]);
    assert.equal((await at.config(set)).exitCode, 0);
    await writer;
    assert.match(await at.read(), /token = "ghp_x"/);
  });

  it('warns if the environment overrides a setting, as list does', async () => {
    await using at = await placeConfig();
    const env = { PLAN42_JOBS_PIDS: '77', PLAN42_RUNNER_TOKEN: token };
    const hidden = /^WARNING: PLAN42_JOBS_PIDS in this environment overrides jobs\.pids in the file\. Unset it/m;
    const { stderr } = await at.config(['set', 'jobs.pids=99', 'jobs.cpus=1'], { env });
    assert.match(stderr, hidden);
    assert.equal(stderr.match(/WARNING/g)?.length, 1, stderr);
    const listed = await at.config(['list'], { env });
    assert.match(listed.stderr, hidden);
    assert.doesNotMatch(listed.stderr, /PLAN42_RUNNER_TOKEN/, 'the file has none');
    assert.doesNotMatch((await at.config(['set', 'jobs.pids=98'])).stderr, /WARNING/);
  });

  it('rejects values that no runner can use', async () => {
    await using at = await placeConfig('# nothing\n');
    const cases: [assignment: string, error: RegExp][] = [
      ['jobs.network=my network', /^ERROR: jobs\.network is not the name of a network like .* Allowed values: /],
      ['jobs.network=--privileged', /is not the name of a network/],
      ['jobs.capabilities=CHOWN,KILL ALL', /"KILL ALL", which is not a capability\. Allowed values: /],
      ['host.command=[]', /^ERROR: host\.command is without a program/],
      ['jobs.stop_timeout=10', /is not a duration like "30s".* Allowed values: /],
      ['runner.runtime=dokcer', /is not one of docker, podman, apple, host, kubernetes\. Allowed values: /],
      ['github.a.url=ftp://example.com', /is not an https URL/],
      [
        'network.ca_file=/nonexistent.pem',
        /^ERROR: cannot read the CA file \/nonexistent\.pem.* Set network\.ca_file to a PEM/,
      ],
      [`network.ca_file=${at.file}`, /^ERROR: cannot use the CA file/],
    ];
    for (const [assignment, error] of cases) {
      const run = await at.config(['set', assignment]);
      assert.match(run.stderr, error);
      assert.equal(run.exitCode, 3, assignment);
      assert.equal(await at.read(), '# nothing\n');
    }
  });

  it('does not change a file that is not TOML', async () => {
    await using at = await placeConfig('[runner\n');
    const run = await at.config(['set', 'jobs.pids=99']);
    assert.equal(run.exitCode, 3);
    assert.match(run.stderr, /:2:1: .*Fix it with an editor\.$/m);
    assert.equal(await at.read(), '[runner\n');
  });
});
