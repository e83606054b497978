import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';
import * as v from 'valibot';
import type { Clock } from '../../lib/clock.ts';
import { trimEnd } from '../../lib/trim-end.ts';
import { knownFields } from '../../plan42/fields.ts';
import type { File } from '../../plan42/objects.ts';
import { conflict, notFound, tooLarge } from '../core/errors.ts';
import { FileUploads } from '../core/file-uploads.ts';
import { formatLimit, limits } from '../core/limits.ts';
import type { Tokens } from '../core/tokens.ts';
import { change, create, firstVersion, read, requireVersion } from '../core/versioned.ts';
import { changesOf, optionalFlag, otherFields, parseBody, requiredText } from '../http/body.ts';
import { badRequest, forbidden, HttpError } from '../http/errors.ts';
import { listedDeleted, listReply, requiredIfMatch, requireUuid } from '../http/query.ts';
import {
  type ApiRequest,
  created,
  noContent,
  ok,
  type Principal,
  type Route,
  route,
  tenantAndAgent,
  tenantOnly,
  tenantPath,
} from '../http/route.ts';
import type { Store } from '../store/store.ts';

const { file: fileLimit } = limits;
const CreateBody = knownFields({
  // Clients save files under their names.
  Name: v.pipe(
    requiredText,
    v.check((name) => !isUnsafeName(name), 'must have no control characters, and no ".." as a folder'),
  ),
  Size: v.pipe(
    v.number(),
    v.safeInteger(),
    v.minValue(1),
    v.maxValue(fileLimit.max, `is larger than ${formatLimit(fileLimit)}`),
  ),
});

function isUnsafeName(name: string): boolean {
  return /\p{Cc}/u.test(name) || name.split(/[/\\]/).includes('..');
}

const UpdateBody = changesOf({ IsMalicious: optionalFlag });

const path = `${tenantPath}/files/:fileId` as const;
// Long enough for the slowest upload that the server waits for.
const urlMs = 15 * 60_000;

interface FileDeps {
  store: Pick<Store, 'files' | 'fileContents' | 'tasks' | 'transaction'>;
  tokens: Tokens;
  /** The URL of the server for clients. */
  url: string;
  clock: Clock;
}

