/**
 * Fake of the virtual machine of one container. It keeps running after its client has exited, without a reader of the
 * output, and exits with its first process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { FakeState } from './state.ts';

const [dir = '', id = ''] = process.argv.slice(2);
const state = new FakeState(dir);
const container = state.readContainer(id);
if (!container) throw new Error(`no container ${id}`);
const [program = '', ...args] = container.command;

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'pipe'], detached: true, cwd: '/' });
child.stdout.on('data', (chunk) => process.stdout.write(chunk));
child.stderr.on('data', (chunk) => process.stderr.write(chunk));
const { pid } = child;
if (pid === undefined) throw new Error(`cannot run ${program}`);
state.writeContainer({ ...container, state: 'running', pid, startedDate: new Date().toISOString() });
const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
try {
  process.kill(-pid, 'SIGKILL');
} catch {
  // All of its processes have exited.
}
const { pid: _, ...stopped } = state.readContainer(id) ?? container;
// Unless it was deleted with --force.
if (state.readContainer(id)) state.writeContainer({ ...stopped, state: 'stopped' });
process.exitCode = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
