/** The commands on a real terminal. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { JobStore } from '../src/jobs/store.ts';
import { eventually } from './support/eventually.ts';
import { makeRecord } from './support/job-record.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { startTerminal, type TerminalOptions } from './support/terminal.ts';

const plan42 = join(import.meta.dirname, '../bin/plan42');
const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');

/** A state folder with a job whose log has 500 lines, and terminals to look at it. */
async function setUp() {
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir());
  const store = await JobStore.open(dir.path, join(dir.path, 'logs'));
  const record = makeRecord({ title: 'A task with a title that is longer than a narrow window is wide' });
  await store.create(record, { request: '{}', agentToken: 't' });
  const { logFile } = store.paths(record.jobId);
  await writeFile(logFile, lines(500));
  const owned = resources.move();
  const env = { HOME: dir.path, PLAN42_STATE_DIR: dir.path };
  return {
    path: dir.path,
    record,
    store,
    logFile,
    terminal: (argv: readonly string[], options: Partial<TerminalOptions> = {}) =>
      startTerminal({ command: [plan42, 'runner', ...argv], ...options, env: { ...env, ...options.env } }),
    shell: (script: string, options: Partial<TerminalOptions> = {}) =>
      startTerminal({ command: ['/bin/sh', '-c', script], ...options, env: { ...env, P: plan42, ...options.env } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('a log on a terminal', () => {
  test('is shown page by page, and the pager can quit early', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'less'))) return;
    await using place = await setUp();
    await using terminal = await place.terminal(['job', 'logs', place.record.jobId], { rows: 10 });
    await terminal.shows(/^line 9\n:$/m);
    await terminal.press('Space');
    await terminal.shows(/^line 18\n:$/m);
    await terminal.press('G');
    await terminal.shows(/^line 500\n\(END\)$/m);
    // SIGINT stops neither the pager nor the command, but discards keys that the pager has not read.
    await terminal.press('C-c');
    await eventually(async () => {
      await terminal.press('g');
      return (await terminal.screen()).startsWith('line 1\n');
    });
    await eventually(async () => {
      await terminal.press('q');
      return terminal.ended(500).catch(() => false);
    }).then((exit) => assert.deepEqual(exit, { code: 0, signal: null }));
  });

  test('can quit early while more output is pending', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'less'))) return;
    await using place = await setUp();
    await writeFile(place.logFile, lines(500_000));
    await using terminal = await place.terminal(['job', 'logs', place.record.jobId], { rows: 10 });
    await terminal.shows(/^line 9\n:$/m);
    await terminal.press('q');
    assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
    assert.doesNotMatch(await terminal.screen(), /ERROR|EPIPE/);
  });

  test('needs no pager if it is short, with --no-pager, or with an empty $PAGER; otherwise runs $PAGER', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'less'))) return;
    await using place = await setUp();
    const { jobId } = place.record;
    const cases: [argv: string[], env: NodeJS.ProcessEnv, last: string][] = [
      [['-n', '5'], {}, 'line 500'],
      [['--no-pager'], {}, 'line 500'],
      [[], { PAGER: '' }, 'line 500'],
      [[], { PAGER: "sed -e 's/line/row/' | tail -n 3" }, 'row 500'],
    ];
    for (const [argv, env, last] of cases) {
      await using terminal = await place.terminal(['job', 'logs', jobId, ...argv], { env });
      assert.deepEqual(await terminal.ended(), { code: 0, signal: null });
      assert.equal((await terminal.screen()).trimEnd().split('\n').at(-1), last);
    }
    await using terminal = await place.terminal(['job', 'logs', jobId], { env: { PAGER: 'no-such-pager' } });
    assert.equal((await terminal.ended()).code, 1);
    await terminal.shows('ERROR: cannot run the pager "no-such-pager".');
  });

  test('is followed without a pager, until Ctrl-C', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    await using place = await setUp();
    const script = `"$P" runner job logs ${place.record.jobId} -f; echo "left with $?"`;
    await using terminal = await place.shell(`trap : INT; ${script}`);
    const screen = await terminal.shows('line 500');
    assert.match(screen, /^line 491\n/, 'the last ten lines');
    await appendFile(place.logFile, 'and more\n');
    await terminal.shows('and more');
    await terminal.press('C-c');
    await terminal.shows(/^\^Cleft with 130$/m);
  });
});

describe('a list on a terminal', () => {
  test('fits into a narrow window, and is in colour only there', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    await using place = await setUp();
    await using narrow = await place.terminal(['job', 'list', '-a'], { columns: 70 });
    assert.equal((await narrow.ended()).code, 0);
    const [header = '', row = '', rest = ''] = (await narrow.screen()).split('\n');
    assert.match(header, /^Job ID +Title +Turn Index +Running\? +Created$/);
    assert.match(row, /^plan42-[0-9a-f-]+… +A task … +1 +No +\d{4}-\d\d-\d\d \d\d:\d\d$/);
    assert.equal(rest, '');
  });

  test('of status has no colours when it is piped, or with NO_COLOR', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    await using place = await setUp();
    const redNotRunning = '\u001b[31mNot Running';
    for (const [script, env, isColored] of [
      ['"$P" runner status', {}, true],
      ['"$P" runner status --no-color', {}, false],
      ['"$P" runner status', { NO_COLOR: '1' }, false],
      ['"$P" runner status | cat', {}, false],
    ] as const) {
      await using terminal = await place.shell(script, { env });
      await terminal.ended();
      await terminal.shows('Not Running');
      assert.equal((await terminal.coloredScreen()).includes(redNotRunning), isColored, script);
    }
  });
});

test('work of more than half a second shows progress, and clears it', async (t) => {
  if (!(await requiresCommands(t, 'tmux'))) return;
  await using place = await setUp();
  await mkdir(place.path, { recursive: true });
  await using silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(
    join(place.path, 'control.sock'),
  );
  await using terminal = await place.terminal(['status']);
  await terminal.shows(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Requesting status … \d+ s$/m);
  const screen = await terminal.shows('ERROR: the runner is running but not responding.');
  assert.match(screen, /^Runner +Not Responding: the runner has not responded for 5 s\n/);
  assert.equal((await terminal.ended()).code, 1);
  assert.equal(silent.listening, true);
});
