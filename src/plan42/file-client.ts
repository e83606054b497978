/** The files of a tenant: their calls, and the transfer of their contents. */
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import * as v from 'valibot';
import { TimeoutError, withDeadline } from '../lib/deadline.ts';
import { readBytes, readText } from '../lib/read-body.ts';
import { AdminFile, FileDownload, NewFile } from './admin-objects.ts';
import { ApiError, ConnectionError, parseErrorResponse } from './errors.ts';
import { type ApiCall, type ApiEndpoint, explainFailure } from './http.ts';
import { pathSegment } from './path-segment.ts';
import { TenantCalls } from './tenant-calls.ts';

/** The limit of the API. */
export const maxFileBytes = 31_457_280;

const transferTimeoutMs = 15 * 60_000;

/** Each call rejects with an ApiError or a ConnectionError, or the signal's reason. */
export class FileClient {
  readonly #calls: TenantCalls;

  constructor(endpoint: ApiEndpoint, tenantId: string, signal?: AbortSignal) {
    this.#calls = new TenantCalls(endpoint, tenantId, signal);
  }

  /** Without deleted files. */
  list(): Promise<AdminFile[]> {
    return this.#calls.list('/files', {}, AdminFile);
  }

  get(id: string): Promise<AdminFile> {
    return this.#calls.call('GET', filePath(id), AdminFile);
  }

  /** Creates a file with its content, and returns its ID. */
  async upload(name: string, content: Buffer): Promise<string> {
    const id = randomUUID();
    const { UploadURL } = await this.#calls.call('PUT', filePath(id), NewFile, {
      body: { Name: name, Size: content.length },
    });
    const headers = { 'if-none-match': '*', 'content-type': 'application/octet-stream' };
    await this.#transfer('PUT', id, UploadURL, { headers, body: content });
    return id;
  }

  async download(id: string): Promise<{ name: string; content: Buffer }> {
    const { Name, DownloadURL } = await this.#calls.call('GET', `${filePath(id)}/download-url`, FileDownload);
    return { name: Name, content: await this.#transfer('GET', id, DownloadURL) };
  }

  /** Deletes the content. Tasks keep the ID. */
  async delete(id: string): Promise<void> {
    await this.#calls.call('DELETE', filePath(id), v.unknown());
  }

  // The URL has a signature, so it must not appear in an error.
  #transfer(
    method: 'GET' | 'PUT',
    id: string,
    url: string,
    options: { headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<Buffer> {
    const { endpoint, signal } = this.#calls;
    const call: ApiCall = { method, path: `${this.#calls.path}${filePath(id)}/content` };
    return withDeadline(transferTimeoutMs, signal, async (bounded) => {
      const target = targetOf(url, call, endpoint.baseUrl);
      const response = await request(target, {
        method,
        dispatcher: endpoint.transport,
        signal: bounded,
        headersTimeout: 0,
        bodyTimeout: 0,
        ...options,
      });
      if (response.statusCode === 200) return await readBytes(response.body, maxFileBytes);
      const text = await readText(response.body, maxFileBytes);
      throw new ApiError(call, parseErrorResponse(response.statusCode, response.headers, text));
    }).catch((error: unknown) => {
      if (error instanceof ApiError || error instanceof ConnectionError) throw error;
      signal?.throwIfAborted();
      const reason = error instanceof TimeoutError ? error.message : explainFailure(error);
      throw new ConnectionError(call, reason, { cause: error });
    });
  }
}

/** A server that keeps the content itself is reached as before: its URL for clients may lead through a proxy. */
function targetOf(text: string, call: ApiCall, baseUrl: URL): URL {
  const url = URL.parse(text);
  if (url === null) throw new ConnectionError(call, 'the server returned an invalid URL');
  if (!url.pathname.endsWith(call.path)) return url;
  return new URL(`${baseUrl.href.replace(/\/$/, '')}${call.path}${url.search}`);
}

function filePath(id: string): string {
  return `/files/${pathSegment(id)}`;
}
