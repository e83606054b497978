/** Renders docs/configuration-screen.md; the program's own code draws its screens. */
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

\`plan42 runner config\` opens the configuration screen, the program \`plan42-runner-config\`. It needs a terminal of at
least 80×24 characters, and works over ssh and without colours. \`>\` marks the focus. The last line lists the keys that
you can use. Options: \`-c/--config-file\`, and \`--server URL\` to start with another server.

A new configuration needs only a token. The drop-down is set to the first runtime that is ready:

${screen(first())}

The drop-down lists the runtimes, and shows why the selected one is not ready:

${screen(first().press('tab', 'tab', 'enter', 'end'))}

When you leave the \`[runner]\` section downwards, the screen checks the token with the server. Going back cancels the
check:

${screen(asked())}

The line above the keys shows errors. The cursor moves to the field to fix:

${screen(asked().refuse('token not authorized (401: the token was revoked). Get a new token from this server and paste it here.'))}

After that, each private GitHub connection of the tenant has a section, and so have the [models](configuration.md#models) of
agents. The screen checks the tokens with GitHub in the
background. You can save at any time:

${screen(accepted())}

\`Ctrl-S\` saves and stays, \`[ OK ]\` saves and exits, \`Esc\` and \`Ctrl-C\` exit without saving. Comments, order and
unknown keys in the file stay as they are. Other errors in the file that keep a runner from starting are shown when the
screen opens, and again after saving. If another program has changed the file in the meantime, nothing is overwritten:

${screen(accepted().press('save').send({ type: 'not-saved', message: '', conflict: true }))}

| key | action |
|---|---|
| Tab, Down, Enter in a text | next field |
| Shift-Tab, Up | previous field |
| Page Down, Page Up | next section, previous section |
| Enter, Space | opens the drop-down, presses a button |
| Left, Right, Home, End | move in a text; between the buttons |
| Ctrl-Left, Ctrl-Right, Alt-B, Alt-F | move by a word |
| Ctrl-W, Alt-Backspace | delete the word left of the cursor |
| Ctrl-U, Ctrl-K | delete to the start of the text, to its end |
| Ctrl-R | shows or hides a token |
| Ctrl-S | saves |
| Ctrl-L | reads the file again after another program changed it |
| Ctrl-Z | suspends the program, until \`fg\` in the shell |
| Esc, Ctrl-C | exit without saving |

## From scripts

| command | action |
|---|---|
| \`plan42 runner config get KEY\` | prints the effective value: of the environment, otherwise the file, otherwise the default |
| \`plan42 runner config set KEY VALUE\`, or \`KEY=VALUE …\` | changes the file, all settings or none |
| \`… \\| plan42 runner config set runner.token\` | reads a secret from standard input or a file (\`--from-file\`), never from arguments |
| \`plan42 runner config unset KEY …\` | removes settings, or a whole connection (\`github.NAME\`) |
| \`plan42 runner config list [--all]\` | lists every setting and its source |
| \`plan42 runner config validate\` | runs the checks of the screen and validates the rest of the file |

Tokens are shown as \`********\` without \`--show-secrets\`. \`--json\` prints a document with a stable format; see
[schemas](schemas). Exit codes: 2 bad usage, 3 configuration missing or invalid, 4 token invalid or rejected, 5 runtime
not ready, 1 anything else.
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
