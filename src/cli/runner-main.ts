import { Command, InvalidArgumentError, Option } from 'commander';
import { allSettings } from '../config/find-setting.ts';
import { defaultPaths, type Paths, withPathOptions } from '../config/paths.ts';
import { connectionFields } from '../config/schema.ts';
import { systemClock } from '../lib/clock.ts';
import { ExitCode } from '../lib/errors.ts';
import { LossyOutput } from '../lib/lossy-output.ts';
import { createServiceNotifier, withoutNotifyVariables } from '../lib/service-notifier.ts';
import type { ShutdownSignals } from '../runner/shutdown.ts';
import type { CliContext } from './context.ts';
import { withGoSpellings } from './go-spellings.ts';
import { resolvedPath } from './options.ts';
import { explainUsage, outputError, renderError } from './render-error.ts';
import { withVersionOption } from './version-option.ts';
import { watchReader } from './watch-reader.ts';

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
  containerPath?: string;
  podmanPath?: string;
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
    const pathEnv = withPathOptions(env, options);
    paths = defaultPaths(pathEnv);
    // Loaded late, so that --help, --version and usage errors are fast.
    const { runService } = await import('../runner/service.ts');
    await runService({
      paths,
      explicitConfigFile: Boolean(pathEnv['PLAN42_CONFIG_FILE']),
      env,
      flags: flagsOf(options),
      executables: { container: options.containerPath, podman: options.podmanPath },
      version,
      output: options.quiet ? undefined : new LossyOutput(stderr),
      signals,
      onReloadRequest,
      notifier,
    });
    return ExitCode.done;
  } catch (error) {
    const { text, exitCode } = renderError(await outputError(reader, error, signals.drain), signals.drain);
    stderr.write(text);
    if (text !== '' && paths !== undefined) await logFatalError(paths, text);
    return exitCode;
  }
}

// `plan42 runner logs` must show the error too, because standard error may only go to a service manager.
async function logFatalError(paths: Paths, text: string): Promise<void> {
  const { logLastWords } = await import('../runner/service-log.ts');
  await logLastWords(paths, `${systemClock.date().toISOString()} ${text}`);
}

function parseArguments(argv: readonly string[], context: RunnerContext): Options {
  return createRunnerProgram(context).parse(withGoSpellings(argv), { from: 'user' }).opts<Options>();
}

/** The command line of `plan42-runner`. */
export function createRunnerProgram(context: Pick<RunnerContext, 'stdout' | 'stderr' | 'versionText'>): Command {
  const { stdout, stderr, versionText } = context;
  const command: Command = withVersionOption(new Command('plan42-runner'), versionText)
    .description('Receive messages from a Plan42 server and run agents until stopped.')
    .option(
      '-c, --config-file <file>',
      'configuration file (default: plan42-runner.toml in the configuration folder)',
      resolvedPath,
    )
    .option('--state-dir <folder>', 'folder for jobs and logs; one per runner', resolvedPath)
    .option('--url <url>', 'server URL; same as runner.url')
    .option('--runtime <name>', 'container runtime; same as runner.runtime')
    .option('--log-level <level>', 'same as log.level')
    .option('--log-format <format>', 'same as log.format')
    .option('-q, --quiet', 'log only to the log file, not to standard error')
    // Service definitions of the Go runner may have them.
    .addOption(new Option('--container-path <file>').argParser(resolvedPath).hideHelp())
    .addOption(new Option('--podman-path <file>').argParser(resolvedPath).hideHelp())
    .option('--set <table.key=value>', 'any setting of the configuration; repeatable', collectSetting)
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
    throw new InvalidArgumentError('It must have the form jobs.max_jobs=8.');
  return settings.set(match[1], match[2]);
}

function flagsOf({ set, url, runtime, logLevel, logFormat }: Options): Map<string, string> {
  const named = { 'runner.url': url, 'runner.runtime': runtime, 'log.level': logLevel, 'log.format': logFormat };
  const given = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Map([...(set ?? []), ...given]);
}

function help(command: Command): string {
  const settings = allSettings({}).filter(({ field }) => !field.secret);
  const width = Math.max(...settings.map(({ name }) => name.length));
  const connections = Object.values(connectionFields).map(({ key, about }) => [`github.<name>.${key}`, about] as const);
  const helper = command.createHelp();
  helper.prepareContext({});
  return `
Settings for --set:
${settings.map(({ name, field }) => helper.formatItem(name, width, field.about, helper)).join('\n')}

Environment variables set settings too: PLAN42_JOBS_MAX_JOBS for jobs.max_jobs.
Flags override the environment, which overrides the file. Tokens are read from
the file or the environment only: PLAN42_RUNNER_TOKEN.

Connections to GitHub are configured in the file only, each in a table
[github.<name>]:
${connections.map(([name, about]) => helper.formatItem(name, width, about, helper)).join('\n')}

Signals: SIGHUP reloads the configuration, which also happens when the file
changes. SIGTERM and SIGINT drain the queues and exit. A second one leaves jobs
that have not started to the next run; a third one exits at once. Running agents
are never stopped. A runner whose terminal is closed drains too, unless both of
its outputs go to files, as with nohup.`;
}
