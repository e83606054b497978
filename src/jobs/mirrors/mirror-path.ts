/** The places of git mirrors: below the state folder, one folder for each connection, which jobs of the connection get. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Connection } from '../../config/schema.ts';

/** Where agents find the mirrors of their connection. */
export const mirrorTarget = '/var/cache/plan42/git';

/** Part of the name of a mirror that is being made or removed. */
export const unfinished = '.git.new-';

/** The folder of a connection. Another token may see other repositories, so it gets another folder. */
export function connectionFolder({ url, connectionId, token }: Connection): string {
  const identity = [url.href, connectionId?.toLowerCase() ?? '', token ?? ''].join('\n');
  return createHash('sha256').update(identity).digest('hex').slice(0, 24);
}

/** The path of a mirror in its connection's folder, as agents look for it. */
export function mirrorPath(url: URL, repo: string): string {
  return join(url.host, `${repo}.git`);
}
