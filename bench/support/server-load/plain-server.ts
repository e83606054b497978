/**
 * The limit: a loop of node:http and node:sqlite that stores the same uploads, one transaction each, and sends them to those
 * who follow. It checks nothing: no token, no version, no schema. Prints its URL.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';

interface Upload {
  Index: number;
  Logs: { Timestamp: string; Message: string }[];
}

const [path = ''] = process.argv.slice(2);
const database = new DatabaseSync(path);
database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE logs (Turn TEXT, LogIndex INTEGER, Timestamp TEXT, Message TEXT, PRIMARY KEY (Turn, LogIndex)) WITHOUT ROWID`);
const [begin, insert, commit] = ['BEGIN', 'INSERT INTO logs VALUES (?, ?, ?, ?)', 'COMMIT'].map((sql) =>
  database.prepare(sql),
);
const followers = new Map<string, Set<ServerResponse>>();

const server = createServer({ noDelay: true }, (request, response) => {
  const turn = request.url ?? '';
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const all = followers.get(turn) ?? new Set();
    followers.set(turn, all.add(response));
    response.on('close', () => all.delete(response));
    return;
  }
  void store(request, response, turn);
});

async function store(request: IncomingMessage, response: ServerResponse, turn: string): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { Index, Logs } = JSON.parse(Buffer.concat(chunks).toString()) as Upload;
  begin?.run();
  for (const [i, { Timestamp, Message }] of Logs.entries()) insert?.run(turn, Index + i, Timestamp, Message);
  commit?.run();
  const body = JSON.stringify({ Version: Number(request.headers['if-match']) + 1 });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  const events = Logs.map((data, i) => `event: log\ndata: ${JSON.stringify(data)}\nid: ${Index + i}\n\n`).join('');
  for (const follower of followers.get(turn) ?? []) follower.write(events);
}

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
