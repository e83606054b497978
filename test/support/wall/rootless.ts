/** Rootless podman of a user of a machine of the test's own. One for each test file, on first use. */
import { after } from 'node:test';
import type { TestImages } from '../engines/images.ts';
import type { Engines } from '../engines.ts';
import { makeTempDir } from '../temp-dir.ts';
import { startMachine } from './machine.ts';
import { prepareEngine, type WalledEngine } from './walled-job.ts';
import { compileWays } from './ways/compile-ways.ts';

const undo = new AsyncDisposableStack();
after(() => undo.disposeAsync());
let shared: Promise<WalledEngine> | undefined;

export function rootlessPodman(available: Engines & { images: TestImages }): Promise<WalledEngine> {
  shared ??= setUp(available);
  return shared;
}

async function setUp(available: Engines & { images: TestImages }): Promise<WalledEngine> {
  const dir = undo.use(await makeTempDir());
  const machine = undo.use(await startMachine(AbortSignal.timeout(30_000)));
  return undo.use(await prepareEngine('rootless podman', machine, available, await compileWays(dir.path)));
}