export function fileRoutes(deps: FileDeps): Route[] {
  const { store, clock } = deps;
  const { files, fileContents } = store;
  const uploads = new FileUploads(deps);
  return [
    route('PUT', path, { access: tenantAndAgent }, (request) => {
      requireUuid(request.params.fileId);
      const { Name, Size } = parseBody(request, CreateBody);
      const TaskId = request.principal.kind === 'agent' ? request.principal.taskId : undefined;
      const file: File = {
        ...otherFields(request, files),
        ...fileKey(request.params),
        Name,
        Size,
        Uploaded: false,
        Deleted: false,
        TaskId,
        ...firstVersion(clock),
      };
      requireRoomFor(store, file);
      create(files, file);
      return created({ ...file, UploadURL: contentUrl(deps, request, 'Upload') });
    }),

    route('GET', path, { access: tenantAndAgent }, ({ params, principal }) => ok(readFile(store, params, principal))),

    route('GET', `${tenantPath}/files`, { access: tenantOnly }, ({ params, query }) =>
      listReply(files, query, { TenantID: params.tenantId, Deleted: listedDeleted(query) }),
    ),

    route('PATCH', path, { access: tenantOnly }, (request) => {
      const version = requiredIfMatch(request);
      const changes = { ...otherFields(request, files), ...parseBody(request, UpdateBody) };
      const file = read(files, fileKey(request.params));
      requireVersion(files, file, version);
      return ok(change(files, file, changes, clock));
    }),

    route('DELETE', path, { access: tenantOnly }, ({ params }) => {
      const file = read(files, fileKey(params));
      store.transaction(() => {
        fileContents.remove(file);
        if (!file.Deleted) change(files, file, { Deleted: true }, clock);
      });
      return noContent;
    }),

    route('GET', `${path}/download-url`, { access: tenantAndAgent }, (request) => {
      const file = readFile(store, request.params, request.principal);
      requireContent(file);
      const { TenantID, FileID, Name, CreatedAt } = file;
      return ok({ TenantID, FileID, Name, CreatedAt, DownloadURL: contentUrl(deps, request, 'Download') });
    }),

    route('PUT', `${path}/content`, { access: ['upload'], forContent: true }, async ({ params, incoming }) => {
      const file = read(files, fileKey(params));
      if (file.Deleted) throw notFound('the File was deleted');
      // A client sends `If-None-Match: *`; nothing else would make sense.
      if (file.Uploaded) throw new HttpError(412, 'PreconditionFailed', 'the file has its content already');
      const length = incoming.headers['content-length'];
      if (length === undefined) throw new HttpError(411, 'LengthRequired', 'the upload needs a Content-Length');
      if (Number(length) !== file.Size) throw badRequest(`the content must have ${file.Size} bytes, not ${length}`);
      await uploads.save(file, incoming);
      return { status: 200 };
    }),

    route('GET', `${path}/content`, { access: ['download'], forContent: true, waits: true }, ({ params, signal }) => {
      const file = read(files, fileKey(params));
      requireContent(file);
      const headers = {
        // A browser must not run it with the rights of the web page.
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename*=UTF-8''${encodeName(file.Name)}`,
        'content-security-policy': 'sandbox',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-length': file.Size,
      };
      return {
        status: 200,
        headers,
        stream: async (response) => {
          response.writeHead(200, headers);
          await pipeline(Readable.from(fileContents.parts(file)), response, { signal });
        },
      };
    }),
  ];
}

function fileKey({ tenantId, fileId }: { tenantId: string; fileId: string }) {
  return { TenantID: tenantId, FileID: fileId };
}

/** @throws DomainError `notFound`; HttpError 403 for an agent whose task does not have the file */
function readFile(store: FileDeps['store'], params: { tenantId: string; fileId: string }, principal: Principal): File {
  requireOwnFiles(store, principal, [params.fileId]);
  return read(store.files, fileKey(params));
}

/**
 * An agent has the files of its task, and those that the task's agents created. It must not name others, because it could then
 * read them.
 * @throws HttpError 403
 */
export function requireOwnFiles(
  { files, tasks }: Pick<Store, 'files' | 'tasks'>,
  principal: Principal,
  ids: readonly string[],
): void {
  if (principal.kind !== 'agent') return;
  const { tenantId, taskId } = principal;
  const task = tasks.find({ TenantId: tenantId, TaskId: taskId });
  const own = new Set([...(task?.FileIDs ?? []), ...(task?.NewFileIDs ?? [])]);
  const other = ids.find((id) => !own.has(id) && files.find({ TenantID: tenantId, FileID: id })?.TaskId !== taskId);
  if (other !== undefined) throw forbidden('the task of the agent does not have this file');
}

/** @throws DomainError `notFound` or `conflict`; HttpError 403 */
function requireContent({ Deleted, Uploaded, IsMalicious }: File): void {
  if (Deleted) throw notFound('the File was deleted');
  if (!Uploaded)
    throw conflict('the upload of the file was not completed, so it has no content; upload it as a new file');
  if (IsMalicious) throw forbidden('the file is marked as malicious');
}

/** @throws DomainError `tooLarge` */
function requireRoomFor({ fileContents }: FileDeps['store'], { TenantID, TaskId, Size }: File): void {
  const { allFiles, filesOfTask } = limits;
  if (fileContents.totalBytes() + Size > allFiles.max) {
    throw tooLarge(`all files together would be larger than ${formatLimit(allFiles)}; delete some`);
  }
  if (TaskId !== undefined && fileContents.countOfTask(TenantID, TaskId) >= filesOfTask.max) {
    throw tooLarge(`the agents of the task have created ${formatLimit(filesOfTask)} files, which is the limit`);
  }
}

/** Returns the URL for one transfer. Its holder needs no token, as with the storage of the hosted service. */
function contentUrl(
  { tokens, url, clock }: FileDeps,
  request: ApiRequest<'tenantId' | 'fileId'>,
  type: 'Upload' | 'Download',
): string {
  const { tenantId, fileId } = request.params;
  const from = clock.date();
  const token = tokens.forFile(type, tenantId, fileId, { from, to: new Date(from.getTime() + urlMs) });
  return `${baseUrl(request, url)}/v1/tenants/${tenantId}/files/${fileId}/content?signature=${token}`;
}

/** An agent in a container reaches the server at another address than other clients: the one that it just used. */
function baseUrl({ principal, incoming }: ApiRequest<string>, url: string): string {
  const { host } = incoming.headers;
  if (principal.kind !== 'agent' || !host || host === new URL(url).host) return trimEnd(url, '/');
  return `${incoming.socket instanceof TLSSocket ? 'https' : 'http'}://${host}`;
}

/** RFC 8187. */
function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}
