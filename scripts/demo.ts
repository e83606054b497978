/**
 * A failing test becomes a pull request, on this machine: a git server, a GitHub, a control plane, a runner, and an agent in
 * a container. Everything is in a temporary folder, which is removed.
 *
 * ENGINE=docker, podman or none selects the engine. AGENT=claude, or another known agent, lets that work instead of the
 * scripted one, with the key in the environment. KEEP=1 keeps everything running at the end, to look around.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAgent } from './demo/choose-agent.ts';
import { createCommands } from './demo/commands.ts';
import { print, printOutput } from './demo/print.ts';
import { runDemo } from './demo/run-demo.ts';

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort(new Error('interrupted')));
// The reader has closed the pipe (`make demo | head`): stop and clean up.
process.stdout.on('error', () => interrupted.abort(new Error('standard output was closed')));

await using resources = new AsyncDisposableStack();
const { env } = process;
const { signal } = interrupted;
const folder = await mkdtemp(join(tmpdir(), 'plan42-demo-'));
resources.defer(() => rm(folder, { recursive: true, force: true }));
const commands = createCommands(folder, signal);
try {
  const demo = { folder, agent: chooseAgent(env), engine: env['ENGINE'] || 'any', keep: Boolean(env['KEEP']) };
  process.exitCode = await runDemo({ ...demo, commands, resources, signal });
} catch (error) {
  for (const [command, log] of signal.aborted ? [] : commands.logs) {
    print(`\nThe output of "${command}":`);
    printOutput(log);
  }
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
