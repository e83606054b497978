/**
 * Enforces the NetworkPolicies of a namespace, which the network of the test cluster does not: as packet filter rules in the network
 * of each pod that a policy selects. It knows what the policies of jobs use: selectors of labels, and ports.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { KubeApi } from '../../../src/runtimes/kubernetes/api/kube-api.ts';
import type { NetworkPolicy } from '../../../src/runtimes/kubernetes/walled/manifests.ts';

/** The commands that it needs. */
export const filterCommands = ['iptables-restore', 'ip6tables-restore', 'nsenter'] as const;

interface Pod {
  metadata: { name: string; uid: string; labels?: Record<string, string> };
  spec: { hostNetwork?: boolean };
  status: { podIP?: string; phase?: string };
}

type Peers = readonly { podSelector: { matchLabels?: Record<string, string> } }[];
type Ports = readonly { protocol: string; port: number }[];

const intervalMs = 100;

export interface PolicyFilter extends AsyncDisposable {
  /** The rules of each pod that has some, by its name. */
  readonly applied: ReadonlyMap<string, string>;
}

/** Until it is disposed of. A pod keeps its rules as long as its network exists. */
export function enforcePolicies(admin: KubeApi, namespace: string): PolicyFilter {
  const applied = new Map<string, string>();
  const done = new AbortController();
  const list = async <T>(path: string) =>
    (await admin.request<{ items: T[] }>('GET', path, { signal: done.signal })).items;

  async function apply(): Promise<void> {
    const [pods, policies] = await Promise.all([
      list<Pod>(`/api/v1/namespaces/${namespace}/pods`),
      list<NetworkPolicy>(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`),
    ]);
    for (const pod of pods) {
      const selecting = policies.filter(({ spec }) => isSelected(pod, spec.podSelector.matchLabels));
      if (selecting.length === 0 || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
      const rules = rulesOf(selecting, pods);
      if (applied.get(pod.metadata.name) === rules) continue;
      const pid = await findProcess(pod.metadata.uid);
      if (pid === undefined) continue;
      await restore(pid, 'iptables-restore', rules);
      await restore(pid, 'ip6tables-restore', closed);
      applied.set(pod.metadata.name, rules);
    }
  }

  const work = (async () => {
    while (!done.signal.aborted) {
      await apply().catch((error: unknown) => {
        // A pod can end at any time.
        if (!done.signal.aborted && process.env['DEBUG_POLICIES']) console.error(error);
      });
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  })();
  return {
    applied,
    [Symbol.asyncDispose]: async () => {
      done.abort();
      await work;
    },
  };
}

function isSelected({ metadata }: Pod, labels: Record<string, string> = {}): boolean {
  return Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value);
}

const closed = [
  '*filter',
  ':INPUT DROP',
  ':FORWARD DROP',
  ':OUTPUT DROP',
  '-A OUTPUT -o lo -j ACCEPT',
  '-A INPUT -i lo -j ACCEPT',
  'COMMIT',
  '',
].join('\n');

function rulesOf(policies: readonly NetworkPolicy[], pods: readonly Pod[]): string {
  const isolates = (type: 'Ingress' | 'Egress') => policies.some(({ spec }) => spec.policyTypes.includes(type));
  const outgoing = policies
    .flatMap(({ spec }) => spec.egress ?? [])
    .flatMap(({ to, ports }) => rules('OUTPUT', '-d', to, ports, pods));
  const incoming = policies
    .flatMap(({ spec }) => spec.ingress ?? [])
    .flatMap(({ from, ports }) => rules('INPUT', '-s', from, ports, pods));
  return [
    '*filter',
    `:INPUT ${isolates('Ingress') ? 'DROP' : 'ACCEPT'}`,
    ':FORWARD DROP',
    `:OUTPUT ${isolates('Egress') ? 'DROP' : 'ACCEPT'}`,
    '-A INPUT -i lo -j ACCEPT',
    '-A OUTPUT -o lo -j ACCEPT',
    // Packets of connections that were allowed.
    '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    '-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    ...incoming,
    ...outgoing,
    'COMMIT',
    '',
  ].join('\n');
}

function rules(chain: string, side: '-s' | '-d', peers: Peers, ports: Ports, pods: readonly Pod[]): string[] {
  const addresses = pods
    .filter((pod) => peers.some(({ podSelector }) => isSelected(pod, podSelector.matchLabels)))
    .flatMap(({ status }) => status.podIP ?? []);
  return [...new Set(addresses)]
    .toSorted()
    .flatMap((address) =>
      ports.map(
        ({ protocol, port }) => `-A ${chain} ${side} ${address} -p ${protocol.toLowerCase()} --dport ${port} -j ACCEPT`,
      ),
    );
}

/** A process of the pod, as this machine numbers it. Its cgroup has the pod's UID. */
async function findProcess(uid: string): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    if (!groups.includes(`pod${uid}`)) continue;
    // Its network can be that of the node for a moment.
    const [own, theirs] = await Promise.all(['self', pid].map((each) => networkOf(each)));
    if (theirs !== undefined && own !== theirs) return pid;
  }
  return undefined;
}

async function networkOf(pid: string): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}

/** Replaces all rules at once. @throws if the process has ended */
async function restore(pid: string, command: string, rules: string): Promise<void> {
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, command], { stdio: ['pipe', 'ignore', 'pipe'] });
  const errors = text(child.stderr);
  child.stdin.on('error', () => {});
  child.stdin.end(rules);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command}: ${await errors}`);
}
