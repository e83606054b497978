/** Clients that follow logs. */

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { logPath, sentMark } from './agents.ts';
import type { RunningTurn } from './fill.ts';

interface Follower {
  turn: RunningTurn;
  response: IncomingMessage;
  entries: number;
}

export interface FollowerOptions {
  url: string;
  tenantId: string;
  token: string;
  turns: readonly RunningTurn[];
  count: number;
}

// Reading the time of each event would cost the generator more than the event costs the server.
const timedOf = 20;
const connectAtOnce = 50;
const mark = Buffer.from('event: log\n');

/** Open streams of the turns' logs. `deliveryMs`: from the upload until the entry has arrived, of some streams. */
export class Followers implements Disposable {
  readonly deliveryMs: number[] = [];
  readonly #followers: Follower[] = [];

  static async open({ url, tenantId, token, turns, count }: FollowerOptions): Promise<Followers> {
    const all = new Followers();
    const headers = { authorization: `APIToken ${token}`, accept: 'text/event-stream' };
    for (let first = 0; first < count; first += connectAtOnce) {
      const numbers = Array.from({ length: Math.min(connectAtOnce, count - first) }, (_, i) => first + i);
      await Promise.all(
        numbers.map(async (number) => {
          const turn = turns[number % turns.length];
          if (turn === undefined) return;
          const request = get(url + logPath(tenantId, turn), { headers, agent: false });
          const [response] = (await once(request, 'response')) as [IncomingMessage];
          if (response.statusCode !== 200) throw new Error(`stream: ${response.statusCode}`);
          all.#add({ turn, response, entries: 0 }, number % timedOf === 0);
        }),
      );
    }
    return all;
  }

  /** How many streams have not received all entries of their turn, once each. */
  get incomplete(): number {
    return this.#followers.filter(({ turn, entries }) => entries !== turn.index).length;
  }

  #add(follower: Follower, isTimed: boolean): void {
    this.#followers.push(follower);
    // An event may begin in one chunk and end in the next.
    let rest: Buffer = Buffer.alloc(0);
    follower.response.on('data', (chunk: Buffer) => {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let found = data.indexOf(mark); found >= 0; found = data.indexOf(mark, at)) {
        follower.entries += 1;
        at = found + mark.length;
      }
      rest = data.subarray(Math.max(at, data.length - mark.length + 1));
      if (isTimed) this.#time(chunk);
    });
    follower.response.on('error', () => {});
  }

  #time(chunk: Buffer): void {
    const now = performance.timeOrigin + performance.now();
    for (let at = chunk.indexOf(sentMark); at >= 0; at = chunk.indexOf(sentMark, at + 1)) {
      const sent = Number.parseFloat(chunk.toString('latin1', at + sentMark.length, at + sentMark.length + 20));
      if (sent > 0) this.deliveryMs.push(now - sent);
    }
  }

  [Symbol.dispose](): void {
    for (const { response } of this.#followers) response.destroy();
  }
}
