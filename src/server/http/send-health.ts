import type { ServerResponse } from 'node:http';
import type { StorageHealth } from '../store/storage-health.ts';

/** Responds whether the server can save data: 200, or 503 with the problem. */
export function sendHealth(response: ServerResponse, { trouble }: Pick<StorageHealth, 'trouble'>): void {
  const body = { phase: trouble === undefined ? 'ready' : 'degraded', problems: trouble ? [trouble.message] : [] };
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  response.writeHead(trouble === undefined ? 200 : 503, headers).end(`${JSON.stringify(body)}\n`);
}
