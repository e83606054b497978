import { TurnFailure } from '../failures.ts';
import type { AgentRequest } from '../turn/request.ts';
import type { Credentials } from './environment.ts';

/** Where a repository of the environment is. */
export interface Location {
  /** `org/repo` */
  name: string;
  url: string;
  credentials: Credentials | undefined;
  /** Whether it has pull requests. */
  isOnGithub: boolean;
  /** Whether the Plan42 server keeps it. */
  isHosted: boolean;
}

/** Returns the clone URL of a repository. @throws TurnFailure */
export function locate(name: string, request: AgentRequest, serverUrl: string): Location {
  const { repoUrls, githubUrl, githubToken, token } = request;
  if (!isRepoName(name)) {
    throw new TurnFailure(`the repository ${JSON.stringify(name)} of the environment has no valid name.`, {
      remedy: 'Write it like "org/repo".',
    });
  }
  const given = repoUrls[name];
  if (given?.startsWith('/')) {
    return {
      name,
      url: serverUrl + given,
      credentials: { user: 'plan42', password: token },
      isOnGithub: false,
      isHosted: true,
    };
  }
  if (given !== undefined) {
    // Others, such as "ext::", run commands.
    if (!/^(?:https?|ssh|git|file):\/\//.test(given)) {
      throw new TurnFailure(`cannot clone ${name}: its URL has an unknown scheme.`, { remedy: 'Use an https URL.' });
    }
    return { name, ...withoutCredentials(given), isOnGithub: false, isHosted: false };
  }
  return {
    name,
    url: `${githubUrl ?? 'https://github.com'}/${name}.git`,
    credentials: githubToken === undefined ? undefined : { user: 'x-access-token', password: githubToken },
    isOnGithub: true,
    isHosted: false,
  };
}

// git would write them to its configuration.
function withoutCredentials(text: string): Pick<Location, 'url' | 'credentials'> {
  const url = URL.parse(text);
  if (!url?.password) return { url: text, credentials: undefined };
  const credentials = { user: decode(url.username), password: decode(url.password) };
  url.username = '';
  url.password = '';
  return { url: url.href, credentials };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the folder of each repository below the workspace: its name, with the organisation if two have the same. */
export function folderNames(names: readonly string[]): Map<string, string> {
  const short = (name: string) => name.slice(name.indexOf('/') + 1);
  const isUnique = (name: string) => names.filter((other) => short(other) === short(name)).length === 1;
  return new Map(names.map((name) => [name, isUnique(name) ? short(name) : name.replace('/', '-')]));
}

function isRepoName(name: string): boolean {
  const parts = name.split('/');
  return parts.length === 2 && parts.every((part) => /^[\w.-]+$/.test(part) && !/^(?:-|\.{1,2}$|\.git$)/i.test(part));
}
