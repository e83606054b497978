import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bytes, type Parsed, Refusal, wholeNumber } from './arguments.ts';
import type { FakeState } from './state.ts';

const gib = 1024 ** 3;

/** `container run` in the foreground. Resolves to the container's exit code. */
export async function runContainer(state: FakeState, { options, flags, positional }: Parsed): Promise<number> {
  const option = (name: string) => options.get(name)?.at(-1);
  const [reference = '', ...args] = positional;
  const id = option('--name') ?? crypto.randomUUID();
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(id)) throw new Refusal(`invalid container name: ${id}`);
  if (state.readContainer(id)) throw new Refusal(`container with id ${id} already exists`);
  const image = state.readImage('images', reference) ?? state.readImage('registry', reference);
  if (!image) throw new Refusal(`Image ${reference} not found`);
  const entrypoint = option('--entrypoint') ?? '';
  state.writeContainer({
    id,
    image: reference,
    command: [image.programs[entrypoint] ?? '', ...args],
    labels: Object.fromEntries((options.get('--label') ?? []).map((label) => label.split('=') as [string, string])),
    cpus: wholeNumber(option('--cpus') ?? '4', '-c <cpus>'),
    memoryInBytes: option('--memory') === undefined ? gib : bytes(option('--memory') ?? ''),
    state: 'stopped',
  });
  const cidfile = option('--cidfile');
  if (cidfile !== undefined) writeFileSync(cidfile, id);
  if (image.programs[entrypoint] === undefined) {
    state.removeContainer(id);
    const cause = `failed to find target executable ${entrypoint}`;
    throw new Refusal(
      `${cause}\nError: failed to start process ${id} in container ${id} (cause: "internalError: "${cause}"")`,
    );
  }
  return attach(state, id, flags.has('--interactive'));
}

/** The client while the container runs: forwards output and signals, and notices when the services exit. */
function attach(state: FakeState, id: string, interactive: boolean): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sandbox = spawn(process.execPath, [fileURLToPath(new URL('sandbox.ts', import.meta.url)), state.dir, id], {
    stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  sandbox.stdout.pipe(process.stdout, { end: false });
  sandbox.stderr.pipe(process.stderr, { end: false });
  const lost = () => reject(new Refusal('interrupted: "XPC connection error: Connection interrupted"'));
  sandbox.on('close', (code) => (state.has('services') ? resolve(code ?? 1) : lost()));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => process.kill(state.readContainer(id)?.pid ?? 0, signal));
  }
  const watch = setInterval(() => {
    if (!state.has('services')) lost();
  }, 50);
  return promise.finally(() => clearInterval(watch));
}
