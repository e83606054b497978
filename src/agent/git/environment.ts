/** The environment of git, and the identity of its commits. */
import { randomUUID } from 'node:crypto';

export interface Identity {
  name: string;
  email: string;
}

export interface Credentials {
  user: string;
  password: string;
}

const passwordVariable = 'PLAN42_GIT_PASSWORD';
const userVariable = 'PLAN42_GIT_USER';
// git passes the action as the argument. The password is in no file, no argument and no configuration.
const helper = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${userVariable}" "$${passwordVariable}"; }; f`;

/** Variables with which git commits as `identity`, for the agent and its programs too. Existing ones win. */
export function identityVariables({ name, email }: Identity, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const authorName = env['GIT_AUTHOR_NAME'] || name;
  const authorEmail = env['GIT_AUTHOR_EMAIL'] || email;
  return {
    GIT_AUTHOR_NAME: authorName,
    GIT_AUTHOR_EMAIL: authorEmail,
    GIT_COMMITTER_NAME: env['GIT_COMMITTER_NAME'] || authorName,
    GIT_COMMITTER_EMAIL: env['GIT_COMMITTER_EMAIL'] || authorEmail,
  };
}

/** Variables with which git works in folders of other users, and shows names as they are. For the agent too. */
export function sharedVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // git does not read the variables that name authorities for other programs.
  const authorities = env['GIT_SSL_CAINFO'] ?? env['SSL_CERT_FILE'];
  return {
    ...(authorities && { GIT_SSL_CAINFO: authorities }),
    // Without a terminal, a question would wait until the turn is cancelled.
    GIT_TERMINAL_PROMPT: '0',
    GIT_EDITOR: 'true',
    GIT_LFS_SKIP_SMUDGE: '1',
    ...configVariables(env, { 'safe.directory': '*', 'core.quotePath': 'false', 'gc.auto': '0' }),
  };
}

/**
 * The name of the remote in our calls of git. Settings of the agent, such as `insteadOf`, cannot lead it to another host, because
 * they would have to name it.
 */
export const theRemote = `plan42-${randomUUID()}:`;

export interface Remote {
  url: string;
  /** Where fetches and pushes go, if the settings of the image replace `url`. */
  fetchUrl?: string;
  pushUrl?: string;
  credentials: Credentials | undefined;
}

/** The environment of our own calls of git. Only these get credentials, and only for the origin of `url`. */
export function gitEnvironment(env: NodeJS.ProcessEnv, remote?: Remote): NodeJS.ProcessEnv {
  const origin = remote && URL.parse(remote.url)?.origin;
  const { credentials } = remote ?? {};
  const base: NodeJS.ProcessEnv = {
    ...env,
    // Messages are read.
    LC_ALL: 'C.UTF-8',
    LANGUAGE: 'en',
    GIT_ASKPASS: '',
    // A connection that stands still must not hold the turn.
    GIT_HTTP_LOW_SPEED_LIMIT: '1000',
    GIT_HTTP_LOW_SPEED_TIME: '60',
    ...(credentials && { [userVariable]: credentials.user, [passwordVariable]: credentials.password }),
  };
  return {
    ...base,
    ...configVariables(base, {
      // The agent can write hooks and settings, which must not run with our credentials.
      'core.hooksPath': '/dev/null',
      'core.fsmonitor': 'false',
      'commit.gpgSign': 'false',
      'push.gpgSign': 'false',
      'credential.helper': '',
      ...(credentials && origin && origin !== 'null' && { [`credential.${origin}.helper`]: helper }),
      ...(remote && {
        [`url.${remote.fetchUrl ?? remote.url}.insteadOf`]: theRemote,
        [`url.${remote.pushUrl ?? remote.url}.pushInsteadOf`]: theRemote,
      }),
    }),
  };
}

/** Variables for settings that are in no file. They come after those that are in the environment already. */
export function configVariables(env: NodeJS.ProcessEnv, settings: Record<string, string>): NodeJS.ProcessEnv {
  const first = Number(env['GIT_CONFIG_COUNT'] ?? 0) || 0;
  const entries = Object.entries(settings);
  return {
    GIT_CONFIG_COUNT: String(first + entries.length),
    ...Object.fromEntries(
      entries.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${first + index}`, key],
        [`GIT_CONFIG_VALUE_${first + index}`, value],
      ]),
    ),
  };
}
