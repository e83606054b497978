import { Command } from 'commander';
import { defaultPaths } from '../config/paths.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import type { JobControl } from '../tui/job-control.ts';
import type { CliContext } from './context.ts';
import { withGoSpellings } from './go-spellings.ts';
import { httpUrl, resolvedPath } from './options.ts';
import { explainUsage, outputError, renderError } from './render-error.ts';
import { wantsColor } from './style.ts';
import { withVersionOption } from './version-option.ts';
import { watchReader } from './watch-reader.ts';

export interface ConfigScreenContext extends Pick<CliContext, 'argv' | 'env' | 'signal' | 'version' | 'versionText'> {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: CliContext['stderr'];
  jobControl: JobControl;
  /** Registers a listener for uncaught exceptions. */
  onCrash: (listener: (error: unknown) => void) => void;
}

interface Options {
  configFile?: string;
  server?: string;
}

const help = `
Tab and the arrow keys move, Enter opens and activates, Ctrl-S saves, Esc leaves
without saving; the last line shows the available keys. In scripts, use
"plan42 runner config get|set|unset|list|validate".`;

/** Runs the `plan42-runner-config` command line and returns the exit code. Never throws. */
export async function configScreenMain(context: ConfigScreenContext): Promise<ExitCode> {
  const { env, stdin, stdout, stderr, version, jobControl, onCrash } = context;
  const reader = watchReader(stdout);
  const signal = AbortSignal.any([context.signal, reader.gone]);
  try {
    const { configFile, server } = parseArguments(context);
    requireTerminal(context);
    // Loaded late, so that --help, --version and usage errors are fast.
    const { runConfigScreen } = await import('../tui/config-screen.ts');
    const { how, saved } = await runConfigScreen({
      path: configFile ?? defaultPaths(env).configFile,
      serverUrl: server,
      color: wantsColor(stdout, context),
      env,
      version,
      stdin,
      stdout,
      signal,
      jobControl,
      onCrash,
    });
    stdout.write(`${saved ?? 'Left without saving.'}\n`);
    return how === 'interrupted' ? ExitCode.interrupted : ExitCode.done;
  } catch (error) {
    const { text, exitCode } = renderError(await outputError(reader, error, context.signal), signal);
    stderr.write(text);
    return exitCode;
  }
}

function parseArguments(context: ConfigScreenContext): Options {
  return createConfigScreenProgram(context).parse(withGoSpellings(context.argv), { from: 'user' }).opts<Options>();
}

/** The command line of `plan42-runner-config`. */
export function createConfigScreenProgram(context: Pick<CliContext, 'stdout' | 'stderr' | 'versionText'>): Command {
  const { stdout, stderr, versionText } = context;
  const command: Command = withVersionOption(new Command('plan42-runner-config'), versionText)
    .description('Configure the runner on a full-screen terminal.')
    .option('-c, --config-file <file>', 'configuration file to edit', resolvedPath)
    .option('--server <url>', 'server URL to start with', httpUrl)
    .option('--no-color', 'disable colours')
    .addHelpText('after', help)
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => {}, outputError: () => {} })
    .exitOverride((error) => {
      if (error.exitCode !== 0) stderr.write(explainUsage(command, error));
      throw error;
    });
  return command;
}

function requireTerminal({ stdin, stdout }: ConfigScreenContext): void {
  if (stdin.isTTY && stdout.isTTY) return;
  throw new UserError('the configuration screen needs a terminal', {
    remedy: 'Use "plan42 runner config set", and the other commands that "plan42 runner config --help" lists.',
    exitCode: ExitCode.usage,
  });
}
