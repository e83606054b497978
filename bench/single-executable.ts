/** `--version` of the single executable, beside `node -e 0`, in turns: what a script that asks again and again pays. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildExecutable } from '../scripts/package/executable.ts';

const rounds = 40;
const maxRatio = 1.3;

const folder = await mkdtemp(join(tmpdir(), 'plan42-bench-'));
try {
  const { path } = await buildExecutable(folder);
  const reference: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    reference.push(measure(process.execPath, ['-e', '0']));
    ours.push(measure(path, ['--version']));
  }
  // The fastest of each: what else the machine does only ever adds to it.
  const [base, fastest] = [Math.min(...reference), Math.min(...ours)];
  const ratio = fastest / base;
  console.log(
    `plan42 --version: ${fastest.toFixed(0)} ms, node -e 0: ${base.toFixed(0)} ms, ${ratio.toFixed(2)}× ` +
      `(fastest of ${rounds}; at most ${maxRatio}×)`,
  );
  if (ratio > maxRatio) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}

function measure(file: string, args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`${file} failed`);
  return performance.now() - start;
}
