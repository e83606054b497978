/** Connections and headers of requests, renewed when tokens and certificates rotate. */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { systemClock } from '../../../lib/clock.ts';
import { formatError, UserError } from '../../../lib/errors.ts';
import { createConnections, type PingTiming } from './connections.ts';

export interface Access {
  dispatcher: Dispatcher;
  headers: Readonly<Record<string, string>>;
}

export interface Credentials {
  current(): Promise<Access>;
  /** After the server refused them: reads them again before the next request. */
  expire(): void;
}

// Files of tokens and certificates are replaced in place; the library reads token files at most once a minute.
const keepMs = 10_000;

export function createCredentials(config: KubeConfig, timing?: PingTiming): Credentials {
  let access: Promise<Access> | undefined;
  let readAt = 0;
  let last: { tls: string; dispatcher: Dispatcher } | undefined;

  async function read(): Promise<Access> {
    const options: RequestOptions & { rejectUnauthorized?: boolean } = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new UserError(`cannot get credentials for the Kubernetes API: ${formatError(error).trim()}`, {
        remedy: 'Correct the user of the context in the kubeconfig, for example its files or its command.',
      });
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value).trim();
    if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { dispatcher: connectionsFor(options), headers };
  }

  // Connections are kept as long as the certificates are the same.
  function connectionsFor(options: RequestOptions): Dispatcher {
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const tls = { ca, cert, key, rejectUnauthorized, servername };
    const text = JSON.stringify(tls);
    if (last?.tls === text) return last.dispatcher;
    const dispatcher = createConnections(config, tls, timing);
    last?.dispatcher.close().catch(() => {});
    last = { tls: text, dispatcher };
    return dispatcher;
  }

  return {
    current: () => {
      if (access !== undefined && systemClock.now() - readAt < keepMs) return access;
      readAt = systemClock.now();
      const reading = read();
      access = reading;
      reading.catch(() => {
        if (access === reading) access = undefined;
      });
      return reading;
    },
    expire: () => {
      access = undefined;
    },
  };
}
