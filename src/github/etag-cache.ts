/** A response of GitHub with the `ETag` to revalidate it. */
export interface CachedAnswer {
  etag: string;
  headers: readonly [name: string, value: string][];
  body: string;
}

const maxChars = 4 * 1024 * 1024;
const maxAnswerChars = maxChars / 8;
// Estimated overhead per response.
const overheadChars = 1024;

/**
 * Responses to one token's GET requests by URL; evicts the least recently used. GitHub does not count requests that it
 * answers with 304. Uses about 8 MiB of memory at most.
 */
export class EtagCache {
  // Ordered by last use.
  readonly #answers = new Map<string, CachedAnswer>();
  #chars = 0;

  get size(): number {
    return this.#answers.size;
  }

  get(url: string): CachedAnswer | undefined {
    const answer = this.#answers.get(url);
    if (!answer) return undefined;
    this.#answers.delete(url);
    this.#answers.set(url, answer);
    return answer;
  }

  set(url: string, answer: CachedAnswer): void {
    this.#delete(url);
    if (sizeOf(answer) > maxAnswerChars) return;
    this.#answers.set(url, answer);
    this.#chars += sizeOf(answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#chars <= maxChars) return;
      this.#delete(oldest);
    }
  }

  #delete(url: string): void {
    const answer = this.#answers.get(url);
    if (!answer) return;
    this.#chars -= sizeOf(answer);
    this.#answers.delete(url);
  }
}

function sizeOf({ body }: CachedAnswer): number {
  return body.length + overheadChars;
}
