import { randomUUID } from 'node:crypto';
import { ExitCode, UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import { isConnectionName, usesDefaultConnection } from '../../../plan42/task-input.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { findRunner } from '../find-runner.ts';
import type { LocationOptions } from '../location.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';

export interface CreateConnectionOptions extends LocationOptions {
  runner?: string;
  default?: boolean;
  json?: boolean;
}

export async function createConnection(context: CliContext, name: string, options: CreateConnectionOptions) {
  if (!isConnectionName(name)) {
    const remedy = 'Use letters, digits, "-" and "_", because the runner\'s configuration has the name too.';
    throw new UserError(`${JSON.stringify(name)} cannot be the name of a connection`, {
      remedy,
      exitCode: ExitCode.usage,
    });
  }
  const { connection, isDefault, environments } = await callServer(context, options, async (server) => {
    const { client } = server;
    const runnerId = await findRunner(server, options.runner);
    const [tenant, existing] = await Promise.all([client.getTenant(), client.listConnections()]);
    if (existing.some(({ Name }) => Name === name)) {
      const remedy = 'Choose another name, or delete it first with "plan42 server connection delete".';
      throw new UserError(`the connection ${name} already exists`, { remedy });
    }
    const created = await client.createConnection(randomUUID(), { Name: name, RunnerID: runnerId });
    const becomesDefault = options.default === true || !tenant.DefaultGithubConnectionID;
    if (becomesDefault) await client.setDefaultConnection(tenant, created.ConnectionID);
    const users = becomesDefault ? (await client.listEnvironments()).filter(usesDefaultConnection) : [];
    return { connection: created, isDefault: becomesDefault, environments: users.length };
  });
  const { ConnectionID } = connection;
  const document = { ...connection, Default: isDefault };
  await print(context.stdout, options.json ? renderJson(document) : `${printableLine(ConnectionID)}\n`, context.signal);
  const users = environments === 1 ? '1 environment uses it' : `${environments} environments use it`;
  const bound = isDefault
    ? `It is the tenant's default: ${users}.`
    : `To use it, run "plan42 server environment set ENVIRONMENT --connection ${name}".`;
  context.stderr.write(
    [
      withLocation(`Connection ${name} created. ${bound}`, options),
      'Set its GitHub token where the runner runs:',
      `  plan42 runner config set github.${name}.connection_id=${printableLine(ConnectionID)}`,
      `  plan42 runner config set github.${name}.token --from-file token.txt`,
      '',
    ].join('\n'),
  );
}
