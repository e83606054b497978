import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requiresCommands } from './requires-command.ts';
import { startTerminal } from './terminal.ts';

const shell = (script: string) => ['/bin/sh', '-c', script];

describe('a terminal for tests', () => {
  it('runs a command with just the environment that was given', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    const command = shell('echo "<$GIVEN><$HOME><;>"; stty size; exit 7');
    await using terminal = await startTerminal({ command, columns: 60, rows: 10, env: { GIVEN: 'a b;' } });
    assert.deepEqual(await terminal.ended(), { code: 7, signal: null });
    assert.equal((await terminal.screen()).trimEnd(), '<a b;><><;>\n10 60');
  });

  it('types, presses keys and sees colours', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    const command = shell(
      String.raw`printf 'name? '; read -r name; printf 'hello \033[1m%s\033[0m\n' "$name"; read -r _`,
    );
    await using terminal = await startTerminal({ command });
    await terminal.shows('name?');
    await terminal.type('Zoë 界;');
    await terminal.press('Enter');
    await terminal.shows(/^hello Zoë 界;$/m);
    assert.ok((await terminal.coloredScreen()).includes('\x1b[1mZoë 界;'));
    assert.deepEqual(await terminal.cursor(), { column: 0, row: 2, visible: true });
    await terminal.press('C-c');
    assert.deepEqual(await terminal.ended(), { code: null, signal: 'SIGINT' });
  });

  it('changes its size, and tells full-screen programs from others', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    const full = String.raw`printf '\033[?1049h'; trap 'clear; stty size' WINCH; echo ready; while :; do sleep 0.05; done`;
    await using terminal = await startTerminal({ command: shell(full) });
    await terminal.shows('ready');
    assert.equal(await terminal.isFullScreen(), true);
    await terminal.resize(40, 12);
    await terminal.shows('12 40');
    await terminal.hides('ready');
  });

  it('says what there was when it did not come to show something', async (t) => {
    if (!(await requiresCommands(t, 'tmux'))) return;
    await using terminal = await startTerminal({ command: shell('echo something else; read -r _') });
    await assert.rejects(terminal.shows('the thing', 500), /before the screen shows the thing; it is:\nsomething else/);
  });
});
