import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { collect, examples, inputPath } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import type { DeleteEnvironmentOptions } from './delete.ts';
import type { ListEnvironmentsOptions } from './list.ts';
import type { CreateEnvironmentOptions, SetEnvironmentOptions } from './write.ts';

const secrets = `
--env NAME without a value reads it from the environment of this command and
marks it as secret. --secret-file reads it from a file, or from standard input,
without the line breaks at its end. The server returns no value of a secret.`;

const createExamples = `${secrets}

Examples:
  plan42 server environment create website --image me/agent:1 \\
    --repo me/website --host registry.npmjs.org --env STAGE=test --env API_KEY
  plan42 server environment create tools --image me/agent:1 \\
    --setup-script setup.sh --secret-file DEPLOY_KEY=key.txt
  plan42 server task create --environment website --prompt "Say hello."`;

const setExamples = `
Only what you give changes. --repo and --host replace the whole list; --env and
--secret-file set one variable and keep the others. Turns that start later get
the change.
${secrets}

Examples:
  plan42 server environment set website --image me/agent:2
  plan42 server environment set website --repo me/website --repo me/docs
  cat key.txt | plan42 server environment set website --secret-file API_KEY=-
  plan42 server environment set website --remove-env STAGE --no-hosts
  plan42 server environment set website --add-host npm --add-host example.com`;

const listExamples = examples('plan42 server environment list', 'plan42 server environment list --json | jq length');

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

/** `plan42 server environment …` */
export function addEnvironmentCommands(server: Command, context: CliContext): void {
  const environment = server
    .command('environment')
    .description('manage environments: image, repositories, variables and hosts for tasks');
  withLocationOptions(environment.command('list').description('list environments by name'))
    .option('-a, --all', 'include those that were created with a task and are removed with their last task')
    .option('--json', 'print all environments as JSON')
    .addHelpText('after', listExamples)
    .action(async (options: ListEnvironmentsOptions) => (await import('./list.ts')).listEnvironments(context, options));
  withLocationOptions(environment.command('show').description('show an environment, with secrets masked'))
    .argument('<environment>', 'its name, ID or first characters of the ID')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 server environment show website'))
    .action(async (name: string, options: JsonOptions) =>
      (await import('./show.ts')).showEnvironment(context, name, options),
    );
  addCreate(environment, context);
  addSet(environment, context);
  withLocationOptions(environment.command('delete').description('delete environments'))
    .argument('<environment...>', 'names, IDs or first characters of the IDs')
    .option('--force', 'delete them even if turns that are not finished use them')
    .addHelpText('after', examples('plan42 server environment delete website'))
    .action(async (names: string[], options: DeleteEnvironmentOptions) =>
      (await import('./delete.ts')).deleteEnvironments(context, names, options),
    );
}

function addCreate(environment: Command, context: CliContext): void {
  const create = environment.command('create').description('create an environment and print its ID');
  withContents(create.argument('<name>', 'name, for "plan42 server task create --environment NAME"'))
    .option('--json', 'print the environment as JSON')
    .addHelpText('after', createExamples)
    .action(async (name: string, options: CreateEnvironmentOptions) =>
      (await import('./write.ts')).createEnvironment(context, name, options),
    );
}

function addSet(environment: Command, context: CliContext): void {
  const set = environment.command('set').description('change an environment');
  withContents(set.argument('<environment>', 'its name, ID or first characters of the ID'))
    .option('--name <name>', 'new name')
    .option('--no-repos', 'remove all repositories')
    .option('--add-host <host>', 'another host that agents may reach; repeatable', collect)
    .option('--no-hosts', 'remove all hosts')
    .option('--no-setup-script', 'remove the setup script')
    .option('--no-context', 'remove the context')
    .option('--remove-env <name>', 'remove a variable; repeatable', collect)
    .option('--json', 'print the environment as JSON')
    .addHelpText('after', setExamples)
    .action(async (name: string, options: SetEnvironmentOptions) =>
      (await import('./write.ts')).setEnvironment(context, name, options),
    );
}

function withContents(command: Command): Command {
  return withLocationOptions(
    command
      .option('--image <image>', 'container image with the agent')
      .option('--description <text>', 'description')
      .option('--repo <org/repo>', 'repository that agents clone; repeatable', collect)
      .option(
        '--host <host>',
        'host or preset that agents may reach, such as *.example.com or npm; repeatable',
        collect,
      )
      .option('--env <name[=value]>', 'variable for the agent, delivered in its request; repeatable', collect)
      .option('--secret-file <name=file>', 'secret variable from a file; - is standard input; repeatable', collect)
      .option('--setup-script <file>', 'script that prepares the workspace; - is standard input', inputPath)
      .option('--context <file>', 'text that agents get with each prompt; - is standard input', inputPath)
      .option('--connection <id|name>', "GitHub connection; default: the tenant's default")
      .option('--runner <id|name>', "runner of the tasks; default: the tenant's default"),
  );
}
