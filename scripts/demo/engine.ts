/** Finds the place where the agent runs: a container engine that can, or else this machine. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export type Engine = 'docker' | 'podman';
/** Where the agent runs, and what the demo has to say about that. */
export interface Place {
  engine: Engine | undefined;
  notes: string[];
}

const run = promisify(execFile);
const wantedEngines = new Set(['any', 'podman', 'docker', 'none']);

interface Options {
  /** `podman`, `docker`, `none` or `any`. */
  wanted: string;
  /** Makes the image, and returns its name. */
  makeImage: (engine: Engine) => Promise<string>;
  /** A server that the agent must reach. */
  url: string;
}

/** @throws Error if the engine that is wanted cannot be used */
export async function findPlace({ wanted, makeImage, url }: Options): Promise<Place> {
  if (!wantedEngines.has(wanted)) throw new Error(`invalid ENGINE=${wanted}: use podman, docker or none`);
  const notes: string[] = [];
  for (const engine of ['podman', 'docker'] as const) {
    if (wanted !== 'any' && wanted !== engine) continue;
    try {
      await tryEngine(engine, { makeImage, url });
      return { engine, notes };
    } catch (error) {
      notes.push(`cannot use ${engine}: ${reasonOf(error)}`);
    }
  }
  if (wanted === 'podman' || wanted === 'docker') throw new Error(notes.join('\n'));
  return { engine: undefined, notes };
}

async function tryEngine(engine: Engine, { makeImage, url }: Omit<Options, 'wanted'>): Promise<void> {
  // Their containers are in a virtual machine, whose loopback is not this machine's.
  if (process.platform !== 'linux')
    throw new Error("its containers do not reach the demo's git server, except on Linux");
  await run(engine, ['info'], { timeout: 20_000 });
  const image = await makeImage(engine);
  const script = `fetch(${JSON.stringify(url)}).catch(() => console.error("its containers cannot reach this machine's loopback") ?? process.exit(1))`;
  await run(engine, ['run', ...runOptions, '--network', 'host', '--entrypoint', 'node', image, '-e', script]);
}

const runOptions = ['--rm', '--pull', 'never'];

/** Runs `node` in a container without network. Resolves to its output, whatever its exit code is. */
export function runNode(engine: Engine, image: string, script: string, input: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const args = [
    'run',
    ...runOptions,
    '--interactive',
    '--network',
    'none',
    '--entrypoint',
    'node',
    image,
    '-e',
    script,
  ];
  const child = execFile(engine, args, (_error, stdout) => resolve(stdout));
  child.stdin?.end(input);
  return promise;
}

export function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
  if (code === 'ENOENT') return 'it is not installed';
  return (stderr?.trim() || message).split('\n').at(-1)?.slice(0, 200) ?? '';
}
