import { ExitCode } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { withGoSpellings } from './go-spellings.ts';
import { createProgram } from './program.ts';
import { renderError } from './render-error.ts';
import { watchReader } from './watch-reader.ts';

/** Runs the `plan42` command line and returns the exit code. Never throws; errors are printed to `context.stderr`. */
export async function main(context: Omit<CliContext, 'becomeService'>): Promise<ExitCode> {
  const reader = watchReader(context.stdout);
  const signal = AbortSignal.any([context.signal, reader.gone]);
  const argv = asHelpOption(withGoSpellings(context.argv));
  const fail = (error: unknown) => {
    const { text, exitCode } = renderError(error, signal);
    context.stderr.write(text);
    return exitCode;
  };
  let isService = false;
  const becomeService = () => {
    isService = true;
    return context.signal;
  };
  let exitCode: ExitCode = ExitCode.done;
  try {
    await createProgram({ ...context, argv, signal, becomeService }).parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (isService || !reader.gone.aborted) exitCode = fail(error);
  }
  return isService ? exitCode : reader.hasAll(context.signal).then(() => exitCode, fail);
}

// Without arguments, print help. Commander's own `help` command accepts only one name.
function asHelpOption(argv: readonly string[]): readonly string[] {
  if (argv.length === 0) return ['--help'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}
