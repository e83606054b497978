/** Builds the one program of the test cluster from its Go sources, once for each state of them. */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { requireCommands, run } from '../engines/processes.ts';

const sources = join(import.meta.dirname, 'testbed');
const sourceFiles = ['build.sh', 'go.mod', 'go.sum', 'certs.go', 'etcd.go', 'forward.go', 'main.go', 'wait.go'];
const oldestGo = 1.26;

/** Starts and stops clusters; its own head describes it. */
export const clusterScript = join(sources, 'cluster.sh');

/**
 * Returns the program's path. Without one in the cache, builds it: up to 8 minutes of two processors, half a minute if Go has its
 * parts. Concurrent calls, also of other processes, wait for one build. The cache is `plan42-tests` in the user's cache folder,
 * or PLAN42_TEST_CACHE.
 * @throws if Go reports an error
 */
export async function buildTestbed(): Promise<string> {
  const program = await programPath();
  // Other tests run beside the build.
  if (!(await exists(program))) await run('nice', ['-n', '10', 'bash', join(sources, 'build.sh'), program]);
  return program;
}

/** Why this machine can have no cluster, for a skip message. Empty if it can. */
export async function whyNoCluster(): Promise<string> {
  if (process.platform !== 'linux') return 'runs on Linux only';
  if (process.getuid?.() !== 0) return 'needs root';
  const cni = join(process.env['CNI_BIN'] ?? '/usr/lib/cni', 'bridge');
  if (!(await exists(cni))) return 'containernetworking-plugins is not installed';
  try {
    await requireCommands('containerd', 'ctr', 'runc', 'busybox', 'ip', 'unshare', 'flock');
    return (await exists(await programPath())) ? '' : await whyNoGo();
  } catch (error) {
    return (error as Error).message;
  }
}

async function whyNoGo(): Promise<string> {
  await requireCommands('go');
  const version = (await run('go', ['env', 'GOVERSION'])).trim();
  const [, number] = /^go(1\.\d+)/.exec(version) ?? [];
  return number !== undefined && Number(number) >= oldestGo ? '' : `Go ${oldestGo} is needed, not ${version}`;
}

async function programPath(): Promise<string> {
  const hash = createHash('sha256').update(process.arch);
  for (const file of sourceFiles) hash.update(`\0${file}\0`).update(await readFile(join(sources, file)));
  const userCache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const cache = process.env['PLAN42_TEST_CACHE'] || join(userCache, 'plan42-tests');
  return join(cache, 'kube-testbed', hash.digest('hex').slice(0, 16), 'kube-testbed');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
