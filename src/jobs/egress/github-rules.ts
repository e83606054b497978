import { parseEntry } from '../../gateway/entries.ts';
import type { AddressRule, Rule } from '../../gateway/policy.ts';
import { rulesForUrl } from './rules-for-url.ts';

/** Hosts of a GitHub Enterprise Server with subdomain isolation, and of GitHub with data residency. */
const subdomains = ['api', 'uploads', 'codeload', 'raw', 'media', 'containers'];

/** The GitHub of a job: API, git, uploads and downloads of releases. */
export function githubRules(url: URL, isConfigured: boolean): { rules: Rule[]; addresses: AddressRule[] } {
  if (url.hostname === 'github.com' || url.hostname === 'api.github.com') {
    const entries = parseEntry('github');
    const rules = entries.flatMap((entry) =>
      entry.kind === 'host'
        ? [{ host: entry.host, ports: [...entry.ports], source: 'the GitHub of the job', mayBePrivate: false }]
        : [],
    );
    return { rules, addresses: [] };
  }
  const own = rulesForUrl(url, { source: 'the GitHub of the job', isConfigured });
  const below = own.rules.flatMap(({ host, ports, source, mayBePrivate }) =>
    subdomains.map((name) => ({ host: `${name}.${host}`, ports, source, mayBePrivate })),
  );
  return { rules: [...own.rules, ...below], addresses: own.addresses };
}
