/** The service under launchd, simulated by test/support/launchd. */
import assert from 'node:assert/strict';
import { access, chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startControlPlane } from './support/control-plane.ts';
import { eventually } from './support/eventually.ts';
import { type Mac, makeMac } from './support/launchd/mac.ts';
import { jobIdOf, startTask, untilOver } from './support/tasks.ts';

const target = 'gui/501/ai.plan42.runner';
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
// Valid until its signature is checked.
const token = `p42r_${encode({ alg: 'ES256' })}.${encode({ sub: crypto.randomUUID(), runner_id: crypto.randomUUID() })}.c2ln`;

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function writeConfig(mac: Mac, token: string, more = ''): Promise<string> {
  const file = join(mac.home, '.config/plan42-runner.toml');
  await mkdir(join(mac.home, '.config'), { recursive: true });
  await writeFile(file, `[runner]\ntoken = "${token}"\n${more}`, { mode: 0o600 });
  return file;
}

/** A Mac with a runner that only records its arguments, and takes `drainMs` to exit. */
async function macWithRunner(t: TestContext, { drainMs = 0, script = 'while :; do sleep 0.05; done' } = {}) {
  const mac = await makeMac(t);
  if (!mac) return undefined;
  const program = join(mac.home, 'plan42-runner & co');
  const notes = join(mac.home, 'notes');
  const drain = `trap 'sleep ${drainMs / 1000}; echo ended >>"$0.log"; exit 0' TERM`;
  await writeFile(program, `#!/bin/sh\n${drain}\n{ echo "$$"; env; printf '%s\\n' "$@"; } >"$HOME/notes"\n${script}\n`);
  await chmod(program, 0o755);
  await writeConfig(mac, token);
  const plan42 = (command: string, ...args: string[]) =>
    mac.plan42(['runner', command, ...args], { runnerCommand: [program] });
  return { mac, program, notes, plan42 };
}

test('enable, status, a second enable and disable, call by call', async (t) => {
  const setting = await macWithRunner(t, { drainMs: 400 });
  if (!setting) return;
  const { mac, program, notes, plan42 } = setting;
  await using _ = mac;
  const first = await plan42('enable');
  assert.deepEqual([first.exitCode, first.stderr], [0, '']);
  assert.match(first.stdout, /^Started the runner \(process \d+: running\). It starts at every login\.\n/);
  assert.ok(first.stdout.includes(mac.plistFile));
  assert.deepEqual(await mac.calls(), [`enable ${target}`, `bootstrap gui/501 ${mac.plistFile}`]);

  const [pid, ...lines] = (await readFile(notes, 'utf8')).trim().split('\n');
  assert.deepEqual(lines.slice(-3), ['--config-file', join(mac.home, '.config/plan42-runner.toml'), '--quiet']);
  const status = JSON.parse((await plan42('stop', '--json').then(() => plan42('enable', '--json'))).stdout);
  assert.notEqual(status.pid, Number(pid));
  assert.ok(Math.abs(Date.now() - Date.parse(status.since)) < 60_000);
  assert.deepEqual(
    { ...status, pid: 0, since: '' },
    {
      manager: 'launchd',
      installed: true,
      enabled: true,
      running: true,
      pid: 0,
      since: '',
      exitCode: null,
      detail: 'running',
      definition: mac.plistFile,
      hints: [],
    },
  );
  assert.equal(await readFile(`${program}.log`, 'utf8'), 'ended\n', 'the first has drained before the second began');

  assert.match((await plan42('disable')).stdout, /^The runner has stopped and no longer starts at login/);
  assert.deepEqual((await mac.calls()).slice(-2), [`bootout ${target}`, `disable ${target}`]);
  assert.equal(await isThere(mac.plistFile), false);
  const again = await plan42('disable');
  assert.deepEqual([again.exitCode, again.stdout], [0, 'The service is not installed.\n']);
  const gone = await plan42('stop');
  assert.equal(gone.exitCode, 1);
  assert.match(gone.stderr, /^ERROR: the service is not installed\. /);

  // A disabled service must be enabled before bootstrap, which launchd rejects otherwise.
  assert.equal((await plan42('enable')).exitCode, 0);
});

test('libplist parses the plist, with any paths', async (t) => {
  const setting = await macWithRunner(t);
  if (!setting) return;
  const { mac, program, notes, plan42 } = setting;
  await using _ = mac;
  assert.equal((await plan42('enable')).exitCode, 0);
  const { EnvironmentVariables, ...rest } = mac.plist();
  assert.deepEqual(rest, {
    Label: 'ai.plan42.runner',
    ProgramArguments: [program, '--config-file', join(mac.home, '.config/plan42-runner.toml'), '--quiet'],
    RunAtLoad: true,
    KeepAlive: true,
    ExitTimeOut: 300,
    AbandonProcessGroup: true,
    StandardErrorPath: join(mac.home, 'Library/Logs/ai.plan42.runner/stderr.log'),
  });
  const { PATH, ...others } = EnvironmentVariables as Record<string, string>;
  assert.match(PATH ?? '', /:\/opt\/homebrew\/bin(:|$)/);
  assert.deepEqual(
    Object.keys(others).filter((name) => /PLAN42|FAKE|TOKEN/.test(name)),
    [],
  );
  assert.ok((await readFile(notes, 'utf8')).includes(`PATH=${PATH}\n`));
  assert.equal((await stat(mac.plistFile)).mode & 0o777, 0o600);
});

