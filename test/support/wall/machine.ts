/**
 * A machine with a network of the test's own: in namespaces, so that the real one has no part in it. Runners and gateways on it
 * reach servers outside, on public, private and metadata addresses, with names of its own.
 */
import { spawn } from 'node:child_process';
import { appendFile, chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { domainToASCII } from 'node:url';
import { type Daemon, type Env, requireCommands, run, startDaemon, untilReady } from '../engines/processes.ts';
import { makeTempDir } from '../temp-dir.ts';

export interface Hit {
  /** `data` is what a connection of TCP sent. */
  kind: 'tcp' | 'data' | 'udp' | 'echo';
  port: number;
  /** The server's own for TCP, the sender's for UDP. */
  address: string;
  /** The data, or the name that a resolver was asked for. */
  text?: string;
}

export interface Machine extends AsyncDisposable {
  /** A folder that every user can enter. */
  folder: string;
  /** The path of a file of this repository, which every user of the machine can read there. */
  path: (file: string) => string;
  /** The command line with which a command runs on the machine. */
  command: (command: readonly string[], user?: User) => string[];
  /** The command line with which a command runs outside, where the addresses of {@link outside} are. */
  beyond: (command: readonly string[]) => string[];
  /** Whatever reached a server outside, or a service of the machine, so far. */
  hits: Hit[];
}

interface MachineOptions {
  /** Names of {@link outside}.allowed, beside those that are always there. */
  names?: readonly string[];
  /** Whether servers listen that count what reaches them. */
  hasServers?: boolean;
}

export interface User {
  uid: number;
  home: string;
  env: Env;
}

export const outside = {
  allowed: '93.184.216.34',
  forbidden: '93.184.216.35',
  private: '10.77.0.1',
  metadata: '169.254.169.254',
  ipv6: '2606:2800:220:1::34',
} as const;
/** The machine's own addresses. */
export const ofMachine = { ipv4: '93.184.216.1', ipv6: '2606:2800:220:1::1' } as const;
/** The allowed host, with a letter of another alphabet. */
export const lookalike = domainToASCII('\u0430llowed.test');
export const ports = [22, 53, 80, 443, 7042, 9999];

/** All other names are looked up at a server outside, which returns the allowed and the private address in turn. */
const hosts = `127.0.0.1 localhost loopback.test
0.0.0.0 zero.test
::ffff:127.0.0.1 mapped.test
${ofMachine.ipv4} own.test
${outside.allowed} allowed.test a.wild.test xn--bcher-kva.test
${outside.forbidden} forbidden.test wild.test xwild.test xallowed.test a.allowed.test allowed.test.forbidden.test
${outside.forbidden} ${lookalike}
${outside.private} private.test
${outside.metadata} metadata.test
`;

const root = join(import.meta.dirname, '../../..');
const testUser = 4242;
const hold = `
set -e
mkdir -p "$1/repository"
mount --bind "$2" "$1/repository"
for name in hosts resolv.conf passwd group subuid subgid; do
  [ -e "/etc/$name" ] || : >"/etc/$name"
  mount --bind "$1/etc/$name" "/etc/$name"
done
ip link set lo up
: >"$1/ready"
exec sleep infinity
`;

export async function startMachine(
  signal: AbortSignal,
  { names = [], hasServers = true }: MachineOptions = {},
): Promise<Machine> {
  await requireCommands('ip', 'nsenter', 'setpriv', 'unshare');
  if (process.getuid?.() !== 0) throw new Error('namespaces need root');
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await makeTempDir());
  await chmod(dir.path, 0o755);
  await writeFiles(dir.path, names);
  const options = (name: string) => ({ logFile: join(dir.path, `${name}.log`) });
  const args = ['--mount', '--net', 'sh', '-c', hold, 'machine', dir.path, root];
  const machine = undo.use(await startDaemon('unshare', args, options('machine')));
  await untilReady(machine, () => readFile(join(dir.path, 'ready')), { signal });
  // Before it has its own network, a device for it would go into the real one.
  const own = [': >"$1"; exec sleep infinity', 'outside', join(dir.path, 'outside-ready')];
  const beyond = undo.use(await startDaemon('unshare', ['--net', 'sh', '-c', ...own], options('outside')));
  await untilReady(beyond, () => readFile(join(dir.path, 'outside-ready')), { signal });
  await connect(machine, beyond);

  const hits: Hit[] = [];
  for (const { pid } of hasServers ? [machine, beyond] : []) undo.use(await startServers(pid, hits));
  const enter = ['nsenter', '--target', String(machine.pid), '--mount', '--net'];
  const owned = undo.move();
  return {
    folder: dir.path,
    path: (file) => join(dir.path, 'repository', relative(root, file)),
    command: (command, user) => [...enter, ...(user === undefined ? [] : asUser(user)), ...command],
    beyond: (command) => ['nsenter', '--target', String(beyond.pid), '--net', ...command],
    hits,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function writeFiles(folder: string, names: readonly string[]): Promise<void> {
  const etc = join(folder, 'etc');
  await mkdir(etc, { mode: 0o755 });
  await writeFile(join(etc, 'hosts'), `${hosts}${names.map((name) => `${outside.allowed} ${name}\n`).join('')}`);
  await writeFile(join(etc, 'resolv.conf'), `nameserver ${outside.allowed}\n`);
  for (const name of ['passwd', 'group']) await copyFile(join('/etc', name), join(etc, name));
  await appendFile(join(etc, 'passwd'), `plan42-test:x:${testUser}:${testUser}::/:/bin/sh\n`);
  await appendFile(join(etc, 'group'), `plan42-test:x:${testUser}:\n`);
  for (const name of ['subuid', 'subgid']) await writeFile(join(etc, name), `${testUser}:1000000:65536\n`);
}

/** A user of the machine with a rootless podman of its own. */
export async function addUser(machine: Machine): Promise<User> {
  const home = join(machine.folder, 'home');
  for (const name of ['', 'run', 'conf', 'tmp']) {
    await mkdir(join(home, name), { recursive: true });
    await chown(join(home, name), testUser, testUser);
  }
  await chmod(join(home, 'run'), 0o700);
  const conf = join(home, 'conf');
  await writeFile(
    join(conf, 'containers.conf'),
    `[containers]
default_ulimits = ["nofile=1024:20000", "nproc=1024:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
image_copy_tmp_dir = "storage"
tmp_dir = ${JSON.stringify(join(home, 'tmp'))}
`,
  );
  await writeFile(
    join(conf, 'storage.conf'),
    `[storage]\ndriver = "overlay"\ngraphroot = "${home}/root"\nrunroot = "${home}/run/containers"\n`,
  );
  await writeFile(join(conf, 'registries.conf'), '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
  const env = {
    HOME: home,
    XDG_RUNTIME_DIR: join(home, 'run'),
    TMPDIR: join(home, 'tmp'),
    CONTAINERS_CONF: join(conf, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(conf, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(conf, 'registries.conf'),
  };
  return { uid: testUser, home, env };
}

function asUser({ uid, env }: User): string[] {
  const ids = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return ['setpriv', ...ids, 'env', ...variables];
}

async function connect(machine: Daemon, beyond: Daemon): Promise<void> {
  const [near, far] = [`p42n${machine.pid}`, `p42f${machine.pid}`];
  await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far]);
  const end = async ({ pid }: Daemon, link: string, addresses: readonly string[], ...more: string[][]) => {
    await run('ip', ['link', 'set', link, 'netns', String(pid)]);
    const inside = (...args: string[]) => run('nsenter', ['--target', String(pid), '--net', 'ip', ...args]);
    await inside('link', 'set', 'lo', 'up');
    await inside('link', 'set', link, 'up');
    for (const address of addresses) {
      const nodad = address.includes(':') ? ['nodad'] : [];
      await inside('addr', 'add', address, 'dev', link, ...nodad);
    }
    for (const args of more) await inside(...args);
  };
  const v4 = [outside.allowed, outside.forbidden, outside.private, outside.metadata].map((each) => `${each}/24`);
  await end(beyond, far, [...v4, `${outside.ipv6}/64`], ['route', 'add', 'default', 'dev', far]);
  await end(
    machine,
    near,
    [`${ofMachine.ipv4}/24`, `${ofMachine.ipv6}/64`],
    ['route', 'add', 'default', 'via', outside.allowed],
    ['-6', 'route', 'add', 'default', 'via', outside.ipv6],
  );
}

async function startServers(pid: number, hits: Hit[]): Promise<AsyncDisposable> {
  const script = join(import.meta.dirname, 'servers.mjs');
  const args = [
    '--target',
    String(pid),
    '--net',
    process.execPath,
    script,
    ports.join(','),
    outside.allowed,
    outside.private,
  ];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('exit', () => reject(new Error('the servers exited')));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const hit = JSON.parse(line) as Hit | { ready: true };
    if ('ready' in hit) resolve();
    else hits.push(hit);
  });
  await promise;
  return { [Symbol.asyncDispose]: async () => void child.kill('SIGKILL') };
}
