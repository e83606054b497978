import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { placeConfig } from '../../../../test/support/config-place.ts';
import { startControlPlane } from '../../../../test/support/control-plane.ts';
import { startFakeGithub } from '../../../../test/support/fake-github.ts';
import { parseAs } from '../../../../test/support/json-schemas.ts';
import { startProxy } from '../../../../test/support/proxy.ts';
import { runnerJwt } from '../../../../test/support/runner-jwt.ts';

interface Finding {
  subject: string;
  severity: string;
  message: string;
}

const token = runnerJwt();

describe('plan42 runner config validate', () => {
  const host = '[host]\nunisolated = true\ncommand = ["/bin/sh"]\n';

  it('reports missing scopes of a GitHub token', async () => {
    await using github = await startFakeGithub('ghp_right', 'octocat', 'gist, admin:org');
    await using at = await placeConfig(
      `[github.work]\nconnection_id = "${randomUUID()}"\nurl = "${github.url}"\ntoken = "ghp_right"\n`,
    );
    const { stdout } = await at.config(['validate'], { env: { PATH: '/nonexistent' } });
    assert.match(stdout, /^warning {2}github\.work\.token: lacks the scope repo \(octocat\)$/m);
  });

  it('reports what is ok, and compares all pages of connections', async () => {
    await using plane = await startControlPlane();
    await using github = await startFakeGithub('ghp_right', 'octocat');
    const id = randomUUID();
    const body = { Private: true, RunnerID: plane.server.admin.runnerId, Name: 'work' };
    await plane.call('PUT', `github-connections/${id}`, { body });
    await using at = await placeConfig(
      `[runner]\nurl = "${plane.server.url}"\ntoken = "${await plane.newToken()}"\nruntime = "host"\n${host}` +
        `[github.work]\nconnection_id = "${id}"\nurl = "${github.url}"\ntoken = "ghp_right"\n`,
    );
    const run = await at.config(['validate'], { env: process.env });
    assert.equal(run.exitCode, 0, run.stderr);
    assert.match(run.stdout, /^ok {7}runner\.token: runner \S+ of tenant \S+, valid until /m);
    assert.match(run.stdout, /^ok {7}runner\.runtime: host: \/bin\/sh/m);
    assert.match(run.stdout, /^ok {7}github\.work\.token: octocat \(repo, read:org\)$/m);
    assert.doesNotMatch(run.stdout, /^warning {2}(?!runner\.runtime: \/bin\/sh runs without isolation)|^error/m);

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
    const messages = others.map(({ subject, severity, message }: Finding) => `${severity} ${subject}: ${message}`);
    assert.match(messages.join('\n'), /^error github\.work\.token: token rejected \(401: Bad credentials\)$/m);
    for (const other of ids) {
      assert.ok(messages.includes(`warning github: new (${other}) is not configured here`), 'both, though named alike');
    }
    assert.match(messages.join('\n'), /^warning github\.old: not a private connection of the tenant$/m);
    assert.match(
      json.stderr,
      /^ERROR: github\.work\.token: token rejected \(401: Bad credentials\)\. Create a token at \S+\/settings\/tokens and set github\.work\.token\.\n$/,
    );
  });

  it('does not send the token of a connection with an invalid URL', async () => {
    await using plane = await startControlPlane();
    const id = randomUUID();
    const body = { Private: true, RunnerID: plane.server.admin.runnerId, Name: 'work' };
    await plane.call('PUT', `github-connections/${id}`, { body });
    await using proxy = await startProxy(0, { refusal: 502 });
    await using at = await placeConfig(
      `[runner]\nurl = "${plane.server.url}"\ntoken = "${await plane.newToken()}"\nruntime = "host"\n${host}` +
        `[github.work]\nconnection_id = "${id}"\nurl = "http://ghe.example.com"\ntoken = "ghp_right"\n`,
    );
    const run = await at.config(['validate'], { env: { ...process.env, https_proxy: proxy.url } });
    assert.equal(run.exitCode, 3);
    assert.match(run.stdout, /^error {4}\S+: github\.work\.url is not an https URL/m);
    assert.doesNotMatch(run.stdout, /github\.work\.token/);
    assert.deepEqual(proxy.targets, []);
  });

  it('fails with the exit code of the first error', async () => {
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
      [runner('', token), 3, /^ERROR: runner\.url is not a URL like /],
      [runner('http://example.com', token), 3, /^ERROR: runner\.url is not an https URL/],
      [runner(url, 'p42r_x'), 4, /^ERROR: invalid runner token: a JWT has 3 parts/],
      [runner(url, revoked), 4, /^ERROR: token not authorized \(401/],
      [
        runner('http://127.0.0.1:1', token),
        1,
        /^ERROR: unable to connect to server: nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
      ],
      [
        runner(url, await plane.newToken(), 'docker'),
        5,
        /^ERROR: docker is not ready: there is no docker command\. Install/,
      ],
      [`${runner(url, token)}[jobs]\npids = "x"\n`, 3, /^ERROR: jobs\.pids is not a number/],
    ];
    for (const [config, exitCode, error] of cases) {
      await using at = await placeConfig(config);
      const run = await at.config(['validate'], { env: { PATH: '/nonexistent' } });
      assert.match(run.stderr, error);
      assert.equal(run.exitCode, exitCode, run.stderr);
      assert.ok(!`${run.stdout}${run.stderr}`.includes(token.slice(5, 30)));
    }
  });

  it('names settings of the wrong type', async () => {
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
      ['github = 5\n[runner]\nurl = "http://127.0.0.1:1"\n', 3, /:1:1: github is not a table$/m, 3],
    ];
    for (const [config, exitCode, error, count] of cases) {
      await using at = await placeConfig(config);
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

  it('quotes names, distinguishes variables from the file, and warns if other users can access the file', async () => {
    await using at = await placeConfig(`[runner]\nruntime = "host"\n${host}[github."a b"]\ntokn = "x"\n`);
    await chmod(at.file, 0o640);
    const { stdout } = await at.config(['validate'], { env: { PLAN42_JOBS_PIDS: 'x' } });
    assert.match(stdout, /^warning {2}github\."a b"\.token: missing github token$/m);
    assert.match(stdout, /unknown key "github\."a b"\.tokn", did you mean "token"\?$/m);
    assert.match(stdout, /^error {4}environment: the environment’s PLAN42_JOBS_PIDS is not a number$/m);
    assert.match(stdout, /^warning {2}\S+: contains tokens and other users can access it \(mode 0640\)$/m);
  });
});
