/** The messages that wait in one queue, and the polls that wait for them. Each message is handed out at most once. */
export class Mailbox<Message> {
  #messages: Message[] = [];
  // In the order of their arrival.
  readonly #polls = new Set<PromiseWithResolvers<Message[]>>();

  /** How many messages wait. */
  get size(): number {
    return this.#messages.length;
  }

  /** Hands the message to the poll that has waited longest, or keeps it for the next one. */
  put(message: Message): void {
    const [poll] = this.#polls;
    if (!poll) {
      this.#messages.push(message);
      return;
    }
    // At once, so that the next message goes to another poll, and a poll that is ending can't be given one.
    this.#polls.delete(poll);
    poll.resolve([message]);
  }

  /**
   * Takes out up to `max` messages, waiting up to `waitMs` for the first. When `signal` aborts, it rejects with the
   * signal's reason and has taken none.
   */
  async take(max: number, waitMs: number, signal: AbortSignal): Promise<Message[]> {
    signal.throwIfAborted();
    if (this.#messages.length > 0 || waitMs === 0) return this.#messages.splice(0, max);
    const poll = Promise.withResolvers<Message[]>();
    const leave = () => this.#polls.delete(poll);
    const abort = () => leave() && poll.reject(signal.reason);
    const timer = setTimeout(() => leave() && poll.resolve([]), waitMs);
    signal.addEventListener('abort', abort, { once: true });
    this.#polls.add(poll);
    try {
      return await poll.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Takes back a message that nobody wants any more. Returns false if it was handed out. */
  withdraw(message: Message): boolean {
    const index = this.#messages.indexOf(message);
    if (index >= 0) this.#messages.splice(index, 1);
    return index >= 0;
  }

  /** Takes out everything. */
  empty(): Message[] {
    return this.#messages.splice(0);
  }

  /** Ends the polls: the queue is gone. */
  failPolls(error: Error): void {
    for (const poll of this.#polls) {
      this.#polls.delete(poll);
      poll.reject(error);
    }
  }
}
