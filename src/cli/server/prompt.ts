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

/**
 * Returns the text of the arguments, of a file, or of standard input if it is not a terminal.
 * @throws UserError unless there is exactly one of them, and it is not empty
 */
export async function readText(
  context: CliContext,
  parts: readonly string[],
  file: string | undefined,
  what: string,
): Promise<string> {
  const remedy = `Give the ${what} as an argument, or with --file FILE.`;
  const usage = (mistake: string) => new UserError(mistake, { remedy, exitCode: ExitCode.usage });
  if (parts.length > 0 && file !== undefined) throw usage(`a ${what} and --file cannot be used together`);
  const piped = parts.length === 0 && context.stdin.isTTY !== true ? '-' : undefined;
  const path = file ?? piped;
  if (path === undefined && parts.length === 0) throw usage(`there is no ${what}`);
  const text = path === undefined ? parts.join(' ') : await readInput(context, path, `the ${what}`, remedy);
  if (text.trim() === '') throw usage(`the ${what} is empty`);
  return text;
}
