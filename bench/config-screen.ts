/** From the start of the configuration screen to its first frame, beside `node -e 0` in the same kind of terminal, in turns. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const rounds = 20;
const bin = join(import.meta.dirname, '../bin');
const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
const screenMs: number[] = [];
const handedOverMs: number[] = [];
const nodeMs: number[] = [];
try {
  const config = join(folder, 'plan42-runner.toml');
  for (let round = 0; round < rounds; round += 1) {
    screenMs.push(await untilOutput([join(bin, 'plan42-runner-config'), '-c', config], 'Execution Runtime'));
    handedOverMs.push(await untilOutput([join(bin, 'plan42'), 'runner', 'config', '-c', config], 'Execution Runtime'));
    nodeMs.push(await untilOutput([process.execPath, '-e', '0'], undefined));
  }
} finally {
  await rm(folder, { recursive: true });
}
// The fastest of each: what else the machine does only ever adds to it.
const difference = Math.min(...screenMs) - Math.min(...nodeMs);
console.log(
  `first frame after ${Math.min(...screenMs).toFixed(0)} ms, node -e 0 takes ${Math.min(...nodeMs).toFixed(0)} ms: ` +
    `${difference.toFixed(0)} ms more (fastest of ${rounds}; at most 200)`,
);
// Node.js starts twice for it: plan42 hands over to the screen's own program.
console.log(`by way of "plan42 runner config" after ${Math.min(...handedOverMs).toFixed(0)} ms`);
if (difference > 200) process.exitCode = 1;

/** Runs the command in a terminal (of script, from util-linux) until it shows `text`, or to its end. In milliseconds. */
async function untilOutput(command: readonly string[], text: string | undefined): Promise<number> {
  const started = performance.now();
  const child = spawn('script', ['-qec', command.join(' '), '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color' },
  });
  const exit = once(child, 'exit');
  let output = '';
  let elapsed: number | undefined;
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    if (text === undefined || elapsed !== undefined || !output.includes(text)) continue;
    elapsed = performance.now() - started;
    child.stdin.write('\x03');
  }
  await exit;
  return elapsed ?? performance.now() - started;
}
