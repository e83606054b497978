/** A private certificate authority that only the system of a machine trusts, as `update-ca-certificates` makes it. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { buildExecutable } from '../scripts/package/executable.ts';
import { eventually } from './support/eventually.ts';
import { SystemdMachine } from './support/systemd/machine.ts';
import { tlsPair } from './support/tls-pair.ts';

const checkout = '/opt/plan42';
const root = join(import.meta.dirname, '..');
// The machine sees the checkout.
const executableFolder = 'dist/test-system-trust';
const url = 'https://localhost:7443';
const githubUrl = 'https://localhost:8443';
const config = (token: string) => `
[runner]
url = "${url}"
token = "${token}"
runtime = "host"

[host]
unisolated = true
command = ["/bin/cat"]

[github.work]
url = "${githubUrl}"
connection_id = "11111111-2222-4333-8444-555555555555"
token = "github-token"
`;

suite('an authority in the system’s store', { timeout: 300_000 }, () => {
  let machine: SystemdMachine | undefined;
  after(async () => {
    await machine?.[Symbol.asyncDispose]();
    await rm(join(root, executableFolder), { recursive: true, force: true });
  });

  test('counts for the runner, all commands, the single executable and GitHub', async (t) => {
    machine = await SystemdMachine.boot(t, [checkout]);
    if (!machine) return;
    const m = machine;
    const start = (name: string, ...command: string[]) =>
      m.must(['systemd-run', `--unit=${name}`, '--quiet', ...command]);
    const plan42 = `${checkout}/bin/plan42`;
    await m.writeFile('/srv/cert.pem', tlsPair.cert);
    await m.writeFile('/srv/key.pem', tlsPair.key);
    const tls = ['--tls-cert', '/srv/cert.pem', '--tls-key', '/srv/key.pem'];
    await start('server', plan42, 'server', 'start', '--listen', '127.0.0.1:7443', '--data', '/srv/data', ...tls);
    const node = `${checkout}/node_modules/node/bin/node`;
    await start('github', node, `${checkout}/test/support/system-trust/github.ts`, '8443', 'github-token');
    const admin = await eventually(async () => (await m.run(['cat', '/srv/data/admin.json'])).stdout || undefined);
    const env = { PLAN42_SERVER_TOKEN: JSON.parse(admin).tenantToken as string };
    const createToken = () => m.run([plan42, 'server', 'token', 'create', '--server', url], { env });
    const doctor = async (): Promise<Record<string, string>> => {
      const { stdout } = await m.run([plan42, 'runner', 'doctor', '--json', '-c', '/srv/runner.toml']);
      const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string }[] };
      return Object.fromEntries(checks.map(({ name, status }) => [name, status]));
    };

    // As the packages have it: Node.js with the bundle inside.
    const single = `${checkout}/${executableFolder}/plan42`;
    await buildExecutable(join(root, executableFolder));
    const withSingle = async (...argv: string[]) =>
      await m.run(['env', '-i', 'HOME=/root', `PLAN42_SERVER_TOKEN=${env.PLAN42_SERVER_TOKEN}`, single, ...argv]);
    const refusedBySingle = await withSingle('server', 'token', 'create', '--server', url);
    assert.match(refusedBySingle.stderr, /certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);

    const refused = await createToken();
    assert.match(refused.stderr, /certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)\. Let the system trust/);
    const owner = await m.must([plan42, 'server', 'token', 'create', '--data', '/srv/data']);
    await m.writeFile('/srv/runner.toml', config(owner.trim()));
    const before = await doctor();
    assert.deepEqual([before['api'], before['github']], ['failed', 'failed'], JSON.stringify(before));

    await m.must(['cp', '/srv/cert.pem', '/usr/local/share/ca-certificates/private.crt']);
    await m.must(['update-ca-certificates']);

    const { exitCode, stdout, stderr } = await createToken();
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^p42r_/);
    const bySingle = await withSingle('server', 'token', 'create', '--server', url);
    assert.match(bySingle.stdout, /^p42r_/, bySingle.stderr);
    const report = await withSingle('runner', 'doctor', '--json', '-c', '/srv/runner.toml');
    const { checks } = JSON.parse(report.stdout) as { checks: { name: string; status: string }[] };
    const statusOf = (name: string) => checks.find((check) => check.name === name)?.status;
    assert.deepEqual([statusOf('api'), statusOf('github')], ['ok', 'ok'], report.stdout);
    const checked = await doctor();
    assert.deepEqual([checked['api'], checked['github']], ['ok', 'ok'], JSON.stringify(checked));
    await start('runner', `${checkout}/bin/plan42-runner`, '-c', '/srv/runner.toml', '--state-dir', '/srv/state');
    const journal = ['journalctl', '--unit=runner', '--no-pager', '--output=cat'];
    await eventually(async () => /runner ready/.test(await m.must(journal)), 20_000);
    // A task whose agent runs and ends: turns are updated over the same connections.
    const follow = ['--image', 'any/agent', '--prompt', 'x', '--follow', '--server', url];
    const task = await m.run([plan42, 'server', 'task', 'create', ...follow], { env });
    assert.match(task.stdout + task.stderr, /The agent ended with exit code 0 without/);
  });
});