test('disable waits for a slow bootout', async (t) => {
  const setting = await macWithRunner(t, { drainMs: 1500 });
  if (!setting) return;
  const { mac, program, plan42 } = setting;
  await using _ = mac;
  await plan42('enable');
  const begin = performance.now();
  const { exitCode, stdout } = await plan42('stop');
  assert.equal(exitCode, 0);
  assert.match(stdout, /^The runner has stopped\./);
  assert.ok(performance.now() - begin >= 1500);
  assert.equal(await readFile(`${program}.log`, 'utf8'), 'ended\n');
  assert.match((await plan42('stop')).stdout, /^The runner was not running\.\n$/);
  assert.ok(await isThere(mac.plistFile), 'it starts at the next login');
});

test('a bootstrap that launchd rejects for a moment is retried', async (t) => {
  const setting = await macWithRunner(t);
  if (!setting) return;
  const { mac, plan42 } = setting;
  await using _ = mac;
  await writeFile(join(mac.launchd, 'busy'), '');
  const { exitCode, stderr } = await plan42('enable');
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.equal((await mac.calls()).filter((call) => call.startsWith('bootstrap')).length, 2);
});

test('a runner that exits at once is reported with its exit code', async (t) => {
  const setting = await macWithRunner(t, { script: 'exit 5' });
  if (!setting) return;
  const { mac, plan42 } = setting;
  await using _ = mac;
  const { exitCode, stdout, stderr } = await plan42('enable');
  assert.deepEqual([exitCode, stdout], [5, '']);
  assert.match(stderr, /^ERROR: the service is enabled but cannot start: .*last run: exit code 5\. .*\n$/);
});

test('nothing is installed without a login session or with an invalid configuration', async (t) => {
  const setting = await macWithRunner(t);
  if (!setting) return;
  const { mac, plan42 } = setting;
  await using _ = mac;
  const configFile = await writeConfig(mac, 'nonsense');
  assert.equal((await plan42('enable')).exitCode, 4);
  await rm(configFile);
  const missing = await plan42('enable');
  assert.equal(missing.exitCode, 3);
  assert.match(missing.stderr, /^ERROR: configuration file /);
  await writeConfig(mac, '');
  const inShell = await mac.plan42(['runner', 'enable'], { env: { PLAN42_RUNNER_TOKEN: token } });
  assert.equal(inShell.exitCode, 3);
  assert.match(
    inShell.stderr,
    /^ERROR: the service would have no runner token, .*PLAN42_RUNNER_TOKEN.* Set runner\.token in /,
  );
  await writeFile(join(mac.launchd, 'no-session'), '');
  const { exitCode, stderr } = await plan42('enable');
  assert.equal(exitCode, 6);
  assert.match(stderr, /Could not find domain for user gui: 501\. Log in once at the Mac’s screen/);
  assert.equal(await isThere(mac.plistFile), false);
  await rm(join(mac.launchd, 'no-session'));
});

test('other platforms get an alternative', async (t) => {
  const setting = await macWithRunner(t);
  if (!setting) return;
  await using _ = setting.mac;
  for (const command of ['enable', 'disable', 'stop']) {
    const { exitCode, stderr } = await setting.mac.plan42(['runner', command], { platform: 'freebsd' });
    assert.equal(exitCode, 6);
    assert.match(
      stderr,
      /^ERROR: .*freebsd has neither launchd nor systemd. Instead, keep "plan42 runner exec" running.*\n$/,
    );
  }
});

test('a job of the real runner survives a restart by launchd', async (t) => {
  await using plane = await startControlPlane();
  const mac = await makeMac(t);
  if (!mac) return;
  await using _ = mac;
  const hold = join(mac.home, 'hold');
  await writeFile(hold, '');
  const agent = `cat >/dev/null; for i in $(seq 1000); do echo $i; sleep 0.1; [ -e '${hold}' ] || exit 5; done`;
  const command = JSON.stringify(['/bin/sh', '-c', agent]);
  const more = `url = "${plane.server.url}"\nruntime = "host"\n[host]\nunisolated = true\ncommand = ${command}\n[queues]\ndrain_time = "300ms"\npoll_wait = "1s"\n`;
  await writeConfig(mac, await plane.newToken(), more);
  const enable = () =>
    mac.plan42(['runner', 'enable'], {
      runnerCommand: [join(import.meta.dirname, '../bin/plan42-runner')],
      env: { PLAN42_STATE_DIR: join(mac.home, 'state') },
    });
  assert.equal((await enable()).exitCode, 0);
  const taskId = await startTask(plane, 'example/agent');
  const log = join(mac.home, 'state/logs', `${jobIdOf(taskId)}.log`);
  await eventually(async () => (await readFile(log, 'utf8').catch(() => '')).includes('3\n'));
  assert.equal((await enable()).exitCode, 0);
  await rm(hold);
  const { turn } = await untilOver(plane, taskId);
  assert.match(turn.ErrorMessage, /exit code 5/);
  const lines = (await readFile(log, 'utf8')).trim().split('\n');
  assert.deepEqual(
    lines,
    Array.from(lines, (_, i) => String(i + 1)),
    'counted without a gap, and by one agent only',
  );
});

