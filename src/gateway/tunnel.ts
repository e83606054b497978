/** A tunnel that a client asked for by CONNECT or SOCKS. */
import type { Socket } from 'node:net';
import { connectInBlocks } from './block-reader.ts';
import { UnreachableError } from './connected.ts';
import { decide, type Permission, type Refusal } from './decide.ts';
import { checkFirstBytes, checkSecondHello, denyTls, type FirstBytes, tlsPort } from './first-bytes.ts';
import { showTarget, type Target } from './host-name.ts';
import type { Broker } from './intercept/broker.ts';
import type { FindGuards } from './intercept/guards.ts';
import type { Limits } from './limits.ts';
import type { EgressPolicy } from './policy.ts';
import type { Recorder } from './recorder.ts';
import { relay } from './relay.ts';
import { watchServerHello } from './server-hello.ts';
import { RefusedError, type Upstream } from './upstream.ts';

export interface ProxyDeps {
  policy: EgressPolicy;
  upstream: Upstream;
  recorder: Recorder;
  limits: Limits;
  /** Undefined if the job has no credentials to keep. */
  broker?: Broker | undefined;
  guards: FindGuards;
}

/** How the protocol of the client responds. */
export interface TunnelReplies {
  established: () => void;
  refused: (refusal: Refusal) => void;
  unreachable: (reason: string) => void;
}

/** The port on which plain HTTP is spoken. Its requests are checked one by one. */
export const httpPort = 80;

/**
 * Opens the tunnel and passes it on. Resolves with the permission of a tunnel to the HTTP port, or to an intercepted or
 * guarded host, whose client is still to be connected to the HTTP proxy; the caller has replied by then.
 */
export async function openTunnel(
  client: Socket,
  target: Target,
  replies: TunnelReplies,
  deps: ProxyDeps,
): Promise<Permission | undefined> {
  const { policy, recorder, limits } = deps;
  const decision = decide(policy, target);
  const named = { host: target.host.text, port: target.port };
  if (decision.refusal !== undefined) {
    recorder.refuse(named, decision.refusal);
    replies.refused(decision.refusal);
    return undefined;
  }
  const { permission } = decision;
  const isGuarded = deps.guards(target).length > 0 || deps.broker?.intercepts(target) === true;
  const isRead = target.port === httpPort || isGuarded;
  const opening = isRead ? deps.upstream.check(target, permission) : connectFor(client, target, permission, deps);
  const socket = await opening.catch((error: unknown) => {
    if (error instanceof RefusedError) {
      recorder.refuse(named, error.refusal);
      replies.refused(error.refusal);
    } else if (error instanceof UnreachableError) replies.unreachable(error.message);
    else throw error;
    return 'failed' as const;
  });
  if (socket === 'failed') return undefined;
  if (socket === undefined) {
    replies.established();
    return permission;
  }
  if (client.destroyed) {
    socket.destroy();
    return undefined;
  }
  replies.established();
  const onBytes = recorder.allow(named, permission);
  const serverHello = watchServerHello(socket);
  /** Whether the connection may continue. Records why if not. */
  const isAdmitted = (found: FirstBytes): found is Exclude<FirstBytes, { kind: 'closed' }> => {
    if (found.kind === 'closed') client.destroy();
    if (found.kind !== 'refused') return found.kind === 'admitted';
    if (policy.mode === 'enforce') {
      recorder.refuse(named, found.refusal);
      denyTls(client);
      return false;
    }
    recorder.allow(named, { ...permission, observed: found.refusal });
    return true;
  };
  const admit = async () => {
    const first = await checkFirstBytes(client, target, target.port === tlsPort ? limits.headerMs : limits.idleMs);
    if (!isAdmitted(first)) return false;
    if (first.kind === 'refused' || first.helloBytes === 0) return true;
    // Nothing else of the client until it is known how the server understands it.
    socket.write(client.read(first.helloBytes) as Buffer);
    return !(await serverHello.isRetry) || isAdmitted(await checkSecondHello(client, target, limits.headerMs));
  };
  relay(client, socket, { idleMs: limits.idleMs, onBytes, admit, see: serverHello.see });
  return undefined;
}

/** Connects for a client, as long as it is there. */
async function connectFor(
  client: Socket,
  target: Target,
  permission: Permission,
  { upstream }: ProxyDeps,
): Promise<Socket> {
  const gone = new AbortController();
  const onClose = () => gone.abort();
  client.once('close', onClose);
  try {
    return await upstream.connect(target, permission, gone.signal, connectInBlocks);
  } finally {
    client.off('close', onClose);
  }
}

/** The text of a refusal, for the body of a response. */
export function describeRefusal(target: string, { reason, remedy }: Refusal): string {
  return `plan42: network: refused ${target}: ${reason}. ${remedy}\n`;
}

export function describeUnreachable(target: Target, reason: string): string {
  return `plan42: network: cannot reach ${showTarget(target)}: ${reason}\n`;
}
