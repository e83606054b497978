import type { Runtime } from '../runtime.ts';
import { readContainersConf } from './containers-conf.ts';
import { createEngineRuntime, type Engine, type RuntimeOptions } from './engine.ts';
import { podmanImagesVersion } from './images-version.ts';
import { podmanRoute } from './podman-route.ts';

const podman: Engine = {
  name: 'podman',
  command: 'podman',
  // Unlike `podman version`, this fails when storage or the machine behind it can't be used.
  probe: ['info', '--format', '{{.Version.Version}}'],
  monitors: 'Podman’s monitor (conmon)',
  remedy: {
    install: 'Install Podman, or set runner.runtime to another runtime.',
    start: 'Check "podman info"; on macOS run "podman machine start".',
  },
  printsPulledId: true,
  imagesVersion: podmanImagesVersion,
  pullsItself: true,
  // Its driver `passthrough` came with 4.0, but not yet with the monitors of all distributions.
  passesPipes: { query: ['--version'], isAble: (printed) => isSince(printed, [4, 3]) },
  // Podman passes proxies by default, and everything if containers.conf asks for it.
  givesCapabilitiesToUsers: true,
  ownEnvironment: ['--http-proxy=false', '--env-host=false'],
  configuredVariables: async (env) => {
    const names = (await readContainersConf(env)).env.map((entry) => entry.replace(/=.*/s, ''));
    return [...new Set(names)].filter((name) => name !== 'PATH' && name !== 'TERM');
  },
  // An image's own variables take precedence over those of the configuration.
  withoutVariables: (names, ofImage) => ({
    options: names.flatMap((name) => (Object.hasOwn(ofImage, name) ? [] : ['--unsetenv', name])),
    env: {},
  }),
  findRoute: podmanRoute,
  location: {
    // Only a remote engine has a server. `podman info` says it too, but takes ten times as long.
    query: ['version', '--format', '{{if .Server}}true{{end}}'],
    isRemote: (printed) => printed === 'true',
  },
  selinux: { query: ['info', '--format', '{{.Host.Security.SELinuxEnabled}}'], pattern: /true/ },
  storageFolder: ['info', '--format', '{{.Store.GraphRoot}}'],
};

/** Whether a text like `podman version 4.3.1` names this version or a newer one. */
function isSince(printed: string, wanted: readonly [number, number]): boolean {
  const [, major, minor] = /^podman version (\d+)\.(\d+)/.exec(printed)?.map(Number) ?? [];
  const rank = ([first = 0, second = 0]: readonly (number | undefined)[]) => first * 1000 + second;
  return rank([major, minor]) >= rank(wanted);
}

export function createPodmanRuntime(options: RuntimeOptions): Runtime {
  return createEngineRuntime(podman, options);
}
