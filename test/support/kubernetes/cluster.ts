/** A real cluster of one node, for tests. Its API server, scheduler, controllers and kubelet are in `testbed/`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, type TestContext } from 'node:test';
import { connect } from '../../../src/runtimes/kubernetes/api/connect.ts';
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import { run } from '../engines/processes.ts';
import { forwardTo } from './forward.ts';
import { createRunnerAccount, type RunnerAccount } from './runner-account.ts';
import { buildTestbed, clusterScript, whyNoCluster } from './testbed.ts';

export interface Cluster extends AsyncDisposable {
  /** The administrator's, in the namespace `default`. */
  admin: KubeApi;
  adminKubeconfig: string;
  /** `https://127.0.0.1:PORT` */
  server: string;
  /** The folder with everything of the cluster; `log/` has the log of each daemon. */
  dir: string;
  /** The host's address for pods. */
  host: string;
  /** Creates a namespace and an account in it that has the rights of the runner, and no others. */
  createRunnerAccount: (namespace: string) => Promise<RunnerAccount>;
  /** Makes a port of loopback reachable for pods. Returns `10.244.N.1:PORT`. */
  expose: (port: number) => Promise<string>;
  /** Imports an archive, as `docker save` writes it. */
  load: (archive: string) => Promise<void>;
  /** Sends SIGKILL to the first process of a container, "agent" by default, as nothing in its pod can. */
  kill: (namespace: string, podName: string, container?: string) => Promise<void>;
  /** Stops the kubelet, whose containers run on: for the cluster, the node is gone. `SIGCONT` brings it back. */
  signalKubelet: (signal: 'SIGSTOP' | 'SIGCONT') => Promise<void>;
  /** Kills the API server, or another daemon. */
  stop: (part?: 'apiserver' | 'controller-manager' | 'scheduler') => Promise<void>;
  /** Starts the killed API server, with the same etcd, and waits until it responds. */
  startApiServer: () => Promise<void>;
}

export interface ClusterOptions {
  /** More lines of the kubelet's configuration. */
  nodeConfig?: string;
  /** More flags of the controller manager. */
  managerFlags?: string;
}

const firstNumber = 10;
const lastNumber = 99;
const numberInUse = 3;

let ofFile: Promise<Cluster> | undefined;

after(async () => (await ofFile?.catch(() => undefined))?.[Symbol.asyncDispose]());

/** The cluster of this test file, started on first use with the options of the first call. Undefined, and the test is skipped, if this machine cannot have one. */
export async function requiresCluster(
  t: Pick<TestContext, 'skip'>,
  options: ClusterOptions = {},
): Promise<Cluster | undefined> {
  const why = await whyNoCluster();
  if (why !== '') {
    t.skip(`missing prerequisite: Kubernetes: ${why}`);
    return undefined;
  }
  ofFile ??= startCluster(options);
  return ofFile;
}

/**
 * Starts a cluster, in about 5 s once its program is built. It ends when it is disposed of, and when this process dies,
 * however that happens.
 */
export async function startCluster({ nodeConfig = '', managerFlags = '' }: ClusterOptions = {}): Promise<Cluster> {
  const program = await buildTestbed();
  const dir = await mkdtemp(join(tmpdir(), 'plan42-kube-'));
  const env = { ...process.env, KUBE_TESTBED: program, NODE_CONFIG: nodeConfig, MANAGER_FLAGS: managerFlags };
  const script = (...args: string[]) => run('bash', [clusterScript, ...args], { env });
  const holder = await hold(dir, env);
  await using undo = new AsyncDisposableStack();
  undo.defer(holder.end);
  const adminKubeconfig = join(dir, 'pki/admin.conf');
  const admin = await connect({ kubeconfig: adminKubeconfig }, {});
  const host = `10.244.${(await readFile(join(dir, 'n'), 'utf8')).trim()}.1`;
  const owned = undo.move();
  return {
    admin,
    adminKubeconfig,
    server: admin.server,
    dir,
    host,
    createRunnerAccount: (namespace) => createRunnerAccount({ admin, folder: dir, adminKubeconfig, namespace }),
    expose: async (port) => {
      const forward = owned.use(await forwardTo(port, host));
      return forward.address;
    },
    load: async (archive) =>
      void (await run('sh', ['-c', 'exec bash "$0" load "$1" <"$2"', clusterScript, dir, archive])),
    kill: async (namespace, podName, container = 'agent') => {
      const ctr = (...args: string[]) =>
        run('ctr', ['--address', join(dir, 'containerd.sock'), '-n', 'k8s.io', ...args]);
      const labels = { 'pod.namespace': namespace, 'pod.name': podName, 'container.name': container };
      const filter = Object.entries(labels).map(([name, value]) => `labels."io.kubernetes.${name}"==${value}`);
      const ids = (await ctr('containers', 'ls', '--quiet', filter.join(','))).trim().split('\n');
      // Those that have been killed before are there for a while.
      const tasks = await ctr('tasks', 'ls');
      const id = ids.find((each) => new RegExp(`^${each}\\s+\\d+\\s+RUNNING$`, 'm').test(tasks));
      if (id === undefined) throw new Error(`no container ${container} of ${podName} is running:\n${tasks}`);
      await ctr('tasks', 'kill', '--signal', 'SIGKILL', id);
    },
    signalKubelet: async (signal) => {
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (commandLine.includes(`\0kubelet\0--config\0${join(dir, 'kubelet.yaml')}\0`))
          process.kill(Number(pid), signal);
      }
    },
    stop: async (part = 'apiserver') => void (await script('stop', dir, part)),
    startApiServer: async () => {
      await script('start', dir);
      await run(program, ['wait', '--server-only', '--kubeconfig', adminKubeconfig]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Takes the first free number, beginning at a random one, so that concurrent test files rarely try the same. */
async function hold(dir: string, env: NodeJS.ProcessEnv): Promise<{ end: () => Promise<void> }> {
  const count = lastNumber - firstNumber + 1;
  const offset = process.pid % count;
  for (let tried = 0; tried < count; tried++) {
    const number = firstNumber + ((offset + tried) % count);
    // Of its own session, so that Ctrl-C, which ends this process, leaves it the time to take the cluster down.
    const child = spawn('bash', [clusterScript, 'hold', dir, String(number)], { env, detached: true });
    const exited = once(child, 'exit');
    const output = text(child.stderr);
    const isUp = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
    if (isUp) {
      return {
        end: async () => {
          child.stdin.end();
          await exited;
        },
      };
    }
    if (child.exitCode !== numberInUse) throw new Error(`cannot start the cluster: ${await output}`);
  }
  throw new Error(`cannot start the cluster: the numbers ${firstNumber} to ${lastNumber} are in use`);
}
