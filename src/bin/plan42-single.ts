/** All executables in one file. The name by which it was called selects one. */
import { basename } from 'node:path';
import { getRawAsset } from 'node:sea';
import { constants, runInThisContext, Script } from 'node:vm';
import { watchReader } from '../cli/watch-reader.ts';
import { readText } from '../lib/read-file.ts';
import { describeVersion } from '../lib/version.ts';
import { stderr, stdout } from './standard-streams.ts';

const name = basename(process.argv0);
const [first, ...others] = process.argv.slice(2);
// Scripts call --version often: respond before anything is loaded.
if (['--version', '-V', '-v'].includes(first ?? '') && others.length === 0) await printVersion();
// The containers that doctor starts have this executable as their only program.
else if (name === 'plan42-run-script') await runScript(first ?? '');
else await runProgram(chooseProgram());

function chooseProgram(): string {
  // The gateway has its name in a pod only.
  if (['plan42-runner', 'plan42-runner-config', 'plan42-agent', 'plan42-gateway'].includes(name)) return name;
  // A shell starts them, which cannot choose the name.
  if (first === 'plan42-gateway' || first === 'plan42-warden') return first;
  // The image of the runner is also one of the sample agent, for a first task.
  if (name === 'plan42-sample-agent' || name === 'agent-wrapper') return 'plan42-sample-agent';
  return 'plan42';
}

/** Runs a program that `scripts/package/programs.ts` has made a function. */
async function runProgram(program: string): Promise<void> {
  const filename = `${program}.js`;
  const source = Buffer.from(getRawAsset(filename)).toString('latin1');
  const cachedData = Buffer.from(getRawAsset(`${filename}.cache`));
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script(source, { filename, cachedData, importModuleDynamically });
  await (script.runInThisContext() as (importMeta: ImportMeta) => Promise<void>)(import.meta);
}

async function runScript(path: string): Promise<void> {
  runInThisContext((await readText(path)).replace(/^#!.*/, ''));
}

async function printVersion(): Promise<void> {
  const reader = watchReader(stdout);
  stdout.write(`${describeVersion()}\n`);
  await reader.hasAll().catch(async (error: unknown) => {
    const { renderError } = await import('../cli/render-error.ts');
    const { text, exitCode } = renderError(error);
    stderr.write(text);
    process.exitCode = exitCode;
  });
}
