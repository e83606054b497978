import { Backoff } from '../../lib/backoff.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import type { ApiResponse, Call } from './api.ts';
import { logEntry } from './log-batch.ts';
import { LogSpool } from './log-spool.ts';

export type TurnPatch = Partial<
  Pick<Turn, 'Status' | 'OutputMessage' | 'ErrorMessage' | 'CompletedAt' | 'CommitInfo' | 'PreviousResponseID'>
>;

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

/** The server refuses a write for good. */
class RefusedError extends Error {}

export interface ReporterOptions {
  version: number;
  /** Applied to every text that leaves the process. */
  redact?: (text: string) => string;
  /** For how long a server that is down is called again. */
  patienceMs?: number;
}

const uploadEveryMs = 500;
// The server fails a turn without heartbeats, and its response shows whether the turn was cancelled.
const heartbeatEveryMs = 5000;
const backoff = { minMs: 200, maxMs: 10_000 };
const defaultPatienceMs = 30 * 60_000;
const maxConflicts = 16;
// The server's limits are 1 MiB and 128 KiB.
const maxOutputBytes = 900_000;
const maxErrorBytes = 16_000;

/**
 * Reports the progress of the turn to the server. Writes are sequential, because each needs the version that the previous
 * one returned. Dispose it to stop the uploads in the background.
 */
