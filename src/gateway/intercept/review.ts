/** Lets the guards of a host review a request, and does what they say. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatError } from '../../lib/errors.ts';
import type { Permission, Refusal } from '../decide.ts';
import type { Admitted, Changes, Forwarder } from '../forward-request.ts';
import { respond } from '../responses.ts';
import type { ProxyDeps } from '../tunnel.ts';
import type { Guard, InterceptedRequest, Refused, Respond } from './hooks.ts';

interface ReviewDeps extends Pick<ProxyDeps, 'recorder'> {
  forwarder: Forwarder;
  guards: readonly Guard[];
}

/** Never rejects. */
export async function review(
  request: IncomingMessage,
  response: ServerResponse,
  admitted: Admitted,
  { forwarder, guards, recorder }: ReviewDeps,
): Promise<void> {
  const { host, port } = admitted.target;
  const reviewed: InterceptedRequest = {
    method: request.method ?? '',
    host: host.text,
    port,
    path: pathOf(request.url ?? ''),
    rawHeaders: request.rawHeaders,
    // A guard that stops reading must not close the connection.
    body: { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) },
  };
  const changes: Changes & { headers: string[]; taps: Changes['taps'][number][] } = { headers: [], taps: [] };
  let { permission } = admitted;
  try {
    for (const guard of guards) {
      const body = changes.body ?? reviewed.body;
      const verdict = await guard.review({ ...reviewed, body }, (question) => forwarder.ask(question, admitted));
      if (verdict.kind === 'respond') {
        if (verdict.refused !== undefined) recorder.refuse({ host: host.text, port }, refusalOf(verdict.refused));
        await answer(request, response, verdict);
        return;
      }
      if (verdict.observed !== undefined) permission = withObserved(permission, verdict.observed);
      if (verdict.body !== undefined) changes.body = verdict.body;
      if (verdict.bodyLength !== undefined) changes.bodyLength = verdict.bodyLength;
      if (verdict.headers !== undefined) changes.headers.push(...verdict.headers);
      if (verdict.onResponse !== undefined) changes.taps.push(verdict.onResponse);
    }
    forwarder.forward(request, response, { ...admitted, permission }, changes);
  } catch (error) {
    respond(response, 502, `plan42: network: cannot review this request: ${formatError(error)}\n`);
  }
}

const refusalOf = ({ what, remedy }: Refused): Refusal => ({ code: 'request-not-allowed', reason: what, remedy });

/** A host that is not allowed at all comes first. */
function withObserved(permission: Permission, refused: Refused): Permission {
  return permission.observed === undefined ? { ...permission, observed: refusalOf(refused) } : permission;
}

/** A proxy gets a whole URL without TLS. */
function pathOf(url: string): string {
  const path = url.startsWith('/') ? url : url.replace(/^[^:/?#]*:\/\/[^/?#]*/, '');
  return path.startsWith('/') ? path : `/${path}`;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body, drains }: Respond,
): Promise<void> {
  const length = ['Content-Length', String(Buffer.byteLength(body))];
  if (drains === true) for await (const _ of request.iterator({ destroyOnReturn: false }));
  // The rest of an unread body would be read as the next request.
  const close = request.complete ? [] : ['Connection', 'close'];
  response.writeHead(status, [...headers, ...length, ...close]).end(body);
}
