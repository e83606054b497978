/**
 * Connections to the API server. With HTTP/2, a few of them carry the logs and watches of hundreds of jobs. One that swallows
 * everything would hold them all up until TCP gives it up, after a quarter of an hour: undici sends pings, but waits for no
 * response.
 */
import { TLSSocket } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, buildConnector, type Dispatcher, errors, Pool, ProxyAgent } from 'undici';
import { UserError } from '../../../lib/errors.ts';

export interface PingTiming {
  pingMs: number;
  /** After so many pings in a row without a byte from the server, a connection is ended. */
  maxSilentPings: number;
}

const defaultTiming: PingTiming = { pingMs: 10_000, maxSilentPings: 3 };

/** @throws UserError */
export function createConnections(
  config: KubeConfig,
  tls: Parameters<KubeConfig['createDispatcherOptions']>[1],
  timing = defaultTiming,
): Dispatcher {
  const options = config.createDispatcherOptions(config.getCurrentCluster(), tls);
  const h2Options = { pingInterval: timing.pingMs };
  // The library's types allow properties that are undefined, which it does not set.
  const own = (connect: object) => connect as buildConnector.BuildOptions;
  switch (options.type) {
    case 'agent':
      return new Agent({ connect: endIfSilent(buildConnector(own(options.connect)), timing), h2Options });
    case 'proxy':
      return new ProxyAgent({
        uri: options.uri,
        requestTls: own(options.requestTls),
        h2Options,
        // Its own connector makes the tunnel.
        factory: (origin, { connect, ...rest }: { connect?: buildConnector.connector }) =>
          new Pool(origin, { ...rest, ...(connect && { connect: endIfSilent(connect, timing) }) }),
      });
    case 'none':
      return new Agent({ connect: endIfSilent(buildConnector(), timing), h2Options });
    case 'socks':
      throw new UserError('cannot connect to the Kubernetes API by a SOCKS proxy', {
        remedy: 'Use an HTTP proxy in proxy-url of the kubeconfig, or none.',
      });
  }
}

function endIfSilent(connect: buildConnector.connector, timing: PingTiming): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...result) => {
      const [, socket] = result;
      if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') watchForSilence(socket, timing);
      callback(...result);
    });
}

/** Counts pings, not time, so that a process or a machine that was paused loses no connection. */
function watchForSilence(socket: TLSSocket, { pingMs, maxSilentPings }: PingTiming): void {
  let { bytesRead } = socket;
  let silentPings = 0;
  const timer = setInterval(() => {
    silentPings = socket.bytesRead === bytesRead ? silentPings + 1 : 0;
    bytesRead = socket.bytesRead;
    if (silentPings < maxSilentPings) return;
    const seconds = (pingMs * maxSilentPings) / 1000;
    socket.destroy(new errors.SocketError(`nothing arrived from the API server for ${seconds} s`));
  }, pingMs);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}
