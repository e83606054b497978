import { createHash } from 'node:crypto';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroup.ts';
import { type Daemon, type Env, requireCommands, run, startDaemon, untilReady } from './processes.ts';

/** A private docker; disposing removes its containers and stops its daemon. */
export interface Docker extends AsyncDisposable {
  env: Env;
  /** Ends the daemon: SIGTERM as for an upgrade, SIGKILL as in a crash. Resolves when it is gone. */
  stopDaemon(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again; resolves when it answers. */
  startDaemon(): Promise<void>;
}

interface Options {
  dir: string;
  signal: AbortSignal;
  /** Containers go on while the daemon is down. */
  liveRestore?: boolean;
}

// In their own mount namespace the daemons see an empty /run/containerd, so that they start a containerd of their own even
// if the system has one; and none of their mounts outlive it. One process holds it, so that a daemon can be started again.
const holdOwnMounts = `
for folder in /run/containerd /run/docker /etc/docker; do
  mkdir -p "$folder" && mount -t tmpfs none "$folder" || exit
done
: >"$1"
exec sleep infinity
`;

/** Starts a private dockerd with all its state below `dir`. Loopback registries are insecure by docker's default. */
export async function startDocker({ dir, signal, liveRestore = false }: Options): Promise<Docker> {
  await requireCommands('docker', 'dockerd', 'ip', 'nsenter', 'setpriv', 'unshare');
  if (process.getuid?.() !== 0) throw new Error('dockerd needs root');
  const home = join(dir, 'docker');
  const env = { DOCKER_HOST: `unix://${home}/docker.sock`, DOCKER_CONFIG: join(home, 'client') };
  await mkdir(env.DOCKER_CONFIG, { recursive: true });
  await writeFile(join(home, 'daemon.json'), JSON.stringify({ 'live-restore': liveRestore }));

  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeDockerLeftovers(dir));
  await addBridge(dir);
  const mounts = undo.use(await holdMounts(home, signal));
  const start = async () => {
    const args = ['--target', String(mounts.pid), '--mount', 'dockerd', ...flags(dir, home)];
    const daemon = await startDaemon('nsenter', args, { logFile: join(home, 'dockerd.log') });
    await untilReady(daemon, () => run('docker', ['version'], { env, signal }), { signal });
    return daemon;
  };
  let daemon = await start();
  undo.defer(() => daemon[Symbol.asyncDispose]());
  undo.defer(() => removeContainers(env));

  const owned = undo.move();
  return {
    env,
    stopDaemon: (how) => daemon.stop(how),
    startDaemon: async () => {
      // A killed daemon leaves these files. The next one would take a zombie or an unrelated process for the old one.
      for (const file of ['dockerd.pid', 'exec/containerd/containerd.pid']) await rm(join(home, file), { force: true });
      daemon = await start();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function holdMounts(home: string, signal: AbortSignal): Promise<Daemon> {
  const mark = join(home, 'mounts-are-made');
  const args = ['--mount', '--propagation', 'slave', 'sh', '-c', holdOwnMounts, 'mounts', mark];
  const holder = await startDaemon('unshare', args, { logFile: join(home, 'mounts.log') });
  await untilReady(holder, () => access(mark), { signal });
  return holder;
}

function flags(dir: string, home: string): string[] {
  return [
    ['--config-file', join(home, 'daemon.json')],
    ['--host', `unix://${home}/docker.sock`],
    ['--group', 'root'],
    ['--data-root', join(home, 'data')],
    ['--exec-root', join(home, 'exec')],
    ['--pidfile', join(home, 'dockerd.pid')],
    ['--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ['--cgroup-parent', `/${nameFor(dir)}`],
    ['--bridge', nameFor(dir)],
    // The machine's firewall stays as it is: containers reach the host, and nothing beyond.
    ['--iptables=false', '--ip-masq=false', '--userland-proxy=false'],
  ].flat();
}

/** Removes the bridge and the cgroup of a private docker that has ended. */
export async function removeDockerLeftovers(dir: string): Promise<void> {
  await run('ip', ['link', 'del', nameFor(dir)]).catch(() => {});
  await removeCgroup(nameFor(dir));
}

/** A bridge and a cgroup are the whole machine's, so their names are derived from the folder. The bridge is one of docker's. */
function nameFor(dir: string): string {
  return `docker${10_000_000 + (hash(dir).readUInt32BE() % 90_000_000)}`;
}

async function addBridge(dir: string): Promise<void> {
  const name = nameFor(dir);
  const [third = 0, fourth = 0] = hash(dir);
  await run('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
  await run('ip', ['addr', 'add', `10.242.${third}.${(fourth & 0xc0) + 1}/26`, 'dev', name]);
  await run('ip', ['link', 'set', name, 'up']);
}

function hash(dir: string): Buffer {
  return createHash('sha256').update(dir).digest();
}

async function removeContainers(env: Env): Promise<void> {
  const ids = (await run('docker', ['ps', '--all', '--quiet'], { env })).split('\n').filter(Boolean);
  if (ids.length > 0) await run('docker', ['rm', '--force', '--volumes', ...ids], { env });
}
