import { rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { runtimeNames } from '../../config/schema.ts';
import { systemClock } from '../../lib/clock.ts';
import { errorCode } from '../../lib/errors.ts';
import { listFolder, writeDurably } from '../../lib/files.ts';
import { openPrivateFolder } from '../../lib/private-folder.ts';
import { readText } from '../../lib/read-file.ts';

const UsedImage = v.object({
  runtime: v.picklist(runtimeNames),
  id: v.string(),
  /** The names that jobs requested it by. */
  references: v.array(v.string()),
  /** Whether a job of this runner pulled it. */
  pulled: v.boolean(),
});

export type UsedImage = v.InferOutput<typeof UsedImage> & { usedAt: Date };

const Pull = v.object({
  runtime: v.picklist(runtimeNames),
  jobId: v.string(),
  reference: v.string(),
  /** The IDs of the images that existed before; absent if nothing is pulled. */
  present: v.optional(v.array(v.string())),
});

/** A pull in progress. */
export type Pull = v.InferOutput<typeof Pull>;

const pullPrefix = 'pull.';

/**
 * Which images jobs used, one file each, with the time of the last use as its modification time; and which pulls are in
 * progress, so that their images are known after a crash.
 */
export class ImageUsage {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get folder(): string {
    return this.#folder;
  }

  /** Call this before a pull. If an earlier pull of the same job was interrupted, that one is continued. */
  async beginPull(pull: Pull): Promise<Pull> {
    await openPrivateFolder(this.#folder);
    const earlier = await this.findPull(pull.jobId);
    if (earlier?.reference === pull.reference && earlier.runtime === pull.runtime) return earlier;
    await this.#write(this.#pullName(pull.jobId), pull);
    return pull;
  }

  /** The pull of a job that was interrupted, if there is one. */
  findPull(jobId: string): Promise<Pull | undefined> {
    return this.#read(Pull, this.#pullName(jobId));
  }

  async endPull({ jobId }: Pull): Promise<void> {
    await rm(join(this.#folder, this.#pullName(jobId)), { force: true });
  }

  async listPulls(): Promise<Pull[]> {
    return this.#readAll(Pull, (name) => name.startsWith(pullPrefix));
  }

  /** Records that a job uses the image now. Returns the updated entry. */
  async noteUse(runtime: UsedImage['runtime'], id: string, reference: string, pulled: boolean): Promise<UsedImage> {
    await openPrivateFolder(this.#folder);
    const name = imageName({ runtime, id });
    const known = await this.#read(UsedImage, name);
    const references = [...new Set([...(known?.references ?? []), reference])];
    const noted = { runtime, id, references, pulled: pulled || (known?.pulled ?? false) };
    const usedAt = systemClock.date();
    if (known?.references.length === references.length && known.pulled === noted.pulled)
      await utimes(join(this.#folder, name), usedAt, usedAt);
    else await this.#write(name, noted);
    return { ...noted, usedAt };
  }

  /** When it was last used; undefined if unknown. */
  async lastUse(image: Pick<UsedImage, 'runtime' | 'id'>): Promise<Date | undefined> {
    return stat(join(this.#folder, imageName(image))).then(
      ({ mtime }) => mtime,
      () => undefined,
    );
  }

  /** The images of a runtime, most recently used first. */
  async list(runtime: UsedImage['runtime']): Promise<UsedImage[]> {
    const found: UsedImage[] = [];
    for (const image of await this.#readAll(UsedImage, (name) => name.startsWith(`${runtime}.`))) {
      const usedAt = await this.lastUse(image);
      if (usedAt !== undefined) found.push({ ...image, usedAt });
    }
    return found.toSorted((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
  }

  async forget(image: Pick<UsedImage, 'runtime' | 'id'>): Promise<void> {
    await rm(join(this.#folder, imageName(image)), { force: true });
  }

  #pullName(jobId: string): string {
    return `${pullPrefix}${jobId}.json`;
  }

  async #write(name: string, value: unknown): Promise<void> {
    await writeDurably(join(this.#folder, name), `${JSON.stringify(value, undefined, 2)}\n`);
  }

  async #readAll<Schema extends v.GenericSchema>(
    schema: Schema,
    isOne: (name: string) => boolean,
  ): Promise<v.InferOutput<Schema>[]> {
    const all: v.InferOutput<Schema>[] = [];
    for await (const { name } of listFolder(this.#folder)) {
      const value = name.endsWith('.json') && isOne(name) ? await this.#read(schema, name) : undefined;
      if (value !== undefined) all.push(value);
    }
    return all;
  }

  /** Undefined also if the file is invalid: then the image is unknown and not removed. */
  async #read<Schema extends v.GenericSchema>(
    schema: Schema,
    name: string,
  ): Promise<v.InferOutput<Schema> | undefined> {
    try {
      return v.parse(schema, JSON.parse(await readText(join(this.#folder, name))));
    } catch (error) {
      if (error instanceof v.ValiError || error instanceof SyntaxError || errorCode(error) === 'ENOENT')
        return undefined;
      throw error;
    }
  }
}

function imageName({ runtime, id }: Pick<UsedImage, 'runtime' | 'id'>): string {
  return `${runtime}.${id.replaceAll(/[^\w.-]/g, '_')}.json`;
}
