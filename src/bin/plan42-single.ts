/** All executables in one file. The name by which it was called selects one. */
import { basename } from 'node:path';
import { watchReader } from '../cli/watch-reader.ts';
import { describeVersion } from '../lib/version.ts';
import { stderr, stdout } from './standard-streams.ts';

const name = basename(process.argv0);
const [first, ...others] = process.argv.slice(2);
// Scripts call --version often: respond before anything is loaded.
if (['--version', '-V', '-v'].includes(first ?? '') && others.length === 0) await printVersion();
else if (name === 'plan42-runner') await import('./plan42-runner.ts');
else if (name === 'plan42-runner-config') await import('./plan42-runner-config.ts');
// The containers that doctor starts have this executable as their only program.
else if (name === 'plan42-run-script') await runScript(first ?? '');
else if (name === 'plan42-agent') await import('./plan42-agent.ts');
// A shell starts them, which cannot choose the name.
else if (first === 'plan42-gateway') await import('./plan42-gateway.ts');
else if (first === 'plan42-warden') await import('./plan42-warden.ts');
// The image of the runner is also one of the sample agent, for a first task.
else if (name === 'plan42-sample-agent' || name === 'agent-wrapper')
  await import('../../examples/sample-agent/agent.ts');
else await import('./plan42.ts');

async function runScript(path: string): Promise<void> {
  const { runInThisContext } = await import('node:vm');
  const { readText } = await import('../lib/read-file.ts');
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
