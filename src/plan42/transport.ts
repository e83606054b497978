import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { trustedAuthorities } from '../lib/authorities.ts';
import { readCaFile } from '../lib/ca-file.ts';
import { ExitCode, UserError } from '../lib/errors.ts';
import { SystemTrustDispatcher, type Trust } from './system-trust.ts';

export interface TransportOptions {
  /** A PEM file of certificate authorities, in addition to the system's. */
  caFile?: string | undefined;
  /** Whether `caFile` may have the certificate of a server itself, without its authority. */
  trustsServerCertificate?: boolean;
  skipSslVerify?: boolean;
  /** For `http_proxy`, `https_proxy` and `no_proxy`. */
  env?: NodeJS.ProcessEnv;
}

// A keep-alive hint of the server takes precedence.
const keepAliveMs = 30_000;
/** The limit of a whole response. Readers of bodies apply it, because a stream may be longer. */
export const maxResponseBytes = 64 * 1024 * 1024;
const connectTimeoutMs = 10_000;

/**
 * Creates a pool of connections to any number of hosts, through the proxies of the environment. The caller closes it.
 * @throws UserError if `caFile` or the address of a proxy is invalid
 */
export function createTransport({
  caFile,
  trustsServerCertificate = false,
  skipSslVerify = false,
  env = {},
}: TransportOptions): Dispatcher {
  const ofFile =
    caFile === undefined ? [] : [readCaFile(caFile, trustsServerCertificate ? '--tls-cert of the server' : undefined)];
  const common = { keepAliveTimeout: keepAliveMs };
  const httpProxy = proxyOf(env, 'http_proxy');
  const httpsProxy = proxyOf(env, 'https_proxy');
  return new SystemTrustDispatcher((trust) => {
    // Shared by all connections, because a context with many authorities takes long to create.
    const secureContext = createContext(trust, ofFile, trustsServerCertificate);
    const tls = secureContext && { secureContext };
    const connect = { ...tls, rejectUnauthorized: !skipSslVerify, timeout: connectTimeoutMs };
    if (!httpProxy && !httpsProxy) return new Agent({ ...common, connect });
    return new EnvHttpProxyAgent({
      ...common,
      connect,
      requestTls: connect,
      ...(tls && { proxyTls: tls }),
      // Empty, not absent, because undici would read the environment of the process.
      httpProxy,
      httpsProxy,
      // A proxy cannot reach this machine's loopback.
      noProxy: ['localhost', '127.0.0.1', '::1', '[::1]', env['no_proxy'] ?? env['NO_PROXY'] ?? ''].join(','),
    });
  });
}

/** Undefined for Node.js's default, which it creates once for all. */
function createContext(
  trust: Trust,
  ofFile: readonly string[],
  trustsServerCertificate: boolean,
): SecureContext | undefined {
  if (trust === 'usual' && ofFile.length === 0) return undefined;
  const ca = trust === 'usual' ? getCACertificates('default') : trustedAuthorities();
  return createSecureContext({
    ca: [...ca, ...ofFile],
    allowPartialTrustChain: trustsServerCertificate && ofFile.length > 0,
  });
}

/** Returns the URL of the proxy, or an empty string. */
function proxyOf(env: NodeJS.ProcessEnv, lowerCase: string): string {
  const name = env[lowerCase] === undefined ? lowerCase.toUpperCase() : lowerCase;
  const url = env[name] ?? '';
  if (url === '' || isProxyUrl(url)) return url;
  // The value is not shown, because it may contain a password.
  throw new UserError(`the environment’s ${name} is not a URL`, {
    remedy: 'Set it to a URL like "http://proxy.example.com:3128". Write "%" in a password as "%25".',
    exitCode: ExitCode.configuration,
  });
}

function isProxyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^(https?|socks5?):$/.test(url.protocol)) return false;
  try {
    // undici does the same.
    decodeURIComponent(url.username + url.password);
    return true;
  } catch {
    return false;
  }
}

/** Returns the status with which a proxy rejected the connection, or undefined for any other error. */
export function proxyRefusal(error: unknown): number | undefined {
  // undici has no error class for this, only this message.
  for (let e = error; e instanceof Error; e = e.cause) {
    const status = /^Proxy response \((\d{3})\)/.exec(e.message)?.[1];
    if (status !== undefined) return Number(status);
  }
  return undefined;
}
