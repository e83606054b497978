import { proxyPort } from './build.ts';

/** The variables with which programs in the container find the gateway. */
export function proxyVariables(): Record<string, string> {
  const url = `http://127.0.0.1:${proxyPort}`;
  const names = ['http_proxy', 'https_proxy', 'all_proxy'];
  const own = 'localhost,127.0.0.1,::1';
  const both = (name: string, value: string) => [
    [name, value],
    [name.toUpperCase(), value],
  ];
  const entries = [...names.flatMap((name) => both(name, url)), ...both('no_proxy', own), ['NODE_USE_ENV_PROXY', '1']];
  return Object.fromEntries(entries);
}
