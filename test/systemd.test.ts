/** The service under a real systemd: installed by an ordinary user, restarted, killed, rebooted, stopped, removed. */
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { blocksRunBy } from './support/docs/blocks-run-by.ts';
import { eventually } from './support/eventually.ts';
import { type Ran, SystemdMachine } from './support/systemd/machine.ts';
import { tlsPair } from './support/tls-pair.ts';

// Characters that are special to systemd or a shell. systemd accepts quotes in arguments only, so there are two cases.
const checkout = '/opt/Plan 42% für $HOME & %h';
const quotedCheckout = `/opt/"quoted" 'twice' %% $$ $X`;
const config = (token: string) => `
[runner]
url = "http://127.0.0.1:7042"
token = "${token}"
runtime = "host"

[host]
unisolated = true
command = ["/usr/local/bin/agent"]

[queues]
drain_time = "1s"
poll_wait = "2s"
`;
const configFile = String.raw`/home/ann/"Konfig" ü $HOME %h \x41/plan42 runner.toml`;

// Counts while the file `hold` exists, so that a gap would show.
const agent = `#!/bin/bash
cat >/dev/null
env | grep -E '^(NOTIFY|WATCHDOG|PLAN42)' | grep -v '^PLAN42_JOB_ID=' >/tmp/agent-env
for ((i = 1; ; i++)); do echo "$i"; sleep 0.2; [[ -e /tmp/hold ]] || break; done
exit 5
`;
// Like the network, it outlives user services during a shutdown of the machine.
const server = `[Unit]
Before=systemd-user-sessions.service
[Service]
ExecStart=/usr/local/bin/plan42 server start --data /var/lib/plan42-server
[Install]
WantedBy=multi-user.target
`;

let machine: SystemdMachine | undefined;
after(() => machine?.[Symbol.asyncDispose]());

const ann = (...command: string[]): Promise<Ran> => m().run(command, { as: 'ann' });
const plan42 = (...args: string[]): Promise<Ran> => ann('plan42', ...args);
const systemctl = (...args: string[]): Promise<string> =>
  m().must(['systemctl', '--user', ...args], { as: 'ann', env: { XDG_RUNTIME_DIR: '/run/user/1000' } });
const show = async (property: string) => (await systemctl('show', '--value', '-p', property, 'plan42-runner')).trim();
const plan42Server = (...args: string[]) => m().must(['plan42', 'server', ...args, '--data', '/var/lib/plan42-server']);

function m(): SystemdMachine {
  assert.ok(machine);
  return machine;
}

async function until(property: string, expected: RegExp): Promise<string> {
  return eventually(async () => {
    const value = await show(property);
    return expected.test(value) && value;
  });
}

async function startJob(): Promise<string> {
  await m().must(['touch', '/tmp/hold']);
  const id = (await plan42Server('task', 'create', '--image', 'any/agent', '--prompt', 'count')).trim();
  await eventually(async () => (await jobLog(id)).includes('3\n'));
  return id;
}

const jobLog = async (id: string) =>
  (await ann('cat', `/home/ann/.local/state/plan42-runner/logs/plan42-${id}-1.log`)).stdout;

function untilFailed(id: string): Promise<{ ErrorMessage: string }> {
  return eventually(async () => {
    const turn = JSON.parse(await plan42Server('task', 'show', '--json', id)).Turns[0];
    return turn.Status === 'Failed' && turn;
  });
}

async function endJob(id: string): Promise<void> {
  await m().must(['rm', '/tmp/hold']);
  const turn = await untilFailed(id);
  assert.match(turn.ErrorMessage, /exit code 5/);
  const lines = (await jobLog(id)).trim().split('\n');
  assert.deepEqual(
    lines,
    Array.from(lines, (_, i) => String(i + 1)),
    'counted without a gap, and by one agent only',
  );
}