export class TurnReporter {
  readonly #api: Call;
  readonly #redact: (text: string) => string;
  readonly #patienceMs: number;
  #version: number;
  #nextIndex = 0;
  readonly #spool = new LogSpool();
  #update: TurnPatch = {};
  #refusesLogs = false;
  #lastWriteAt = systemClock.now();
  #queue: Promise<void> = Promise.resolve();
  #isTicking = false;
  readonly #finished = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(api: Call, { version, redact = (text) => text, patienceMs = defaultPatienceMs }: ReporterOptions) {
    this.#api = api;
    this.#redact = redact;
    this.#patienceMs = patienceMs;
    this.#version = version;
    // A failed upload is retried with the next one. The one in finish() must succeed.
    this.#timer = setInterval(() => void this.#tick(), uploadEveryMs);
  }

  /** Logs a line to standard output, which the runner stores, and to the turn's log. */
  log(message: string): void {
    const text = this.#redact(message);
    console.log(text);
    if (!this.#refusesLogs) this.#spool.push(logEntry(text));
  }

  /** Removes secrets, from texts that leave the process in another way. */
  redact(text: string): string {
    return this.#redact(text);
  }

  /** Sets the status that users see. */
  async setStatus(Status: string): Promise<void> {
    await this.#inTurn(() => this.#patch({ Status }));
  }

  /** Sets fields soon. Does not wait for a server that is down. */
  update(patch: TurnPatch): void {
    Object.assign(this.#update, patch);
  }

  /** Uploads the rest of the log. */
  async flush(): Promise<void> {
    await this.#inTurn(() => this.#uploadLogs());
  }

  /** Finishes the turn, after uploading the rest of the log: a finished turn accepts no more entries. */
  async finish(result: TurnResult): Promise<void> {
    clearInterval(this.#timer);
    const { Status, OutputMessage, ErrorMessage } = result;
    const essential = {
      Status,
      ...(OutputMessage !== undefined && { OutputMessage: shorten(this.#redact(OutputMessage), maxOutputBytes) }),
      ...(ErrorMessage !== undefined && { ErrorMessage: shorten(this.#redact(ErrorMessage), maxErrorBytes) }),
      CompletedAt: systemClock.date().toISOString(),
    };
    try {
      await this.flush();
      await this.#inTurn(() => this.#patch({ ...this.#update, ...result, ...essential })).catch(async (error) => {
        if (!(error instanceof RefusedError)) throw error;
        // Better without the details than not at all.
        await this.#inTurn(() => this.#patch(essential));
      });
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
    this.#spool[Symbol.dispose]();
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    await result;
  }

  async #tick(): Promise<void> {
    if (this.#isTicking) return;
    this.#isTicking = true;
    await this.#inTurn(async () => {
      if (Object.keys(this.#update).length > 0) await this.#patchUpdate();
      if (this.#spool.length > 0) await this.#uploadLogs();
      else if (systemClock.now() - this.#lastWriteAt > heartbeatEveryMs) await this.#patch({});
    }).catch(() => {});
    this.#isTicking = false;
  }

  async #patchUpdate(): Promise<void> {
    const update = this.#update;
    this.#update = {};
    try {
      await this.#patch(update);
    } catch (error) {
      if (!(error instanceof RefusedError)) this.#update = { ...update, ...this.#update };
      throw error;
    }
  }

  async #patch(body: TurnPatch): Promise<void> {
    await this.#write(() => ({ method: 'PATCH', body }));
  }

  async #uploadLogs(): Promise<void> {
    try {
      while (this.#spool.length > 0) {
        let uploaded = 0;
        await this.#write(() => {
          const Logs = this.#spool.peek();
          uploaded = Logs.length;
          return { method: 'POST', path: '/logs', body: { Index: this.#nextIndex, Logs } };
        });
        this.#drop(uploaded);
      }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      // The rest is in the job's log only. A turn must be able to finish without it.
      this.#refusesLogs = true;
      console.log(`The rest of the log is missing on the server: ${error.message}`);
      while (this.#spool.length > 0) this.#spool.drop(this.#spool.peek().length);
    }
  }

  #drop(count: number): void {
    this.#spool.drop(count);
    this.#nextIndex += count;
  }

  // Each attempt builds its call again, because a conflict can change the pending log entries.
  async #write(call: () => Parameters<Call>[0]): Promise<void> {
    const until = systemClock.now() + this.#patienceMs;
    const pauses = new Backoff(backoff);
    for (let conflicts = 0; ; ) {
      this.finished.throwIfAborted();
      const response = await this.#api({ ...call(), version: this.#version }).catch(() => undefined);
      if (response !== undefined && response.status < 300) return this.#adopt(response.body);
      if (response?.status === 409) {
        await this.#resolveConflict(response);
        conflicts += 1;
        if (conflicts >= maxConflicts) throw new Error('cannot update the turn: other clients change it too often');
      } else if (!isTransient(response)) {
        throw new RefusedError(`the server responded with ${describe(response)}`);
      } else if (systemClock.now() > until) {
        throw new Error(`the server responded with ${describe(response)}`);
      } else await systemClock.sleep(pauses.next());
    }
  }

  #adopt({ Version }: Record<string, unknown>): void {
    if (typeof Version === 'number') this.#version = Version;
    this.#lastWriteAt = systemClock.now();
  }

  async #resolveConflict({ body }: ApiResponse): Promise<void> {
    const current = (body['Current'] ?? {}) as Record<string, unknown>;
    const status = String(current['Status']);
    if (body['ErrorType'] === 'UpdateCompletedTurn' || isTerminalStatus(status)) {
      this.#finished.abort(new TurnFinished(status));
    } else if (current['Version'] === this.#version) await this.#findLogEnd();
    else this.#adopt(current);
  }

  // The version is current, so the index is wrong: a response was lost, and the server has the entries.
  async #findLogEnd(): Promise<void> {
    const last = await this.#api({ method: 'GET', path: '/logs/last' }).catch(() => undefined);
    if (last === undefined || isTransient(last)) return;
    const next = last.status === 200 ? Number(last.body['Index']) + 1 : 0;
    if (next > this.#nextIndex) this.#spool.drop(next - this.#nextIndex);
    this.#nextIndex = next;
  }
}

/** Returns the beginning of a text that is too large. */
export function shorten(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= maxBytes ? text : `${new TextDecoder().decode(bytes.subarray(0, maxBytes))}…`;
}

function isTransient(response: ApiResponse | undefined): boolean {
  return response === undefined || response.status === 429 || response.status >= 500;
}

function describe(response: ApiResponse | undefined): string {
  if (response === undefined) return 'no response';
  const { Message } = response.body;
  return typeof Message === 'string' ? `${response.status} ${Message}` : String(response.status);
}
