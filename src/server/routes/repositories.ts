import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { hostedRepo, isRepositoryName, repositoryPath } from '../../plan42/hosted-repositories.ts';
import { notFound, tooLarge } from '../core/errors.ts';
import { formatLimit, limits } from '../core/limits.ts';
import { runHttpBackend } from '../git/http-backend.ts';
import { mayTurnPush } from '../git/push-rights.ts';
import { MalformedPush, readPushedRefs } from '../git/pushed-refs.ts';
import type { Repositories } from '../git/repositories.ts';
import { GitMissing } from '../git/run-git.ts';
import { badRequest, forbidden, notImplemented } from '../http/errors.ts';
import {
  type ApiRequest,
  created,
  noContent,
  ok,
  type Route,
  type RouteOptions,
  route,
  tenantAndAgent,
  tenantOnly,
  tenantPath,
} from '../http/route.ts';
import type { Store } from '../store/store.ts';

interface RepositoryDeps {
  store: Pick<Store, 'tasks' | 'environments'>;
  repositories: Repositories;
  logger: Logger;
}

type GitService = 'git-upload-pack' | 'git-receive-pack';
type GitRequest = ApiRequest<'tenantId' | 'repository'>;

const listPath = `${tenantPath}/repos` as const;
const path = `${listPath}/:repository` as const;
const git: RouteOptions = { access: tenantAndAgent, forGit: true, noHead: true, waits: true, afterCancel: true };

/** Repositories that the server keeps itself, and git's smart HTTP protocol for them. */
export function repositoryRoutes(deps: RepositoryDeps): Route[] {
  const { repositories } = deps;
  const describe = (tenantId: string, name: string) => ({ Name: name, Path: repositoryPath(tenantId, name) });
  return [
    route('PUT', path, { access: tenantOnly }, async ({ params }) => {
      const { repository, tenantId } = params;
      if (!isRepositoryName(repository)) {
        throw badRequest('the name of a repository has small letters, digits, ".", "_" and "-", at most 100');
      }
      const isNew = await repositories.create(repository).catch(explainGit);
      return (isNew ? created : ok)(describe(tenantId, repository));
    }),
    route('GET', listPath, { access: tenantOnly }, async ({ params }) => {
      const names = await repositories.list();
      return ok({ Items: names.map((name) => describe(params.tenantId, name)) });
    }),
    route('DELETE', path, { access: tenantOnly }, async ({ params }) => {
      await repositories.remove(params.repository);
      return noContent;
    }),
    route('GET', `${path}/info/refs`, git, (request) => {
      const service = request.query.get('service');
      // The older protocol reads files of the repository.
      if (service !== 'git-upload-pack' && service !== 'git-receive-pack')
        throw forbidden('this server speaks the smart protocol of git only');
      return serve(deps, request, service, 'info/refs');
    }),
    route('POST', `${path}/git-upload-pack`, git, (request) => serve(deps, request, 'git-upload-pack')),
    route('POST', `${path}/git-receive-pack`, git, (request) => serve(deps, request, 'git-receive-pack')),
  ];
}

async function serve(deps: RepositoryDeps, request: GitRequest, service: GitService, below: string = service) {
  const { repositories, logger } = deps;
  const { incoming, headers, principal, signal } = request;
  const name = request.params.repository.replace(/\.git$/, '');
  requireEnvironmentOf(deps, request, name);
  const folder = await repositories.find(name);
  const isPush = service === 'git-receive-pack';
  const isList = below === 'info/refs';
  const slot = await repositories.slots.take(signal);
  try {
    const settings = isPush ? await pushSettings(repositories, folder, principal.kind === 'agent') : [];
    const received = await decompressed(incoming, signal).catch(explainGit);
    const body =
      isPush && !isList && principal.kind === 'agent' ? await checkPush(deps, request, name, received) : received;
    const gitRequest = {
      ...{ path: folder, service: below, body, settings, env: repositories.env, signal, logger },
      method: isList ? ('GET' as const) : ('POST' as const),
      query: isList ? `service=${service}` : '',
      contentType: headers['content-type'] as string | undefined,
      protocol: protocolOf(headers['git-protocol']),
    };
    return {
      status: 200,
      stream: async (response: ServerResponse) => {
        using _ = slot;
        await runHttpBackend(gitRequest, response).catch(explainGit);
      },
    };
  } catch (error) {
    slot[Symbol.dispose]();
    throw error;
  }
}

/** An agent sees the repositories of its environment only. */
function requireEnvironmentOf({ store }: RepositoryDeps, { principal }: GitRequest, name: string): void {
  if (principal.kind !== 'agent') return;
  const { tenantId, taskId } = principal;
  const task = store.tasks.find({ TenantId: tenantId, TaskId: taskId });
  const environment = store.environments.find({ TenantId: tenantId, EnvironmentId: task?.EnvironmentId ?? '' });
  if (environment?.Repos.includes(hostedRepo(name))) return;
  throw forbidden(`the environment of the task does not have the repository ${hostedRepo(name)}`);
}

/** @throws HttpError 403 for a push to other branches than that of the task; 400 */
async function checkPush({ store }: RepositoryDeps, { principal }: GitRequest, name: string, received: Readable) {
  if (principal.kind !== 'agent') throw forbidden('not an agent');
  const task = store.tasks.find({ TenantId: principal.tenantId, TaskId: principal.taskId });
  if (!task || task.Deleted) throw notFound('there is no such task');
  if (principal.turnFinished && task.LastTurnIndex !== principal.turnIndex)
    throw forbidden('the task has a later turn');
  const { refs, whole } = await readPushedRefs(received).catch((error: unknown) => {
    return explainGit(error instanceof MalformedPush ? badRequest(error.message) : error);
  });
  const mayPush = (ref: string) =>
    ref.startsWith('refs/heads/') &&
    mayTurnPush(task, hostedRepo(name), ref.slice('refs/heads/'.length), principal.turnIndex);
  const other = refs.find(({ ref, isDeletion }) => isDeletion || !mayPush(ref));
  if (other === undefined) return whole;
  throw forbidden(
    `an agent may push the feature branch of its task only, and not ${other.isDeletion ? 'delete' : 'push'} ${other.ref}`,
  );
}

async function pushSettings(repositories: Repositories, folder: string, isAgent: boolean): Promise<string[]> {
  const left = limits.repository.max - (await repositories.sizeOf(folder).catch(explainGit));
  if (left > 0) return [`receive.maxInputSize=${left}`, ...(isAgent ? ['receive.fsckObjects=true'] : [])];
  throw tooLarge(`the repository is larger than ${formatLimit(limits.repository)}; delete tasks that use it`);
}

async function decompressed(incoming: GitRequest['incoming'], signal: AbortSignal): Promise<Readable> {
  const encoding = incoming.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return incoming;
  if (!/^(x-)?gzip$/i.test(encoding)) throw badRequest('the body has an unknown encoding');
  const gunzip = createGunzip();
  incoming.once('error', (error) => gunzip.destroy(error));
  incoming.pipe(gunzip);
  // Git responds before it reads, so a body that is not compressed must be found before git starts.
  await once(gunzip, 'readable', { signal });
  return gunzip;
}

function protocolOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w=:.-]{1,200}$/.test(header) ? header : undefined;
}

function explainGit(error: unknown): never {
  if (error instanceof GitMissing) throw notImplemented(`${error.message}; install it`);
  // Errors of the decompression.
  if (errorCode(error)?.startsWith('Z_') === true) throw badRequest('the body is not compressed as its header says');
  throw error;
}
