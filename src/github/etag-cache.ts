/** A response of GitHub with the `ETag` to revalidate it. */
export interface CachedResponse {
  etag: string;
  headers: readonly [name: string, value: string][];
  body: string;
}

const maxChars = 4 * 1024 * 1024;
const maxResponseChars = maxChars / 8;
// Estimated overhead per response.
const overheadChars = 1024;

/**
 * Responses to one token's GET requests by URL; evicts the least recently used. GitHub does not count requests that it
 * responds to with 304. Uses about 8 MiB of memory at most.
 */
export class EtagCache {
  // Ordered by last use.
  readonly #responses = new Map<string, CachedResponse>();
  #chars = 0;

  get size(): number {
    return this.#responses.size;
  }

  get(url: string): CachedResponse | undefined {
    const response = this.#responses.get(url);
    if (!response) return undefined;
    this.#responses.delete(url);
    this.#responses.set(url, response);
    return response;
  }

  set(url: string, response: CachedResponse): void {
    this.#delete(url);
    if (sizeOf(response) > maxResponseChars) return;
    this.#responses.set(url, response);
    this.#chars += sizeOf(response);
    for (const oldest of this.#responses.keys()) {
      if (this.#chars <= maxChars) return;
      this.#delete(oldest);
    }
  }

  #delete(url: string): void {
    const response = this.#responses.get(url);
    if (!response) return;
    this.#chars -= sizeOf(response);
    this.#responses.delete(url);
  }
}

function sizeOf({ body }: CachedResponse): number {
  return body.length + overheadChars;
}
