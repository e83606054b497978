/** The runner's own git. */
import { type CommandResult, runCommand } from '../../lib/run-command.ts';

export interface GitOptions {
  /** The runner's. */
  env: NodeJS.ProcessEnv;
  token: string | undefined;
  /** A file with all authorities to trust, if not the system's alone. */
  caFile: string | undefined;
  signal: AbortSignal;
}

// A mirror of a large repository over a slow line.
const timeoutMs = 60 * 60_000;
// Agents in containers have other users. The state folder keeps other users of the machine out.
const readable = 'umask 022 && exec git "$@"';
// The credential helper is a shell function, and the token a variable of its process only.
const helper = '!f() { test "$1" = get && echo username=x-access-token && echo "password=$PLAN42_GIT_TOKEN"; }; f';
const passed = /^(PATH|HOME|USER|LANG|LC_\w+|TMPDIR|XDG_CONFIG_HOME|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR))$/i;

/** Runs git until it exits. */
export function runGit(args: readonly string[], { env, token, caFile, signal }: GitOptions): Promise<CommandResult> {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => passed.test(name)));
  const config: [string, string][] = [
    ['credential.helper', ''],
    ...(token === undefined ? [] : [['credential.helper', helper] satisfies [string, string]]),
    // Running jobs use the objects of a mirror, so none may go, and packs stay as they are.
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['fetch.writeCommitGraph', 'false'],
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '60'],
    ...(caFile === undefined ? [] : [['http.sslCAInfo', caFile] satisfies [string, string]]),
  ];
  const variables = Object.fromEntries(
    config.flatMap(([key, value], n) => [
      [`GIT_CONFIG_KEY_${n}`, key],
      [`GIT_CONFIG_VALUE_${n}`, value],
    ]),
  );
  return runCommand('/bin/sh', ['-c', readable, 'git', ...args], {
    env: {
      ...own,
      ...variables,
      GIT_CONFIG_COUNT: String(config.length),
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      GIT_ALLOW_PROTOCOL: 'https:http',
      ...(token === undefined ? {} : { PLAN42_GIT_TOKEN: token }),
    },
    signal,
    timeoutMs,
    exitWithParent: true,
  });
}
