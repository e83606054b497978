import { randomUUID } from 'node:crypto';
import { Backoff } from '../../lib/backoff.ts';
import { sleep } from '../../lib/sleep.ts';
import { ApiError } from '../../plan42/errors.ts';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { TurnEvent } from '../../plan42/turn-messages.ts';
import type { FollowUps } from '../drivers/driver.ts';
import type { TurnApi } from './api.ts';
import { shorten, type TurnReporter } from './turn-reporter.ts';

interface InboxDeps {
  api: Pick<TurnApi, 'messages' | 'turn'>;
  turn: Pick<TurnReporter, 'log' | 'redact' | 'finished'>;
}

// The limit of the server is 64 KiB.
const maxMessageBytes = 60_000;
const sendAttempts = 5;
const tooLate = 'This message came too late for this turn. Start the next turn with it.';
const noTurnLeft = 'The agent read the message, but the turn ends without its answer.';
const noAnswer = 'The agent read the message and gave no answer.';

/** Receives the messages of people to the agent while it works, and sends its answers. */
export class Inbox implements FollowUps, AsyncDisposable {
  readonly #deps: InboxDeps;
  readonly #disposed = new AbortController();
  readonly #reading: Promise<void>;
  #sending: Promise<void> = Promise.resolve();
  #waiting: string[] = [];
  #mustAnswer = false;

  constructor(deps: InboxDeps) {
    this.#deps = deps;
    // The service and older servers may have no messages. The turn does not depend on them.
    this.#reading = this.#read().catch(() => {});
  }

  take(): readonly string[] {
    const taken = this.#waiting;
    this.#waiting = [];
    if (taken.length > 0) this.#mustAnswer = true;
    return taken;
  }

  answer(text: string): void {
    if (!this.#mustAnswer) return;
    this.#mustAnswer = false;
    this.#send(text.trim() === '' ? noAnswer : text);
  }

  /** Responds to messages that have no answer yet, and waits until all is sent. */
  async close(): Promise<void> {
    if (this.#mustAnswer) this.#send(noTurnLeft);
    this.#mustAnswer = false;
    for (const text of this.#waiting) {
      this.#deps.turn.log(`${tooLate}\n${quote(text)}`);
      this.#send(`${tooLate}\n\n${quote(text)}`);
    }
    this.#waiting = [];
    await this.#sending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const known = new Set<string>();
    for (;;) {
      let hasEvents = false;
      try {
        for await (const event of this.#events()) {
          hasEvents = true;
          this.#receive(event, known);
        }
        return;
      } catch (error) {
        // A server that was restored does not have the last event any more. Without its ID, it sends all others.
        const isRestored = hasEvents && error instanceof ApiError && error.status === 400;
        if (!isRestored) throw error;
      }
    }
  }

  #events(): AsyncIterable<TurnEvent> {
    const { api, turn } = this.#deps;
    return api.messages(AbortSignal.any([this.#disposed.signal, turn.finished]));
  }

  #receive({ event, data }: TurnEvent, known: Set<string>): void {
    if (event !== 'UserMessage' || !isForMainAgent(data) || known.has(data.MessageID)) return;
    known.add(data.MessageID);
    this.#deps.turn.log(`Message from a person:\n${quote(data.Message)}`);
    this.#waiting.push(data.Message);
  }

  /** Sends one after the other, so that they arrive in order. */
  #send(text: string): void {
    const { turn } = this.#deps;
    const body = { FromType: 'Agent', From: mainAgentId, Message: shorten(turn.redact(text), maxMessageBytes) };
    const path = `/messages/${randomUUID()}`;
    this.#sending = this.#sending.then(() => this.#put(path, body));
  }

  async #put(path: string, body: object): Promise<void> {
    const { api, turn } = this.#deps;
    const pauses = new Backoff({ minMs: 200, maxMs: 5000 });
    let problem = 'no response';
    for (let attempt = 0; attempt < sendAttempts && !turn.finished.aborted; attempt += 1) {
      if (attempt > 0) await sleep(pauses.next());
      const response = await api.turn({ method: 'PUT', path, body }).catch(() => undefined);
      if (response !== undefined && response.status < 300) return;
      problem = response === undefined ? 'no response' : `status ${response.status}`;
      if (response !== undefined && response.status < 500 && response.status !== 429) break;
    }
    turn.log(`Cannot send the answer to the message: ${problem}`);
  }
}

function isForMainAgent({ To }: Extract<TurnEvent, { event: 'UserMessage' | 'AgentMessage' }>['data']): boolean {
  return To.length === 0 || To.includes(mainAgentId);
}

function quote(text: string): string {
  return text.replaceAll(/^/gm, '> ');
}
