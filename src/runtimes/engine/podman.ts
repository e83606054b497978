import type { Runtime } from '../runtime.ts';
import { createEngineRuntime, type Engine, type RuntimeOptions } from './engine.ts';

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
  storageFolder: ['info', '--format', '{{.Store.GraphRoot}}'],
};

export function createPodmanRuntime(options: RuntimeOptions): Runtime {
  return createEngineRuntime(podman, options);
}
