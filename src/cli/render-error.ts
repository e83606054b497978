import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { ExitCode, formatError, isAbort, UserError } from '../lib/errors.ts';
import { redact } from '../lib/logger.ts';

export interface RenderedError {
  /** For standard error; empty when everything has been said already. */
  text: string;
  exitCode: ExitCode;
}

/** The one place where an error becomes text: a person's mistake in one line with its remedy, a bug with its stack. */
export function renderError(error: unknown, signal?: AbortSignal): RenderedError {
  if (error instanceof CommanderError) return renderUsage(error);
  if (isAbort(error, signal)) return { text: '', exitCode: ExitCode.interrupted };
  if (error instanceof UserError) {
    const sentence = `ERROR: ${formatError(error)}.`.replace(/([.!?])\.$/, '$1');
    const text = [sentence, error.remedy].filter(Boolean).join(' ');
    return { text: `${redact(text.replaceAll('\n', ' '))}\n`, exitCode: error.exitCode };
  }
  return {
    text: `ERROR: unexpected failure, please report it: ${redact(inspect(error))}\n`,
    exitCode: ExitCode.failed,
  };
}

// Commander has printed help, version or the mistake by itself.
function renderUsage(error: CommanderError): RenderedError {
  return { text: '', exitCode: error.exitCode === 0 ? ExitCode.done : ExitCode.usage };
}
