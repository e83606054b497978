import type { Runtime } from '../runtime.ts';
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
  storageFolder: ['info', '--format', '{{.DockerRootDir}}'],
};

export function createDockerRuntime(options: RuntimeOptions): Runtime {
  return createEngineRuntime(docker, options);
}
