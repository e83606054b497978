/**
 * The variables of the runner that other programs get. The runner's own environment may contain passwords of proxies, its
 * token and keys of cloud services, so everything that is not listed here stays with the runner.
 */

/** Describe the user, the machine and the language. */
const ofUser =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_(RUNTIME_DIR|(CONFIG|DATA|STATE|CACHE)_HOME))$/;

/** Say where an engine is, and how it is configured. */
const ofEngine =
  /^((DOCKER|CONTAINERS?|_CONTAINERS|STORAGE|REGISTRY|LIBPOD|BUILDAH|NETAVARK)_\w+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK)$/;

/** Say how to reach a registry. */
const ofNetwork = /^(https?_proxy|all_proxy|no_proxy|ssl_cert_file|ssl_cert_dir)$/i;

/** Say which certificate authorities programs trust. */
const ofAuthorities = /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS)$/;

function pick(env: NodeJS.ProcessEnv, ...patterns: readonly RegExp[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => patterns.some((pattern) => pattern.test(name))));
}

/** The environment of an agent that runs as a process of this machine. */
export function agentEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(env, ofUser);
}

/** The environment of a job's gateway, which is a process of this machine and trusts what the runner trusts. */
export function gatewayEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(env, ofUser, ofAuthorities);
}

/** The environment of an engine's command that creates a container. The command must not pass it on to the container. */
export function containerCommandEnvironment(
  env: NodeJS.ProcessEnv,
  { pullsItself }: { pullsItself: boolean },
): NodeJS.ProcessEnv {
  return pick(env, ofUser, ofEngine, ...(pullsItself ? [ofNetwork] : []));
}
