/** Checks that the objects exist to which a request refers. */
import type { Task } from '../../plan42/objects.ts';
import { badRequest } from '../http/errors.ts';
import type { Store } from '../store/store.ts';

/** @throws HttpError 400 that names the field */
export function requireRunner({ runners }: Pick<Store, 'runners'>, tenantId: string, id: string, field: string): void {
  if (runners.find({ TenantId: tenantId, RunnerId: id })?.Deleted === false) return;
  throw badRequest(`${field}: no such runner`);
}

/** @throws HttpError 400 that names the field */
export function requireConnection(
  { githubConnections }: Pick<Store, 'githubConnections'>,
  tenantId: string,
  id: string,
  field: string,
): void {
  if (githubConnections.find({ TenantID: tenantId, ConnectionID: id })) return;
  throw badRequest(`${field}: no such connection`);
}

/** @throws HttpError 400 */
export function requireEnvironment({ environments }: Pick<Store, 'environments'>, tenantId: string, id: string): void {
  if (environments.find({ TenantId: tenantId, EnvironmentId: id })?.Deleted === false) return;
  throw badRequest('EnvironmentId: no such environment');
}

/** Like {@link requireFiles}, for what an update adds: a file that the task has already may have been deleted. */
export function requireAddedFiles(
  store: Pick<Store, 'files'>,
  { TenantId, FileIDs = [], NewFileIDs = [] }: Pick<Task, 'TenantId' | 'FileIDs' | 'NewFileIDs'>,
  ids: readonly string[] | null | undefined,
  field: string,
): void {
  const known = new Set([...FileIDs, ...NewFileIDs]);
  requireFiles(
    store,
    TenantId,
    ids?.filter((id) => !known.has(id)),
    field,
  );
}

/** @throws HttpError 400 that names the field and the first file that does not exist or has no content */
export function requireFiles(
  { files }: Pick<Store, 'files'>,
  tenantId: string,
  ids: readonly string[] | null | undefined,
  field: string,
): void {
  for (const id of ids ?? []) {
    const file = files.find({ TenantID: tenantId, FileID: id });
    if (file?.Deleted !== false) throw badRequest(`${field}: no such file: ${id}`);
    if (!file.Uploaded) throw badRequest(`${field}: the content of the file ${id} was not uploaded; upload it first`);
  }
}
