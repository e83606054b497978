import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FakeState } from './fake-apple/state.ts';
import { makeTempDir } from './temp-dir.ts';

/** A fake Mac with Apple's `container`, in a folder of its own. */
export interface FakeApple extends AsyncDisposable {
  /** The environment in which `container` is the fake. */
  env: { PATH: string };
  state: FakeState;
  /** Crashes the services: every client loses its connection. */
  crash(): void;
}

/** As in the real test images, the agent runs the `@@commands@@` of its request. */
export const agentImage = 'registry.example/test/agent:v1';
/** Image without the entrypoint. */
export const noEntrypointImage = 'registry.example/test/no-entrypoint:v1';
/** Image that takes ten seconds to pull. */
export const slowImage = 'registry.example/test/slow:v1';

export interface FakeMac {
  macOs?: string;
  arm64?: string;
  version?: string;
  startFails?: boolean;
}

export async function startFakeApple(mac: FakeMac = {}): Promise<FakeApple> {
  await using resources = new AsyncDisposableStack();
  const dir = resources.use(await makeTempDir('plan42-apple-'));
  const state = FakeState.create(dir.path);
  resources.defer(() => endContainers(state));
  const script = async (name: string, body: string) => {
    const path = join(dir.path, 'bin', name);
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const wrapper = await readFile(join(import.meta.dirname, 'engines/agent-wrapper.sh'), 'utf8');
  const agent = await script('agent-wrapper', wrapper.replaceAll('/tmp/', join(dir.path, 'tmp/')));
  const variables = [
    `FAKE_APPLE_DIR='${dir.path}'`,
    `FAKE_APPLE_VERSION='${mac.version ?? '1.3.1'}'`,
    `FAKE_APPLE_START_FAILS='${mac.startFails ? 1 : ''}'`,
  ].join(' ');
  const program = fileURLToPath(new URL('fake-apple/container.ts', import.meta.url));
  await script('container', `${variables} exec '${process.execPath}' '${program}' "$@"`);
  await script('sw_vers', `echo ${mac.macOs ?? '26.1'}`);
  await script('sysctl', `echo ${mac.arm64 ?? '1'}`);
  const programs = { '/usr/bin/agent-wrapper': agent };
  state.writeImage('registry', agentImage, { programs });
  state.writeImage('registry', noEntrypointImage, { programs: {} });
  state.writeImage('registry', slowImage, { programs, pullMs: 10_000 });
  const owned = resources.move();
  return {
    env: { PATH: `${join(dir.path, 'bin')}:${process.env['PATH']}` },
    state,
    crash: () => {
      state.set('services', false);
      endContainers(state);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function endContainers(state: FakeState): void {
  for (const { pid } of state.containers()) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has already exited.
    }
  }
}
