import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroup.ts';
import { type Env, hasCommand, requireCommands, run } from './processes.ts';

/** The variables that point a plain `podman` at the private set-up in `dir`. */
export function podmanEnv(dir: string): Env {
  const home = join(dir, 'podman');
  return {
    CONTAINERS_CONF: join(home, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(home, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(home, 'registries.conf'),
    REGISTRY_AUTH_FILE: join(home, 'auth.json'),
  };
}

/** A private podman; disposing removes its containers. */
export interface Podman extends AsyncDisposable {
  env: Env;
}

/** Sets up a private podman with all its state below `dir`. There is no daemon: its configuration is all there is. */
export async function setUpPodman({ dir, signal }: { dir: string; signal: AbortSignal }): Promise<Podman> {
  await requireCommands('podman');
  const home = join(dir, 'podman');
  const env = podmanEnv(dir);
  await mkdir(home, { recursive: true });
  await Promise.all([
    writeFile(join(home, 'containers.conf'), await containersConf(home)),
    writeFile(join(home, 'storage.conf'), storageConf(home)),
    writeFile(join(home, 'registries.conf'), registriesConf),
    writeFile(join(home, 'auth.json'), '{}'),
  ]);
  await run('podman', ['info'], { env, signal });
  return { env, [Symbol.asyncDispose]: () => removePodmanContainers(dir) };
}

/** Removes all the containers of the private podman in `dir`, running or not. */
export async function removePodmanContainers(dir: string): Promise<void> {
  await run('podman', ['rm', '--all', '--force', '--time', '0', '--volumes'], { env: podmanEnv(dir) });
  await removeCgroup('libpod_parent/conmon');
  await removeCgroup('libpod_parent');
}

async function containersConf(home: string): Promise<string> {
  // Locks in shared memory, as is the default, would be shared with the system's podman.
  // User-mode networking needs no bridge and no firewall rules, and reaches the host's loopback at 10.0.2.2.
  const userModeNetwork = await hasCommand('slirp4netns');
  return `
[containers]
default_ulimits = [${(await ulimits()).map((limit) => JSON.stringify(limit)).join(', ')}]
log_driver = "k8s-file"
${userModeNetwork ? 'netns = "slirp4netns"' : ''}

[engine]
${(await hasCommand('runc')) ? 'runtime = "runc"' : ''}
cgroup_manager = "cgroupfs"
events_logger = "file"
image_copy_tmp_dir = "storage"
lock_type = "file"
network_cmd_options = ["allow_host_loopback=true"]
tmp_dir = ${JSON.stringify(join(home, 'tmp'))}

[network]
network_config_dir = ${JSON.stringify(join(home, 'networks'))}
`;
}

/** Podman asks for a million open files, which a machine with lower hard limits refuses. */
async function ulimits(): Promise<string[]> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const hardLimit = (name: string) => Number(new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(limits)?.[1] ?? Infinity);
  return [
    `nofile=1024:${Math.min(hardLimit('Max open files'), 20_000)}`,
    `nproc=1024:${Math.min(hardLimit('Max processes'), 4096)}`,
  ];
}

function storageConf(home: string): string {
  return `
[storage]
driver = "overlay"
graphroot = ${JSON.stringify(join(home, 'root'))}
runroot = ${JSON.stringify(join(home, 'run'))}
`;
}

const registriesConf = `
unqualified-search-registries = []

[[registry]]
location = "127.0.0.1"
insecure = true
`;
