import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startControlPlane } from '../../../../test/support/control-plane.ts';
import { startFakeGithub } from '../../../../test/support/fake-github.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startProxy } from '../../../../test/support/proxy.ts';
import { type CliRunOptions, runCli } from '../../../../test/support/run-cli.ts';
import { runnerJwt } from '../../../../test/support/runner-jwt.ts';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';

interface Finding {
  subject: string;
  severity: string;
  message: string;
}

interface Place extends AsyncDisposable {
  file: string;
  read: () => Promise<string>;
  config: (argv: readonly string[], options?: CliRunOptions) => ReturnType<typeof runCli>;
}

async function place(content?: string): Promise<Place> {
  const dir = await makeTempDir();
  const file = join(dir.path, 'plan42-runner.toml');
  if (content !== undefined) await writeFile(file, content, { mode: 0o600 });
  return {
    file,
    read: () => readFile(file, 'utf8'),
    config: (argv, options) => runCli(['runner', 'config', ...argv, '-c', file], options),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const token = runnerJwt();

describe('plan42 runner config set', () => {
  it('makes the file, for its owner only, and says how to apply it', async () => {
    await using at = await place();
    const run = await at.config(['set', 'runner.url=http://127.0.0.1:7042', 'jobs.max_jobs=8', 'images.allowed=a,b']);
    assert.deepEqual([run.exitCode, run.stdout], [0, '']);
    assert.match(run.stderr, /^Saved \S+\. Restart a running runner to use it/);
    assert.equal(
      await at.read(),
      '[runner]\nurl = "http://127.0.0.1:7042"\n\n[jobs]\nmax_jobs = 8\n\n[images]\nallowed = ["a", "b"]\n',
    );
    assert.equal((await stat(at.file)).mode & 0o777, 0o600);
    assert.equal((await at.config(['set', 'jobs.max_jobs', '8'])).stderr, 'Nothing changed.\n');
  });

  it('says how to start the runner when the file is new and has a token', async () => {
    await using at = await place();
    const { stderr } = await at.config(['set', 'runner.url=http://127.0.0.1:7042', 'runner.token'], { stdin: token });
    assert.match(stderr, /^Saved \S+\. Start the runner: "plan42 runner enable"/);
  });

  it('takes tokens from standard input and from files, and never shows them', async () => {
    await using at = await place('# mine\n[runner]\n');
    const halves = `${token.slice(0, 40)}\n${token.slice(40)}\n`;
    const piped = await at.config(['set', 'runner.token'], { stdin: halves });
    assert.match(piped.stderr, /takes it over by itself/);
    assert.equal(await at.read(), `# mine\n[runner]\ntoken = "${token}"\n`);
    const secret = `${at.file}.secret`;
    await writeFile(secret, 'ghp_x\n');
    await at.config(['set', 'github.a.token', '--from-file', secret]);
    const shown = await at.config(['list']);
    assert.match(shown.stdout, /^runner\.token +\*{8} +file$/m);
    assert.match(shown.stdout, /^github\.a\.token +\*{8} +file$/m);
    for (const run of [piped, shown]) assert.ok(!`${run.stdout}${run.stderr}`.includes(token.slice(5, 30)));
  });

  it('refuses what is wrong with the exit code of its kind, and writes nothing', async () => {
    const cases: [argv: string[], exitCode: number, error: RegExp, stdin?: string][] = [
      [['runner.token', token], 2, /^ERROR: runner\.token is a secret.*--from-file\.$/],
      [[`runner.token=${token}`], 2, /is a secret/],
      [['runner.token'], 2, /the value for runner\.token is empty/, ' \n'],
      [
        ['runner.token', 'github.a.token', 'jobs.pids=99'],
        2,
        /there are no values for runner\.token and github\.a\.token/,
        'x',
      ],
      [['runner.url'], 2, /there is no value for runner\.url/],
      [['runner.ulr', 'x'], 2, /did you mean "runner\.url"\?/],
      [['runner.url', 'http://example.com'], 3, /^ERROR: invalid server url: it is not an https URL/],
      [['jobs.max_jobs=8', 'jobs.cpus=many'], 3, /^ERROR: jobs\.cpus is not a number\. It takes: /],
      [['runner.token'], 4, /^ERROR: invalid runner token: it does not start with "p42r_"/, 'ghp_x'],
      [['runner.token'], 4, /^ERROR: invalid runner token: it expired/, runnerJwt({ exp: 1 })],
      [['github.a.token', '--from-file', '/nonexistent'], 1, /^ERROR: cannot read \/nonexistent/],
      [['github.a.token', '--from-file', '/'], 1, /^ERROR: cannot read \/: it is neither a file nor a pipe\. Name/],
      [['jobs.cpus='], 2, /^ERROR: the value for jobs\.cpus is empty\. .* unset jobs\.cpus"\.$/],
      [['runner.url='], 2, /^ERROR: the value for runner\.url is empty/],
      [['jobs=1'], 2, /^ERROR: "jobs" is a table, and no setting\. Name a setting in it, such as jobs\.max_jobs\.$/],
      [['github.a=1'], 2, /"github\.a" is a table.* such as github\.a\.name\.$/],
      [['jobs.cpus=1', '--from-file', '/nonexistent'], 2, /--from-file has nothing to set/],
    ];
    for (const [argv, exitCode, error, stdin] of cases) {
      await using at = await place('# nothing\n');
      const run = await at.config(['set', ...argv], stdin === undefined ? {} : { stdin });
      assert.equal(run.exitCode, exitCode, run.stderr);
      assert.match(run.stderr.trimEnd(), error);
      assert.ok(!run.stderr.includes(token.slice(5, 30)), run.stderr);
      assert.equal(await at.read(), '# nothing\n');
    }
  });

  it('checks the certificate again when the URL changes', async () => {
    await using at = await place('[runner]\nurl = "https://a.example" # a\nskip_ssl_verify = true\n');
    await at.config(['set', 'runner.url', 'https://a.example']);
    assert.match(await at.read(), /skip_ssl_verify = true/);
    const other = await at.config(['set', 'runner.url', 'https://b.example']);
    assert.equal(await at.read(), '[runner]\nurl = "https://b.example" # a\nskip_ssl_verify = false\n');
    assert.match(other.stderr, /^WARNING: runner\.skip_ssl_verify is false now, since runner\.url has changed/m);
    await at.config(['set', 'runner.url=https://c.example', 'runner.skip_ssl_verify=true']);
    assert.match(await at.read(), /skip_ssl_verify = true/);
    const unset = await at.config(['unset', 'runner.url', '--json']);
    assert.match(parseAs('runner-config-set.json', unset.stdout).warnings[0], /^runner\.skip_ssl_verify is false now/);
  });

  it('says when no runner starts with the file, whatever else is wrong with it', async () => {
    await using at = await place('[runner]\nruntime = "dokcer"\n[jobs]\ncpus = "x"\n');
    const run = await at.config(['set', 'jobs.pids=99']);
    assert.equal(run.exitCode, 0);
    assert.equal(
      run.stderr,
      `Saved ${at.file}. No runner starts with it: ${at.file}:2:1: runner.runtime is not one of docker, podman, apple, ` +
        'host, and 1 more. "plan42 runner config validate" tells all.\n',
    );
    const json = await at.config(['set', 'jobs.pids=98', '--json']);
    const { warnings } = parseAs('runner-config-set.json', json.stdout);
    assert.deepEqual(warnings, [
      `${at.file}:2:1: runner.runtime is not one of docker, podman, apple, host`,
      `${at.file}:4:1: jobs.cpus is not a number`,
    ]);
    const mended = await at.config(['set', 'runner.runtime=host', 'jobs.cpus=1']);
    assert.match(mended.stderr, /^Saved \S+\. Restart a running runner/);
  });

  it('tells programs what it did', async () => {
    await using at = await place();
    const env = { PLAN42_JOBS_PIDS: '77' };
    const run = await at.config(['set', 'jobs.pids=99', 'queues.scale_down_at=0.9', '--json'], { env });
    const { warnings, ...done } = parseAs('runner-config-set.json', run.stdout);
    const keys = ['jobs.pids', 'queues.scale_down_at'];
    assert.deepEqual(done, { configFile: at.file, changed: true, keys, runner: 'unknown' });
    assert.equal(warnings.length, 2);
    assert.match(warnings[0], /^queues\.scale_down_at is not below queues\.scale_up_at/);
    assert.match(warnings[1], /^PLAN42_JOBS_PIDS is set in this environment and beats jobs\.pids in the file/);
  });

  it('takes a token from a pipe by its name, and can be interrupted while nobody writes to it', async () => {
    await using at = await place();
    const pipe = `${at.file}.pipe`;
    execFileSync('mkfifo', [pipe]);
    const set = ['set', 'github.a.token', '--from-file', pipe];
    const nobody = await at.config(set, { signal: AbortSignal.timeout(100) });
    assert.equal(nobody.exitCode, 130, nobody.stderr);
    // Waits for a reader.
    const writer = promisify(execFile)('/bin/sh', ['-c', 'echo ghp_x > "$0"', pipe]);
    assert.equal((await at.config(set)).exitCode, 0);
    await writer;
    assert.match(await at.read(), /token = "ghp_x"/);
  });

  it('says when the environment hides what was set, and so does list', async () => {
    await using at = await place();
    const env = { PLAN42_JOBS_PIDS: '77', PLAN42_RUNNER_TOKEN: token };
    const hidden = /^WARNING: PLAN42_JOBS_PIDS is set in this environment and beats jobs\.pids in the file: unset it/m;
    const { stderr } = await at.config(['set', 'jobs.pids=99', 'jobs.cpus=1'], { env });
    assert.match(stderr, hidden);
    assert.equal(stderr.match(/WARNING/g)?.length, 1, stderr);
    const listed = await at.config(['list'], { env });
    assert.match(listed.stderr, hidden);
    assert.doesNotMatch(listed.stderr, /PLAN42_RUNNER_TOKEN/, 'the file has none');
    assert.doesNotMatch((await at.config(['set', 'jobs.pids=98'])).stderr, /WARNING/);
  });

  it('refuses at once what no runner could use', async () => {
    await using at = await place('# nothing\n');
    const cases: [assignment: string, error: RegExp][] = [
      ['jobs.network=my network', /^ERROR: jobs\.network is not the name of a network like .* It takes: /],
      ['jobs.network=--privileged', /is not the name of a network/],
      ['jobs.capabilities=CHOWN,KILL ALL', /"KILL ALL", which is no capability’s name\. It takes: /],
      ['host.command=[]', /^ERROR: host\.command is without a program/],
      ['jobs.stop_timeout=10', /is not a duration like "30s".* It takes: /],
      ['runner.runtime=dokcer', /is not one of docker, podman, apple, host\. It takes: /],
      ['github.a.url=ftp://example.com', /is not an https URL/],
      [
        'network.ca_file=/nonexistent.pem',
        /^ERROR: cannot read the CA file \/nonexistent\.pem.* Set network\.ca_file to a PEM/,
      ],
      [`network.ca_file=${at.file}`, /^ERROR: there is no PEM certificate in the CA file/],
    ];
    for (const [assignment, error] of cases) {
      const run = await at.config(['set', assignment]);
      assert.match(run.stderr, error);
      assert.equal(run.exitCode, 3, assignment);
      assert.equal(await at.read(), '# nothing\n');
    }
  });

  it('leaves a file alone that is not TOML', async () => {
    await using at = await place('[runner\n');
    const run = await at.config(['set', 'jobs.pids=99']);
    assert.equal(run.exitCode, 3);
    assert.match(run.stderr, /:2:1: .*Correct it with an editor\.$/m);
    assert.equal(await at.read(), '[runner\n');
  });
});

describe('plan42 runner config unset', () => {
  it('takes settings and whole connections out and leaves comments', async () => {
    await using at = await place('[jobs]\npids = 99 # few\ncpus = 1\n\n[github."a b"] # old\ntoken = "x"\n');
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

describe('plan42 runner config get and list', () => {
  const content =
    '[runner]\ntoken = "p42r_secret"\n[jobs]\ncpus = 0.5\nstop_timeout = "5s"\n[github."a.b"]\nurl = ""\n';

  it('get prints one value: from the environment, the file or the defaults', async () => {
    await using at = await place(content);
    const env = { PLAN42_JOBS_PIDS: '77' };
    const get = async (key: string) => (await at.config(['get', key], { env })).stdout;
    assert.equal(await get('jobs.pids'), '77\n');
    assert.equal(await get('jobs.cpus'), '0.5\n');
    assert.equal(await get('runner.url'), 'https://api.dev.plan42.ai\n');
    assert.equal(await get('queues.shutdown_timeout'), '5m\n');
    assert.equal(await get('images.allowed'), '["*"]\n');
    assert.equal(await get('runner.token'), '********\n');
    assert.equal((await at.config(['get', 'runner.token', '--show-secrets'])).stdout, 'p42r_secret\n');
    const unset = await at.config(['get', 'runner.runtime']);
    assert.deepEqual([unset.exitCode, unset.stdout], [1, '']);
    assert.match(unset.stderr, /^ERROR: runner\.runtime is not set in /);
    const noConnection = await at.config(['get', 'github.nope.url']);
    assert.deepEqual([noConnection.exitCode, noConnection.stdout], [1, '']);
  });

  it('get says as JSON what the value is and where it comes from', async () => {
    await using at = await place(content);
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

  it('list shows what is set, and with --all everything', async () => {
    await using at = await place(content);
    const run = await at.config(['list'], { env: { PLAN42_LOG_LEVEL: 'debug' } });
    assert.deepEqual(
      run.stdout.split('\n').map((line) => line.split(/ {2,}/)[0]),
      ['KEY', 'runner.token', 'jobs.cpus', 'jobs.stop_timeout', 'log.level', 'github."a.b".url', ''],
    );
    assert.ok((await at.config(['list', '-a'])).stdout.split('\n').length > 30);
    const json = await at.config(['list', '--json']);
    const { settings } = parseAs('runner-config-list.json', json.stdout);
    assert.ok(settings.length > 30);
    assert.ok(!json.stdout.includes('p42r_secret'));
  });

  it('tell that others can read the file', async () => {
    await using at = await place(content);
    await chmod(at.file, 0o644);
    const warning = `${at.file} holds tokens and others can read it: run chmod 600 ${at.file}`;
    assert.ok((await at.config(['list'])).stderr.includes(`WARNING: ${warning}\n`));
    await chmod(at.file, 0o600);
    assert.doesNotMatch((await at.config(['list'])).stderr, /chmod/);
  });

  it('say when a file that was named is not there', async () => {
    await using at = await place();
    for (const argv of [['list'], ['get', 'jobs.pids'], ['validate'], ['validate', '--json']]) {
      const run = await at.config(argv);
      assert.deepEqual([run.exitCode, run.stdout], [3, '']);
      assert.match(run.stderr, /^ERROR: there is no configuration file \S+\. Name another one, or make it: /);
    }
  });

  it('list tells what is wrong with the file', async () => {
    await using at = await place('[jobs]\npids = "x"\nmax_job = 1\n');
    const { stderr, stdout } = await at.config(['list']);
    assert.match(stderr, /^ERROR: \S+:2:1: jobs\.pids is not a number$/m);
    assert.match(stderr, /^WARNING: \S+:3:1: unknown key "jobs\.max_job", did you mean "max_jobs"\?$/m);
    assert.match(stdout, /^jobs\.pids +x +file$/m);
  });
});

describe('plan42 runner config validate', () => {
  const host = '[host]\nunisolated = true\ncommand = ["/bin/sh"]\n';

  it('tells which scopes a GitHub token lacks', async () => {
    await using github = await startFakeGithub('ghp_right', 'octocat', 'gist, admin:org');
    await using at = await place(`[github.work]\nurl = "${github.url}"\ntoken = "ghp_right"\n`);
    const { stdout } = await at.config(['validate'], { env: { PATH: '/nonexistent' } });
    assert.match(stdout, /^warning {2}github\.work\.token: lacks the scope repo \(octocat\)$/m);
  });

  it('tells what it found to be right, all pages of connections included', async () => {
    await using plane = await startControlPlane();
    await using github = await startFakeGithub('ghp_right', 'octocat');
    const id = randomUUID();
    const body = { Private: true, RunnerID: plane.server.admin.runnerId, Name: 'work' };
    await plane.call('PUT', `github-connections/${id}`, { body });
    await using at = await place(
      `[runner]\nurl = "${plane.server.url}"\ntoken = "${await plane.newToken()}"\nruntime = "host"\n${host}` +
        `[github.work]\nconnection_id = "${id}"\nurl = "${github.url}"\ntoken = "ghp_right"\n`,
    );
    const run = await at.config(['validate'], { env: process.env });
    assert.equal(run.exitCode, 0, run.stderr);
    assert.match(run.stdout, /^ok {7}runner\.token: runner \S+ of tenant \S+, valid until /m);
    assert.match(run.stdout, /^ok {7}runner\.runtime: host is ready/m);
    assert.match(run.stdout, /^ok {7}github\.work\.token: octocat \(repo, read:org\)$/m);
    assert.doesNotMatch(run.stdout, /warning|error/);

    const ids = [randomUUID(), randomUUID()];
    for (const other of ids) {
      await plane.call('PUT', `github-connections/${other}`, { body: { ...body, Name: 'new' } });
    }
    await at.config(['set', 'github.work.token'], { stdin: 'ghp_wrong' });
    await at.config(['set', 'github.old.token'], { stdin: 'ghp_wrong' });
    await at.config(['set', `github.old.url=${github.url}`]);
    const json = await at.config(['validate', '--json'], { env: process.env });
    assert.equal(json.exitCode, 1);
    const { findings } = parseAs('runner-config-validate.json', json.stdout);
    const others = findings.filter(({ severity }: Finding) => severity !== 'ok');
    const told = others.map(({ subject, severity, message }: Finding) => `${severity} ${subject}: ${message}`);
    assert.match(told.join('\n'), /^error github\.work\.token: Bad credentials$/m);
    for (const other of ids) {
      assert.ok(told.includes(`warning github: new (${other}) is not configured here`), 'both, though named alike');
    }
    assert.match(told.join('\n'), /^warning github\.old: the tenant has no such private connection$/m);
    assert.match(
      json.stderr,
      /^ERROR: github\.work\.token: Bad credentials\. Get a new token, and pipe it in: "… \| plan42 [^"]* github\.work\.token"\.\n$/,
    );
  });

  it('sends no token of a connection whose address is wrong', async () => {
    await using plane = await startControlPlane();
    const id = randomUUID();
    const body = { Private: true, RunnerID: plane.server.admin.runnerId, Name: 'work' };
    await plane.call('PUT', `github-connections/${id}`, { body });
    await using proxy = await startProxy(0, { refusal: 502 });
    await using at = await place(
      `[runner]\nurl = "${plane.server.url}"\ntoken = "${await plane.newToken()}"\nruntime = "host"\n${host}` +
        `[github.work]\nconnection_id = "${id}"\nurl = "http://ghe.example.com"\ntoken = "ghp_right"\n`,
    );
    const run = await at.config(['validate'], { env: { ...process.env, https_proxy: proxy.url } });
    assert.equal(run.exitCode, 3);
    assert.match(run.stdout, /^error {4}\S+: github\.work\.url is not an https URL/m);
    assert.doesNotMatch(run.stdout, /warning|github\.work\.token/);
    assert.deepEqual(proxy.targets, []);
  });

  it('fails with the exit code of the first mistake, in the words of the screen', async () => {
    await using plane = await startControlPlane();
    const revoked = await plane.newToken();
    const { body } = await plane.call('GET', `${plane.runner}/tokens`);
    for (const { TokenID, Version } of body.Items) {
      await plane.call('POST', `${plane.runner}/tokens/${TokenID}/revoke`, { ifMatch: Version });
    }
    const runner = (url: string, ofToken: string, runtime = 'host') =>
      `[runner]\nurl = "${url}"\ntoken = "${ofToken}"\nruntime = "${runtime}"\n${host}`;
    const url = plane.server.url;
    const cases: [config: string, exitCode: number, error: RegExp][] = [
      ['', 3, /^ERROR: missing runner token\./],
      [runner('', token), 3, /^ERROR: missing server url\./],
      [runner('http://example.com', token), 3, /^ERROR: invalid server url: /],
      [runner(url, 'p42r_x'), 4, /^ERROR: invalid runner token: a JWT has 3 parts/],
      [runner(url, revoked), 4, /^ERROR: token not authorized\./],
      [runner('http://127.0.0.1:1', token), 1, /^ERROR: unable to connect to server: connect ECONNREFUSED/],
      [
        runner(url, await plane.newToken(), 'docker'),
        5,
        /^ERROR: docker is not ready \(docker: there is no docker command\)\. Install/,
      ],
      [`${runner(url, token)}[jobs]\npids = "x"\n`, 3, /^ERROR: jobs\.pids is not a number/],
    ];
    for (const [config, exitCode, error] of cases) {
      await using at = await place(config);
      const run = await at.config(['validate'], { env: { PATH: '/nonexistent' } });
      assert.match(run.stderr, error);
      assert.equal(run.exitCode, exitCode, run.stderr);
      assert.ok(!`${run.stdout}${run.stderr}`.includes(token.slice(5, 30)));
    }
  });

  it('names the setting that is of the wrong type, and what cannot be used, in JSON too', async () => {
    const runner = (lines: string) => `[runner]\nruntime = "host"\n${lines}\n${host}`;
    const right = `url = "http://127.0.0.1:1"\ntoken = "${token}"`;
    const cases: [config: string, exitCode: number, error: RegExp, count: number][] = [
      [runner(`url = 5\ntoken = "${token}"`), 3, /:3:1: runner\.url is not a string in quotes, but a number$/m, 1],
      [
        runner('token = true\nurl = "https://a.example"'),
        3,
        /:3:1: runner\.token is not a string in quotes, but true$/m,
        1,
      ],
      [
        `${runner(right)}[network]\nca_file = "/nonexistent.pem"\n[github."a b"]\ntoken = "x"\n`,
        3,
        /^network: cannot read the CA file \/nonexistent\.pem/m,
        1,
      ],
      ['github = 5\n', 3, /:1:1: github is not a table$/m, 2],
    ];
    for (const [config, exitCode, error, count] of cases) {
      await using at = await place(config);
      const run = await at.config(['validate', '--json'], { env: { PATH: '/nonexistent' } });
      const findings: (Finding & { remedy: string })[] = parseAs('runner-config-validate.json', run.stdout).findings;
      const mistakes = findings.filter(({ severity, subject }) => severity === 'error' && subject !== 'runner.runtime');
      assert.match(mistakes.map(({ subject, message }) => `${subject}: ${message}`).join('\n'), error);
      assert.equal(mistakes.length, count, run.stdout);
      assert.ok(
        mistakes.every(({ remedy }) => remedy),
        run.stdout,
      );
      assert.equal(run.exitCode, exitCode, run.stderr);
    }
  });

  it('quotes names, tells a variable from the file, and warns of a file that others can read', async () => {
    await using at = await place(`[runner]\nruntime = "host"\n${host}[github."a b"]\ntokn = "x"\n`);
    await chmod(at.file, 0o640);
    const { stdout } = await at.config(['validate'], { env: { PLAN42_JOBS_PIDS: 'x' } });
    assert.match(stdout, /^warning {2}github\."a b"\.token: missing github token$/m);
    assert.match(stdout, /unknown key "github\."a b"\.tokn", did you mean "token"\?$/m);
    assert.match(stdout, /^error {4}environment: the environment’s PLAN42_JOBS_PIDS is not a number$/m);
    assert.match(stdout, /^warning {2}\S+: \S+ holds tokens and others can read it: run chmod 600 /m);
  });
});
