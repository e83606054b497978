import { forbidden, unauthorized } from './errors.ts';
import type { Principal } from './principal.ts';
import type { RouteOptions } from './route.ts';

/**
 * Whether `principal` may make a call: by the route's table entry, and only on what is its own, which is what the
 * path names. Calls that name it elsewhere check that themselves.
 * @throws HttpError 403; 401 for an agent whose turn is over, since its token ended with it.
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
  if (principal.turnIsOver && !afterTurn) throw unauthorized('the turn is over, and the token with it');
}

function requireOwn(what: string, named: string | undefined, own: string): void {
  if (named !== undefined && named !== own) throw forbidden(`the token is for another ${what}`);
}
