/** The result of asking a runner about a GitHub connection, in the same words on the command line and on the web page. */
import type { AdminConnection, AdminRunner, ConnectionOrgs } from './admin-objects.ts';
import { reasonOf } from './errors.ts';
import { isConnectionName } from './task-input.ts';

export const maxOrgs = 100;

export interface CheckedConnection {
  name: string;
  id: string;
  /** The name of its runner. */
  runner: string;
}

type Connection = Pick<AdminConnection, 'ConnectionID' | 'Name' | 'GithubUserLogin' | 'RunnerID'>;

/** @param runners those of the tenant */
export function connectionToCheck(
  { ConnectionID: id, Name, GithubUserLogin, RunnerID }: Connection,
  runners: readonly Pick<AdminRunner, 'RunnerId' | 'Name'>[],
): CheckedConnection {
  const runner = runners.find(({ RunnerId }) => RunnerId === RunnerID)?.Name ?? RunnerID ?? '';
  return { id, name: Name ?? GithubUserLogin ?? id, runner };
}

/** Returns what a check has found, without a full stop. */
export function describeOrgs({ Items, NextToken, Incomplete }: ConnectionOrgs, { runner }: CheckedConnection): string {
  const more = NextToken ? ', and more' : '';
  const names = Items.length === 0 ? 'no organisations' : `${Items.join(', ')}${more}`;
  return `the runner ${runner} reaches GitHub and sees ${names}${Incomplete ? ` (incomplete: ${Incomplete})` : ''}`;
}

/** Names the request of a check in errors. */
export const checkAction = (name: string) => `list the organisations of the connection ${name}`;

/** Returns the table of a connection in the configuration of its runner, and the commands that set it. */
export function connectionCommands({ name, id }: Pick<CheckedConnection, 'name' | 'id'>) {
  // Another client may have given it a name that cannot be that of a table.
  const table = `github.${isConnectionName(name) ? name : 'NAME'}`;
  const set = `plan42 runner config set ${table}`;
  const setToken = `${set}.token --from-file token.txt`;
  return { table, setToken, setTable: `${set}.connection_id=${id} && ${setToken}` };
}

/**
 * Returns why the runner cannot use the connection, and the way out.
 * @returns undefined if the check itself failed, such as for a token that the server rejects
 */
export function explainFailedCheck(
  { status, message, remedy: sent }: { status: number; message: string; remedy?: string | undefined },
  checked: CheckedConnection,
): { problem: string; remedy: string } | undefined {
  const { name, runner } = checked;
  const prefix = `cannot ${checkAction(name)}: `;
  const reason = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  if (sent !== undefined) return { problem: reasonOf({ detail: reason, remedy: sent }) ?? '', remedy: sent };
  // Below are servers that send no remedy.
  const { setTable, setToken } = connectionCommands(checked);
  if (status === 504)
    return { problem: reason, remedy: `Start the runner ${runner}. On its machine, run: plan42 runner status` };
  if (/^github connection \S+ not found$/.test(reason)) {
    const remedy = `On its machine, run: ${setTable}`;
    return { problem: `the configuration of the runner ${runner} does not have the connection`, remedy };
  }
  if (reason.startsWith('missing github token'))
    return { problem: `the runner ${runner} has no token for it`, remedy: `On its machine, run: ${setToken}` };
  if (status === 400)
    return { problem: reason, remedy: 'Delete the connection, and create it again for a runner that has its token.' };
  if (![404, 422, 502].includes(status)) return undefined;
  return { problem: reason, remedy: 'On the machine of the runner, run: plan42 runner doctor' };
}
