import type { Command } from 'commander';
import { ExitCode, UserError } from '../../lib/errors.ts';
import type { CliContext } from '../context.ts';
import { inputPath } from '../options.ts';
import { readInput } from '../read-input.ts';

export interface PromptOptions {
  prompt?: string;
  promptFile?: string;
}

const promptRemedy = 'Give a prompt with --prompt TEXT or --prompt-file FILE.';

export function withPromptOptions(command: Command): Command {
  return command
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'read the prompt from a file; - is standard input', inputPath);
}

/** @throws UserError unless there is exactly one prompt, and it is not empty */
export async function readPrompt(
  context: CliContext,
  { prompt, promptFile }: PromptOptions,
  remedy = promptRemedy,
): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined) {
    throw new UserError('--prompt and --prompt-file cannot be used together', {
      remedy: 'Give one of them.',
      exitCode: ExitCode.usage,
    });
  }
  const content = promptFile === undefined ? prompt : await readInput(context, promptFile, 'the prompt', remedy);
  if (content !== undefined && content.trim() !== '') return content;
  const mistake = content === undefined ? 'there is no prompt' : 'the prompt is empty';
  throw new UserError(mistake, { remedy, exitCode: ExitCode.usage });
}
