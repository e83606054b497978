import { Argument, type Command } from 'commander';
import type { CliContext } from '../context.ts';
import { withColorOption } from '../options.ts';
import { shells } from './scripts.ts';

const examples = `
Examples:
  echo 'eval "$(plan42 completion bash)"' >>~/.bashrc
  echo 'source <(plan42 completion zsh)' >>~/.zshrc       after compinit
  plan42 completion fish >~/.config/fish/completions/plan42.fish`;

/** `plan42 completion`, and the hidden command that the completion scripts call. */
export function addCompletionCommands(program: Command, context: CliContext): void {
  withColorOption(program.command('completion'))
    .description('print the completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(shells)))
    .addHelpText('after', examples)
    .action(async (shell: keyof typeof shells) => {
      const { print } = await import('../output.ts');
      await print(context.stdout, shells[shell], context.signal);
    });
  program
    .command('complete', { hidden: true })
    .description('print completions of the last word')
    .argument('[words...]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => (await import('./print.ts')).printCompletion(context, program, words));
}
