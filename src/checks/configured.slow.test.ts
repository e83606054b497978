import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertFound, type DoctorCase } from '../../test/support/doctor-case.ts';
import { type DoctorSetting, plainSecret, setUp, startDoctorSetting } from '../../test/support/doctor-setting.ts';
import { runnerJwt } from '../../test/support/runner-jwt.ts';

const inDays = (days: number) => Math.floor(Date.now() / 1000 + days * 86_400);
const ids = { sub: '1b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e', runner_id: '2b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e' };

let setting: DoctorSetting;
before(async () => {
  setting = await startDoctorSetting();
});
after(() => setting[Symbol.asyncDispose]());

const cases: DoctorCase[] = [
  {
    what: 'no TOML',
    given: () => ({ config: 'x = = 1\n' }),
    check: 'configuration',
    status: 'failed',
    found: /plan42-runner\.toml:5:\d+: /,
    exitCode: 3,
  },
  {
    what: 'a wrong type',
    given: () => ({ config: '[jobs]\nmax_jobs = "many"\n' }),
    check: 'configuration',
    status: 'failed',
    found: /jobs\.max_jobs is not a number/,
    exitCode: 3,
  },
  {
    what: 'an unknown key',
    given: () => ({ config: '[jobs]\nmax_job = 3\n' }),
    check: 'configuration',
    status: 'warning',
    found: /unknown key "jobs\.max_job", did you mean "max_jobs"\?/,
    remedy: /Correct or remove it/,
  },
  {
    what: 'checks that need a broken configuration',
    given: () => ({ config: '[jobs]\nmax_jobs = "many"\n' }),
    check: 'runtime',
    status: 'skipped',
    found: /the configuration cannot be used/,
    exitCode: 3,
  },
  {
    what: 'no token',
    given: () => ({ runner: { token: '' } }),
    check: 'token',
    status: 'failed',
    found: /missing runner token/,
    remedy: /Get a new token .* paste it .* plan42 runner config -c \/.*plan42-runner\.toml$/,
    exitCode: 3,
  },
  {
    what: 'a token that is none',
    given: () => ({ runner: { token: plainSecret } }),
    check: 'token',
    status: 'failed',
    found: /it does not start with "p42r_"/,
    exitCode: 4,
  },
  {
    what: 'a token in the environment that is none',
    given: () => ({ env: { PLAN42_RUNNER_TOKEN: plainSecret } }),
    check: 'token',
    status: 'failed',
    found: /it does not start with "p42r_"/,
    remedy: /set PLAN42_RUNNER_TOKEN, which takes precedence over the file\.$/,
    exitCode: 4,
  },
  {
    what: 'a token in the environment of a pod that is none',
    given: () => ({ env: { PLAN42_RUNNER_TOKEN: plainSecret, KUBERNETES_SERVICE_HOST: '127.0.0.1' } }),
    check: 'token',
    status: 'failed',
    found: /it does not start with "p42r_"/,
    remedy: /into the Secret from which the pod has PLAN42_RUNNER_TOKEN, and restart the pod\.$/,
    exitCode: 4,
  },
  {
    what: 'an expired token',
    given: () => ({ runner: { token: runnerJwt({ ...ids, exp: inDays(-1) }) } }),
    check: 'token',
    status: 'failed',
    found: /it expired at 20/,
    exitCode: 4,
  },
  {
    what: 'a token that expires soon',
    given: () => ({ runner: { token: runnerJwt({ ...ids, exp: inDays(3) }) } }),
    check: 'token',
    status: 'warning',
    found: /ends in 2 days, at 20/,
    remedy: /Get a new token/,
    exitCode: 4,
  },
  {
    what: 'a token that the server does not know',
    given: () => ({ runner: { token: runnerJwt({ ...ids, exp: inDays(30) }) } }),
    check: 'api',
    status: 'failed',
    found: /token not authorized \(401/,
    remedy: /Get a new token/,
    exitCode: 4,
  },
  {
    what: 'a runtime that is not installed',
    given: () => ({ runner: { runtime: 'docker' } }),
    check: 'runtime',
    status: 'failed',
    found: /docker is not ready: there is no docker command/,
    remedy: /Install Docker.*Or set runner\.runtime to apple, which is ready\./,
    exitCode: 5,
  },
  {
    what: 'no runtime at all',
    given: () => ({ runner: { runtime: undefined }, env: { PATH: '/nowhere' } }),
    check: 'runtime',
    status: 'failed',
    found: /no runtime is ready \(docker: there is no docker command; podman: .*host: /,
    exitCode: 5,
  },
  {
    what: 'agents without isolation',
    given: () => ({ runner: { runtime: 'host' }, config: '[host]\nunisolated = true\ncommand = ["/bin/sh"]\n' }),
    check: 'runtime',
    status: 'warning',
    found: /host: \/bin\/sh.* \(also ready: apple\)/,
  },
  {
    what: 'settings that the runtime does not apply',
    given: () => ({ config: '[jobs]\npids = 100\n' }),
    check: 'runtime',
    status: 'warning',
    found: /apple/,
  },
  {
    what: 'no image at all',
    given: () => ({ config: '[images]\nallowed = []\n' }),
    check: 'images',
    status: 'failed',
    found: /images\.allowed is empty/,
    exitCode: 1,
  },
  {
    what: 'a pattern that matches nothing',
    given: () => ({ config: '[images]\nallowed = ["ghcr.io/us/*", "ghcr.io*"]\n' }),
    check: 'configuration',
    status: 'failed',
    found: /images\.allowed is a list with "ghcr\.io\*", which names a registry and no repository/,
    remedy: /config edit|Correct/,
    exitCode: 3,
  },
  {
    what: 'the endpoint of a model without TLS',
    given: () => ({ runner: { openai_endpoint: 'http://models.example/v1' } }),
    check: 'configuration',
    status: 'warning',
    found: /agents send prompts and keys there without encryption/,
    remedy: /Use an https URL/,
  },
  {
    what: 'authorities for agents that cannot be read',
    given: () => ({ config: '[jobs]\nca_file = "/does/not/exist.pem"\n' }),
    check: 'configuration',
    status: 'failed',
    found: /cannot read the CA file \/does\/not\/exist\.pem/,
    remedy: /Set jobs\.ca_file/,
    exitCode: 3,
  },
  {
    what: 'a limit of tokens without a gateway that counts',
    given: () => ({ config: '[limits]\nmax_tokens = 1000\n[egress]\nmode = "off"\n' }),
    check: 'limits',
    status: 'failed',
    found: /no job can run: egress\.mode is "off", so that no gateway counts/,
    remedy: /Set it to "auto", or remove limits\.max_tokens/,
    exitCode: 1,
  },
  {
    what: 'a limit of costs without prices',
    given: () => ({ config: '[limits]\nmax_cost = 5\n' }),
    check: 'limits',
    status: 'failed',
    found: /no job can run: no model has a price/,
    exitCode: 1,
  },
  {
    what: 'a limit of tokens that only some jobs can have',
    given: () => ({ config: '[limits]\nmax_tokens = 1000\n' }),
    check: 'limits',
    status: 'warning',
    found: /jobs of environments without AllowedHosts are refused/,
    remedy: /egress\.otherwise = "deny"/,
  },
  {
    what: 'a connection that is not one of the tenant',
    given: () => ({ config: '[github.work]\nconnection_id = "1b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e"\n' }),
    check: 'connections',
    status: 'warning',
    found: /^github\.work: not a private connection of the tenant/,
    exitCode: 1,
  },
  {
    what: 'an address of the health endpoint that another program uses',
    given: () => ({ config: `[health]\nlisten = "127.0.0.1:${new URL(setting.url).port}"\n` }),
    check: 'health',
    status: 'failed',
    found: /cannot listen on 127\.0\.0\.1:\d+: another program uses it/,
    remedy: /free address/,
    exitCode: 3,
  },
  {
    what: 'a connection without token',
    given: () => ({ config: '[github.work]\nconnection_id = "x"\n' }),
    check: 'github',
    status: 'failed',
    found: /^github\.work\.token: missing github token/,
    remedy: /https:\/\/github\.com\/settings\/tokens/,
    exitCode: 1,
  },
  {
    what: 'a connection without ID',
    given: () => ({ config: '[github.work]\ntoken = "x"\n' }),
    check: 'github',
    status: 'warning',
    found: /^github\.work: no connection ID/,
  },
  {
    what: 'no connection',
    given: () => ({}),
    check: 'github',
    status: 'skipped',
    found: /no GitHub connections/,
  },
];

describe('reports a problem and its remedy', () => {
  for (const one of cases) test(one.what, () => assertFound(setting, one));

  test('a configuration that was named and is not there', async () => {
    await using patient = await setUp(setting);
    const { exitCode, stdout, stderr } = await patient.run(['-c', '/does/not/exist.toml']);
    assert.equal(exitCode, 3);
    assert.match(stdout, /^failed {3}Configuration {6}configuration file \/does\/not\/exist\.toml not found\n/);
    assert.equal(stderr, 'ERROR: the runner cannot work: Configuration. See the fix under each failed check.\n');
  });
});
