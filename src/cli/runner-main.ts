import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { defaultPaths } from '../config/paths.ts';
import { settableKeys } from '../config/read.ts';
import { ExitCode } from '../lib/errors.ts';
import type { ShutdownSignals } from '../runner/shutdown.ts';
import type { CliContext } from './context.ts';
import { renderError } from './render-error.ts';
import { explainUsage } from './usage.ts';

export interface RunnerContext extends Pick<CliContext, 'argv' | 'env' | 'stdout' | 'stderr' | 'version'> {
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
}

/** Runs the `plan42-runner` command line and returns the exit code. Never throws. */
export async function runnerMain(context: RunnerContext): Promise<ExitCode> {
  const { argv, env, stderr, version, signals, onReloadRequest } = context;
  try {
    const options = parseArguments(argv, context);
    const places = {
      ...env,
      ...(options.configFile === undefined ? {} : { PLAN42_CONFIG_FILE: options.configFile }),
      ...(options.stateDir === undefined ? {} : { PLAN42_STATE_DIR: options.stateDir }),
    };
    // Loaded late, so that --help, --version and mistakes are answered quickly.
    const { runService } = await import('../runner/service.ts');
    await runService({
      paths: defaultPaths(places),
      explicitConfigFile: Boolean(places['PLAN42_CONFIG_FILE']),
      env,
      flags: flagsOf(options),
      version,
      write: (line) => stderr.write(line),
      signals,
      onReloadRequest,
    });
    return ExitCode.done;
  } catch (error) {
    const { text, exitCode } = renderError(error, signals.drain);
    stderr.write(text);
    return exitCode;
  }
}

function parseArguments(argv: readonly string[], { stdout, stderr, version }: RunnerContext): Options {
  const command: Command = new Command('plan42-runner')
    .description('Takes messages from a Plan42 server and runs the agents they ask for, until it is stopped.')
    .version(version, '-V, --version', 'print the version')
    .option(
      '-c, --config-file <file>',
      'the configuration (default: plan42-runner.toml where configurations live)',
      (path) => resolve(path),
    )
    .option('--state-dir <folder>', 'where jobs and logs are kept; each runner needs one of its own', (path) =>
      resolve(path),
    )
    .option('--url <url>', 'the server, as runner.url')
    .option('--runtime <name>', 'what runs agents, as runner.runtime')
    .option('--log-level <level>', 'as log.level')
    .option('--log-format <format>', 'as log.format')
    .option('--set <table.key=value>', 'any other setting of the configuration; can be repeated', collectSetting)
    .addHelpText('after', help())
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => {}, outputError: () => {} })
    .exitOverride((error) => {
      if (error.exitCode !== 0) stderr.write(explainUsage(command, error));
      throw error;
    });
  return command.parse(argv, { from: 'user' }).opts<Options>();
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

function help(): string {
  return `
Settings for --set:
  ${settableKeys().join('\n  ')}

Each can also be given in the environment: jobs.max_jobs as PLAN42_JOBS_MAX_JOBS. Flags beat the environment, which
beats the file. Tokens come from the file or the environment only: PLAN42_RUNNER_TOKEN.

Signals: SIGHUP reads the configuration again, which also happens when the file changes. SIGTERM and SIGINT drain the queues and end; a second one leaves jobs that have not started for the next run;
a third ends at once. Running agents are never ended by any of them.`;
}
