import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type CliRun, type CliRunOptions, runCli } from '../../../../test/support/run-cli.ts';
import { startTestServer } from '../../../../test/support/start-test-server.ts';
import { tlsPair } from '../../../../test/support/tls-pair.ts';

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), 'plan42-start-'));

/** Runs `plan42 server start` and, after its greeting, `whileRunning`; then stops it. */
async function startAndStop(
  argv: readonly string[],
  whileRunning: (stdout: string) => Promise<void>,
  options: CliRunOptions = {},
): Promise<CliRun> {
  const stop = new AbortController();
  const work = Promise.withResolvers<void>();
  const run = await runCli(['server', 'start', ...argv, '--log-level', 'error'], {
    ...options,
    signal: stop.signal,
    onOutput: ({ stdout }) => {
      if (!stdout.endsWith('kept.\n') || stop.signal.aborted) return;
      whileRunning(stdout)
        .then(work.resolve, work.reject)
        .finally(() => stop.abort());
    },
  });
  if (run.stdout !== '') await work.promise;
  return run;
}

/** Signs in with a link, as the page does. Returns the status of the response. */
async function signIn(link: string): Promise<number> {
  const { origin, hash } = new URL(link);
  const headers = { authorization: `SignInCode ${hash.replace('#sign-in=', '')}` };
  return (await fetch(`${origin}/page/session`, { method: 'POST', headers })).status;
}

