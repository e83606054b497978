/** Where a job's log continues after the runner was killed: on disk, in the job's folder. */
import { join } from 'node:path';
import * as v from 'valibot';
import { systemClock } from '../../../lib/clock.ts';
import { writeDurably } from '../../../lib/files.ts';
import { parseJson } from '../../../lib/json.ts';
import { readTextIfExists } from '../../../lib/read-file.ts';
import type { JobPaths, SegmentWriter } from '../../../shim/shim.ts';
import { type LinePlace, openLinePlaces } from './line-places.ts';

const Checkpoint = v.object({
  /** The time of a line of the output: the first with this time, and none before it has a later one. Empty before the first line. */
  time: v.string(),
  /** Where this line begins in the job's log, counted from the start of the log. */
  offset: v.number(),
  /** Our own lines at and after that place. They are saved before they are written. */
  notes: v.array(v.object({ at: v.number(), text: v.string() })),
  /** How many bytes of the file with the lines of other processes are in the log. */
  linesRead: v.number(),
});
export type Checkpoint = v.InferOutput<typeof Checkpoint>;

const fileName = 'kubernetes-log.json';
const saveEveryMs = 5000;

export interface CheckpointFile {
  readonly current: Checkpoint;
  /** Before the first output is written: it begins with the line of this time. */
  begin(time: string): Promise<void>;
  /**
   * Before a batch is written: its last line begins there. Kept in the page cache only, which a kill leaves alone, so that what
   * the log has is known to the line although the node rotates its log before the next run.
   */
  prepare(next: LinePlace): Promise<void>;
  /** The log has the batch. Saved now and then: an older checkpoint only means more to compare after a power failure. */
  commit(): Promise<void>;
  /** Writes a line of ours into the log. @throws an error of the file system if that cannot be recorded: then it is not written */
  writeNote(text: string, change?: { time?: string; linesRead?: number }): Promise<void>;
  save(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Reads the checkpoint, and completes a line of ours that a killed run has begun. */
export async function openCheckpoint(
  { folder }: Pick<JobPaths, 'folder'>,
  log: SegmentWriter,
): Promise<CheckpointFile> {
  const path = join(folder, fileName);
  const text = await readTextIfExists(path);
  const parsed = text === undefined ? undefined : v.safeParse(Checkpoint, parseJson(text));
  let current: Checkpoint = parsed?.success ? parsed.output : { time: '', offset: log.offset, notes: [], linesRead: 0 };
  let saved: Checkpoint | undefined = parsed?.success ? current : undefined;
  let savedAt = Number.NEGATIVE_INFINITY;
  const places = await openLinePlaces(folder);
  let prepared: LinePlace | undefined;

  async function save(next: Checkpoint): Promise<void> {
    // The log must not be shorter than the checkpoint says after a power failure.
    await log.sync();
    await writeDurably(path, JSON.stringify(next));
    saved = next;
    savedAt = systemClock.now();
  }

  for (const note of current.notes) {
    const bytes = Buffer.from(note.text);
    if (log.offset >= note.at && log.offset < note.at + bytes.length)
      await log.write(bytes.subarray(log.offset - note.at));
  }
  // The last one that the log reaches. After a power failure there can be none.
  const reached = places.found.find(({ offset }) => offset >= current.offset && offset <= log.offset);
  if (reached !== undefined && current.time !== '') current = { ...current, ...reached };

  return {
    get current() {
      return current;
    },
    async begin(time) {
      const next = { ...current, time, offset: log.offset, notes: [] };
      await save(next);
      current = next;
    },
    async prepare(next) {
      await places.write(next, current);
      prepared = next;
    },
    async commit() {
      if (prepared === undefined) return;
      const { offset } = prepared;
      current = { ...current, ...prepared, notes: current.notes.filter((note) => note.at >= offset) };
      prepared = undefined;
      if (systemClock.now() - savedAt < saveEveryMs) return;
      savedAt = systemClock.now();
      // The older one counts, which only means more to compare.
      await save(current).catch(() => {});
    },
    async writeNote(line, { time, linesRead = current.linesRead } = {}) {
      const note = { at: log.offset, text: `${log.isAtLineStart ? '' : '\n'}${line}\n` };
      const end = note.at + Buffer.byteLength(note.text);
      const next =
        time === undefined
          ? { ...current, notes: [...current.notes, note], linesRead }
          : { time, offset: end, notes: [note], linesRead };
      await save(next);
      current = next;
      await log.write(Buffer.from(note.text));
    },
    save: async () => {
      if (current !== saved && current.time !== '') await save(current);
    },
    [Symbol.asyncDispose]: async () => places[Symbol.asyncDispose](),
  };
}

/** How many bytes of the output are in the log from the line of the checkpoint on. */
export function writtenSince({ offset, notes }: Checkpoint, log: Pick<SegmentWriter, 'offset'>): number {
  // A note about lost output comes before the place.
  const later = notes.filter(({ at }) => at >= offset);
  const ours = later.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return log.offset - offset - ours;
}
