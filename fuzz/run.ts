/**
 * Fuzzes every function that reads or formats text from outside. Arguments are parts of their names (`redact`). Each target
 * runs for `FUZZ_SECONDS`, 300 by default, with inputs that follow from `FUZZ_SEED`. `--list` prints the functions with
 * their targets, `--check` those without one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { exemptionOf } from './exempt.ts';
import { findFunctions } from './find-functions.ts';
import { type FuzzResult, fuzz, nameOf } from './fuzz-target.ts';
import type { Target } from './target.ts';
import { stopServer } from './targets/server.ts';
import { allTargets } from './targets.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 300);
const seed = process.env['FUZZ_SEED'] ?? String(Math.floor(Date.now() / 1000));
const faultFolder = join(import.meta.dirname, '../dist/fuzz');

const args = process.argv.slice(2);
if (args[0] === '--list') list();
else if (args[0] === '--check') check();
else if (args[0] === '--worker') await work(args.slice(1));
else await runAll(args);

function list(): void {
  for (const name of findFunctions()) {
    const target = allTargets.find(({ covers }) => covers.includes(name));
    console.log(`${name.padEnd(60)} ${target ? nameOf(target) : `not fuzzed: ${exemptionOf(name) ?? 'MISSING'}`}`);
  }
}

function check(): void {
  const covered = new Set(allTargets.flatMap((target) => target.covers));
  for (const name of findFunctions()) {
    if (covered.has(name) || exemptionOf(name) !== undefined) continue;
    console.log(`src/${name}: sees text: add it to a target in fuzz/targets/, or with a reason to fuzz/exempt.ts`);
    process.exitCode = 1;
  }
}

/** One process for each processor, each with every nth target. */
async function runAll(names: readonly string[]): Promise<void> {
  const wanted = allTargets.filter(({ covers }) => isWanted(covers, names));
  if (wanted.length === 0) throw new Error(`there is no target ${names.join(', ')}`);
  const processes = Math.min(wanted.length, availableParallelism());
  const minutes = Math.ceil((Math.ceil(wanted.length / processes) * seconds) / 60);
  console.log(`${wanted.length} targets, ${seconds} s each, seed ${seed}: takes about ${minutes} min`);
  const exits = Array.from({ length: processes }, async (_, n) => {
    const own = wanted
      .filter((_, index) => index % processes === n)
      .map((target) => String(allTargets.indexOf(target)));
    const env = { ...process.env, FUZZ_SEED: seed };
    const child = spawn(process.execPath, [import.meta.filename, '--worker', ...own], { stdio: 'inherit', env });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  });
  const failed = (await Promise.all(exits)).some((code) => code !== 0);
  console.log(failed ? 'faults found, see above' : 'no faults');
  process.exitCode = failed ? 1 : 0;
}

function isWanted(covers: readonly string[], names: readonly string[]): boolean {
  return names.length === 0 || covers.some((cover) => names.some((name) => cover.includes(name)));
}

async function work(indexes: readonly string[]): Promise<void> {
  for (const index of indexes) {
    const target = allTargets[Number(index)];
    if (target !== undefined) await fuzzOne(target);
  }
  await stopServer();
}

async function fuzzOne(target: Target): Promise<void> {
  const until = performance.now() + seconds * 1000;
  const result = await fuzz(target, { seed, maxKiB: 1024, goOn: () => performance.now() < until });
  const { inputs, kib, slowestMsPerKiB, faults } = result;
  const speed = `${inputs} inputs, ${Math.round(kib / 1024)} MiB, at most ${slowestMsPerKiB.toFixed(3)} ms per KiB`;
  console.log(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${nameOf(target)}: ${speed}`);
  if (faults.length > 0) report(faults);
}

function report(faults: FuzzResult['faults']): void {
  process.exitCode = 1;
  mkdirSync(faultFolder, { recursive: true });
  for (const { reason, seed: faultSeed, input } of faults) {
    const file = join(faultFolder, `${faultSeed.replaceAll(/[^\w-]/g, '_')}.txt`);
    const isText = typeof input === 'string' || input instanceof Uint8Array;
    writeFileSync(file, isText ? input : JSON.stringify(input));
    console.log(`     ${reason.slice(0, 600)}\n     input: ${file}`);
  }
}
