/** Agents that upload logs, at a rate or as fast as they can. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from 'undici';
import type { RunningTurn } from './fill.ts';

export interface Target {
  url: string;
  tenantId: string;
  transport: Agent;
}

export interface Uploads {
  /** How long each took until its response, in ms. */
  ms: number[];
  entries: number;
  /** Uploads that the agent could not begin, because its last one had no response. */
  late: number;
}

/** Marks the time at which an entry was sent, for those who follow the log. */
export const sentMark = 'sent at ';

// Most uploads are a few lines of the last half second; a test run or an installation writes many.
const sizes = [1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 3, 5, 8, 40, 2, 6, 10, 150];
const line = 'one of the lines that an agent writes while it reads, edits and tests the files of a repository';

export const logPath = (tenantId: string, { taskId }: RunningTurn) =>
  `/v1/tenants/${tenantId}/tasks/${taskId}/turns/2/logs`;

/** Makes `perSecond` uploads a second, of one turn after the other, until the signal aborts. */
export async function uploadAtRate(
  target: Target,
  turns: readonly RunningTurn[],
  perSecond: number,
  signal: AbortSignal,
): Promise<Uploads> {
  const uploads: Uploads = { ms: [], entries: 0, late: 0 };
  const busy = new Map<RunningTurn, Promise<void>>();
  const startedAt = performance.now();
  for (let count = 0; !signal.aborted; ) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond);
    for (; count < due; count += 1) {
      const turn = turns[count % turns.length];
      if (turn === undefined) continue;
      if (busy.has(turn)) uploads.late += 1;
      else
        busy.set(
          turn,
          upload(target, turn, sizes[count % sizes.length] ?? 1, uploads).finally(() => busy.delete(turn)),
        );
    }
    await sleep(1);
  }
  await Promise.all(busy.values());
  return uploads;
}

/** Each turn uploads as soon as its last upload has a response, for some time. */
export async function uploadFlatOut(target: Target, turns: readonly RunningTurn[], forMs: number): Promise<Uploads> {
  const uploads: Uploads = { ms: [], entries: 0, late: 0 };
  const until = performance.now() + forMs;
  const loop = async (turn: RunningTurn, first: number) => {
    for (let count = first; performance.now() < until; count += 1)
      await upload(target, turn, sizes[count % sizes.length] ?? 1, uploads);
  };
  await Promise.all(turns.map(loop));
  return uploads;
}

async function upload(
  { url, tenantId, transport }: Target,
  turn: RunningTurn,
  lines: number,
  uploads: Uploads,
): Promise<void> {
  const startedAt = performance.now();
  const Timestamp = new Date().toISOString();
  const sent = performance.timeOrigin + startedAt;
  const Logs = Array.from({ length: lines }, (_, i) => ({
    Timestamp,
    Message: i === 0 ? `${sentMark}${sent.toFixed(1)} ${line}` : line,
  }));
  const { statusCode, body } = await transport.request({
    origin: url,
    path: logPath(tenantId, turn),
    method: 'POST',
    headers: {
      authorization: `APIToken ${turn.token}`,
      'content-type': 'application/json',
      'if-match': String(turn.version),
    },
    body: JSON.stringify({ Index: turn.index, Logs }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`upload: ${statusCode} ${text}`);
  turn.version = (JSON.parse(text) as { Version: number }).Version;
  turn.index += lines;
  uploads.entries += lines;
  uploads.ms.push(performance.now() - startedAt);
}
