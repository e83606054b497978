import { homedir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lib/json.ts';
import { readText } from '../../lib/read-file.ts';
import type { Runtime } from '../runtime.ts';
import { dockerRoute } from './docker-route.ts';
import { createEngineRuntime, type Engine, type RuntimeOptions } from './engine.ts';

const docker: Engine = {
  name: 'docker',
  command: 'docker',
  probe: ['version', '--format', '{{.Server.Version}}'],
  outlivesDaemon: ['info', '--format', '{{.LiveRestoreEnabled}}'],
  remedy: {
    install: 'Install Docker, or set runner.runtime to another runtime.',
    start: 'Start the Docker daemon, and let this user reach it (on Linux: membership in the group "docker").',
  },
  pullsItself: false,
  givesCapabilitiesToUsers: false,
  ownEnvironment: [],
  configuredVariables: proxiesOfClient,
  // The client takes the value from its environment. Without one there, the container does not have the variable.
  withoutVariables: (names, ofImage) => ({
    options: names.flatMap((name) => ['--env', name]),
    env: Object.fromEntries(Object.entries(ofImage).filter(([name]) => names.includes(name))),
  }),
  findRoute: dockerRoute,
  location: {
    query: ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'],
    isRemote: (host) => !/^(unix|npipe):/.test(host),
  },
  // Debian's package podman-docker, and scripts of users. Its output differs in what decides about jobs.
  impostor: { pattern: /podman version [\w.-]+/i, remedy: 'Set runner.runtime to "podman".' },
  selinux: { query: ['info', '--format', '{{.SecurityOptions}}'], pattern: /name=selinux/ },
  storageFolder: ['info', '--format', '{{.DockerRootDir}}'],
};

const ClientConfig = v.object({ proxies: v.optional(v.record(v.string(), v.unknown())) });

/** The client passes the proxies of its configuration file, passwords included, to every container. */
async function proxiesOfClient(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folder = env['DOCKER_CONFIG'] || join(env['HOME'] ?? homedir(), '.docker');
  try {
    const { proxies = {} } = v.parse(ClientConfig, parseJson(await readText(join(folder, 'config.json'))));
    if (Object.keys(proxies).length === 0) return [];
  } catch {
    // Most users have no such file.
    return [];
  }
  const names = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'];
  return [...names, ...names.map((name) => name.toUpperCase())];
}

export function createDockerRuntime(options: RuntimeOptions): Runtime {
  return createEngineRuntime(docker, options);
}
