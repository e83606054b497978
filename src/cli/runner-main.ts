import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { allSettings } from '../config/find-setting.ts';
import { defaultPaths, type Paths, withPathOptions } from '../config/paths.ts';
import { connectionFields } from '../config/schema.ts';
import { ExitCode } from '../lib/errors.ts';
import { createServiceNotifier, withoutNotifyVariables } from '../lib/service-notifier.ts';
import type { ShutdownSignals } from '../runner/shutdown.ts';
import type { CliContext } from './context.ts';
import { absolutePath } from './options.ts';
import { explainUsage, renderError } from './render-error.ts';
import { type Reader, watchReader } from './watch-reader.ts';

export interface RunnerContext
  extends Pick<CliContext, 'argv' | 'env' | 'stdout' | 'stderr' | 'version' | 'versionText'> {
  signals: ShutdownSignals;
  onReloadRequest: (listener: () => void) => void;
}

interface Options {
  configFile?: string;
  stateDir?: string;
  set?: Map<string, string>;
  url?: string;
  runtime?: string;
  logLevel?: string;
  logFormat?: string;
  quiet?: boolean;
}

/** Runs the `plan42-runner` command line and returns the exit code. Never throws. */
export async function runnerMain(context: RunnerContext): Promise<ExitCode> {
  const { argv, stdout, stderr, version, signals, onReloadRequest } = context;
  const env = withoutNotifyVariables(context.env);
  using notifier = createServiceNotifier(context.env);
  const reader = watchReader(stdout);
  let paths: Paths | undefined;
  try {
    const options = parseArguments(argv, context);
    const places = withPathOptions(env, options);
    paths = defaultPaths(places);
    // Loaded late, so that --help, --version and mistakes are answered quickly.
    const { runService } = await import('../runner/service.ts');
    await runService({
      paths,
      explicitConfigFile: Boolean(places['PLAN42_CONFIG_FILE']),
      env,
      flags: flagsOf(options),
      version,
      write: options.quiet ? () => {} : (line) => stderr.write(line),
      signals,
      onReloadRequest,
      notifier,
    });
    return ExitCode.done;
  } catch (error) {
    const { text, exitCode } = renderError(await outputError(reader, error), signals.drain);
    stderr.write(text);
    if (text !== '' && paths !== undefined) await recordEnd(paths, text);
    return exitCode;
  }
}

// Help and version end with an exit code of their own, unless they could not be written.
async function outputError(reader: Reader, error: unknown): Promise<unknown> {
  if (!(error instanceof CommanderError)) return error;
  return reader.hasAll().then(
    () => error,
    (problem: unknown) => problem,
  );
}

// `plan42 runner logs` has to show it too, also when a service manager is the only one to see standard error.
async function recordEnd({ logDir }: Paths, text: string): Promise<void> {
  const { logLastWords } = await import('../runner/service-log.ts');
  await logLastWords(logDir, `${new Date().toISOString()} ${text}`);
}

function parseArguments(argv: readonly string[], context: RunnerContext): Options {
  return createRunnerProgram(context).parse(argv, { from: 'user' }).opts<Options>();
}

/** The command line of `plan42-runner`. */
export function createRunnerProgram(context: Pick<RunnerContext, 'stdout' | 'stderr' | 'versionText'>): Command {
  const { stdout, stderr, versionText } = context;
  const command: Command = new Command('plan42-runner')
    .description('Takes messages from a Plan42 server and runs the agents they ask for, until it is stopped.')
    .version(versionText, '-V, --version', 'print the version')
    .option(
      '-c, --config-file <file>',
      'the configuration (default: plan42-runner.toml where configurations live)',
      absolutePath,
    )
    .option('--state-dir <folder>', 'where jobs and logs are kept; each runner needs one of its own', absolutePath)
    .option('--url <url>', 'the server, as runner.url')
    .option('--runtime <name>', 'what runs agents, as runner.runtime')
    .option('--log-level <level>', 'as log.level')
    .option('--log-format <format>', 'as log.format')
    .option('-q, --quiet', 'log to the log file only, and not to standard error too')
    .option('--set <table.key=value>', 'any other setting of the configuration; can be repeated', collectSetting)
    .addHelpText('after', ({ command }) => help(command))
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => {}, outputError: () => {} })
    .exitOverride((error) => {
      if (error.exitCode !== 0) stderr.write(explainUsage(command, error));
      throw error;
    });
  return command;
}

function collectSetting(text: string, settings = new Map<string, string>()): Map<string, string> {
  const match = /^([\w.]+)=(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined)
    throw new InvalidArgumentError('It must look like jobs.max_jobs=8.');
  return settings.set(match[1], match[2]);
}

function flagsOf({ set, url, runtime, logLevel, logFormat }: Options): Map<string, string> {
  const named = { 'runner.url': url, 'runner.runtime': runtime, 'log.level': logLevel, 'log.format': logFormat };
  const given = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Map([...(set ?? []), ...given]);
}

function help(command: Command): string {
  const settings = allSettings([]).filter(({ field }) => !field.secret);
  const width = Math.max(...settings.map(({ name }) => name.length));
  const connections = Object.values(connectionFields).map(({ key, about }) => [`github.<name>.${key}`, about] as const);
  const helper = command.createHelp();
  helper.prepareContext({});
  return `
Settings for --set:
${settings.map(({ name, field }) => helper.formatItem(name, width, field.about, helper)).join('\n')}

A setting can also be given in the environment: jobs.max_jobs as
PLAN42_JOBS_MAX_JOBS. Flags beat the environment, which beats the file. Tokens
come from the file or the environment only: PLAN42_RUNNER_TOKEN.

Connections to GitHub are in the file only, in a table [github.<name>] each:
${connections.map(([name, about]) => helper.formatItem(name, width, about, helper)).join('\n')}

Signals: SIGHUP reads the configuration again, which also happens when the file
changes. SIGTERM and SIGINT drain the queues and end; a second one leaves jobs
that have not started for the next run; a third ends at once. Running agents are
never ended by any of them.`;
}
