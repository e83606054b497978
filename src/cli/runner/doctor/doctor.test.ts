/** Against the real control plane; the container runtime is the stand-in for Apple's, which is ready at once. */
import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startControlPlane, type TestControlPlane } from '../../../../test/support/control-plane.ts';
import { type FakeApple, startFakeApple } from '../../../../test/support/fake-apple.ts';
import { type Answerer, sendJson, startTestServer } from '../../../../test/support/http-server.ts';
import { asOrdinaryUser } from '../../../../test/support/ordinary-user.ts';
import { startProxy } from '../../../../test/support/proxy.ts';
import { type CliRun, type CliRunOptions, runCli } from '../../../../test/support/run-cli.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import { checkDisk } from './checks/disk.ts';
import { checkFolders } from './checks/folders.ts';
import { checkService } from './checks/service.ts';
import { checks } from './checks.ts';

const schema = JSON.parse(
  await readFile(new URL('../../../../docs/schemas/runner-doctor.json', import.meta.url), 'utf8'),
);
const validate = new Ajv2020({ strict: true }).compile(schema);

interface Checked {
  name: string;
  status: string;
  found: string[];
  remedies: { text: string; command?: string }[];
}

let plane: TestControlPlane;
let apple: FakeApple;
let token: string;
before(async () => {
  plane = await startControlPlane();
  apple = await startFakeApple();
  token = await plane.newToken();
});
after(async () => {
  await plane[Symbol.asyncDispose]();
  await apple[Symbol.asyncDispose]();
});

interface Given {
  /** What is undefined is left out. */
  runner?: Record<string, string | boolean | undefined>;
  /** More of the configuration. */
  config?: string;
  env?: NodeJS.ProcessEnv;
}

