/** The container engines of benchmarks, one after the other, with the test agent's image. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngines } from '../../test/support/engines.ts';

export interface BenchEngine {
  name: 'docker' | 'podman';
  env: NodeJS.ProcessEnv;
  image: string;
  /** For files of the benchmark. Removed at the end. */
  folder: string;
}

/** Runs the benchmark with each engine, and prints why one is left out. */
export async function eachEngine(benchmark: (engine: BenchEngine) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
  try {
    await using engines = await startEngines({ dir: join(folder, 'engines'), signal: AbortSignal.timeout(120_000) });
    for (const name of ['podman', 'docker'] as const) {
      const env = engines[name]?.env;
      const image = engines.images?.agent;
      if (env !== undefined && image !== undefined) await benchmark({ name, env, image, folder });
      else console.log(`${name}: skipped: ${engines.missing[name] ?? engines.missing.registry ?? ''}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
