/** The unit file and the parsed state; test/systemd.test.ts runs a real systemd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runnerService, serverService } from './services.ts';
import { parseUnitState, statusOfUnit } from './systemd-state.ts';
import { renderUnit } from './systemd-unit.ts';

const definition = {
  environment: { PATH: '/a b:/usr/bin', HTTP_PROXY: 'http://u:50%25@proxy' },
  stopTimeoutMs: 300_000,
  errorFile: '/logs/stderr.log',
  version: '1.2.3',
};

const line = (unit: string, start: string) => unit.split('\n').find((candidate) => candidate.startsWith(start));

test('a unit escapes program, arguments and environment', () => {
  const unit = renderUnit(runnerService, {
    ...definition,
    command: ['/opt/a b$x/%h', '--config-file', '/ü/"q" $HOME \\'],
  });
  assert.equal(line(unit, 'ExecStart='), String.raw`ExecStart="/opt/a b$x/%%h" "--config-file" "/ü/\"q\" $$HOME \\"`);
  assert.equal(line(unit, 'Environment="PATH'), 'Environment="PATH=/a b:/usr/bin"');
  assert.equal(line(unit, 'Environment="HTTP'), 'Environment="HTTP_PROXY=http://u:50%%25@proxy"');
  assert.equal(line(unit, 'TimeoutStopSec='), 'TimeoutStopSec=330');
  assert.equal(line(unit, 'KillMode='), 'KillMode=process');
});

test('a program with quotes in its path is started by a shell, as an argument', () => {
  const unit = renderUnit(runnerService, { ...definition, command: ['/opt/it\'s/"it" $x', '-a'] });
  assert.equal(
    line(unit, 'ExecStart='),
    String.raw`ExecStart="/bin/sh" "-c" "exec \"$$0\" \"$$@\"" "/opt/it's/\"it\" $$x" "-a"`,
  );
});

test('the unit of the server has nothing for jobs', () => {
  const unit = renderUnit(serverService, { ...definition, command: ['/opt/plan42', 'server', 'start'] });
  assert.match(unit, /^# Written by plan42 1\.2\.3\. "plan42 server enable" overwrites it/);
  assert.equal(line(unit, 'SyslogIdentifier='), 'SyslogIdentifier=plan42-server');
  assert.deepEqual(
    [line(unit, 'KillMode='), line(unit, 'OOMPolicy='), unit.includes('runner')],
    [undefined, undefined, false],
  );
});

const running = `MainPID=68
Result=success
ExecMainStartTimestamp=Sun 2026-11-22 20:21:08 UTC
ExecMainExitTimestamp=
ExecMainCode=0
ExecMainStatus=0
StatusText=degraded: a=b
LoadState=loaded
ActiveState=active
FragmentPath=/home/ann/.config/systemd/user/plan42-runner.service
SubState=running
UnitFileState=enabled
`;

test('parses a state: running', () => {
  assert.deepEqual(statusOfUnit(parseUnitState(running)), {
    installed: true,
    enabled: true,
    running: true,
    pid: 68,
    since: new Date('2026-11-22T20:21:08Z'),
    detail: 'active (running), degraded: a=b',
  });
});

const changed = (changes: Record<string, string>) =>
  Object.entries(changes).reduce(
    (text, [name, value]) => text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`),
    running,
  );

test('parses a state: waiting for a restart, exited, killed, unknown', () => {
  const ended = { MainPID: '0', ExecMainExitTimestamp: 'Sun 2026-11-22 20:21:09 UTC', ExecMainCode: '1' };
  const waiting = { ...ended, ActiveState: 'activating', SubState: 'auto-restart', ExecMainStatus: '3' };
  assert.deepEqual(statusOfUnit(parseUnitState(changed(waiting))), {
    installed: true,
    enabled: true,
    running: false,
    exitCode: 3,
    detail: 'activating (auto-restart), last run: exit code 3',
  });
  const stopped = { ...ended, ActiveState: 'inactive', SubState: 'dead', StatusText: '' };
  assert.equal(statusOfUnit(parseUnitState(changed(stopped))).detail, 'inactive (dead)');
  const killed = {
    ...stopped,
    ActiveState: 'failed',
    SubState: 'failed',
    ExecMainCode: '2',
    ExecMainStatus: '9',
    Result: 'signal',
  };
  const { exitCode, detail } = statusOfUnit(parseUnitState(changed(killed)));
  assert.deepEqual([exitCode, detail], [undefined, 'failed (failed), last run: signal']);
  assert.deepEqual(statusOfUnit(parseUnitState(changed({ ...stopped, LoadState: 'not-found', UnitFileState: '' }))), {
    installed: false,
    enabled: false,
    running: false,
    exitCode: 0,
    detail: 'Not Installed',
  });
});
