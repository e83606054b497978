/**
 * A stand-in for Apple's `container` 1.x, made from its documentation: arguments that it rejects, its output, and that
 * containers don't depend on the client. Its "containers" are processes of this machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Parsed, parseArguments, Refusal, type Spec } from './arguments.ts';
import { runContainer } from './run.ts';
import { type FakeContainer, FakeState } from './state.ts';

interface Command {
  spec: Spec;
  /** Resolves to the exit code. */
  run: (parsed: Parsed) => number | Promise<number>;
  /** Most commands only talk to the services. */
  withoutServices?: boolean;
}

const state = new FakeState(process.env['FAKE_APPLE_DIR'] ?? '');
const version = process.env['FAKE_APPLE_VERSION'] ?? '1.3.1';

const commands: Record<string, Command> = {
  'system status': {
    spec: { options: [['--prefix', '-p'], ['--format']] },
    withoutServices: true,
    run: () => {
      const running = state.has('services');
      console.log(running ? 'status  running' : 'apiserver is not running and not registered with launchd');
      return running ? 0 : 1;
    },
  },
  'system start': {
    spec: {
      flags: [['--enable-kernel-install'], ['--disable-kernel-install']],
      options: [['--timeout'], ['--app-root']],
    },
    withoutServices: true,
    run: ({ flags }) => {
      console.log('Launching container-apiserver...');
      if (process.env['FAKE_APPLE_START_FAILS']) {
        throw new Refusal(
          'internalError: "failed to get a response from apiserver: interrupted: "XPC connection error: Connection invalid""',
        );
      }
      state.set('services', true);
      if (!state.has('kernel')) {
        // It asks for confirmation, and there is no terminal.
        if (!flags.has('--enable-kernel-install')) throw new Refusal('internalError: "failed to read user input"');
        state.set('kernel', true);
      }
      return 0;
    },
  },
  'system stop': {
    spec: { options: [['--prefix', '-p']] },
    run: async () => {
      for (const container of state.containers()) signal(container, 'SIGTERM');
      while (state.containers().some((container) => container.state === 'running')) await delay(20);
      state.set('services', false);
      return 0;
    },
  },
  'image pull': {
    spec: { options: [['--platform'], ['--arch', '-a'], ['--os'], ['--scheme'], ['--progress']] },
    run: async ({ positional: [reference = ''] }) => {
      const image = state.readImage('registry', reference);
      if (!image)
        throw new Refusal(
          `notFound: "HTTP request to https://registry/v2/manifests failed with response: 404 Not Found. Reason: {"errors":[{"code":"MANIFEST_UNKNOWN"}]}"`,
        );
      await delay(image.pullMs ?? 0);
      state.writeImage('images', reference, image);
      return 0;
    },
  },
  'image inspect': {
    spec: {},
    run: ({ positional: [reference = ''] }) => {
      const image = state.readImage('images', reference);
      if (!image)
        throw new Refusal(`InspectError(succeeded: [], failed: [("${reference}", notFound: "Image not found")])`);
      console.log(JSON.stringify([{ id: 'f'.repeat(64), configuration: { name: reference }, variants: [] }]));
      return 0;
    },
  },
  run: {
    spec: {
      passThrough: true,
      options: [
        ...[
          ['--name'],
          ['--label', '-l'],
          ['--cidfile'],
          ['--progress'],
          ['--platform'],
          ['--network'],
          ['--entrypoint'],
        ],
        ...[['--cpus', '-c'], ['--memory', '-m'], ['--cap-add'], ['--cap-drop'], ['--env', '-e'], ['--ulimit']],
        ['--env-file'],
        ['--mount'],
      ],
      flags: [['--interactive', '-i'], ['--tty', '-t'], ['--detach', '-d'], ['--rm', '--remove'], ['--init']],
    },
    run: (parsed) => runContainer(state, parsed),
  },
  list: {
    spec: {
      flags: [
        ['--all', '-a'],
        ['--quiet', '-q'],
      ],
      options: [['--format']],
    },
    run: ({ flags, options }) => {
      const shown = state.containers().filter(({ state }) => flags.has('--all') || state === 'running');
      if (options.get('--format')?.[0] === 'json') console.log(JSON.stringify(shown.map(describe)));
      else console.log(shown.map(({ id }) => id).join('\n'));
      return 0;
    },
  },
  inspect: {
    spec: {},
    // Also for a container that does not exist.
    run: ({ positional }) => {
      console.log(JSON.stringify(positional.flatMap((id) => state.readContainer(id) ?? []).map(describe)));
      return 0;
    },
  },
  kill: {
    spec: { flags: [['--all', '-a']], options: [['--signal', '-s']] },
    run: async ({ options, positional: [id = ''] }) => {
      const container = state.readContainer(id);
      if (!container) throw new Refusal(`No such container: ${id}`);
      const name = (options.get('--signal')?.[0] ?? 'KILL').replace(/^SIG/, '');
      if (container.state !== 'running') throw new Refusal(`invalidState: "container ${id} is not running"`);
      signal(container, `SIG${name}` as NodeJS.Signals);
      if (name === 'KILL') while (state.readContainer(id)?.state === 'running') await delay(20);
      console.log(id);
      return 0;
    },
  },
  delete: {
    spec: {
      flags: [
        ['--all', '-a'],
        ['--force', '-f'],
      ],
    },
    run: ({ flags, positional: [id = ''] }) => {
      const container = state.readContainer(id);
      if (!container) throw new Refusal(`notFound: "container with ID ${id} not found"`);
      if (container.state === 'running') {
        if (!flags.has('--force')) throw new Refusal(`invalidState: "container ${id} is running"`);
        signal(container, 'SIGKILL');
      }
      state.removeContainer(id);
      console.log(id);
      return 0;
    },
  },
};

function describe({ id, image, labels, cpus, memoryInBytes, state, startedDate }: FakeContainer) {
  const resources = { cpus, memoryInBytes };
  return {
    id,
    configuration: { id, image: { reference: image }, labels, resources },
    status: { state, networks: [], ...(startedDate === undefined ? {} : { startedDate }) },
  };
}

function signal({ pid }: FakeContainer, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    // All processes exit with the first one.
    process.kill(name === 'SIGKILL' ? -pid : pid, name);
  } catch {
    // It has exited already.
  }
}

async function main(argv: readonly string[]): Promise<number> {
  state.noteCall(argv);
  if (argv[0] === '--version') {
    console.log(`container CLI version ${version} (build: release, commit: a9a62e2)`);
    return 0;
  }
  const words = ['system', 'image'].includes(argv[0] ?? '') ? 2 : 1;
  const name = argv.slice(0, words).join(' ').replace(/^ls$/, 'list').replace(/^rm$/, 'delete');
  const command = commands[name];
  if (!command) throw new Refusal(`Unexpected argument '${name}'`, 64);
  const parsed = parseArguments(argv.slice(words), command.spec);
  if (!command.withoutServices && !state.has('services')) {
    const hint = 'Ensure container system service has been started with `container system start`.';
    throw new Refusal(`interrupted: "XPC connection error: Connection invalid"\n${hint}`);
  }
  return command.run(parsed);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`Error: ${error.message}`);
  // Without the services, there is no way to wait for the sandbox.
  process.exit(error.exitCode);
}
