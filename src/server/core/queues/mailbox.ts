/** The messages waiting in one queue, and the polls waiting for messages. Each message is delivered at most once. */
export class Mailbox<Message> {
  #messages: Message[] = [];
  #polledSinceAsked = false;
  // In order of arrival.
  readonly #polls = new Set<PromiseWithResolvers<Message[]>>();

  /** The number of waiting messages. */
  get size(): number {
    return this.#messages.length;
  }

  /** Whether a poll was open at any time since the last call of this function. */
  wasPolled(): boolean {
    const wasPolled = this.#polledSinceAsked || this.#polls.size > 0;
    this.#polledSinceAsked = false;
    return wasPolled;
  }

  /** Delivers the message to the oldest poll, or keeps it for the next one. */
  put(message: Message): void {
    const [poll] = this.#polls;
    if (!poll) {
      this.#messages.push(message);
      return;
    }
    // Removed synchronously, so that the next message goes to another poll, and an ending poll gets none.
    this.#polls.delete(poll);
    poll.resolve([message]);
  }

  /**
   * Removes and returns as many messages as `countFitting` returns, waiting up to `waitMs` for the first. If `signal`
   * aborts, rejects with the signal's reason and removes none.
   */
  async take(
    countFitting: (messages: readonly Message[]) => number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Message[]> {
    signal.throwIfAborted();
    this.#polledSinceAsked = true;
    if (this.#messages.length > 0 || waitMs === 0) return this.#messages.splice(0, countFitting(this.#messages));
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

  /** Removes a message whose caller no longer waits. Returns false if it was delivered already. */
  withdraw(message: Message): boolean {
    const index = this.#messages.indexOf(message);
    if (index >= 0) this.#messages.splice(index, 1);
    return index >= 0;
  }

  /** Removes and returns all messages. */
  empty(): Message[] {
    return this.#messages.splice(0);
  }

  /** Rejects all polls, because the queue was deleted. */
  failPolls(error: Error): void {
    for (const poll of this.#polls) {
      this.#polls.delete(poll);
      poll.reject(error);
    }
  }
}
