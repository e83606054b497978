/** What a person can do about a connection that does not come about. */
import { errorCode, formatError } from '../../../lib/errors.ts';
import { shellQuote } from '../../../lib/shell-quote.ts';
import { type Finding, failed } from './finding.ts';

interface Explanation {
  codes: RegExp;
  found: (host: string) => string;
  remedy: (setting: string) => string;
  /** Shows what is wrong. */
  command?: (url: URL) => string;
}

const curl = (url: URL) => `curl -v ${shellQuote(url.href)}`;
const certificate = (url: URL) =>
  `openssl s_client -connect ${shellQuote(`${url.hostname}:${url.port || 443}`)} -servername ${shellQuote(url.hostname)} </dev/null`;

const explanations: readonly Explanation[] = [
  {
    codes: /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/,
    found: (host) => `the certificate of ${host} is not trusted`,
    remedy: () => 'Name its authority in network.ca_file. Where a proxy looks into connections, that is the proxy’s.',
    command: certificate,
  },
  {
    codes: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    found: (host) => `the certificate of ${host} has expired, or is not valid yet by this machine’s clock`,
    remedy: () => 'Check the date of this machine, then tell whoever runs the server.',
    command: () => 'date',
  },
  {
    codes: /ALTNAME/,
    found: (host) => `the certificate that came is not for ${host}`,
    remedy: (setting) => `Correct the host name in ${setting}.`,
    command: certificate,
  },
  {
    codes: /ERR_SSL.*ALERT/,
    found: (host) => `${host} refuses the TLS connection`,
    remedy: () => 'It may know only TLS that is older than 1.2, or want a certificate: tell whoever runs it.',
    command: certificate,
  },
  {
    codes: /ERR_SSL|EPROTO/,
    found: (host) => `what answers at ${host} does not speak TLS`,
    remedy: (setting) => `Correct scheme and port of ${setting}, or the proxy in the environment.`,
    command: curl,
  },
  {
    codes: /ENOTFOUND|EAI_/,
    found: (host) => `there is no host ${host}, or its name can’t be looked up here`,
    remedy: (setting) => `Correct ${setting}, or the DNS settings of this machine.`,
    command: ({ hostname }) => `nslookup ${shellQuote(hostname)}`,
  },
  {
    codes: /ECONNREFUSED/,
    found: (host) => `nothing listens at ${host}`,
    remedy: (setting) => `Start the server, or correct ${setting}.`,
    command: curl,
  },
  {
    codes: /TIMEOUT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT/,
    found: (host) => `${host} cannot be reached`,
    remedy: () =>
      'Check the network and its firewall; where only a proxy gets out, set https_proxy in the environment.',
    command: curl,
  },
];

/** A failed finding from the error of a connection to `url`, which is the value of `setting`. */
export function explainConnection(error: unknown, setting: string, url: URL, env: NodeJS.ProcessEnv): Finding {
  const code = errorCode(error) ?? '';
  const said = formatError(error);
  const proxy = proxyHost(url, env);
  if (proxy !== undefined && /ECONNREFUSED|ENOTFOUND|Proxy response/.test(`${code} ${said}`)) {
    const text =
      'Correct http_proxy and https_proxy in the environment, with the user name and password if it asks for them.';
    return failed(`the proxy ${proxy} does not let through to ${url.host} (${said})`, { text, command: curl(url) });
  }
  const explanation = explanations.find(({ codes }) => codes.test(code));
  const found = explanation?.found(url.host) ?? `no answer from ${url.host}`;
  const command = explanation?.command?.(url) ?? curl(url);
  const text = explanation?.remedy(setting) ?? 'Check the network, and proxies on the way.';
  const via = proxy === undefined ? '' : `, through the proxy ${proxy}`;
  return failed(`${found} (${code || said}${via})`, { text, command });
}

const direct = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The proxy that stands between, without its password. */
function proxyHost({ protocol, hostname }: URL, env: NodeJS.ProcessEnv): string | undefined {
  const noProxy = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').split(/[\s,]+/).filter(Boolean);
  if (direct.test(hostname) || noProxy.some((name) => name === '*' || hostname.endsWith(name.replace(/^\*/, '')))) {
    return undefined;
  }
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = env[name] ?? env[name.toUpperCase()];
  return proxy ? URL.parse(proxy)?.host : undefined;
}