suite('under systemd', { timeout: 900_000 }, () => {
  test('a machine boots', async (t) => {
    machine = await SystemdMachine.boot(t, [checkout, quotedCheckout]);
    if (!machine) return;
    // On cgroups v1, systemd in a container does not notice the exit of a user's last process, and waits.
    await machine.writeFile('/etc/systemd/system/user@.service.d/quick.conf', '[Service]\nTimeoutStopSec=5s\n');
    await machine.must(['systemctl', 'daemon-reload']);
    await machine.must(['useradd', '--create-home', '--shell', '/bin/bash', 'ann']);
    await machine.must(['ln', '-s', `${checkout}/bin/plan42`, '/usr/local/bin/plan42']);
    await machine.writeFile('/etc/systemd/system/plan42-server.service', server);
    await machine.must(['systemctl', 'enable', '--now', '--quiet', 'plan42-server']);
    await machine.writeFile('/usr/local/bin/agent', agent);
    await machine.must(['chmod', '755', '/usr/local/bin/agent']);
  });

  test('without a user systemd, enable prints how to get one', async (t) => {
    if (!machine) return t.skip();
    const { exitCode, stdout, stderr } = await plan42('runner', 'enable');
    assert.deepEqual([exitCode, stdout], [6, '']);
    assert.match(
      stderr,
      /^ERROR: .*is not responding: .*sudo loginctl enable-linger "\$USER".*plan42 runner exec.*\n$/,
    );
    await machine.must(['loginctl', 'enable-linger', 'ann']);
    await eventually(async () => (await machine?.run(['systemctl', 'is-active', 'user@1000']))?.exitCode === 0);
  });

  test('an invalid configuration is not installed', async (t) => {
    if (!machine) return t.skip();
    const missing = await plan42('runner', 'enable', '-c', configFile);
    assert.deepEqual([missing.exitCode, missing.stderr.split('\n').length], [3, 2]);
    await machine.writeFile(configFile, config('nonsense'), { as: 'ann' });
    const refused = await plan42('runner', 'enable', '-c', configFile);
    assert.equal(refused.exitCode, 4);
    assert.match(refused.stderr, /^ERROR: the runner token is invalid/);
    assert.equal(await show('LoadState'), 'not-found');
    const stopped = await plan42('runner', 'stop');
    assert.deepEqual([stopped.exitCode, stopped.stdout], [1, '']);
    assert.match(stopped.stderr, /^ERROR: the service is not installed\. .*plan42 runner enable.*\n$/);
  });

  test('enable installs and starts it, and is idempotent', async (t) => {
    if (!machine) return t.skip();
    const token = await eventually(() => plan42Server('token', 'create').catch(() => undefined));
    await machine.writeFile(configFile, config(token.trim()), { as: 'ann' });
    const { exitCode, stdout, stderr } = await plan42('runner', 'enable', '-c', configFile);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.match(stdout, /^Started the runner \(process \d+: active \(running\).*\). It starts at every login\.\n/);
    assert.ok(stdout.includes('/home/ann/.config/systemd/user/plan42-runner.service'), stdout);
    assert.ok(!stdout.includes('linger'), 'it lingers already');
    await until('StatusText', /^ready$/);
    const pid = await show('MainPID');
    const again = await plan42('runner', 'enable', '-c', configFile);
    assert.match(again.stdout, /^The runner is already running/);
    assert.equal(await show('MainPID'), pid);
    const status = JSON.parse((await plan42('runner', 'enable', '--json', '-c', configFile)).stdout);
    const { since, ...rest } = status;
    assert.ok(Math.abs(Date.now() - Date.parse(since)) < 120_000, since);
    assert.deepEqual(rest, {
      manager: 'systemd',
      installed: true,
      enabled: true,
      running: true,
      pid: Number(pid),
      exitCode: null,
      detail: 'active (running), ready',
      definition: '/home/ann/.config/systemd/user/plan42-runner.service',
      hints: [],
    });
  });

  test('status, the doctor and the log show the service', async (t) => {
    if (!machine) return t.skip();
    const status = await plan42('runner', 'status', '--json', '-c', configFile);
    assert.deepEqual([status.exitCode, status.stderr], [0, '']);
    const { state, runner, service } = JSON.parse(status.stdout);
    const detail = 'active (running), ready';
    assert.deepEqual(service, { manager: 'systemd', installed: true, enabled: true, detail });
    assert.deepEqual([state, runner.phase, runner.configFile], ['running', 'ready', configFile]);
    const { checks } = JSON.parse((await plan42('runner', 'doctor', '--json', '-c', configFile)).stdout);
    const check = checks.find(({ name }: { name: string }) => name === 'service');
    assert.deepEqual(
      [check.status, check.found],
      ['ok', [`the runner is running (process ${runner.pid}, ready), and starts at login (systemd: ${detail})`]],
    );
    assert.match((await plan42('runner', 'logs')).stdout, /runner ready/);
  });

  test('enable restarts a runner with another definition, with any path', async (t) => {
    if (!machine) return t.skip();
    const pid = await show('MainPID');
    const { stdout, stderr } = await ann(`${quotedCheckout}/bin/plan42`, 'runner', 'enable', '-c', configFile);
    assert.equal(stderr, '');
    assert.match(stdout, /^Started the runner/);
    const newPid = await show('MainPID');
    assert.notEqual(newPid, pid);
    const commandLine = (await machine.must(['cat', `/proc/${newPid}/cmdline`])).split('\0');
    assert.deepEqual(commandLine.slice(-4), [
      `${quotedCheckout}/dist/js/plan42-runner.mjs`,
      '--config-file',
      configFile,
      '',
    ]);
    await plan42('runner', 'enable', '-c', configFile);
  });

  test('without lingering, enable prints how to enable it', async (t) => {
    if (!machine) return t.skip();
    const file = '/home/bob/.config/plan42-runner.toml';
    await machine.must(['useradd', '--create-home', '--shell', '/bin/bash', 'bob']);
    await machine.writeFile(file, await machine.must(['cat', configFile]));
    await machine.must(['chown', '-R', 'bob:', '/home/bob']);
    const { stdout, stderr } = await machine.run([
      'su',
      '--login',
      'bob',
      '-c',
      'plan42 runner enable; plan42 runner enable --json | grep enable-linger >&2; plan42 runner disable',
    ]);
    assert.match(stderr, /^ *"command": "sudo loginctl enable-linger .*\n$/);
    assert.match(
      stdout,
      /^Started the runner .*when you log out.*:\n {2}sudo loginctl enable-linger "\$USER"\nThe runner has stopped/s,
    );
  });

  test('a job survives restart, stop and start, and its final status is reported', async (t) => {
    if (!machine) return t.skip();
    const first = await startJob();
    assert.equal(
      (await machine.must(['cat', '/tmp/agent-env'])).trim(),
      '',
      'jobs do not inherit the runner’s own variables',
    );
    await systemctl('restart', 'plan42-runner');
    await until('StatusText', /^ready$/);
    await endJob(first);

    const second = await startJob();
    const stopped = await plan42('runner', 'stop');
    assert.match(stopped.stdout, /^The runner has stopped\. Running agents continue/);
    assert.equal(await show('ActiveState'), 'inactive');
    assert.match((await plan42('runner', 'stop')).stdout, /^The runner was not running\.\n$/);
    const before = await jobLog(second);
    await eventually(async () => (await jobLog(second)).length > before.length);
    assert.match((await plan42('runner', 'enable', '-c', configFile)).stdout, /^Started the runner/);
    await endJob(second);
  });

  test('a killed runner is restarted, and its job continues', async (t) => {
    if (!machine) return t.skip();
    await machine.writeFile(
      '/home/ann/.config/systemd/user/plan42-runner.service.d/quick.conf',
      '[Service]\nRestartSec=1\nWatchdogSec=3\n',
      { as: 'ann' },
    );
    await systemctl('daemon-reload');
    const id = await startJob();
    const pid = await show('MainPID');
    await machine.must(['kill', '-9', pid]);
    await until('MainPID', new RegExp(`^(?!(0|${pid})$)`));
    await until('StatusText', /^ready$/);
    await endJob(id);
  });

  test('a hung runner is restarted, and a healthy one is not', async (t) => {
    if (!machine) return t.skip();
    const pid = await show('MainPID');
    const lived = Number(await show('ExecMainStartTimestampMonotonic'));
    // Longer than the watchdog timeout.
    await eventually(async () => {
      const uptime = Number((await m().must(['cat', '/proc/uptime'])).split(' ')[0]) * 1e6;
      return uptime - lived > 5e6;
    });
    assert.equal(await show('MainPID'), pid);
    await machine.must(['kill', '-STOP', pid]);
    await until('MainPID', new RegExp(`^(?!(0|${pid})$)`));
    await until('StatusText', /^ready$/);
  });

  test('it starts with the machine, and reports the interrupted job', async (t) => {
    if (!machine) return t.skip();
    const id = await startJob();
    await machine.reboot();
    await until('StatusText', /^ready$/);
    const turn = await untilFailed(id);
    assert.match(turn.ErrorMessage, /restart|ended|gone/, 'the job is not forgotten');
  });

  test('it restarts until the error is fixed, and reports it', async (t) => {
    if (!machine) return t.skip();
    await machine.must(['chmod', '-x', '/usr/local/bin/agent']);
    await assert.rejects(systemctl('restart', 'plan42-runner'), /control process exited with error code/);
    const { exitCode, stderr } = await plan42('runner', 'enable', '-c', configFile);
    assert.equal(exitCode, 5);
    assert.match(stderr, /^ERROR: the service is enabled but cannot start: .*exit code 5.*plan42 runner logs.*\n$/);
    await machine.must(['chmod', '+x', '/usr/local/bin/agent']);
    await until('StatusText', /^ready$/);
  });

  test('a server of the system writes events only to the journal', async (t) => {
    if (!machine) return t.skip();
    const journal = await machine.must(['journalctl', '--unit', 'plan42-server', '--output', 'cat']);
    assert.match(journal, /INFO {2}control plane listening/);
    assert.doesNotMatch(journal, /Connect a runner|Ctrl-C|Stopping the server\./);
  });

  test('the server is a service of its user, too', async (t) => {
    if (!machine) return t.skip();
    const dataDir = '/home/ann/server "data" $HOME %h';
    const server = (...args: string[]) => plan42('server', ...args);
    const missing = await server('stop');
    assert.match(missing.stderr, /^ERROR: the service is not installed\. Install it with "plan42 server enable"\.\n$/);
    const options = ['--data', dataDir, '--listen', '127.0.0.1:7050', '--keep-logs', '30d'];
    const invalid = await server('enable', ...options, '--tls-cert', '/none');
    assert.deepEqual([invalid.exitCode, invalid.stdout], [2, '']);
    const enabled = await server('enable', ...options);
    assert.deepEqual([enabled.exitCode, enabled.stderr], [0, '']);
    assert.match(
      enabled.stdout,
      /^Started the server \(process \d+: active \(running\).*\n\n {2}service {2}\/home\/ann\/.config/s,
    );
    assert.match((await server('enable', ...options)).stdout, /^The server is already running/);
    const status = JSON.parse((await server('status', '--json', '--data', dataDir)).stdout);
    assert.deepEqual([status.state, status.url, status.dataDir], ['running', 'http://127.0.0.1:7050', dataDir]);
    assert.deepEqual([status.service.installed, status.service.enabled, status.outdated], [true, true, null]);
    await machine.must(['sed', '-i', 's/"version": "[^"]*"/"version": "0.0.1"/', `${dataDir}/admin.json`]);
    const { outdated } = JSON.parse((await server('status', '--json', '--data', dataDir)).stdout);
    assert.equal(outdated.command, 'systemctl --user restart plan42-server.service');
    await systemctl('restart', 'plan42-server.service');
    const restarted = JSON.parse((await server('status', '--json', '--data', dataDir)).stdout);
    assert.deepEqual([restarted.version, restarted.outdated], [status.version, null]);
    assert.match((await server('logs')).stdout, /INFO {2}control plane listening url=http:\/\/127\.0\.0\.1:7050/);
    const journal = await machine.must(['journalctl', '_SYSTEMD_USER_UNIT=plan42-server.service', '--output', 'cat']);
    assert.match(journal, /INFO {2}control plane listening/);
    assert.doesNotMatch(journal, /Connect a runner|Plan42 server:/);

    const pid = (await systemctl('show', '--value', '-p', 'MainPID', 'plan42-server')).trim();
    await machine.must(['kill', '-9', pid]);
    await eventually(async () => {
      const found = JSON.parse((await server('status', '--json', '--data', dataDir)).stdout);
      return found.state === 'running';
    });
    const busy = await server('enable', '--data', '/home/ann/other', '--listen', '127.0.0.1:7042');
    assert.equal(busy.exitCode, 1);
    assert.match(busy.stderr, /^ERROR: the service is enabled but cannot start: .*plan42 server logs/);
    assert.match((await server('logs')).stdout, /ERROR server cannot start error=.*7042/);
    assert.match((await server('disable')).stdout, /^The server has stopped and no longer starts at login\.\n$/);
    assert.match((await server('status')).stdout, /^Server {3}Not Running.*\nService {2}not installed/);
  });

  test('the commands of the documentation work', async (t) => {
    if (!machine) return t.skip();
    // With the files where the documentation has them, and the port of the server free.
    const { stdout } = await ann('cat', configFile);
    const files = { '.config/plan42-runner.toml': stdout, 'work/plan42-runner.toml': stdout };
    const certificate = { 'cert.pem': tlsPair.cert, 'key.pem': tlsPair.key };
    for (const [file, content] of Object.entries({ ...files, ...certificate }))
      await machine.writeFile(`/home/ann/${file}`, content, { as: 'ann' });
    await machine.must(['systemctl', 'stop', 'plan42-server']);
    const blocks = await blocksRunBy(import.meta);
    assert.ok(blocks.length >= 9);
    for (const { text, place } of blocks) {
      for (const service of ['runner', 'server']) await machine.must(['plan42', service, 'enable'], { as: 'ann' });
      const [as, commands] = text.startsWith('sudo ') ? ['root', text.replace('sudo ', 'USER=ann; ')] : ['ann', text];
      const { exitCode, stderr } = await machine.run(['bash', '-ec', `cd; ${commands}`], { as });
      assert.equal(exitCode, 0, `${place}: ${stderr}`);
    }
    await plan42('server', 'disable');
    await machine.must(['systemctl', 'start', 'plan42-server']);
    await plan42('runner', 'enable', '-c', configFile);
  });

  test('the gateway of a job survives restart and stop, and ends with its job', async (t) => {
    if (!machine) return t.skip();
    // There is no engine here, so a program that raises the wall takes the place of the runner in its unit.
    const program = `#!/bin/sh
root=$(dirname "$(readlink -f /usr/local/bin/plan42)")/..
exec "$root/node_modules/node/bin/node" "$root/test/support/systemd/start-gateway.ts" /home/ann/job
`;
    const dropIn = '[Service]\nType=exec\nWatchdogSec=0\nExecStart=\nExecStart=/usr/local/bin/start-gateway\n';
    await machine.writeFile('/usr/local/bin/start-gateway', program);
    await machine.must(['chmod', '755', '/usr/local/bin/start-gateway']);
    const dropInFile = '/home/ann/.config/systemd/user/plan42-runner.service.d/zz-gateway.conf';
    await machine.writeFile(dropInFile, dropIn, { as: 'ann' });
    await systemctl('daemon-reload');
    const gateways = async () =>
      (await m().run(['sh', '-c', 'grep -lx plan42-gateway /proc/[0-9]*/comm'])).stdout.trim();
    const socket = ['test', '-S', '/home/ann/job/egress/socket/gateway.sock'];
    await systemctl('restart', 'plan42-runner');
    await eventually(async () => (await m().run(socket)).exitCode === 0);
    const before = await gateways();
    assert.match(before, /^\/proc\/\d+\/comm$/);
    const runner = await show('MainPID');
    await systemctl('restart', 'plan42-runner');
    await until('MainPID', new RegExp(`^(?!(0|${runner})$)`));
    assert.equal(await gateways(), before);
    await systemctl('stop', 'plan42-runner');
    assert.equal(await show('ActiveState'), 'inactive');
    assert.equal(await gateways(), before);
    await ann('touch', '/home/ann/job/egress/ended');
    await eventually(async () => (await gateways()) === '');
    await machine.must(['rm', dropInFile]);
    await systemctl('daemon-reload');
  });

  test('disable stops and removes it', async (t) => {
    if (!machine) return t.skip();
    const { exitCode, stdout } = await plan42('runner', 'disable');
    assert.equal(exitCode, 0);
    assert.match(stdout, /^The runner has stopped and no longer starts at login/);
    assert.equal(await show('ActiveState'), 'inactive');
    const again = await plan42('runner', 'disable');
    assert.equal(again.exitCode, 0);
    assert.match(again.stdout, /^The service is not installed/);
    const left = await ann('find', '/home/ann/.config/systemd/user', '-name', '*.service');
    assert.equal(left.stdout, '');
  });
});
