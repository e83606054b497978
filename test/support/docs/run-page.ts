/** Runs the `sh run` examples of a page in order, in a new home folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from '../../../scripts/free-port.ts';
import type { Page } from './page.ts';

const bin = join(import.meta.dirname, '../../../bin');
const usualPort = 7042;

/**
 * Runs all blocks in one shell. A block with `until="TEXT"` runs in the background, and the next one starts once it has
 * printed the text. Stops everything at the end.
 * @returns the output
 * @throws Error with the output if a command fails
 */
export async function runPage({ path, blocks }: Page, home: string): Promise<string> {
  const port = await freePort();
  const examples = blocks.filter(({ language, options }) => language === 'sh' && /^run\b/.test(options));
  if (examples.length === 0) throw new Error(`${path} has no example marked \`sh run\``);
  const script = examples.map(({ text, options, line }, index) => {
    const code = text
      .replaceAll(`:${usualPort}`, `:${port}`)
      .replaceAll('plan42 server start', `plan42 server start --listen 127.0.0.1:${port}`);
    const until = /until="([^"]+)"/.exec(options)?.[1];
    const step = until === undefined ? code : inBackground(code, { until, log: join(home, `background-${index}.log`) });
    return `echo "== ${path}:${line}" >&2\n${step}`;
  });
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PLAN42|XDG)_/.test(name)));
  const shell = spawn('bash', ['-c', prelude + script.join('\n')], {
    cwd: home,
    env: { ...env, HOME: home, PATH: [bin, env['PATH']].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  if (shell.exitCode !== 0)
    throw new Error(`the examples failed with exit code ${shell.exitCode}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

// Each background command gets its own process group, so that all its processes can be killed.
const prelude = `set -euo pipefail
started=()
finish() { for group in "\${started[@]}"; do kill -KILL -- "-$group" 2>/dev/null || true; done; }
trap finish EXIT
`;

function inBackground(code: string, { until, log }: { until: string; log: string }): string {
  return `set -m
{ ${code}} </dev/null >'${log}' 2>&1 &
started+=("$!")
set +m
for ((tries = 0; ; tries += 1)); do
  grep -qF '${until}' '${log}' && break
  if ((tries == 1200)) || ! kill -0 "\${started[-1]}" 2>/dev/null; then cat '${log}' >&2; exit 1; fi
  sleep 0.05
done
`;
}
