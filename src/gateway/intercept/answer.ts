import type { ClientRequest, IncomingMessage } from 'node:http';
import { formatError } from '../../lib/errors.ts';
import { UnreachableError } from '../connected.ts';
import type { Answer } from './hooks.ts';

const maxBytes = 1 << 20;

/** Reads the response to a request of a guard. @throws UnreachableError */
export async function readAnswer(sent: ClientRequest, timeoutMs: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const timer = setTimeout(() => sent.destroy(new Error('it does not respond')), timeoutMs);
  sent.once('response', resolve).on('error', reject);
  try {
    const incoming = await promise;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxBytes) throw new Error('its response is too long');
      chunks.push(chunk);
    }
    return { status: incoming.statusCode ?? 0, rawHeaders: incoming.rawHeaders, body: Buffer.concat(chunks) };
  } catch (error) {
    sent.destroy();
    if (error instanceof UnreachableError) throw error;
    throw new UnreachableError(formatError(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
