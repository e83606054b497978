/** All executables in one file. The name by which it was called selects one. */
import { basename } from 'node:path';
import { describeVersion } from '../lib/version.ts';

const name = basename(process.argv0);
const [first, ...others] = process.argv.slice(2);
// Scripts call --version often: respond before anything is loaded.
if ((first === '--version' || first === '-V') && others.length === 0) process.stdout.write(`${describeVersion()}\n`);
else if (name === 'plan42-runner') await import('./plan42-runner.ts');
else if (name === 'plan42-runner-config') await import('./plan42-runner-config.ts');
else if (name === 'plan42-sample-agent') await import('../../examples/sample-agent/agent.ts');
else await import('./plan42.ts');
