import { inspect } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { environmentFailure, failureRemedy } from '../lib/environment-failure.ts';
import { ExitCode, formatError, isAbort, UserError } from '../lib/errors.ts';
import { printable, printableLine } from '../lib/printable.ts';
import { redact } from '../lib/redact.ts';
import { inSources } from '../lib/source-positions.ts';
import type { Reader } from './watch-reader.ts';

export interface RenderedError {
  /** For standard error; empty if the error was printed already. */
  text: string;
  exitCode: ExitCode;
}

/**
 * The one place that renders errors: a UserError or a failure of the environment as one line with its remedy, a bug with
 * its stack.
 */
export function renderError(error: unknown, signal?: AbortSignal): RenderedError {
  if (error instanceof CommanderError) return renderUsage(error);
  if (isAbort(error, signal)) return { text: '', exitCode: ExitCode.interrupted };
  if (error instanceof UserError) return { text: oneLine(error, error.remedy), exitCode: error.exitCode };
  const failure = environmentFailure(error);
  if (failure !== undefined) return { text: oneLine(error, failureRemedy(failure)), exitCode: ExitCode.failed };
  return {
    text: `ERROR: unexpected failure, please report it: ${printable(redact(inSources(inspect(error))))}\n`,
    exitCode: ExitCode.failed,
  };
}

/** `error`, unless it stands for help or a version that could not be written: then the reason. */
export async function outputError(reader: Reader, error: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof CommanderError)) return error;
  return reader.hasAll(signal).then(
    () => error,
    (problem: unknown) => problem,
  );
}

function oneLine(error: unknown, remedy: string | undefined): string {
  const sentence = `ERROR: ${formatError(error)}.`.replace(/([.!?])\.$/, '$1');
  const text = [sentence, remedy].filter(Boolean).join(' ');
  return `${printableLine(redact(text))}\n`;
}

// Commander has already printed help, version or the usage error.
function renderUsage(error: CommanderError): RenderedError {
  return { text: '', exitCode: error.exitCode === 0 ? ExitCode.done : ExitCode.usage };
}

/** A usage error as one line with a remedy. */
export function explainUsage(command: Command, error: CommanderError): string {
  const mistake = error.code === 'commander.help' ? missingSubcommand(command) : sentence(error.message);
  return `ERROR: ${printableLine(mistake)} Run "${commandPath(command)} --help".\n`;
}

// For a missing subcommand, commander prints help without an error message.
function missingSubcommand(command: Command): string {
  const visible = command.createHelp().visibleCommands(command);
  const names = visible.map((subcommand) => subcommand.name()).filter((name) => name !== 'help');
  return `missing command: one of ${names.join(', ')}.`;
}

function sentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .replace(' (Did you mean ', ' (did you mean ')
    .trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}
