import { UserError } from '../../../lib/errors.ts';
import { printableLine } from '../../../lib/printable.ts';
import type { AdminClient } from '../../../plan42/admin-client.ts';
import type { AdminConnection, ConnectionOrgs } from '../../../plan42/admin-objects.ts';
import {
  type CheckedConnection,
  connectionToCheck,
  describeOrgs,
  explainFailedCheck,
} from '../../../plan42/connection-check.ts';
import { ApiError } from '../../../plan42/errors.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findConnection } from './find.ts';

export interface CheckConnectionOptions extends LocationOptions {
  json?: boolean;
}

type Result = { orgs: ConnectionOrgs } | { problem: string; remedy: string };

/** Asks the connection's runner for the organisations that its token can read. @throws UserError if that fails */
export async function checkConnection(context: CliContext, name: string, options: CheckConnectionOptions) {
  const { connection, checked, result } = await callServer(context, options, async ({ client }) => {
    const connection = await findConnection(client, name);
    const checked = connectionToCheck(connection, await client.listRunners());
    return { connection, checked, result: await check(client, checked) };
  });
  if (options.json) await print(context.stdout, renderJson(documentOf(connection, checked, result)), context.signal);
  if ('problem' in result) {
    const { problem, remedy } = result;
    throw new UserError(`the connection ${printableLine(checked.name)} does not work: ${printableLine(problem)}`, {
      remedy: printableLine(remedy),
    });
  }
  if (options.json) return;
  const text = `The connection ${checked.name} works: ${describeOrgs(result.orgs, checked)}.`;
  await print(context.stdout, `${printableLine(text)}\n`, context.signal);
}

async function check(client: AdminClient, checked: CheckedConnection): Promise<Result> {
  try {
    return { orgs: await client.listOrgs(checked.id) };
  } catch (error) {
    const failure =
      error instanceof ApiError
        ? explainFailedCheck({ status: error.status, message: error.detail ?? '', remedy: error.remedy }, checked)
        : undefined;
    if (failure === undefined) throw error;
    return failure;
  }
}

function documentOf({ ConnectionID }: AdminConnection, { name, runner }: CheckedConnection, result: Result) {
  const orgs = 'orgs' in result ? result.orgs : undefined;
  return {
    connectionId: ConnectionID,
    name,
    runner,
    works: orgs !== undefined,
    organisations: orgs?.Items ?? null,
    hasMore: Boolean(orgs?.NextToken),
    incomplete: orgs?.Incomplete ?? null,
    problem: 'problem' in result ? result.problem : null,
    remedy: 'problem' in result ? result.remedy : null,
  };
}
