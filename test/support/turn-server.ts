import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface TaskUpdate {
  RepoInfo: Record<string, Record<string, unknown>>;
}

interface Turn {
  CommitInfo?: Record<string, { BaselineCommitHash: string | null; LastCommitHash: string | null }>;
  PreviousResponseID?: string;
  Status: string;
  Version: number;
  OutputMessage?: string;
  ErrorMessage?: string;
  CompletedAt?: string;
}

interface WriteBody extends Partial<Turn> {
  Index?: number;
  Logs?: { Message: string }[];
}

/** The API of one turn over real HTTP, which can inject faults. */
export interface TurnServer extends AsyncDisposable {
  url: string;
  turn: Turn;
  task: TaskUpdate & { Version: number };
  log: string[];
  /** Every status that was set, in order. */
  statuses: string[];
  /** The number of writes, including the current one. */
  writes: number;
  /** `fail` responds with 503 and changes nothing. */
  beforeWrite: () => 'fail' | undefined;
  /** Responds with 400 if it returns true. */
  refuse: (body: object) => boolean;
  /** `cut` closes the connection without a response. */
  afterWrite: () => 'cut' | undefined;
  /** Does the same as `plan42 server task cancel`. */
  cancel(): void;
}

export async function startTurnServer(): Promise<TurnServer> {
  const http = createServer((request, response) => {
    answer(server, request, response).catch((error: Error) => response.destroy(error));
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const server: TurnServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    turn: { Status: 'Pending', Version: 1 },
    task: { RepoInfo: {}, Version: 1 },
    log: [],
    statuses: [],
    writes: 0,
    beforeWrite: () => undefined,
    refuse: () => false,
    afterWrite: () => undefined,
    cancel: () =>
      Object.assign(server.turn, {
        Status: 'Failed',
        ErrorMessage: 'cancelled by user',
        Version: server.turn.Version + 1,
      }),
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  return server;
}

async function answer(server: TurnServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '', method } = request;
  const reply = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (method === 'GET' && !url.endsWith('/logs/last')) return void reply(200, server.turn);
  if (method === 'GET') {
    const Index = server.log.length - 1;
    return void (Index < 0 ? reply(404, { ResponseCode: 404 }) : reply(200, { Index }));
  }
  if (!url.includes('/turns/')) {
    if (Number(request.headers['if-match']) !== server.task.Version)
      return void reply(409, { ResponseCode: 409, CurrentType: 'Task', Current: server.task });
    Object.assign(server.task, await json(request), { Version: server.task.Version + 1 });
    return void reply(200, server.task);
  }
  const body = (await json(request)) as WriteBody;
  server.writes += 1;
  if (server.beforeWrite() === 'fail') return void reply(503, { ResponseCode: 503 });
  if (server.refuse(body)) return void reply(400, { ResponseCode: 400, Message: 'refused' });
  const [status, result] = write(server, Number(request.headers['if-match']), body);
  if (status === 200 && server.afterWrite() === 'cut') return void response.destroy();
  reply(status, result);
}

function write({ turn, log, statuses }: TurnServer, version: number, body: WriteBody): [status: number, body: object] {
  const isOver = /^(Completed|Failed)$/.test(turn.Status);
  const conflict = {
    ResponseCode: 409,
    ErrorType: isOver ? 'UpdateCompletedTurn' : 'Conflict',
    CurrentType: 'Turn',
    Current: turn,
  };
  const { Index = log.length, Logs, ...patch } = body;
  if (isOver || version !== turn.Version || Index !== log.length) return [409, conflict];
  log.push(...(Logs ?? []).map(({ Message }) => Message));
  if (patch.Status !== undefined) statuses.push(patch.Status);
  Object.assign(turn, patch, { Version: turn.Version + 1 });
  return [200, Logs === undefined ? turn : { Version: turn.Version }];
}
