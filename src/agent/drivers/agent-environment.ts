const proxies = ['http_proxy', 'https_proxy', 'no_proxy'] as const;
/** Agents talk to servers of their own on loopback, which a proxy cannot reach. */
const loopback = ['localhost', '127.0.0.1', '::1'];

/** The environment of an agent: programs agree neither on the case of proxy variables nor on who reads them. */
export function agentEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = { CI: 'true', NO_COLOR: '1', TERM: 'dumb', ...env };
  const [http, https, no] = proxies.map((name) => env[name] ?? env[name.toUpperCase()]);
  if (!http && !https) return result;
  const hosts = new Set([...(no ?? '').split(',').filter(Boolean), ...loopback]);
  const values = { http_proxy: http ?? '', https_proxy: https ?? http ?? '', no_proxy: [...hosts].join(',') };
  for (const [name, value] of Object.entries(values)) {
    if (value === '') continue;
    result[name] = value;
    result[name.toUpperCase()] = value;
  }
  // Node.js ignores them by default.
  result['NODE_USE_ENV_PROXY'] ??= '1';
  return result;
}
