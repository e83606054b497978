import type { Command } from 'commander';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { nearest } from '../../../lib/nearest.ts';
import { SettingArgument } from '../../completion/arguments.ts';
import type { CliContext } from '../../context.ts';
import { resolvedPath, withColorOption } from '../../options.ts';
import type { GetOptions } from './get.ts';
import type { ListSettingsOptions } from './list.ts';
import { withConfigFileOption } from './location.ts';
import type { SetOptions } from './set.ts';
import type { UnsetOptions } from './unset.ts';
import type { ValidateOptions } from './validate.ts';

const help = `
Without a command it opens the configuration screen, with all options handed on:
"plan42-runner-config --help" lists them.

Examples:
  plan42 runner config
  plan42 runner config set runner.url https://api.example.com
  plan42 runner config set runner.runtime=podman jobs.max_jobs=8
  plan42 server token create | plan42 runner config set runner.token
  plan42 runner config validate --json`;

const getExamples = `
Examples:
  plan42 runner config get runner.url
  plan42 runner config get jobs.max_jobs --json`;

const setExamples = `
Examples:
  plan42 runner config set runner.url https://api.example.com
  plan42 runner config set runner.runtime=podman jobs.max_jobs=8
  plan42 server token create | plan42 runner config set runner.token
  plan42 runner config set github.work.token --from-file token.txt`;

const unsetExamples = `
Examples:
  plan42 runner config unset jobs.max_jobs
  plan42 runner config unset github.work
  plan42 runner config unset runner.model_mappings`;

const listExamples = `
Examples:
  plan42 runner config list
  plan42 runner config list --all --json`;

const validateExamples = `
Examples:
  plan42 runner config validate
  plan42 runner config validate --json | jq '.findings[].message'`;

/** `plan42 runner config …` */
export function addConfigCommands(runner: Command, context: CliContext): void {
  const config = runner
    .command('config')
    .description('configure the runner, on a screen or with commands')
    .argument('[args...]')
    .usage('[command] [options]')
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText('after', help)
    .action((args: string[]) => {
      refuseUnknownCommand(config, args[0]);
      return context.handOver('plan42-runner-config', args);
    });
  withConfigFileOption(config.command('get'))
    .description('print a setting: from the environment, the file, or the default')
    .addArgument(new SettingArgument('<key>', 'for example runner.url or github.my-github.token'))
    .option('--show-secrets', 'print tokens instead of ********')
    .option('--json', 'print value and origin as JSON')
    .addHelpText('after', getExamples)
    .action(async (key: string, options: GetOptions) => (await import('./get.ts')).getSetting(context, key, options));
  withConfigFileOption(config.command('set'))
    .description('change settings in the file and keep everything else')
    .addArgument(new SettingArgument('<args...>', 'for tokens, give only the key and pipe the value in'))
    .usage('[options] <key> <value> | <key=value>... | <key>')
    .option('--from-file <file>', 'read the value from a file', resolvedPath)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', setExamples)
    .action(async (args: string[], options: SetOptions) =>
      (await import('./set.ts')).setSettings(context, args, options),
    );
  withConfigFileOption(config.command('unset'))
    .description('remove settings, or whole tables such as github.NAME, from the file')
    .addArgument(new SettingArgument('<key...>'))
    .option('--json', 'print the result as JSON')
    .addHelpText('after', unsetExamples)
    .action(async (keys: string[], options: UnsetOptions) =>
      (await import('./unset.ts')).unsetSettings(context, keys, options),
    );
  withColorOption(withConfigFileOption(config.command('list')))
    .description('list settings and their origin')
    .option('-a, --all', 'include defaults')
    .option('--show-secrets', 'print tokens instead of ********')
    .option('--json', 'print every setting as JSON')
    .addHelpText('after', listExamples)
    .action(async (options: ListSettingsOptions) => (await import('./list.ts')).listSettings(context, options));
  withColorOption(withConfigFileOption(config.command('validate')))
    .description('check the file, the token with the server, the runtime and the GitHub tokens')
    .option('--json', 'print every finding as JSON')
    .addHelpText('after', validateExamples)
    .action(async (options: ValidateOptions) => (await import('./validate.ts')).validateConfig(context, options));
}

// A word that looks like a command is not an option of the screen.
function refuseUnknownCommand(config: Command, word: string | undefined): void {
  if (word === undefined || word.startsWith('-')) return;
  const names = config.commands.map((command) => command.name());
  const guess = nearest(word, names);
  throw new UserError(`unknown command '${word}'${guess === undefined ? '' : ` (did you mean ${guess}?)`}`, {
    remedy: 'Run "plan42 runner config --help".',
    exitCode: ExitCode.usage,
  });
}
