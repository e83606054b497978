import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiAnswer, TurnApi } from './api.ts';
import { batchLength, type LogEntry, logEntry } from './log-batch.ts';

export interface TurnPatch {
  Status?: string;
  OutputMessage?: string;
  ErrorMessage?: string;
  CompletedAt?: string;
}

/** The result of a turn: what ends it. */
export type TurnResult = TurnPatch & { Status: 'Completed' | 'Failed' };

/** Somebody else has ended the turn: a person cancelled it, or the server gave it up. */
export class TurnOver extends Error {
  override readonly name = 'TurnOver';
  /** What the turn ended with. */
  readonly status: string;

  constructor(status: string) {
    super(`the turn is over: ${status}`);
    this.status = status;
  }
}

const uploadEveryMs = 500;
// The server fails a turn that it has heard nothing of for long, and its answer tells whether somebody cancelled it.
const heartbeatEveryMs = 5000;
const maxTries = 8;

/**
 * Tells the server how the turn goes. Writes are made one after the other, since each needs the version that the one
 * before it left. Dispose it to stop the uploads in the background.
 */
export class TurnReporter {
  readonly #api: TurnApi;
  #version: number;
  #nextIndex = 0;
  #pending: LogEntry[] = [];
  #lastWriteAt = Date.now();
  #queue: Promise<void> = Promise.resolve();
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(api: TurnApi, { version }: { version: number }) {
    this.#api = api;
    this.#version = version;
    // A failed upload is tried again with the next one; the last one, in finish(), is the one that counts.
    this.#timer = setInterval(() => void this.#inTurn(() => this.#tick()).catch(() => {}), uploadEveryMs);
  }

  /** Logs a line: to standard output, where the runner keeps it, and to the turn's log. */
  log(message: string): void {
    console.log(message);
    this.#pending.push(logEntry(message));
  }

  /** Sets what a person sees as the state of the turn. */
  async setStatus(Status: string): Promise<void> {
    await this.#inTurn(() => this.#patch({ Status }));
  }

  /** Uploads what is left of the log. */
  async flush(): Promise<void> {
    await this.#inTurn(() => this.#uploadLogs());
  }

  /** Ends the turn. Its log is complete then: a finished turn takes no more. */
  async finish(result: TurnResult): Promise<void> {
    await this.flush();
    clearInterval(this.#timer);
    try {
      await this.#inTurn(() => this.#patch({ ...result, CompletedAt: new Date().toISOString() }));
    } catch (error) {
      // It was us, when the answer to the first try was lost.
      if (!(error instanceof TurnOver && error.status === result.Status)) throw error;
    }
  }

  /** Aborted, with a TurnOver, when somebody else has ended the turn. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#queue;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    await result;
  }

  async #tick(): Promise<void> {
    if (this.#pending.length > 0) await this.#uploadLogs();
    else if (Date.now() - this.#lastWriteAt > heartbeatEveryMs) await this.#patch({});
  }

  async #patch(body: TurnPatch): Promise<void> {
    await this.#write(() => ({ method: 'PATCH', body }));
  }

  async #uploadLogs(): Promise<void> {
    while (this.#pending.length > 0) {
      let uploaded = 0;
      await this.#write(() => {
        uploaded = batchLength(this.#pending);
        return {
          method: 'POST',
          path: '/logs',
          body: { Index: this.#nextIndex, Logs: this.#pending.slice(0, uploaded) },
        };
      });
      this.#drop(uploaded);
    }
  }

  #drop(count: number): void {
    this.#pending.splice(0, count);
    this.#nextIndex += count;
  }

  // The call is made anew for each try: a conflict may change what is left to do.
  async #write(call: () => Parameters<TurnApi>[0]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.over.throwIfAborted();
      const answer = await this.#api({ ...call(), version: this.#version }).catch(() => undefined);
      if (answer !== undefined && answer.status < 300) return this.#adopt(answer.body);
      if (answer?.status === 409) await this.#resolveConflict(answer);
      else if (!isTransient(answer) || tries >= maxTries) throw new Error(`the server answered ${describe(answer)}`);
      else await sleep(Math.random() * Math.min(10_000, 200 * 2 ** tries));
      if (tries >= 2 * maxTries) throw new Error('the turn changes faster than it can be written');
    }
  }

  #adopt({ Version }: Record<string, unknown>): void {
    if (typeof Version === 'number') this.#version = Version;
    this.#lastWriteAt = Date.now();
  }

  async #resolveConflict({ body }: ApiAnswer): Promise<void> {
    const current = (body['Current'] ?? {}) as Record<string, unknown>;
    const status = String(current['Status']);
    const isOver = body['ErrorType'] === 'UpdateCompletedTurn' || /^(Completed|Failed)$/.test(status);
    if (isOver) this.#over.abort(new TurnOver(status));
    else if (current['Version'] === this.#version) await this.#findLogEnd();
    else this.#adopt(current);
  }

  // The version was right, so the index was wrong: an answer was lost, and the server has what we sent.
  async #findLogEnd(): Promise<void> {
    const last = await this.#api({ method: 'GET', path: '/logs/last' }).catch(() => undefined);
    if (last === undefined || isTransient(last)) return;
    const next = last.status === 200 ? Number(last.body['Index']) + 1 : 0;
    if (next > this.#nextIndex) this.#drop(Math.min(next - this.#nextIndex, this.#pending.length));
    this.#nextIndex = next;
  }
}

function isTransient(answer: ApiAnswer | undefined): boolean {
  return answer === undefined || answer.status === 429 || answer.status >= 500;
}

function describe(answer: ApiAnswer | undefined): string {
  if (answer === undefined) return 'nothing';
  const { Message } = answer.body;
  return typeof Message === 'string' ? `${answer.status} ${Message}` : String(answer.status);
}
