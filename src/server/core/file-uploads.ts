import type { Clock } from '../../lib/clock.ts';
import type { File } from '../../plan42/objects.ts';
import type { Store } from '../store/store.ts';
import { conflict, invalid, notFound } from './errors.ts';
import { change, read } from './versioned.ts';

interface UploadDeps {
  store: Pick<Store, 'files' | 'fileContents' | 'transaction'>;
  clock: Clock;
}

const partBytes = 1024 * 1024;

/** Saves the contents of files. A content that is not complete does not count, and is replaced by the next upload. */
export class FileUploads {
  readonly #deps: UploadDeps;
  readonly #running = new Set<string>();

  constructor(deps: UploadDeps) {
    this.#deps = deps;
  }

  /** @throws DomainError `conflict` during another upload of the file, or after it; `invalid` if the size is not the file's */
  async save(file: File, content: AsyncIterable<Uint8Array>): Promise<void> {
    const { fileContents } = this.#deps.store;
    const name = `${file.TenantID}/${file.FileID}`;
    if (this.#running.has(name)) throw conflict('the file is being uploaded');
    this.#running.add(name);
    let isSaved = false;
    try {
      fileContents.remove(file);
      const bytes = await this.#saveParts(file, content);
      if (bytes !== file.Size) throw invalid(`the content has ${bytes} bytes, and the file ${file.Size}`);
      this.#complete(file);
      isSaved = true;
    } finally {
      this.#running.delete(name);
      if (!isSaved) fileContents.remove(file);
    }
  }

  async #saveParts(file: File, content: AsyncIterable<Uint8Array>): Promise<number> {
    let [part, bytes, held]: [number, number, Uint8Array[]] = [0, 0, []];
    let heldBytes = 0;
    const flush = () => {
      this.#deps.store.fileContents.addPart(file, part, Buffer.concat(held));
      [part, heldBytes, held] = [part + 1, 0, []];
    };
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > file.Size) throw invalid(`the content has more than the ${file.Size} bytes of the file`);
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= partBytes) flush();
    }
    if (heldBytes > 0) flush();
    return bytes;
  }

  #complete(file: File): void {
    const { store, clock } = this.#deps;
    store.transaction(() => {
      const current = read(store.files, file);
      // Deleted meanwhile.
      if (current.Deleted) throw notFound('the File was deleted');
      change(store.files, current, { Uploaded: true }, clock);
    });
  }
}
