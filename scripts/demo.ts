/**
 * The main job, end to end, with the real commands: a control plane, a runner, a task, an agent. The agent runs in a
 * container if Docker or Podman is ready, otherwise as a process. Everything is in a temporary folder, which is removed.
 * Set ENGINE to docker, podman or none to select the engine.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeSampleImage } from '../examples/sample-agent/image.ts';
import { freePort } from './free-port.ts';

type Engine = 'docker' | 'podman';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const agent = join(root, 'dist/js/plan42-sample-agent.mjs');
const image = 'localhost/plan42-sample-agent:demo';

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error('interrupted')));

// The reader has closed the pipe (`make demo | head`): stop and clean up.
process.stdout.on('error', () => interrupted.abort(new Error('standard output was closed')));

await using resources = new AsyncDisposableStack();
try {
  process.exitCode = await demo();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function demo(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-demo-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));

  printTitle('1. Find a container engine');
  const engine = await findEngine(folder);
  if (engine === undefined) {
    print('The agent runs as a process of your user, without isolation: with your files and your network.');
    print('To run it in a container, start Docker or Podman.');
  }

  printTitle('2. Start a control plane');
  const port = await freePort();
  const data = join(folder, 'server');
  const listen = `127.0.0.1:${port}`;
  const server = start('server', [
    'plan42',
    'server',
    'start',
    '--listen',
    listen,
    '--data',
    data,
    '--log-level',
    'warn',
  ]);
  await server.prints(/Plan42 server: /);

  printTitle('3. Create a runner token and a configuration');
  const token = await capture(['plan42', 'server', 'token', 'create', '--data', data]);
  const configFile = join(folder, 'plan42-runner.toml');
  const config = configuration(`http://${listen}`, token, engine);
  await writeFile(configFile, config, { mode: 0o600 });
  print(config.replace(token, 'p42r_…').trimEnd().replaceAll(/^/gm, '  '));

  printTitle('4. Start the runner');
  const location = ['-c', configFile, '--state-dir', join(folder, 'runner')];
  const runner = start('runner', ['plan42', 'runner', 'exec', ...location]);
  await runner.prints(/runner ready/);

  printTitle('5. Create a task');
  const prompt = 'Tell me how many words this is.';
  const create = [
    'plan42',
    'server',
    'task',
    'create',
    '--data',
    data,
    '--image',
    image,
    '--prompt',
    prompt,
    '--follow',
  ];
  const exitCode = await runVisibly(create);
  if (exitCode !== 0) await showLogs(join(folder, 'runner/logs'));
  // The agent finishes its turn a moment before it exits.
  else await runner.prints(/job finished/);

  printTitle('6. Show the runner and the job');
  const exitCodes = [await runVisibly(['plan42', 'runner', 'status', ...location])];
  exitCodes.push(await runVisibly(['plan42', 'runner', 'job', 'list', '-a', ...location]));
  const [{ jobId = 'plan42-' } = {}] = await listJobs(location);
  exitCodes.push(await runVisibly(['plan42', 'runner', 'job', 'logs', jobId, ...location]));

  printTitle('7. Stop everything');
  await runner.stop();
  await server.stop();
  print(exitCode === 0 ? '\nThe agent finished its turn: Completed.' : '\nThe turn did not complete.');
  return exitCode || Math.max(...exitCodes);
}

async function listJobs(location: readonly string[]): Promise<{ jobId?: string }[]> {
  const { stdout } = await run(join(root, 'bin/plan42'), ['runner', 'job', 'list', '-a', '--json', ...location]);
  return JSON.parse(stdout) as { jobId?: string }[];
}

async function showLogs(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    print(`Log ${name}:`);
    print(await readFile(join(folder, name), 'utf8'));
  }
}

function configuration(url: string, token: string, engine: Engine | undefined): string {
  const runner = `[runner]\nurl = "${url}"\ntoken = "${token}"\nruntime = "${engine ?? 'host'}"\n`;
  // Shorter than the defaults, so that the demo stops fast.
  const queues = '\n[queues]\npoll_wait = "1s"\ndrain_time = "1s"\n';
  if (engine === undefined) {
    const command = JSON.stringify([process.execPath, agent]);
    return `${runner}\n[host]\nunisolated = true\ncommand = ${command}\n${queues}`;
  }
  // The control plane listens on loopback only, which a container on Linux reaches through the host's network.
  const network = process.platform === 'linux' ? '\n[jobs]\nnetwork = "host"\n' : '';
  return `${runner}\n[images]\npull_policy = "never"\n${network}${queues}`;
}

/** Builds the sample image and returns the first engine that runs it. */
async function findEngine(folder: string): Promise<Engine | undefined> {
  const wanted = process.env['ENGINE'] ?? 'any';
  if (!['any', 'podman', 'docker', 'none'].includes(wanted))
    throw new Error(`invalid ENGINE=${wanted}: use podman, docker or none`);
  for (const engine of ['podman', 'docker'] as const) {
    if (wanted !== 'any' && wanted !== engine) continue;
    try {
      await run(engine, ['info'], { timeout: 20_000 });
      print(`${engine} is ready. Building image ${image} …`);
      const work = await mkdtemp(join(folder, 'image-'));
      await makeSampleImage({ engine, name: image, agent, folder: work, env: process.env });
      resources.defer(() => run(engine, ['rmi', '--force', image]).then(() => {}));
      await run(engine, ['run', '--rm', '--pull', 'never', '--entrypoint', '/usr/bin/node', image, '--version']);
      print(`${engine} can run containers. The agent runs in one.`);
      return engine;
    } catch (error) {
      print(`cannot use ${engine}: ${reasonOf(error)}`);
    }
  }
  if (wanted === 'podman' || wanted === 'docker') throw new Error(`cannot use ${wanted}, which ENGINE selects`);
  return undefined;
}

function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
  if (code === 'ENOENT') return 'it is not installed';
  return (stderr?.trim() || message).split('\n').at(-1)?.slice(0, 200) ?? '';
}

interface Started {
  prints(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a command in the background and prefixes its output with a name. It stops when the demo ends. */
function start(name: string, [command = '', ...args]: string[]): Started {
  printCommand([command, ...args]);
  const child = spawn(join(root, 'bin', command), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      process.stdout.write(text.replaceAll(/^(?=.)/gm, `  ${name} | `));
    });
  }
  const stop = () => stopChild(child);
  resources.defer(stop);
  return { prints: (pattern) => waitFor(() => pattern.test(output), child, name), stop };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function waitFor(condition: () => boolean, child: ChildProcess, name: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    interrupted.signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`the ${name} exited with code ${child.exitCode}`);
    if (Date.now() > end) throw new Error(`the ${name} is not ready after 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function capture([command = '', ...args]: string[]): Promise<string> {
  printCommand([command, ...args]);
  const { stdout } = await run(join(root, 'bin', command), args);
  return stdout.trim();
}

async function runVisibly([command = '', ...args]: string[]): Promise<number> {
  printCommand([command, ...args]);
  const child = spawn(join(root, 'bin', command), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = () => child.kill('SIGTERM');
  interrupted.signal.addEventListener('abort', stop);
  await once(child, 'exit');
  return child.exitCode ?? 1;
}

function printCommand(words: string[]): void {
  print(`$ ${words.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`);
}

function printTitle(text: string): void {
  print(`\n== ${text}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
