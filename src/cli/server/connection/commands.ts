import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { examples } from '../../options.ts';
import { type LocationOptions, withLocationOptions } from '../location.ts';
import type { CheckConnectionOptions } from './check.ts';
import type { CreateConnectionOptions } from './create.ts';
import type { DeleteConnectionOptions } from './delete.ts';

const createExamples = `
The GitHub token stays on the machine of the runner: this prints the commands
that set it there. The first connection becomes the tenant's default, which
environments use that name none. "plan42 server environment set NAME
--connection CONNECTION" chooses another one.

Examples:
  plan42 server connection create work
  plan42 server connection create customer --runner "Local runner"`;

interface JsonOptions extends LocationOptions {
  json?: boolean;
}

/** `plan42 server connection …` */
export function addConnectionCommands(server: Command, context: CliContext): void {
  const connection = server
    .command('connection')
    .description('manage GitHub connections, whose tokens the runners have');
  withLocationOptions(connection.command('create').description('create a GitHub connection and print its ID'))
    .argument('<name>', "name, which is also its name in the runner's configuration")
    .option('--runner <id|name>', "runner that has the GitHub token; default: the server's own runner")
    .option('--default', "make it the tenant's default, even if there is one")
    .option('--json', 'print the connection as JSON')
    .addHelpText('after', createExamples)
    .action(async (name: string, options: CreateConnectionOptions) =>
      (await import('./create.ts')).createConnection(context, name, options),
    );
  withLocationOptions(connection.command('list').description('list the GitHub connections and what uses them'))
    .option('--json', 'print JSON')
    .addHelpText('after', examples('plan42 server connection list'))
    .action(async (options: JsonOptions) => (await import('./list.ts')).listConnections(context, options));
  withLocationOptions(
    connection.command('check').description('have the runner of a connection list the organisations that it can read'),
  )
    .argument('<connection>', 'its name, ID or first characters of the ID')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples('plan42 server connection check work'))
    .action(async (name: string, options: CheckConnectionOptions) =>
      (await import('./check.ts')).checkConnection(context, name, options),
    );
  withLocationOptions(connection.command('delete').description('delete a GitHub connection'))
    .argument('<connection>', 'its name, ID or first characters of the ID')
    .option('--force', "delete it even if environments use it; they then use the tenant's default")
    .addHelpText('after', examples('plan42 server connection delete customer'))
    .action(async (name: string, options: DeleteConnectionOptions) =>
      (await import('./delete.ts')).deleteConnection(context, name, options),
    );
}
