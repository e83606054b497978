/** Turns connection errors into findings with a remedy. */
import { untrustedCodes } from '../lib/authorities.ts';
import { describeAuthorityProblems } from '../lib/authority-variables.ts';
import { errorCode, formatError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import { type Finding, failed } from './finding.ts';

interface Explanation {
  codes: RegExp;
  message: (host: string) => string;
  remedy: (setting: string) => string;
  /** Reproduces the problem. */
  command?: (url: URL) => string;
}

const curl = (url: URL) => `curl -v ${shellQuote(url.href)}`;
const certificate = (url: URL) =>
  `openssl s_client -connect ${shellQuote(`${url.hostname}:${url.port || 443}`)} -servername ${shellQuote(url.hostname)} </dev/null`;

const explanations: readonly Explanation[] = [
  {
    codes: untrustedCodes,
    message: (host) => `the certificate of ${host} is not trusted`,
    remedy: () =>
      'Let the system trust its certificate authority, or set network.ca_file to it. If a proxy inspects TLS, use the authority of the proxy.',
    command: certificate,
  },
  {
    codes: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    message: (host) => `the certificate of ${host} has expired, or is not valid yet according to the local clock`,
    remedy: () => 'Check the local date. If it is right, report this to the operator of the server.',
    command: () => 'date',
  },
  {
    codes: /ALTNAME/,
    message: (host) => `the certificate is not for ${host}`,
    remedy: (setting) => `Correct the host name in ${setting}.`,
    command: certificate,
  },
  {
    codes: /^ERR_SSL.*ALERT/,
    message: (host) => `${host} rejects the TLS connection`,
    remedy: () => 'Ask the operator of the server whether it supports TLS 1.2 and requires a client certificate.',
    command: certificate,
  },
  {
    codes: /ERR_SSL|EPROTO/,
    message: (host) => `${host} does not use TLS`,
    remedy: (setting) => `Correct scheme and port of ${setting}, or the proxy in the environment.`,
    command: curl,
  },
  {
    codes: /ENOTFOUND|EAI_/,
    message: (host) => `cannot resolve host ${host}`,
    remedy: (setting) => `Correct ${setting}, or the DNS settings of this machine.`,
    command: ({ hostname }) => `nslookup ${shellQuote(hostname)}`,
  },
  {
    codes: /ECONNREFUSED/,
    message: (host) => `nothing listens at ${host}`,
    remedy: (setting) => `Start the server, or correct ${setting}.`,
    command: curl,
  },
  {
    codes: /TIMEOUT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT/,
    message: (host) => `${host} is unreachable`,
    remedy: () => 'Check network and firewall. If the network requires a proxy, set https_proxy in the environment.',
    command: curl,
  },
];

/** Returns a failed finding for a failed connection to `url`, the value of `setting`. */
export function explainConnection(error: unknown, setting: string, url: URL, env: NodeJS.ProcessEnv): Finding {
  const code = errorCode(error) ?? '';
  const reason = formatError(error);
  const proxy = proxyHost(url, env);
  if (proxy !== undefined && /ECONNREFUSED|ENOTFOUND|Proxy response/.test(`${code} ${reason}`)) {
    const text = 'Correct http_proxy and https_proxy in the environment, including user name and password if required.';
    return failed(setting, `the proxy ${proxy} does not connect to ${url.host} (${reason})`, {
      text,
      command: curl(url),
    });
  }
  const explanation = explanations.find(({ codes }) => codes.test(code));
  const message = explanation?.message(url.host) ?? `no response from ${url.host}`;
  const command = explanation?.command?.(url) ?? curl(url);
  const remedy = explanation?.remedy(setting) ?? 'Check the network and any proxy in between.';
  const text = untrustedCodes.test(code) ? remedy + describeAuthorityProblems(env) : remedy;
  const via = proxy === undefined ? '' : `, via proxy ${proxy}`;
  return failed(setting, `${message} (${code || reason}${via})`, { text, command });
}

/** Host and port of the proxy for `url`, without credentials. */
function proxyHost({ protocol, hostname }: URL, env: NodeJS.ProcessEnv): string | undefined {
  const noProxy = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').split(/[\s,]+/).filter(Boolean);
  if (isLoopback(hostname) || noProxy.some((name) => isHostIn(hostname, name))) return undefined;
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = env[name] ?? env[name.toUpperCase()];
  return proxy ? URL.parse(proxy)?.host : undefined;
}

// As undici reads `no_proxy`: `example.com` is that host alone, `.example.com` and `*.example.com` are those below it.
function isHostIn(hostname: string, name: string): boolean {
  if (name === '*') return true;
  const suffix = name.toLowerCase().replace(/:\d+$/, '');
  return /^[.*]/.test(suffix) ? hostname.endsWith(suffix.replace(/^\*/, '')) : hostname === suffix;
}
