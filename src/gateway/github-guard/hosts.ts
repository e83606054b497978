/** The hosts of a GitHub, and what each serves. */

export type Service = 'web' | 'rest' | 'graphql' | 'uploads' | 'codeload' | 'raw' | 'other';

/** A part of a GitHub that a request is for. */
export interface Endpoint {
  service: Service;
  /** The start of the path, before that of the service: `/api/v3`, or empty. */
  base: string;
}

const publicHosts: Readonly<Record<string, Service>> = {
  'github.com': 'web',
  'www.github.com': 'web',
  'api.github.com': 'rest',
  'uploads.github.com': 'uploads',
  'codeload.github.com': 'codeload',
  'raw.githubusercontent.com': 'raw',
};

/** Those of a GitHub Enterprise Server with subdomain isolation, and of GitHub with data residency. */
const subdomains: Readonly<Record<string, Service>> = {
  api: 'rest',
  uploads: 'uploads',
  codeload: 'codeload',
  raw: 'raw',
};

/** The hosts of a GitHub whose requests need a check. */
export function guardedHosts(host: string): string[] {
  if (host === 'github.com') return Object.keys(publicHosts);
  return [host, ...Object.keys(subdomains).map((name) => `${name}.${host}`)];
}

/** @param host of `guardedHosts`. @param path without the query */
export function endpointOf(github: string, host: string, path: string): Endpoint {
  const isBelow = (base: string) => path === base || path.startsWith(`${base}/`);
  if (host === github && github !== 'github.com') {
    if (isBelow('/api/v3')) return { service: 'rest', base: '/api/v3' };
    if (path === '/api/graphql') return { service: 'graphql', base: path };
    if (isBelow('/api')) return { service: isBelow('/api/uploads') ? 'uploads' : 'other', base: '' };
    return { service: 'web', base: '' };
  }
  const service = github === 'github.com' ? publicHosts[host] : subdomains[host.slice(0, -github.length - 1)];
  if (service === 'rest' && path === '/graphql') return { service: 'graphql', base: path };
  return { service: service ?? 'other', base: '' };
}
