/** One clear line and a distinct exit code for whatever keeps the runner from starting. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MessagePlane } from './support/message-plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'plan42-start-'));
after(() => rmSync(folder, { recursive: true }));

const executable = join(import.meta.dirname, '../bin/plan42-runner');
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `p42r_${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${part(claims)}.c2ln`;
const good = new MessagePlane().token;

function start(config: string | undefined, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const file = join(folder, 'config.toml');
  if (config === undefined) rmSync(file, { force: true });
  else writeFileSync(file, config, { mode: 0o600 });
  const options = {
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  } as const;
  return spawnSync(executable, ['-c', file, ...args], options);
}

const config = (token: string, runtime = 'host') =>
  `[runner]\nurl = "http://127.0.0.1:1"\ntoken = "${token}"\nruntime = "${runtime}"\n`;

/** A state folder in which the log leads to another file. */
function stateFolder(name: string, mode: number): string {
  const path = join(folder, name);
  mkdirSync(join(path, 'logs'), { recursive: true, mode: 0o700 });
  symlinkSync(join(folder, 'victim'), join(path, 'logs/runner.log'));
  chmodSync(path, mode);
  return path;
}

const cases: [what: string, run: () => ReturnType<typeof start>, exitCode: number, error: RegExp][] = [
  ['no file', () => start(undefined), 3, /configuration file .*config\.toml not found\. Create it/],
  ['bad TOML', () => start('[runner\nx = 1'), 3, /config\.toml:\d+:\d+: /],
  [
    'a wrong type',
    () => start('[runner]\nskip_ssl_verify = "yes"'),
    3,
    /config\.toml:2:1: runner\.skip_ssl_verify is neither true nor false/,
  ],
  [
    'plain http',
    () => start('[runner]\nurl = "http://example.com"'),
    3,
    /config\.toml:2:1: runner\.url is not an https URL/,
  ],
  ['no token', () => start('[runner]\n'), 3, /there is no runner token\. Set runner\.token in .*config\.toml/],
  [
    'a token that is no JWT',
    () => start(config('p42r_nonsense')),
    4,
    /token is invalid: a JWT has 3 parts, this has 1/,
  ],
  ['another kind of token', () => start(config('ghp_nonsense')), 4, /token is invalid: it does not start with "p42r_"/],
  [
    'an expired token',
    () => start(config(jwt({ sub: 't', runner_id: 'r', exp: 1000 }))),
    4,
    /it expired at 1970-01-01T00:16:40/,
  ],
  ['a token without runner ID', () => start(config(jwt({ sub: 't', exp: 4e9 }))), 4, /it has no runner ID/],
  ['a token without tenant ID', () => start(config(jwt({ runner_id: 'r', exp: 4e9 }))), 4, /it has no tenant ID/],
  [
    'a runtime that is not switched on',
    () => start(config(good)),
    5,
    /the runtime host is not ready: .*host\.unisolated = true/,
  ],
  [
    'a runtime that is not installed',
    () => start(config(good, 'podman'), [], { PATH: '/nonexistent' }),
    5,
    /there is no podman command\. Install Podman/,
  ],
  [
    'an unknown flag',
    () => start(config(good), ['--runtme', 'host']),
    2,
    /unknown option '--runtme' \(did you mean --runtime\?\)/,
  ],
  [
    'an empty state folder, and not the current one',
    () => start(config(good), ['--state-dir', '']),
    2,
    /--state-dir <folder>' argument '' is invalid\. It must not be empty/,
  ],
  [
    'a state folder that others can write to',
    () => start(config(good), ['--state-dir', stateFolder('open', 0o777)]),
    1,
    /cannot use the folder .*\/open: other users can write to it \(mode 0777\)\. .* Run: chmod 700 /,
  ],
  [
    'a link in place of the log',
    () => start(config(good), ['--state-dir', stateFolder('planted', 0o700)]),
    1,
    /cannot write .*runner\.log: it is not a regular file\. Remove it\. Run: rm /,
  ],
  [
    'an unknown setting',
    () => start(config(good), ['--set', 'jobs.max_job=1']),
    3,
    /unknown setting "jobs\.max_job", did you mean "jobs\.max_jobs"\?/,
  ],
  [
    'a token as a flag',
    () => start(config(good), ['--set', 'runner.token=p42r_x']),
    3,
    /--set does not accept runner\.token, because it is a secret/,
  ],
];

for (const [what, run, exitCode, error] of cases) {
  test(what, () => {
    const { status, stderr, stdout } = run();
    assert.equal(status, exitCode, stderr);
    const [line = '', ...more] = stderr.trimEnd().split('\n');
    assert.match(line, /^ERROR: /);
    assert.match(line, error);
    assert.deepEqual(more, [], 'one line');
    assert.equal(stdout, '');
    assert.ok(!stderr.includes(good.slice(5, 40)));
  });
}

test('nothing is written through a planted link', () => {
  assert.equal(existsSync(join(folder, 'victim')), false);
});

test('a refused start leaves a folder that others can write to as it was', () => {
  const path = join(folder, 'shared');
  mkdirSync(join(path, 'theirs'), { recursive: true });
  mkdirSync(join(folder, 'elsewhere'));
  chmodSync(path, 0o777);
  for (const command of [
    () => start('[runner]\n', ['--state-dir', path]),
    () => start(config(good), ['--state-dir', path]),
  ]) {
    assert.notEqual(command().status, 0);
    assert.deepEqual(readdirSync(path), ['theirs']);
  }
  symlinkSync(join(folder, 'elsewhere'), join(path, 'logs'));
  assert.equal(start('[runner]\n', ['--state-dir', path]).status, 3);
  assert.deepEqual(readdirSync(join(folder, 'elsewhere')), []);
});

test('a file that others can read is used, with a warning', () => {
  const file = join(folder, 'open.toml');
  writeFileSync(file, config(good));
  chmodSync(file, 0o644);
  const { stderr } = spawnSync(executable, ['-c', file], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  assert.match(stderr, /other users can access it\. Run: chmod 600/);
});
