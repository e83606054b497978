import { systemClock } from '../../lib/clock.ts';
import type { ApiResponse, Call } from './api.ts';
import { batchLength, type LogEntry, logEntry } from './log-batch.ts';

export interface TurnPatch {
  Status?: string;
  OutputMessage?: string;
  ErrorMessage?: string;
  CompletedAt?: string;
}

/** The update that finishes a turn. */
export type TurnResult = TurnPatch & { Status: 'Completed' | 'Failed' };

/** The turn was finished by another client: a user cancelled it, or the server failed it. */
export class TurnFinished extends Error {
  override readonly name = 'TurnFinished';
  /** The final status. */
  readonly status: string;

  constructor(status: string) {
    super(`the turn has already finished: ${status}`);
    this.status = status;
  }
}

const uploadEveryMs = 500;
// The server fails a turn without heartbeats, and its response shows whether the turn was cancelled.
const heartbeatEveryMs = 5000;
const maxAttempts = 8;

/**
 * Reports the progress of the turn to the server. Writes are sequential, because each needs the version that the previous
 * one returned. Dispose it to stop the uploads in the background.
 */
export class TurnReporter {
  readonly #api: Call;
  #version: number;
  #nextIndex = 0;
  #pending: LogEntry[] = [];
  #lastWriteAt = systemClock.now();
  #queue: Promise<void> = Promise.resolve();
  readonly #finished = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(api: Call, { version }: { version: number }) {
    this.#api = api;
    this.#version = version;
    // A failed upload is retried with the next one. The one in finish() must succeed.
    this.#timer = setInterval(() => void this.#inTurn(() => this.#tick()).catch(() => {}), uploadEveryMs);
  }

  /** Logs a line to standard output, which the runner stores, and to the turn's log. */
  log(message: string): void {
    console.log(message);
    this.#pending.push(logEntry(message));
  }

  /** Sets the status that users see. */
  async setStatus(Status: string): Promise<void> {
    await this.#inTurn(() => this.#patch({ Status }));
  }

  /** Uploads the rest of the log. */
  async flush(): Promise<void> {
    await this.#inTurn(() => this.#uploadLogs());
  }

  /** Finishes the turn, after uploading the rest of the log: a finished turn accepts no more entries. */
  async finish(result: TurnResult): Promise<void> {
    await this.flush();
    clearInterval(this.#timer);
    try {
      await this.#inTurn(() => this.#patch({ ...result, CompletedAt: systemClock.date().toISOString() }));
    } catch (error) {
      // This agent finished it, but the response to the first attempt was lost.
      if (!(error instanceof TurnFinished && error.status === result.Status)) throw error;
    }
  }

  /** Aborts with a TurnFinished if another client has finished the turn. */
  get finished(): AbortSignal {
    return this.#finished.signal;
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
    else if (systemClock.now() - this.#lastWriteAt > heartbeatEveryMs) await this.#patch({});
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

  // Each attempt builds its call again, because a conflict can change the pending log entries.
  async #write(call: () => Parameters<Call>[0]): Promise<void> {
    for (let attempts = 1; ; attempts += 1) {
      this.finished.throwIfAborted();
      const response = await this.#api({ ...call(), version: this.#version }).catch(() => undefined);
      if (response !== undefined && response.status < 300) return this.#adopt(response.body);
      if (response?.status === 409) await this.#resolveConflict(response);
      else if (!isTransient(response) || attempts >= maxAttempts)
        throw new Error(`the server responded with ${describe(response)}`);
      else await systemClock.sleep(Math.random() * Math.min(10_000, 200 * 2 ** attempts));
      if (attempts >= 2 * maxAttempts) throw new Error('cannot update the turn: other clients change it too often');
    }
  }

  #adopt({ Version }: Record<string, unknown>): void {
    if (typeof Version === 'number') this.#version = Version;
    this.#lastWriteAt = systemClock.now();
  }

  async #resolveConflict({ body }: ApiResponse): Promise<void> {
    const current = (body['Current'] ?? {}) as Record<string, unknown>;
    const status = String(current['Status']);
    const isFinished = body['ErrorType'] === 'UpdateCompletedTurn' || /^(Completed|Failed)$/.test(status);
    if (isFinished) this.#finished.abort(new TurnFinished(status));
    else if (current['Version'] === this.#version) await this.#findLogEnd();
    else this.#adopt(current);
  }

  // The version is current, so the index is wrong: a response was lost, and the server has the entries.
  async #findLogEnd(): Promise<void> {
    const last = await this.#api({ method: 'GET', path: '/logs/last' }).catch(() => undefined);
    if (last === undefined || isTransient(last)) return;
    const next = last.status === 200 ? Number(last.body['Index']) + 1 : 0;
    if (next > this.#nextIndex) this.#drop(Math.min(next - this.#nextIndex, this.#pending.length));
    this.#nextIndex = next;
  }
}

function isTransient(response: ApiResponse | undefined): boolean {
  return response === undefined || response.status === 429 || response.status >= 500;
}

function describe(response: ApiResponse | undefined): string {
  if (response === undefined) return 'no response';
  const { Message } = response.body;
  return typeof Message === 'string' ? `${response.status} ${Message}` : String(response.status);
}
