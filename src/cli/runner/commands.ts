import type { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** `plan42 runner …` */
export function addRunnerCommands(program: Command, context: CliContext): void {
  const runner = program.command('runner').description('takes tasks from a server and runs their agents here');
  runner
    .command('exec')
    .description('run the runner in the foreground')
    .argument('[args...]', 'for plan42-runner; "plan42 runner exec --help" prints its help')
    .usage('[args...]')
    // Everything behind it, `--help` included, is plan42-runner's.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => context.handOver('plan42-runner', args));
}