interface Patient extends AsyncDisposable {
  dir: TempDir;
  configFile: string;
  run(argv?: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  /** All checks by name, and the exit code. */
  checks(): Promise<{ exitCode: number; of: (name: string) => Checked }>;
}

/** A configuration in a folder of its own, with which everything is fine unless told otherwise. */
async function setUp({ runner = {}, config = '', env = {} }: Given = {}): Promise<Patient> {
  const dir = await makeTempDir();
  const configFile = join(dir.path, 'plan42-runner.toml');
  const settings = Object.entries({ url: plane.server.url, token, runtime: 'apple', ...runner });
  const given = settings.filter(([, value]) => value !== undefined);
  const table = given.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join('');
  await writeFile(configFile, `[runner]\n${table}${config}`, { mode: 0o600 });
  const stateDir = join(dir.path, 'state');
  const run = (argv: readonly string[] = [], options: CliRunOptions = {}) =>
    runCli(['runner', 'doctor', '-c', configFile, '--state-dir', stateDir, ...argv], {
      ...options,
      // No other engine of this machine.
      env: { PATH: join(apple.state.dir, 'bin'), HOME: dir.path, ...env },
    });
  return {
    dir,
    configFile,
    run,
    checks: async () => {
      const { stdout, exitCode } = await run(['--json']);
      const report = JSON.parse(stdout);
      validate(report);
      assert.equal(validate.errors, null);
      assert.equal(report.exitCode, exitCode);
      assertNoSecret(stdout);
      const of = (name: string) => report.checks.find((check: Checked) => check.name === name);
      return { exitCode, of };
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const githubToken = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
const plainSecret = 'plain-secret-without-a-prefix';

function assertNoSecret(text: string): void {
  for (const secret of [token, token.slice('p42r_'.length, 40), githubToken, plainSecret])
    assert.ok(!text.includes(secret));
}

const connection = (url: string, secret = githubToken) =>
  `[github.work]\nname = "work"\nurl = "${url}"\nconnection_id = "1b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e"\ntoken = "${secret}"\n`;

const asUser: Answerer = (response) =>
  sendJson(response, 200, { login: 'octocat' }, { 'x-oauth-scopes': 'repo, read:org' });

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `p42r_${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${part(claims)}.c2ln`;
}

const inDays = (days: number) => Math.floor(Date.now() / 1000 + days * 86_400);
const ids = { sub: '1b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e', runner_id: '2b6c1b3e-9a53-4b6e-8d1f-6f6b1a3c2d4e' };

describe('when everything is fine', () => {
  test('every check says so, and the exit code is 0', async () => {
    await using github = await startTestServer(asUser);
    await using patient = await setUp({ config: connection(github.url) });
    await mkdir(join(patient.dir.path, 'state/logs'), { recursive: true, mode: 0o700 });
    const { exitCode, of } = await patient.checks();
    for (const { name } of checks) {
      // Whether there is a runner to be found is the machine's business.
      if (name !== 'service') assert.equal(of(name).status, 'ok', `${name}: ${of(name).found.join()}`);
    }
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found[0] ?? '', /plan42-runner\.toml has no mistakes/);
    assert.match(of('token').found[0] ?? '', /^tenant [\w-]+, runner [\w-]+; it is valid until 20/);
    assert.match(of('clock').found[0] ?? '', /agrees with the server’s/);
    assert.match(of('api').found[0] ?? '', /takes the token; answered in \d+ ms/);
    assert.equal(of('runtime').found[0], 'apple: container 1.3.1, its services are started when they are needed');
    assert.equal(of('images').found[0], 'every image may run; pull policy "always"; nothing was pulled');
    assert.equal(of('github').found[0], `work: octocat at ${new URL(github.url).host}, with the scopes repo, read:org`);
    assert.match(of('disk').found[0] ?? '', /GiB free for .*state/);
  });

  test('it changes and starts nothing', async () => {
    await using patient = await setUp();
    await patient.run();
    assert.deepEqual(await readdir(patient.dir.path), ['plan42-runner.toml']);
    assert.equal(apple.state.has('services'), false);
  });

  test('the text has a line for each check in order, and a summary; nothing is on standard error', async () => {
    await using patient = await setUp();
    const { stdout, stderr, exitCode } = await patient.run();
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    const titles = checks.map(({ title }) => title);
    const order = titles.map((title) => stdout.indexOf(` ${title} `));
    assert.ok(!order.includes(-1));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.match(stdout, /\n10 checks in \d+\.\d s: 8 ok, .*[12] (skipped|warning)/);
    assert.ok(!stdout.includes('\x1b'));
  });

  test('on a terminal there are colours, and what is being looked at', async () => {
    await using patient = await setUp();
    const { stdout, stderr } = await patient.run([], { columns: 60 });
    assert.ok(stdout.includes('\x1b[32mok'));
    assert.match(stderr, /checking: Configuration, Folders/);
    assert.ok(stderr.endsWith('\r\x1b[K'), 'the line is taken away');
    const tooLong = stderr.split('\r\x1b[K').filter((line) => line.length > 60);
    assert.deepEqual(tooLong, []);
    assert.equal((await patient.run(['--json'], { columns: 60 })).stdout[0], '{');
  });
});

interface Case {
  what: string;
  given: () => Given | Promise<Given>;
  check: string;
  status: 'failed' | 'warning' | 'skipped';
  found: RegExp;
  remedy?: RegExp;
  exitCode?: number;
}

const cases: Case[] = [
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
    found: /there is no runner token/,
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
    remedy: /set PLAN42_RUNNER_TOKEN to it, which beats the file\.$/,
    exitCode: 4,
  },
  {
    what: 'an expired token',
    given: () => ({ runner: { token: jwt({ ...ids, exp: inDays(-1) }) } }),
    check: 'token',
    status: 'failed',
    found: /it expired at 20/,
    exitCode: 4,
  },
  {
    what: 'a token that expires soon',
    given: () => ({ runner: { token: jwt({ ...ids, exp: inDays(3) }) } }),
    check: 'token',
    status: 'warning',
    found: /it expires at 20/,
    remedy: /Get a new token/,
    exitCode: 4,
  },
  {
    what: 'a token that is not valid yet',
    given: () => ({ runner: { token: jwt({ ...ids, nbf: inDays(1) }) } }),
    check: 'token',
    status: 'warning',
    found: /not valid before/,
    exitCode: 4,
  },
  {
    what: 'a token that the server does not know',
    given: () => ({ runner: { token: jwt({ ...ids, exp: inDays(30) }) } }),
    check: 'api',
    status: 'failed',
    found: /refuses the token: 401/,
    remedy: /Get a new token/,
    exitCode: 4,
  },
  {
    what: 'a host that there is not',
    given: () => ({ runner: { url: 'https://plan42.invalid' } }),
    check: 'api',
    status: 'failed',
    found: /no host plan42\.invalid/,
    remedy: /DNS/,
    exitCode: 1,
  },
  {
    what: 'a GitHub that there is not',
    given: () => ({ config: connection('https://github.invalid') }),
    check: 'github',
    status: 'failed',
    found: /no host github\.invalid/,
    remedy: /Correct github\.work\.url, or the DNS/,
    exitCode: 1,
  },
  {
    what: 'a port where nothing listens',
    given: () => ({ runner: { url: 'http://127.0.0.1:1' } }),
    check: 'api',
    status: 'failed',
    found: /nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    exitCode: 1,
  },
  {
    what: 'a clock without a server',
    given: () => ({ runner: { url: 'http://127.0.0.1:1' } }),
    check: 'clock',
    status: 'skipped',
    found: /the server did not answer/,
    exitCode: 1,
  },
  {
    what: 'a proxy that is not there',
    given: () => ({
      runner: { url: 'https://plan42.invalid' },
      env: { https_proxy: `http://user:${plainSecret}@127.0.0.1:1` },
    }),
    check: 'api',
    status: 'failed',
    found: /the proxy 127\.0\.0\.1:1 does not let through to plan42\.invalid/,
    remedy: /https_proxy/,
    exitCode: 1,
  },
  {
    what: 'a proxy that is no URL',
    given: () => ({ env: { https_proxy: `nonsense ${plainSecret}` } }),
    check: 'api',
    status: 'failed',
    found: /https_proxy is not a URL/,
    exitCode: 3,
  },
  {
    what: 'a CA file that is not there',
    given: () => ({ config: '[network]\nca_file = "/does/not/exist.pem"\n' }),
    check: 'api',
    status: 'failed',
    found: /cannot read the CA file \/does\/not\/exist\.pem/,
    remedy: /network\.ca_file/,
    exitCode: 3,
  },
  {
    what: 'a runtime that is not installed',
    given: () => ({ runner: { runtime: 'docker' } }),
    check: 'runtime',
    status: 'failed',
    found: /docker is not ready: there is no docker command/,
    remedy: /Install Docker.*Or set runner\.runtime to apple, which would be ready\./,
    exitCode: 5,
  },
  {
    what: 'no runtime at all',
    given: () => ({ runner: { runtime: undefined }, env: { PATH: '/nowhere' } }),
    check: 'runtime',
    status: 'failed',
    found: /none is ready \(docker: there is no docker command; podman: .*host: /,
    exitCode: 5,
  },
  {
    what: 'agents without isolation',
    given: () => ({ runner: { runtime: 'host' }, config: '[host]\nunisolated = true\ncommand = ["/bin/sh"]\n' }),
    check: 'runtime',
    status: 'warning',
    found: /host: \/bin\/sh; .*apple.* would be ready too/,
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
    given: () => ({ config: '[images]\nallowed = ["ghcr.io/us/*", "^ghcr.*$"]\n' }),
    check: 'images',
    status: 'warning',
    found: /allowed: ghcr\.io\/us\/\*, \^ghcr/,
    remedy: /images\.allowed/,
  },
  {
    what: 'a connection without token',
    given: () => ({ config: '[github.work]\nconnection_id = "x"\n' }),
    check: 'github',
    status: 'failed',
    found: /^work: it has no token/,
    remedy: /https:\/\/github\.com\/settings\/tokens/,
    exitCode: 1,
  },
  {
    what: 'a connection without ID',
    given: () => ({ config: '[github.work]\ntoken = "x"\n' }),
    check: 'github',
    status: 'warning',
    found: /^work: it has no connection ID/,
  },
  {
    what: 'no connection',
    given: () => ({}),
    check: 'github',
    status: 'skipped',
    found: /no GitHub connections/,
  },
];

describe('what is amiss is found, with a remedy', () => {
  for (const { what, given, check, status, found, remedy, exitCode = 0 } of cases) {
    test(what, async () => {
      await using patient = await setUp(await given());
      const report = await patient.checks();
      const result = report.of(check);
      assert.equal(result.status, status, result.found.join());
      assert.match(result.found[0] ?? '', found);
      if (status !== 'skipped') assert.ok(result.remedies.length > 0 || result.found.length > 1);
      if (remedy)
        assert.match(result.remedies.map(({ text, command = '' }) => `${text} ${command}`.trim()).join(' '), remedy);
      assert.equal(report.exitCode, exitCode);
    });
  }

  test('a configuration that was named and is not there', async () => {
    await using patient = await setUp();
    const { exitCode, stdout, stderr } = await patient.run(['-c', '/does/not/exist.toml']);
    assert.equal(exitCode, 3);
    assert.match(stdout, /^failed {3}Configuration {6}there is no configuration file \/does\/not\/exist\.toml\n/);
    assert.equal(
      stderr,
      'ERROR: the runner would not work: Configuration. What to do is said above, at each of them.\n',
    );
  });

  test('files and folders that others can use, with commands that mend it', async () => {
    await using patient = await setUp();
    const state = join(patient.dir.path, 'state');
    await mkdir(join(state, 'logs'), { recursive: true, mode: 0o700 });
    await chmod(patient.configFile, 0o644);
    await chmod(state, 0o755);
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 0);
    assert.match(of('configuration').found.join(), /others can use it \(mode 0644\)/);
    assert.match(of('folders').found.join(), /state: .* can be used by others \(mode 0755\)/);
    for (const name of ['configuration', 'folders']) {
      assert.equal(of(name).status, 'warning');
      await promisify(exec)(of(name).remedies[0]?.command ?? 'false');
    }
    const after = await patient.checks();
    for (const name of ['configuration', 'folders']) assert.equal(after.of(name).status, 'ok');
  });

  test('a state folder that cannot be made or is a file', async () => {
    await using patient = await setUp();
    await writeFile(join(patient.dir.path, 'state'), '');
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.equal(of('folders').status, 'failed');
    assert.match(of('folders').found[0] ?? '', /state: .*state cannot be written: it is a file/);
    const { stdout } = await patient.run(['--state-dir', '/proc/plan42', '--json']);
    assert.match(
      JSON.parse(stdout).checks[1].found[0],
      /\/proc\/plan42 cannot be written: \/proc does not let it be made/,
    );
  });

  test('a state folder that is somebody else’s is taken over, or made, and those above it are left alone', async () => {
    await using patient = await setUp();
    const state = join(patient.dir.path, 'state');
    const folders = async (stateDir: string) => {
      const paths = { configFile: '', stateDir, logDir: join(stateDir, 'logs') };
      const { status, found, remedies } = await asOrdinaryUser(() => checkFolders({ paths }));
      assert.equal(status, 'failed');
      assert.deepEqual(
        found.map((text) => /EACCES/.test(text)),
        [true, true],
      );
      return remedies.map(({ text, command }) => [text, command]);
    };
    await mkdir(join(state, 'logs'), { recursive: true });
    await chmod(patient.dir.path, 0o755);
    for (const folder of [join(state, 'logs'), state]) await chmod(folder, 0o555);
    const yours = 'Make it yours, or choose another one with --state-dir.';
    assert.deepEqual(await folders(state), [[yours, `sudo chown -R "$(id -un)" ${state}`]]);
    const inside = join(state, 'new');
    assert.deepEqual(await folders(inside), [[yours, `sudo install -d -m 700 -o "$(id -un)" ${inside}`]]);
  });

  test('a runner that runs, one that gives no answer, and none', async () => {
    await using dir = await makeTempDir();
    const paths = { configFile: '', stateDir: dir.path, logDir: join(dir.path, 'logs') };
    const host = { platform: 'freebsd', uid: 1, env: {} } as const;
    const check = () => checkService({ host, paths, env: {}, signal: AbortSignal.timeout(60_000) });
    assert.equal((await check()).status, 'skipped');
    await using server = createServer((_, response) => response.end('{}'));
    await once(server.listen(join(dir.path, 'control.sock')), 'listening');
    const silent = await check();
    assert.equal(silent.status, 'warning');
    assert.match(silent.found[0] ?? '', /^the runner runs and does not answer \(.+\)$/);
    assert.equal(silent.remedies[0]?.command, `plan42 runner logs --state-dir ${dir.path} -n 50`);
  });

  test('a full disk', async () => {
    const paths = { configFile: '', stateDir: '/', logDir: '/' };
    const loadConfig = async () => Promise.reject(new Error('no configuration'));
    const context = { paths, loadConfig };
    const full = await checkDisk(context, async () => 2 ** 30 - 1);
    assert.deepEqual([full.status, full.exitCode], ['failed', 1]);
    assert.match(full.found[0] ?? '', /below 1 GiB no job is taken/);
    assert.equal((await checkDisk(context, async () => 2 ** 30)).status, 'ok');
  });
});

describe('the server', () => {
  const asServer =
    (date = new Date(), status = 200, headers = {}): Answerer =>
    (response) =>
      sendJson(response, status, { TenantId: 'x' }, { date: date.toUTCString(), ...headers });

  test('a clock that is off is told by how much', async () => {
    for (const [offsetMs, found] of [
      [-90_000, /it is (89|9[01]) s ahead of the server’s/],
      [3_600_000, /it is (3599|360[01]) s behind the server’s/],
    ] as const) {
      await using server = await startTestServer(asServer(new Date(Date.now() + offsetMs)));
      await using patient = await setUp({ runner: { url: server.url } });
      const { exitCode, of } = await patient.checks();
      assert.equal(of('clock').status, 'warning');
      assert.match(of('clock').found[0] ?? '', found);
      assert.ok(of('clock').remedies[0]?.command);
      assert.equal(exitCode, 0);
    }
    await using server = await startTestServer(asServer(new Date(Date.now() - 30_000)));
    await using patient = await setUp({ runner: { url: server.url } });
    assert.equal((await patient.checks()).of('clock').status, 'ok');
  });

  test('is asked once, with the token', async () => {
    await using server = await startTestServer(asServer());
    await using patient = await setUp({ runner: { url: `${server.url}/below/` } });
    await patient.checks();
    assert.equal(server.requests.length, 1);
    assert.match(server.requests[0]?.url ?? '', /^\/below\/v1\/tenants\/[\w-]+$/);
    assert.equal(server.requests[0]?.headers.authorization, `APIToken ${token}`);
  });

  for (const [what, answer, found] of [
    [
      'a portal’s redirect',
      asServer(new Date(), 302, { location: 'https://portal.example/login?t=1' }),
      /redirects to https:\/\/portal\.example$/,
    ],
    [
      'a page',
      ((response) => void response.end('<html>Welcome</html>')) as Answerer,
      /answers with 200, which is not a Plan42 server’s/,
    ],
    [
      'a fault',
      ((response) => sendJson(response, 503, { Message: 'maintenance', ErrorType: 'X' })) as Answerer,
      /answers with 503 \(maintenance\)$/,
    ],
    [
      'a refusal',
      ((response) => sendJson(response, 403, { Message: `not with ${token}`, ErrorType: 'X' })) as Answerer,
      /refuses the token: 403 not with p42r_\[redacted\]|refuses the token: 403 not with \[redacted\]/,
    ],
  ] as const) {
    test(`that answers with ${what}`, async () => {
      await using server = await startTestServer(answer);
      await using patient = await setUp({ runner: { url: server.url } });
      const { exitCode, of } = await patient.checks();
      assert.equal(of('api').status, 'failed');
      assert.match(of('api').found[0] ?? '', found);
      assert.equal(exitCode, what === 'a refusal' ? 4 : 1);
      assert.equal(server.requests.length, 1, 'nothing is followed');
    });
  }

  test('with a certificate that is not trusted, and how to trust it', async () => {
    await using server = await startTestServer(asServer(), tlsPair);
    const url = server.url.replace('127.0.0.1', 'localhost');
    await using patient = await setUp({ runner: { url } });
    const { exitCode, of } = await patient.checks();
    assert.equal(exitCode, 1);
    assert.match(
      of('api').found[0] ?? '',
      /the certificate of localhost:\d+ is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    );
    assert.match(of('api').remedies[0]?.text ?? '', /network\.ca_file/);
    assert.match(of('api').remedies[0]?.command ?? '', /^openssl s_client -connect localhost:\d+ /);
    const caFile = join(patient.dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using trusting = await setUp({ runner: { url }, config: `[network]\nca_file = "${caFile}"\n` });
    assert.equal((await trusting.checks()).of('api').status, 'ok');
    await using careless = await setUp({ runner: { url, skip_ssl_verify: true } });
    const { of: found } = await careless.checks();
    assert.equal(found('api').status, 'warning');
    assert.match(found('api').found.join(), /the certificate of localhost:\d+ is not checked/);
  });

  test('behind a proxy, whose certificate is for another host', async () => {
    await using server = await startTestServer(asServer(), tlsPair);
    await using proxy = await startProxy(server.port);
    await using dir = await makeTempDir();
    const caFile = join(dir.path, 'ca.pem');
    await writeFile(caFile, tlsPair.cert);
    await using patient = await setUp({
      runner: { url: 'https://plan42.invalid' },
      config: `[network]\nca_file = "${caFile}"\n`,
      env: { HTTPS_PROXY: proxy.url.replace('//', `//user:${plainSecret}@`) },
    });
    const { of } = await patient.checks();
    assert.match(
      of('api').found[0] ?? '',
      /the certificate that came is not for plan42\.invalid \(ERR_TLS_CERT_ALTNAME_INVALID, through the proxy 127\.0\.0\.1:\d+\)/,
    );
  });

  test('and GitHub behind a proxy that lets nobody through', async () => {
    await using server = await startTestServer(asServer());
    await using proxy = await startProxy(server.port, { refusal: 407 });
    await using patient = await setUp({
      runner: { url: 'https://plan42.invalid' },
      config: connection('https://github.invalid'),
      env: { HTTPS_PROXY: proxy.url },
    });
    const { of } = await patient.checks();
    for (const [name, host] of [
      ['api', 'plan42'],
      ['github', 'github'],
    ] as const) {
      const found = `the proxy \\S+ does not let through to ${host}\\.invalid \\(.*407.*\\)$`;
      assert.match(of(name).found[0] ?? '', new RegExp(found));
    }
  });

  test('that never answers is waited for so long, GitHub too, and everything else is told meanwhile', async () => {
    await using server = await startTestServer(() => {});
    await using patient = await setUp({ runner: { url: server.url }, config: connection(server.url) });
    const start = performance.now();
    const { exitCode, of } = await patient.checks();
    assert.ok(performance.now() - start < 10_000);
    assert.equal(exitCode, 1);
    for (const name of ['api', 'github']) {
      assert.equal(of(name).status, 'failed');
      assert.match(of(name).found[0] ?? '', /no answer from 127\.0\.0\.1:\d+ \(no answer within 6 s\)$/);
    }
    assert.equal(of('clock').status, 'skipped');
    assert.equal(of('runtime').status, 'ok');
  });

  test('Ctrl-C ends it', async () => {
    await using server = await startTestServer(() => {});
    await using patient = await setUp({ runner: { url: server.url } });
    const controller = new AbortController();
    server.answer = () => controller.abort();
    const { exitCode, stderr } = await patient.run([], { signal: controller.signal });
    assert.deepEqual([exitCode, stderr], [130, '']);
  });
});

describe('GitHub', () => {
  for (const [what, answer, status, found] of [
    [
      'refuses the token',
      ((response) => sendJson(response, 401, { message: 'Bad credentials' })) as Answerer,
      'failed',
      /refuses its token \(401: Bad credentials\)/,
    ],
    [
      'is none',
      ((response) => void response.end('<html>')) as Answerer,
      'failed',
      /does not answer as GitHub does: .*not JSON/,
    ],
    [
      'redirects',
      ((response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/user' }).end()) as Answerer,
      'failed',
      /does not answer as GitHub does: .*redirect/,
    ],
    [
      'misses scopes',
      ((response) => sendJson(response, 200, { login: 'o' }, { 'x-oauth-scopes': 'gist' })) as Answerer,
      'warning',
      /has not the scope repo, read:org/,
    ],
    [
      'gave a fine-grained token',
      ((response) => sendJson(response, 200, { login: 'o' })) as Answerer,
      'ok',
      /o at .*fine-grained/,
    ],
  ] as const) {
    test(`that ${what}`, async () => {
      await using github = await startTestServer(answer);
      await using patient = await setUp({ config: connection(github.url, plainSecret) });
      const { of } = await patient.checks();
      assert.equal(of('github').status, status);
      assert.match(of('github').found[0] ?? '', found);
      assert.deepEqual(
        github.requests.map(({ url, headers }) => [url, headers.authorization]),
        [['/api/v3/user', `Bearer ${plainSecret}`]],
      );
    });
  }
});
