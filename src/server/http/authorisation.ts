import { forbidden, unauthorized } from './errors.ts';
import type { Principal } from './principal.ts';
import type { RouteOptions } from './route.ts';

/**
 * Checks that `principal` may use the route, and that the IDs in the path are its own. Routes with IDs elsewhere check
 * those themselves.
 * @throws HttpError 403; 401 for an agent whose turn is finished, because its token is no longer valid
 */
export function authorise(
  principal: Principal,
  { access, afterTurn }: RouteOptions,
  params: Readonly<Record<string, string | undefined>>,
): void {
  if (!access.includes(principal.kind))
    throw forbidden(`a token of this kind (${principal.kind}) may not make this call`);
  requireOwn('tenant', params['tenantId'], principal.tenantId);
  if (principal.kind === 'runner') requireOwn('runner', params['runnerId'], principal.runnerId);
  if (principal.kind !== 'agent') return;
  requireOwn('task', params['taskId'], principal.taskId);
  requireOwn('turn', params['turnIndex'], String(principal.turnIndex));
  if (principal.turnFinished && !afterTurn) throw unauthorized('the turn is finished, so its token is no longer valid');
}

function requireOwn(what: string, named: string | undefined, own: string): void {
  if (named !== undefined && named !== own) throw forbidden(`the token is for another ${what}`);
}
