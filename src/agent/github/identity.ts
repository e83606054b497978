import * as v from 'valibot';
import type { Identity } from '../git/environment.ts';
import type { Github } from './client.ts';

const User = v.object({ login: v.string(), id: v.number(), name: v.nullish(v.string()) });
const ownIdentity: Identity = { name: 'Plan42 Agent', email: 'agent@plan42.invalid' };

/** Returns who commits: the user whose token it is. GitHub attributes commits with this address to the account. */
export async function findIdentity(github: Github | undefined): Promise<Identity> {
  if (github === undefined) return ownIdentity;
  try {
    const { login, id, name } = v.parse(User, await github.rest({ path: '/user' }));
    const [host] = github.host.split(':');
    return { name: name || login, email: `${id}+${login}@users.noreply.${host}` };
  } catch {
    // A token of an app has no user. A token that is refused is reported when a repository is cloned.
    return ownIdentity;
  }
}
