/** Writes docs/configuration-screen.md, whose screens are drawn by the program's own code. */
import { draw } from '../../src/tui/view/draw.ts';
import { type Driver, drive, missing, ready } from '../../test/support/screen-state.ts';

const token = `p42r_${'x'.repeat(400)}`;
const connections = [
  { id: '3e3819c6-aeeb-493c-9a9d-13f87c3ba9b9', name: 'work' },
  { id: '0ed0a7c6-7407-498e-9a1b-1769863e0a22', name: 'customer' },
];
const url = 'https://github.com';

export function renderScreenPage(): string {
  return `# The configuration screen

\`plan42 runner config\` opens it (\`plan42-runner-config\` is the program behind it). It works from 80×24 up, over ssh, with and
without colours; \`>\` marks what has the focus, and the last line tells which keys do something. Options: \`-c/--config-file\`, and \`--server URL\`
to begin with another server.

A new configuration needs no more than a token. The drop-down already has the first runtime that is ready:

${screen(first())}

The drop-down shows what there is on this machine, and why the marked one can't be used:

${screen(first().press('tab', 'tab', 'enter', 'end'))}

Leaving the \`[runner]\` section downwards asks the server. Going back gives it up:

${screen(asked())}

What is wrong is said in the line above the keys, and the cursor is where it can be mended:

${screen(asked().refuse('token not authorized. It may have been revoked, or be another server’s: get a new one.'))}

Then there is a section for each private GitHub connection of the tenant. Tokens are checked with GitHub meanwhile; that never keeps anybody
from saving:

${screen(accepted())}

\`Ctrl-S\` saves and stays, \`[ OK ]\` saves and leaves, \`Esc\` and \`Ctrl-C\` leave without saving. Comments, order and keys that the program doesn't know
stay in the file as they are. What else is wrong with the file, so that no runner starts with it, is told when the screen opens and again after saving. If somebody else has changed the file meanwhile, nothing is overwritten:

${screen(accepted().press('save').send({ type: 'not-saved', message: '', conflict: true }))}

| key | what it does |
|---|---|
| Tab, Down, Enter in a text | the next field |
| Shift-Tab, Up | the field before |
| Page Down, Page Up | the next section, the one before |
| Enter, Space | opens the drop-down, presses a button |
| Left, Right, Home, End | move in a text; between the buttons |
| Ctrl-Left, Ctrl-Right, Alt-B, Alt-F | move by a word of a text |
| Ctrl-W, Alt-Backspace | delete the word left of the cursor |
| Ctrl-U, Ctrl-K | delete what is left of the cursor, right of it |
| Ctrl-R | shows a token, or hides it again |
| Ctrl-S | saves |
| Ctrl-L | reads a file again that somebody else has changed |
| Ctrl-Z | stops the program, until \`fg\` in the shell |
| Esc, Ctrl-C | leave without saving |

## From scripts

| command | what it does |
|---|---|
| \`plan42 runner config get KEY\` | prints what counts: the environment's value, else the file's, else the default |
| \`plan42 runner config set KEY VALUE\`, or \`KEY=VALUE …\` | changes the file; all of it or nothing |
| \`… \\| plan42 runner config set runner.token\` | secrets come from standard input, or a file (\`--from-file\`), never from arguments |
| \`plan42 runner config unset KEY …\` | takes settings out, or a whole connection (\`github.NAME\`) |
| \`plan42 runner config list [--all]\` | every setting and where it comes from |
| \`plan42 runner config validate\` | the checks of the screen, and of all else in the file |

Tokens are shown as \`********\` unless \`--show-secrets\` is given. With \`--json\` the output is for programs: [schemas](schemas). Exit codes: 2 bad usage, 3
configuration missing or invalid, 4 token invalid or refused, 5 runtime not ready, 1 anything else.
`;
}

function first(): Driver {
  return drive().send(
    { type: 'runtime', status: ready('docker') },
    { type: 'runtime', status: missing('podman') },
    { type: 'runtime', status: missing('apple') },
    {
      type: 'runtime',
      status: {
        name: 'host',
        installed: true,
        readiness: {
          ready: false,
          reason: 'jobs without isolation are not switched on',
          remedy: 'Set host.unisolated = true if agents may run as you, with your files and network.',
        },
      },
    },
  );
}

function asked(): Driver {
  return first().type(token).press('tab', 'tab', 'tab');
}

function accepted(): Driver {
  const driver = asked().accept(connections).press('tab').type('ghp_0123456789').press('tab');
  const [work] = connections;
  const check = { type: 'github-checked', key: work?.id ?? '', url, token: 'ghp_0123456789' } as const;
  return driver.send({ ...check, ok: true, text: 'octocat (repo, read:org)' });
}

function screen({ state }: Driver): string {
  const { lines } = draw({ ...state, path: '~/.config/plan42-runner.toml' }, { columns: 80, rows: 24 }, 0);
  const text = lines.map(({ spans }) =>
    spans
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );
  return `\`\`\`\n${text.join('\n')}\n\`\`\``;
}
