/**
 * Two machines with a link of a known rate between them, in network namespaces of their own: what limits a user's transfers,
 * other than a loopback. On the near one, programs run as they are, or as in a job's container: behind the wall's `init`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const init = join(root, 'dist/wall', `init-${process.arch}`);

export const farAddress = '10.199.0.2';
const nearAddress = '10.199.0.1';

export interface Link extends AsyncDisposable {
  near: (command: readonly string[]) => string[];
  far: (command: readonly string[]) => string[];
  /** Behind the wall whose gateway has its socket in this folder. */
  walled: (folder: string, command: readonly string[]) => string[];
}

// The root of the container has what Node.js and this repository need, and none of the machine's sockets.
const container = `
set -e
ip link set lo up
root=/mnt
mount -t tmpfs none "$root"
for name in /usr /lib /lib64 /bin /dev "$1" "$2"; do
  [ -e "$name" ] || continue
  mkdir -p "$root$name"
  mount --rbind "$name" "$root$name"
done
mkdir "$root/plan42-wall" "$root/proc"
mount -t proc none "$root/proc"
mount --bind "$3" "$root/plan42-wall"
: >"$root/plan42-wall-init"
mount --bind "$4" "$root/plan42-wall-init"
shift 4
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \\
  --reuid=65534 --regid=65534 --clear-groups /plan42-wall-init "$@"
`;

/** @param rate as `tc` writes it, in both directions */
export async function openLink(rate: string): Promise<Link> {
  await using undo = new AsyncDisposableStack();
  const hold = () => {
    const child = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
    undo.defer(() => void child.kill('SIGKILL'));
    return child;
  };
  const [nearHolder, farHolder] = [hold(), hold()];
  const inside = ({ pid }: ChildProcess, command: readonly string[]) => [
    'nsenter',
    '--target',
    String(pid),
    '--net',
    ...command,
  ];
  await untilSeparate([nearHolder, farHolder]);
  const [nearName, farName] = [`p42a${nearHolder.pid}`, `p42b${nearHolder.pid}`];
  await run(['ip', 'link', 'add', nearName, 'type', 'veth', 'peer', 'name', farName]);
  for (const [holder, name, address] of [
    [nearHolder, nearName, nearAddress],
    [farHolder, farName, farAddress],
  ] as const) {
    await run(['ip', 'link', 'set', name, 'netns', String(holder.pid)]);
    await run(inside(holder, ['ip', 'link', 'set', 'lo', 'up']));
    await run(inside(holder, ['ip', 'link', 'set', name, 'up']));
    await run(inside(holder, ['ip', 'addr', 'add', `${address}/24`, 'dev', name]));
    const filter = ['tbf', 'rate', rate, 'burst', '1mb', 'latency', '20ms'];
    await run(inside(holder, ['tc', 'qdisc', 'add', 'dev', name, 'root', ...filter]));
  }
  const owned = undo.move();
  const walledShell = [
    'unshare',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-c',
    container,
    'container',
  ];
  return {
    near: (command) => inside(nearHolder, command),
    far: (command) => inside(farHolder, command),
    walled: (folder, command) => [...walledShell, root, join(process.execPath, '..'), folder, init, ...command],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Until both processes have left this namespace. */
async function untilSeparate(holders: readonly ChildProcess[]): Promise<void> {
  const own = await run(['readlink', '/proc/self/ns/net']);
  for (const { pid } of holders) while ((await run(['readlink', `/proc/${pid}/ns/net`])) === own);
}

async function run([command = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args);
  return stdout;
}
