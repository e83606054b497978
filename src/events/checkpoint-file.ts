import { join } from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../lib/files.ts';
import { tryParseJson } from '../lib/json.ts';
import type { Logger } from '../lib/logger.ts';
import { readTextIfExists } from '../lib/read-file.ts';
import { WantedEvent } from './core/feed-event.ts';

/** How far a feed has been read. The names of the first three fields are those of the Go runner. */
const Checkpoint = v.object({
  /** Empty if the feed was empty. */
  last_event_id: v.string(),
  etag: v.nullish(v.string()),
  poll_interval_seconds: v.nullish(v.number()),
  /** The time of that event, or when the feed was empty. */
  last_event_at: v.optional(v.string()),
  /** IDs of the latest events that were handled or wait for it. */
  handled: v.optional(v.array(v.string()), []),
  /** Events that wait to be handled, in order. */
  pending: v.optional(v.array(WantedEvent), []),
});
export type Checkpoint = v.InferOutput<typeof Checkpoint>;

const fileName = 'github-events.json';

/**
 * The checkpoints of all feeds, by the names of the feeds. They are on disk as one file, so what was read and what has to be
 * handled change together.
 */
export class CheckpointFile {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #checkpoints: Map<string, Checkpoint>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #isFailing = false;

  private constructor(path: string, logger: Logger, checkpoints: Map<string, Checkpoint>) {
    this.#path = path;
    this.#logger = logger;
    this.#checkpoints = checkpoints;
  }

  /**
   * Reads the file of the state folder, or at the first start that of the Go runner, which stays. A file that cannot be read
   * counts as empty: the feeds then start at their newest event.
   * @param importFrom the file of the Go runner
   */
  static async open(stateDir: string, importFrom: string, logger: Logger): Promise<CheckpointFile> {
    const path = join(stateDir, fileName);
    const own = await readCheckpoints(path, logger);
    if (own !== undefined) return new CheckpointFile(path, logger, own);
    const imported = await readCheckpoints(importFrom, logger);
    if (imported !== undefined)
      logger.info('GitHub event checkpoints imported', { path: importFrom, count: imported.size });
    const file = new CheckpointFile(path, logger, imported ?? new Map());
    if (imported !== undefined) await file.save().catch(() => {});
    return file;
  }

  get keys(): string[] {
    return [...this.#checkpoints.keys()];
  }

  get(key: string): Checkpoint | undefined {
    return this.#checkpoints.get(key);
  }

  /** Takes effect at once, and on disk with the next {@link save}. */
  set(key: string, checkpoint: Checkpoint): void {
    this.#checkpoints.set(key, checkpoint);
  }

  /** As {@link set}. Does nothing to a checkpoint that was removed. */
  change(key: string, next: (checkpoint: Checkpoint) => Checkpoint): void {
    const checkpoint = this.#checkpoints.get(key);
    if (checkpoint !== undefined) this.#checkpoints.set(key, next(checkpoint));
  }

  remove(key: string): void {
    this.#checkpoints.delete(key);
  }

  /** Resolves when everything that was set before is on disk. Rejects if it cannot be written, which is logged once. */
  save(): Promise<void> {
    this.#waiting ??= this.#last.then(() => {
      this.#waiting = undefined;
      return this.#write();
    });
    this.#last = this.#waiting.catch(() => {});
    return this.#waiting;
  }

  async #write(): Promise<void> {
    try {
      await writeDurably(this.#path, `${JSON.stringify(Object.fromEntries(this.#checkpoints))}\n`);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#logger.warn('cannot save GitHub event checkpoints', { path: this.#path, error });
      this.#isFailing = true;
      throw error;
    }
  }
}

/** Returns undefined without a file. */
async function readCheckpoints(path: string, logger: Logger): Promise<Map<string, Checkpoint> | undefined> {
  try {
    const text = await readTextIfExists(path);
    if (text === undefined) return undefined;
    const file = parseCheckpoints(text);
    if (file !== undefined) {
      for (const feed of file.damaged)
        logger.warn('GitHub event checkpoint damaged, starting at the newest event', { path, feed });
      return file.checkpoints;
    }
    logger.warn('GitHub event checkpoints damaged, starting at the newest events', { path });
  } catch (error) {
    logger.warn('cannot read GitHub event checkpoints, starting at the newest events', { path, error });
  }
  return new Map();
}

/** Returns the valid checkpoints, and the names of the others; undefined for text that is not a file of checkpoints. */
export function parseCheckpoints(
  text: string,
): { checkpoints: Map<string, Checkpoint>; damaged: string[] } | undefined {
  const file = v.safeParse(v.record(v.string(), v.unknown()), tryParseJson(text));
  if (!file.success) return undefined;
  const checkpoints = new Map<string, Checkpoint>();
  const damaged: string[] = [];
  for (const [key, value] of Object.entries(file.output)) {
    const checkpoint = v.safeParse(Checkpoint, value);
    if (checkpoint.success) checkpoints.set(key.toLowerCase(), checkpoint.output);
    else damaged.push(key);
  }
  return { checkpoints, damaged };
}
