/** The completion scripts in real shells: bash, zsh and fish, on a real terminal if they need one. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { JobStore } from '../src/jobs/store.ts';
import { makeRecord } from './support/job-record.ts';
import { requiresCommands } from './support/requires-command.ts';
import { makeTempDir } from './support/temp-dir.ts';
import { startTerminal, type Terminal } from './support/terminal.ts';

const bin = join(import.meta.dirname, '../bin');
const taskId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

async function setUp() {
  const dir = await makeTempDir();
  const store = await JobStore.open(join(dir.path, 'state'), join(dir.path, 'state/logs'));
  const record = makeRecord({ taskId, title: 'A title: with a colon' });
  await store.create(record, { request: '{}', agentToken: 't' });
  await mkdir(join(dir.path, 'work/some folder'), { recursive: true });
  await writeFile(join(dir.path, 'work/plan.toml'), '');
  const env = { HOME: dir.path, PATH: `${bin}:${process.env['PATH']}`, PLAN42_STATE_DIR: join(dir.path, 'state') };
  return { path: dir.path, env, cwd: join(dir.path, 'work'), [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

/** Types the start of a line and presses Tab. */
async function completes(terminal: Terminal, line: string, expected: string | RegExp): Promise<string> {
  await terminal.press('C-u');
  await terminal.press('C-l');
  await terminal.type(line);
  await terminal.press('Tab');
  return terminal.shows(expected);
}

/** Completions that are the same in all shells: the typed line and the completed one. The prompt is `$`. */
const lines: [typed: string, becomes: string][] = [
  ['plan42 serv', '$ plan42 server'],
  ['plan42 runner sta', '$ plan42 runner status'],
  ['plan42 runner job logs plan42-3', `$ plan42 runner job logs plan42-${taskId}-1`],
  ['plan42 runner job kill 3f2', `$ plan42 runner job kill ${taskId}-1`],
  ['plan42 runner job logs --fol', '$ plan42 runner job logs --follow'],
  ['plan42 server start --log-level w', '$ plan42 server start --log-level warn'],
  ['plan42 server start --log-level=w', '$ plan42 server start --log-level=warn'],
  ['plan42 runner job list -c pl', '$ plan42 runner job list -c plan.toml'],
  ['plan42 runner status --state-dir som', '$ plan42 runner status --state-dir some\\ folder/'],
  ['plan42 runner config get jobs.max_j', '$ plan42 runner config get jobs.max_jobs'],
  ['plan42 runner config unset jobs.cpus health.l', '$ plan42 runner config unset jobs.cpus health.listen'],
  ['plan42 completion z', '$ plan42 completion zsh'],
];

describe('completion', () => {
  test('in bash', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'bash'))) return;
    await using place = await setUp();
    const rc = join(place.path, 'bashrc');
    await writeFile(rc, `PS1='$ '\neval "$(plan42 completion bash)"\n`);
    await using terminal = await startTerminal({ ...place, columns: 120, command: ['bash', '--rcfile', rc, '-i'] });
    await terminal.shows('$');
    for (const [typed, becomes] of lines) await completes(terminal, typed, becomes);
    await terminal.press('C-u');
    await completes(terminal, 'plan42 runner ', 'plan42 runner');
    await terminal.press('Tab');
    await terminal.shows(/^config +disable +doctor +enable +exec +job +logs +status +stop/m);
  });

  test('in zsh', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'zsh'))) return;
    await using place = await setUp();
    const rc = `PS1='$ '\nautoload -Uz compinit && compinit -u\neval "$(plan42 completion zsh)"\nbindkey -e\n`;
    await writeFile(join(place.path, '.zshrc'), rc);
    await using terminal = await startTerminal({ ...place, columns: 120, command: ['zsh', '-i'] });
    await terminal.shows('$');
    for (const [typed, becomes] of lines) await completes(terminal, typed, becomes);
    await completes(terminal, 'plan42 runner job ', /^kill +-- kill a job$/m);
    await completes(terminal, 'plan42 runner job logs ', `plan42-${taskId}-1`);
  });

  test('in zsh, as a file in its fpath', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'zsh'))) return;
    await using place = await setUp();
    const { stdout } = await promisify(execFile)(join(bin, 'plan42'), ['completion', 'zsh']);
    await writeFile(join(place.path, '_plan42'), stdout);
    const rc = `PS1='$ '\nfpath=(${place.path} $fpath)\nautoload -Uz compinit && compinit -u\nbindkey -e\n`;
    await writeFile(join(place.path, '.zshrc'), rc);
    await using terminal = await startTerminal({ ...place, command: ['zsh', '-i'] });
    await terminal.shows('$');
    await completes(terminal, 'plan42 runner sta', '$ plan42 runner status');
    await completes(terminal, 'plan42 runner job li', '$ plan42 runner job list');
  });

  test('in fish', async (t) => {
    if (!(await requiresCommands(t, 'tmux', 'fish'))) return;
    await using place = await setUp();
    const folder = join(place.path, '.config/fish/completions');
    await mkdir(folder, { recursive: true });
    const { stdout } = await promisify(execFile)(join(bin, 'plan42'), ['completion', 'fish']);
    await writeFile(join(folder, 'plan42.fish'), stdout);
    const candidates = async (line: string) => {
      const script = `complete --do-complete ${JSON.stringify(line)}`;
      return (await promisify(execFile)('fish', ['-c', script], place)).stdout.trimEnd().split('\n');
    };
    assert.deepEqual(await candidates('plan42 runn'), ['runner\trun agents for the tasks of a server on this machine']);
    assert.deepEqual(await candidates('plan42 runner job logs plan42-3'), [
      `plan42-${taskId}-1\tA title: with a colon`,
    ]);
    assert.deepEqual(await candidates('plan42 runner job kill 3f2'), [`${taskId}-1\tA title: with a colon`]);
    assert.deepEqual(await candidates('plan42 server start --log-level w'), ['warn']);
    assert.deepEqual(await candidates('plan42 server start --log-level=w'), ['--log-level=warn']);
    assert.deepEqual(await candidates('plan42 runner job list -c pl'), ['plan.toml']);
    assert.deepEqual(await candidates('plan42 runner status --state-dir som'), ['some folder/\tDirectory']);
    assert.ok((await candidates('plan42 ')).some((line) => line.startsWith('server\t')));
    await using terminal = await startTerminal({ ...place, columns: 120, command: ['fish', '-i'] });
    await terminal.shows(/[#>]/);
    await terminal.type('plan42 runner sta');
    await terminal.press('Tab');
    await terminal.shows('plan42 runner status');
  });
});