describe('plan42 server start', () => {
  it('prints working commands to connect a runner and to create a task', async () => {
    await using folder = await temporaryFolder();
    const data = join(folder.path, "it's data");
    const { exitCode, stdout, stderr } = await startAndStop(
      ['--listen', '127.0.0.1:0', '--data', data],
      async (greeting) => {
        assert.match(greeting, /^Plan42 server: http:\/\/127\.0\.0\.1:\d+\nData: +\S.*\n/);
        const token = await runCli(['server', 'token', 'create', '--data', data]);
        assert.match(token.stdout, /^p42r_/);
        const printed = /^ {2}(http:\S+#sign-in=\S+)$/m.exec(greeting)?.[1] ?? '';
        const made = await runCli(['server', 'link', '--data', data]);
        assert.notEqual(printed, '');
        for (const link of [printed, made.stdout.trimEnd()]) assert.equal(await signIn(link), 201, link);
        assert.equal(await signIn(printed), 401, 'once');
      },
      { columns: 80 },
    );
    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: 'Stopping the server.\n' });
    const quoted = `'${folder.path}/it'\\''s data'`;
    assert.ok(
      stdout.includes(`  export PLAN42_RUNNER_TOKEN="$(plan42 server token create --data ${quoted})"\n`),
      stdout,
    );
    assert.ok(
      stdout.includes(`  plan42 server token create --data ${quoted} |\n    plan42 runner config set runner.url=http:`),
    );
    assert.match(stdout, /\n {2}plan42 runner config --server http:\/\/127\.0\.0\.1:\d+\n/);
  });

  it('uses the default data folder without printing --data', async () => {
    await using folder = await temporaryFolder();
    const env = { XDG_DATA_HOME: folder.path, HOME: folder.path };
    const run = await startAndStop(
      ['--listen', '0'],
      async () => assert.equal((await runCli(['server', 'task', 'list'], { env })).exitCode, 0),
      { env },
    );
    assert.equal(run.exitCode, 0, run.stderr);
    assert.match(run.stdout, /"\$\(plan42 server token create\)"/);
    assert.doesNotMatch(run.stdout, /sign-in=/, 'the log must not contain a sign-in link');
    assert.match(run.stdout, /^Web page: "plan42 server link" prints a link that signs in\.$/m);
  });

  it('serves TLS, and warns if it listens to other machines without it', async () => {
    await using folder = await temporaryFolder();
    const [cert, key] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')];
    await Promise.all([writeFile(cert, tlsPair.cert), writeFile(key, tlsPair.key)]);
    const data = join(folder.path, 'data');
    const argv = ['--listen', '0.0.0.0:0', '--data', data];
    const secure = await startAndStop([...argv, '--tls-cert', cert, '--tls-key', key], async (greeting) => {
      assert.match(greeting, /^Plan42 server: https:/);
    });
    assert.equal(secure.stderr, 'Stopping the server.\n');
    const plain = await startAndStop(argv, async () => {});
    assert.match(plain.stderr, /^WARNING: 0\.0\.0\.0:0 is reachable from other machines/);
  });

  it('makes runners and its own commands trust a self-signed certificate', async () => {
    await using folder = await temporaryFolder();
    const [cert, key] = [join(folder.path, 'own cert.pem'), join(folder.path, 'key.pem')];
    await Promise.all([writeFile(cert, tlsPair.cert), writeFile(key, tlsPair.key)]);
    const data = join(folder.path, 'data');
    const argv = ['--listen', '127.0.0.1:0', '--data', data, '--tls-cert', cert, '--tls-key', key];
    const { stdout } = await startAndStop(argv, async (greeting) => {
      const created = await runCli(['server', 'token', 'create', '--data', data]);
      assert.equal(created.exitCode, 0, created.stderr);
      const url = /runner\.url=(\S+)/.exec(greeting)?.[1] ?? '';
      const file = join(folder.path, 'plan42-runner.toml');
      const config = (args: string[], stdin = '') => runCli(['runner', 'config', ...args, '-c', file], { stdin });
      const set = await config(['set', `runner.url=${url}`, `network.ca_file=${cert}`, 'runner.token'], created.stdout);
      assert.equal(set.exitCode, 0, set.stderr);
      assert.match((await config(['validate'])).stdout, /^ok {7}runner\.url: https:\S+ accepts the token, /m);
    });
    assert.match(stdout, /config set runner\.url=https:\S+ network\.ca_file='\S+\/own cert\.pem' runner\.token &&\n/);
    assert.match(stdout, /export PLAN42_NETWORK_CA_FILE='\S+\/own cert\.pem'\n/);
  });

  it('makes its own commands trust a certificate of a private authority', async () => {
    await using folder = await temporaryFolder();
    const [cert, key] = await makeIssuedPair(folder.path);
    const data = join(folder.path, 'data');
    const argv = ['--listen', '127.0.0.1:0', '--data', data, '--tls-cert', cert, '--tls-key', key];
    await startAndStop(argv, async (greeting) => {
      const [, url = ''] = /^Plan42 server: (\S+)/.exec(greeting) ?? [];
      for (const command of [['token', 'create'], ['task', 'list'], ['status']]) {
        const run = await runCli(['server', ...command, '--data', data]);
        assert.equal(run.exitCode, 0, run.stderr);
      }
      const env = { PLAN42_SERVER_TOKEN: 'p42t_x' };
      const elsewhere = await runCli(['server', 'task', 'list', '--server', url], { env });
      assert.match(
        elsewhere.stderr,
        /^ERROR: cannot reach \S+: the server’s certificate is not trusted \(UNABLE_TO_\w+\)\. Let the system trust its/,
      );
      assert.doesNotMatch(elsewhere.stderr, /network\.ca_file/);
    });
  });

  it('reports in one line why it cannot start', async () => {
    await using running = await startTestServer();
    await using folder = await temporaryFolder();
    const [cert, key, file] = ['cert', 'key', 'file'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    await Promise.all([writeFile(cert, tlsPair.cert), writeFile(key, tlsPair.key), writeFile(file, 'x')]);
    await mkdir(join(folder.path, 'data'));
    const data = ['--data', join(folder.path, 'data')];
    const taken = new URL(running.server.url).host;
    const cases = [
      [[...data, '--listen', taken], 1, /^ERROR: cannot listen on \S+: the address is in use.* Choose another/],
      [
        [...data, '--listen', '192.0.2.1:0'],
        1,
        /^ERROR: cannot listen on 192\.0\.2\.1: not an address of this machine.* Choose another/,
      ],
      [[...data, '--tls-cert', cert], 2, /^ERROR: --tls-cert needs --tls-key\. Give both or neither\.\n$/],
      [
        [...data, '--tls-cert', cert, '--tls-key', '/nonexistent'],
        1,
        /^ERROR: cannot read \/nonexistent: ENOENT.* Give --tls-key/,
      ],
      [[...data, '--tls-cert', file, '--tls-key', key], 1, /^ERROR: \S+ is not a PEM certificate.* Give a file/],
      [
        [...data, '--tls-cert', cert, '--tls-key', file],
        1,
        /^ERROR: \S+ is not an unencrypted PEM private key.* Give a file/,
      ],
      [
        ['--listen', '0', '--data', join(file, 'x')],
        1,
        /^ERROR: cannot use the data directory \S+: ENOTDIR.* with --data\.\n$/,
      ],
      [['--listen', '0', '--data', folder.path], 1, /^ERROR: cannot use the data directory \S+: .* Choose/],
    ] as const;
    for (const [argv, code, message] of cases) {
      const run = await startAndStop(argv, async () => {});
      assert.deepEqual([run.exitCode, run.stdout], [code, ''], run.stderr);
      assert.match(run.stderr, message);
      assert.equal(run.stderr.split('\n').length, 2, run.stderr);
    }
  });
});

/** Returns the files of a certificate for 127.0.0.1, without that of its authority, and of its key. */
async function makeIssuedPair(folder: string): Promise<[cert: string, key: string]> {
  const [authority, authorityKey] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '9'];
  await openssl('req', '-x509', ...newKey, '-subj', '/CN=authority', '-keyout', authorityKey, '-out', authority);
  const issuer = ['-CA', authority, '-CAkey', authorityKey, '-addext', 'subjectAltName=IP:127.0.0.1'];
  await openssl('req', '-x509', ...newKey, '-subj', '/CN=server', ...issuer, '-keyout', key, '-out', cert);
  return [cert, key];
}
