import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { ExitCode, UserError } from '../../lib/errors.ts';
import type { CliContext } from '../context.ts';
import { inputPath } from '../options.ts';

export interface PromptOptions {
  prompt?: string;
  promptFile?: string;
}

const remedy = 'Give a prompt with --prompt TEXT or --prompt-file FILE.';

export function withPromptOptions(command: Command): Command {
  return command
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'read the prompt from a file; - is standard input', inputPath);
}

/** @throws UserError unless there is exactly one prompt, and it is not empty */
export async function readPrompt(context: CliContext, { prompt, promptFile }: PromptOptions): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined) {
    throw new UserError('--prompt and --prompt-file cannot be used together', {
      remedy: 'Give one of them.',
      exitCode: ExitCode.usage,
    });
  }
  const content = promptFile === undefined ? prompt : await readPromptFile(context, promptFile);
  if (content !== undefined && content.trim() !== '') return content;
  const mistake = content === undefined ? 'there is no prompt' : 'the prompt is empty';
  throw new UserError(mistake, { remedy, exitCode: ExitCode.usage });
}

async function readPromptFile({ stdin, signal }: CliContext, path: string): Promise<string> {
  if (path === '-') return text(addAbortSignal(signal, stdin));
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(`cannot read the prompt from ${path}`, { remedy, cause: error });
  }
}
