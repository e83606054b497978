import { readFileSync, statSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { ExitCode, UserError } from '../lib/errors.ts';

export interface TransportOptions {
  /** A PEM file of certificate authorities, beside the system's. */
  caFile?: string | undefined;
  skipSslVerify?: boolean;
  /** For `http_proxy`, `https_proxy` and `no_proxy`. */
  env?: NodeJS.ProcessEnv;
}

// The servers' own keep-alive hint, where there is one, takes precedence.
const keepAliveMs = 30_000;
const maxResponseBytes = 64 * 1024 * 1024;
const connectTimeoutMs = 10_000;

/**
 * Kept-alive connections to any number of hosts, through the environment's proxies. The caller closes it.
 * @throws UserError if `caFile` or a proxy's address can't be used.
 */
export function createTransport({ caFile, skipSslVerify = false, env = {} }: TransportOptions): Dispatcher {
  const tls = {
    ...(caFile === undefined ? {} : { ca: [...getCACertificates('default'), readCaFile(caFile)] }),
    rejectUnauthorized: !skipSslVerify,
  };
  const common = { keepAliveTimeout: keepAliveMs, maxResponseSize: maxResponseBytes };
  const connect = { ...tls, timeout: connectTimeoutMs };
  const httpProxy = proxyOf(env, 'http_proxy');
  const httpsProxy = proxyOf(env, 'https_proxy');
  if (!httpProxy && !httpsProxy) return new Agent({ ...common, connect });
  return new EnvHttpProxyAgent({
    ...common,
    connect,
    requestTls: connect,
    // Empty rather than absent: undici would look into the process's own environment.
    httpProxy,
    httpsProxy,
    // A proxy can't reach our own loopback.
    noProxy: ['localhost', '127.0.0.1', '::1', '[::1]', env['no_proxy'] ?? env['NO_PROXY'] ?? ''].join(','),
  });
}

/** Empty when there is none. */
function proxyOf(env: NodeJS.ProcessEnv, lowerCase: string): string {
  const name = env[lowerCase] === undefined ? lowerCase.toUpperCase() : lowerCase;
  const url = env[name] ?? '';
  if (url === '' || /^(https?|socks5?):$/.test(URL.parse(url)?.protocol ?? '')) return url;
  // It may hold a password.
  throw new UserError(`the environment’s ${name} is not a URL`, {
    remedy: 'Set it to a URL like "http://proxy.example.com:3128".',
    exitCode: ExitCode.configuration,
  });
}

/** @throws UserError (exit code 3) unless it holds a certificate in PEM */
export function readCaFile(path: string): string {
  const remedy = 'Set network.ca_file to a PEM file with the certificate of your authority.';
  let pem: string;
  try {
    // A pipe would keep everything waiting.
    if (!statSync(path).isFile()) throw new Error('it is no file');
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read the CA file ${path}`, { remedy, cause: error, exitCode: ExitCode.configuration });
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new UserError(`there is no PEM certificate in the CA file ${path}`, {
      remedy,
      exitCode: ExitCode.configuration,
    });
  }
  return pem;
}
