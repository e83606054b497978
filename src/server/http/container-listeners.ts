import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCode } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { type Bridge, findBridges } from './bridges.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { type Listener, listen, type TlsKeyPair } from './listener.ts';

export interface ContainerListenerOptions {
  port: number;
  tls: TlsKeyPair | undefined;
  closeGraceMs: number;
  limits?: ConnectionLimits | undefined;
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  logger: Logger;
  find?: () => Promise<Bridge[]>;
}

// An engine may create its bridge for its first container, whose agent calls at once.
const pollIntervalMs = 250;

/**
 * Listens on the bridges of docker and podman, now and as they appear, for their containers only: other machines may be able
 * to send packets to such an address, and their connections are closed before anything is read.
 */
export async function listenForContainers(options: ContainerListenerOptions): Promise<AsyncDisposable> {
  const { port, tls, closeGraceMs, limits, handle, logger, find = findBridges } = options;
  const listeners = new Map<string, Listener>();
  const reported = new Set<string>();
  let bridges: Bridge[] = [];
  const accepts = (address: string) => bridges.some((bridge) => bridge.includes(address));

  async function listenOn({ name, address }: Bridge): Promise<void> {
    try {
      const listener = await listen({ host: address, port }, { tls, closeGraceMs, limits, accepts });
      listener.serve(handle);
      listeners.set(address, listener);
      logger.info('listening for containers', { address: `${address}:${port}`, bridge: name });
    } catch (error) {
      // The bridge has gone again.
      if (errorCode(error) === 'EADDRNOTAVAIL' || reported.has(address)) return;
      reported.add(address);
      logger.warn('cannot listen for containers', { address: `${address}:${port}`, bridge: name, error });
    }
  }

  async function update(): Promise<void> {
    bridges = await find();
    for (const bridge of bridges) if (!listeners.has(bridge.address)) await listenOn(bridge);
  }

  await update();
  let updated = Promise.resolve();
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    updated = update()
      .catch((error: unknown) => logger.warn('cannot find bridges of containers', { error }))
      .finally(() => {
        isBusy = false;
      });
  }, pollIntervalMs);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await updated;
      await Promise.all([...listeners.values()].map((listener) => listener[Symbol.asyncDispose]()));
    },
  };
}
