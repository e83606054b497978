import type { ServerResponse } from 'node:http';
import type { ReportedNetwork } from '../../src/plan42/turn-network.ts';
import { sendJson, startTestServer, type TestServer } from './http-server.ts';

export interface ServedTurn {
  Status: string;
  Version: number;
  ErrorMessage?: string;
  CompletedAt?: string;
  EndedBy?: string;
}

/** UpdateTurn for any number of turns, over real HTTP. */
export interface ManyTurns extends AsyncDisposable {
  url: string;
  /** The turn of a task, created on first use. */
  turnOf(taskId: string): ServedTurn;
  /** Every status that was set for the task, in order. */
  statusesOf(taskId: string): string[];
  /** While true, updates get a 503. */
  down: boolean;
  /** Awaited before each update of a turn. */
  beforeUpdate: () => Promise<void>;
  /** Replaces the response to reads of turns. */
  onRead: ((response: ServerResponse) => void) | undefined;
  /** The response to the call for ended turns. */
  onEndedTurns: () => object[];
  /** The reports on networks that were accepted, in order. */
  networks: ReportedNetwork[];
  /** The response to a report on networks. */
  onNetworks: (turns: readonly ReportedNetwork[], response: ServerResponse) => void;
  /** The number of reads. */
  reads: number;
}

export async function startManyTurns(): Promise<ManyTurns> {
  const turns = new Map<string, { turn: ServedTurn; statuses: string[] }>();
  const entryOf = (taskId: string) => {
    const entry = turns.get(taskId) ?? { turn: { Status: 'Pending', Version: 1 }, statuses: [] };
    turns.set(taskId, entry);
    return entry;
  };
  const http: TestServer = await startTestServer(async (response, { url, method, headers, body }) => {
    if (server.down) return sendJson(response, 503, { ResponseCode: 503 });
    if (url.endsWith('/turn-networks')) {
      const { Turns } = JSON.parse(body) as { Turns: ReportedNetwork[] };
      return server.onNetworks(Turns, response);
    }
    if (method === 'POST') return sendJson(response, 200, { Items: server.onEndedTurns() });
    if (method === 'GET') {
      server.reads += 1;
      if (server.onRead) return server.onRead(response);
      return sendJson(response, 200, entryOf(/\/tasks\/([^/]+)/.exec(url)?.[1] ?? '').turn);
    }
    await server.beforeUpdate();
    const { turn, statuses } = entryOf(/\/tasks\/([^/]+)/.exec(url)?.[1] ?? '');
    const isOver = /^(Completed|Failed)$/.test(turn.Status);
    if (isOver || Number(headers['if-match']) !== turn.Version) {
      const ErrorType = isOver ? 'UpdateCompletedTurn' : 'Conflict';
      return sendJson(response, 409, { ResponseCode: 409, ErrorType, CurrentType: 'Turn', Current: turn });
    }
    const patch = JSON.parse(body) as Partial<ServedTurn>;
    if (patch.Status !== undefined) statuses.push(patch.Status);
    sendJson(response, 200, Object.assign(turn, patch, { Version: turn.Version + 1 }));
  });
  const server: ManyTurns = {
    url: http.url,
    turnOf: (taskId) => entryOf(taskId).turn,
    statusesOf: (taskId) => entryOf(taskId).statuses,
    down: false,
    beforeUpdate: async () => {},
    onRead: undefined,
    onEndedTurns: () => [],
    networks: [],
    onNetworks: (turns, response) => {
      server.networks.push(...turns);
      sendJson(response, 200, { Rejected: [] });
    },
    reads: 0,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
  return server;
}