test('the server is a service too, with its options and a log of its own', async (t) => {
  const mac = await makeMac(t);
  if (!mac) return;
  await using _ = mac;
  const program = join(import.meta.dirname, '../bin/plan42');
  const dataDir = join(mac.home, 'server data');
  const plan42 = (...args: string[]) => mac.plan42(['server', ...args], { plan42Command: [program] });
  const options = ['--data', dataDir, '--listen', '127.0.0.1:0', '--no-containers', '--keep-tasks', '90d'];
  const enabled = await plan42('enable', ...options);
  assert.deepEqual([enabled.exitCode, enabled.stderr], [0, '']);
  assert.match(enabled.stdout, /^Started the server \(process \d+: running\)\. It starts at every login\.\n/);
  const logFile = join(mac.home, 'Library/Logs/ai.plan42.server/server.log');
  const { Label, ProgramArguments, AbandonProcessGroup, StandardErrorPath } = mac.plist('ai.plan42.server');
  assert.deepEqual([Label, AbandonProcessGroup], ['ai.plan42.server', false]);
  assert.deepEqual(ProgramArguments, [
    ...[program, 'server', 'start', '--data', dataDir, '--listen', '127.0.0.1:0', '--no-containers'],
    ...['--keep-tasks', '90d', '--keep-deleted', '30d', '--log-level', 'info', '--log-format', 'text'],
    ...['--log-file', logFile, '--quiet'],
  ]);
  const status = await eventually(async () => {
    const { exitCode, stdout } = await plan42('status', '--json', '--data', dataDir);
    return exitCode === 0 && JSON.parse(stdout);
  });
  const { url, version, outdated, ...rest } = status;
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  // This process calls itself 1.2.3.
  assert.match(version, /^1\.\d+\.\d+/);
  assert.equal(outdated.command, 'launchctl kickstart -k gui/501/ai.plan42.server');
  const service = { manager: 'launchd', installed: true, enabled: true, detail: 'running' };
  assert.deepEqual(rest, { state: 'running', problem: null, dataDir, service });
  assert.match((await plan42('logs')).stdout, /^\S+ INFO {2}control plane listening url=http:\S+ folder=.*\n$/);
  assert.equal(await readFile(String(StandardErrorPath), 'utf8'), '', 'standard error is not rotated');

  assert.match((await plan42('stop')).stdout, /^The server has stopped\. It starts again at the next login/);
  assert.match((await plan42('logs')).stdout, /INFO {2}control plane stopping\n$/);
  const stopped = await plan42('status', '--data', dataDir);
  assert.equal(stopped.exitCode, 1);
  assert.match(
    stopped.stdout,
    /^Server {3}Not Running: no Plan42 server is running at http.*\nService {2}installed, starts at login/,
  );
  assert.match((await plan42('disable')).stdout, /^The server has stopped and no longer starts at login\.\n$/);
  assert.equal((await plan42('stop')).exitCode, 1);
});

test('enable replaces the service of the Go runner, which has the same name', async (t) => {
  const setting = await macWithRunner(t);
  if (!setting) return;
  const { mac, program, plan42 } = setting;
  await using _ = mac;
  const old = join(mac.home, 'old-runner');
  await writeFile(old, '#!/bin/sh\nwhile :; do sleep 0.05; done\n');
  await chmod(old, 0o755);
  await mkdir(join(mac.home, 'Library/LaunchAgents'), { recursive: true });
  const escaped = old.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  await writeFile(
    mac.plistFile,
    `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Label</key><string>ai.plan42.runner</string><key>ProgramArguments</key><array>
<string>${escaped}</string><string>--container-path</string><string>/usr/local/bin/container</string></array>
<key>RunAtLoad</key><true/><key>KeepAlive</key><true/><key>ExitTimeOut</key><integer>300</integer></dict></plist>
`,
  );
  await mac.launchctl('bootstrap', 'gui/501', mac.plistFile);
  const enabled = await plan42('enable');
  assert.deepEqual([enabled.exitCode, enabled.stderr], [0, '']);
  const calls = await mac.calls();
  assert.ok(calls.indexOf(`bootout ${target}`) < calls.lastIndexOf(`bootstrap gui/501 ${mac.plistFile}`), calls.join());
  assert.ok(calls.includes(`bootout ${target}`));
  assert.equal((mac.plist()['ProgramArguments'] as string[])[0], program);
});
