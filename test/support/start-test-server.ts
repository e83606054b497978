import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { silentLogger } from '../../src/lib/logger.ts';
import { AdminClient } from '../../src/plan42/admin-client.ts';
import type { AdminTurn } from '../../src/plan42/admin-objects.ts';
import { ApiError } from '../../src/plan42/errors.ts';
import { callApi } from '../../src/plan42/http.ts';
import { createTransport } from '../../src/plan42/transport.ts';
import { type ControlPlane, startServer } from '../../src/server/server.ts';
import { type CliRun, type CliRunOptions, runCli } from './run-cli.ts';

export interface TestServer extends AsyncDisposable {
  dataDir: string;
  server: ControlPlane;
  client: AdminClient;
  /** Runs `plan42 server <argv> --data <dataDir>`. */
  plan42(argv: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  /** Updates the turn as its agent would, despite concurrent updates by the server. */
  updateTurn(taskId: string, patch: Parameters<AdminClient['updateTurn']>[1]): Promise<void>;
  uploadLogs(taskId: string, firstIndex: number, messages: readonly string[]): Promise<void>;
}

/** The real control plane on a free port, with its data in a temporary folder. */
export async function startTestServer(): Promise<TestServer> {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'plan42-server-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const dataDir = join(folder, 'data');
  const server = resources.use(
    await startServer({ dataDir, listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger }),
  );
  const transport = createTransport({});
  resources.defer(() => transport.destroy());
  const { tenantId, tenantToken } = server.admin;
  const endpoint = { transport, baseUrl: new URL(server.url), token: tenantToken, userAgent: 'test' };
  const client = new AdminClient(endpoint, tenantId);
  const owned = resources.move();
  return {
    dataDir,
    server,
    client,
    plan42: (argv, options) => runCli(['server', ...argv, '--data', dataDir], options),
    updateTurn: (taskId, patch) => withLastTurn(client, taskId, (turn) => client.updateTurn(turn, patch)),
    uploadLogs: (taskId, Index, messages) =>
      withLastTurn(client, taskId, (turn) => {
        const path = `/v1/tenants/${tenantId}/tasks/${taskId}/turns/${turn.TurnIndex}/logs`;
        const Logs = messages.map((Message) => ({ Timestamp: new Date().toISOString(), Message }));
        return callApi(endpoint, { method: 'POST', path, ifMatch: turn.Version, body: { Index, Logs } }, v.unknown());
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function withLastTurn(
  client: AdminClient,
  taskId: string,
  write: (turn: AdminTurn) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    try {
      await write(await client.getTurn(taskId, 'last'));
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }
}
