/**
 * Finds the fields of a pod template that open something that a job has closed: namespaces, files and devices of the node, rights of
 * the kernel and of the cluster.
 */
import { findOpenCapability } from '../../../wall/wall.ts';
import { findInTemplate, listOf, type Path, type Tree, treeOf } from './find-in-template.ts';
import { agentContainer } from './names.ts';

/** A part of the report of the pods of `doctor`. */
export type Aspect = 'token' | 'newPrivileges' | 'seccomp';

export interface Opening {
  /** The field as the file has it, such as `hostNetwork: true`. */
  field: string;
  /** A clause about what agents get by it. */
  opens: string;
  /** Whether an agent behind a wall could get around it. */
  breaksWall: boolean;
  /** Without a wall, it opens nothing. */
  isForWallOnly?: true;
  aspects?: readonly Aspect[];
}

interface Found extends Omit<Opening, 'field'> {
  path: Path;
}

/**
 * @param merged the template of a job with that of the operator
 * @param ours the template of a job without it
 * @param theirs the content of the operator's file
 */
export function findOpenings(merged: unknown, ours: unknown, theirs: unknown): Opening[] {
  const pod = treeOf(treeOf(merged)['spec']);
  const found = [
    ...ofNamespaces(pod),
    ...ofToken(pod),
    ...ofNodeFiles(pod),
    ...ofAgent(pod, specOf(ours)),
    ...ofOthers(pod),
  ];
  const openings: Opening[] = [];
  for (const { path, ...opening } of found)
    openings.push({ field: findInTemplate(theirs, path) ?? path.slice(1).join('.'), ...opening });
  return openings;
}

const specOf = (template: unknown) => treeOf(treeOf(template)['spec']);
const namesOf = (value: unknown) => listOf(value).map((each) => String(treeOf(each)['name']));

const namespaces: Readonly<Record<string, string>> = {
  hostNetwork: 'agents have the network of the node, with all that listens on its loopback',
  hostPID: 'agents see the processes of the node and can send them signals',
  hostIPC: 'agents share memory and message queues with the processes of the node',
  shareProcessNamespace:
    'agents see the processes of the other containers of their pod, with their files and variables',
};

function ofNamespaces(pod: Tree): Found[] {
  return Object.entries(namespaces).flatMap(([name, opens]) =>
    pod[name] === true ? [{ path: ['spec', name], opens, breaksWall: true }] : [],
  );
}

const getToken = 'agents get the token of their service account, with its rights in the cluster';

function ofToken(pod: Tree): Found[] {
  const isMounted = pod['automountServiceAccountToken'] !== false;
  const automounted: Found[] = isMounted
    ? [{ path: ['spec', 'automountServiceAccountToken'], opens: getToken, breaksWall: false, aspects: ['token'] }]
    : [];
  const projected = listOf(pod['volumes']).filter((volume) =>
    listOf(treeOf(treeOf(volume)['projected'])['sources']).some((source) => 'serviceAccountToken' in treeOf(source)),
  );
  return [
    ...automounted,
    ...namesOf(projected).map(
      (name): Found => ({
        path: ['spec', 'volumes', name],
        opens: getToken,
        breaksWall: false,
        aspects: ['token'],
      }),
    ),
  ];
}

/** Programs of the node open sockets in its folders at any time, and no process of the runner watches them there. */
function ofNodeFiles(pod: Tree): Found[] {
  return listOf(pod['volumes']).flatMap((volume): Found[] => {
    const { name, hostPath } = treeOf(volume);
    if (hostPath === undefined) return [];
    const users = [...listOf(pod['containers']), ...listOf(pod['initContainers'])].map(treeOf);
    const mounting = users.filter(({ volumeMounts }) => namesOf(volumeMounts).includes(String(name)));
    const isOfAgent = mounting.some((container) => container['name'] === agentContainer);
    const who = isOfAgent ? 'agents get' : `the container "${String(mounting[0]?.['name'])}" gets`;
    const opens = `${who} ${String(treeOf(hostPath)['path'])} of the node`;
    const path = ['spec', 'volumes', String(name), 'hostPath', 'path'];
    return mounting.length === 0 ? [] : [{ path, opens, breaksWall: isOfAgent }];
  });
}

function ofAgent(pod: Tree, ours: Tree): Found[] {
  const agent = agentOf(pod);
  const before = treeOf(agentOf(ours)['securityContext']);
  const path = ['spec', 'containers', agentContainer];
  return [...ofContainer(agent, { path, who: 'agents', pod, before }), ...ofHooks(agent, path)];
}

const agentOf = (pod: Tree) =>
  treeOf(listOf(pod['containers']).find((each) => treeOf(each)['name'] === agentContainer));

/** Containers that only the template has. They may have the rights that the cluster gives by default, and are behind the wall of the pod. */
function ofOthers(pod: Tree): Found[] {
  return ['initContainers', 'containers'].flatMap((list) =>
    listOf(pod[list]).flatMap((each) => {
      const container = treeOf(each);
      const name = String(container['name']);
      if (list === 'containers' && name === agentContainer) return [];
      return ofContainer(container, { path: ['spec', list, name], who: `the container "${name}"`, pod });
    }),
  );
}

interface Context {
  path: Path;
  who: string;
  pod: Tree;
  /** The security context of the agent before the merge. Undefined for another container. */
  before?: Tree | undefined;
}

function ofContainer(container: Tree, { path, who, pod, before }: Context): Found[] {
  const own = treeOf(container['securityContext']);
  const isAgent = before !== undefined;
  const seenAs = (...aspects: Aspect[]) => (isAgent ? { aspects } : {});
  const at = (...more: string[]) => [...path, 'securityContext', ...more];
  if (own['privileged'] === true) {
    const opens = `${who} can do everything on the node that its administrator can`;
    return [{ path: at('privileged'), opens, breaksWall: isAgent, ...seenAs('newPrivileges', 'seccomp') }];
  }
  const found: Found[] = [];
  const mayGain = own['allowPrivilegeEscalation'];
  const isForbidden = before?.['allowPrivilegeEscalation'] === false;
  if (isForbidden ? mayGain !== false : before === undefined && mayGain === true)
    found.push({
      path: at('allowPrivilegeEscalation'),
      opens: `programs of ${who} can gain privileges, such as by set-user-ID files`,
      breaksWall: isAgent,
      ...seenAs('newPrivileges'),
    });
  found.push(...ofCapabilities(own, { path: at('capabilities'), who, before }));
  const profile = treeOf(own['seccompProfile'])['type'];
  const ofPod = treeOf(treeOf(pod['securityContext'])['seccompProfile'])['type'];
  const isUnconfined =
    before === undefined ? profile === 'Unconfined' : (profile ?? ofPod ?? 'Unconfined') === 'Unconfined';
  if (isUnconfined)
    found.push({
      path:
        profile === undefined ? ['spec', 'securityContext', 'seccompProfile', 'type'] : at('seccompProfile', 'type'),
      opens: `${who} can make every system call`,
      breaksWall: false,
      ...seenAs('seccomp'),
    });
  if (own['procMount'] === 'Unmasked')
    found.push({
      path: at('procMount'),
      opens: `${who} can change settings of the kernel in /proc`,
      breaksWall: isAgent,
    });
  return found;
}

function ofCapabilities(own: Tree, { path, who, before }: Pick<Context, 'path' | 'who' | 'before'>): Found[] {
  const { add, drop } = treeOf(own['capabilities']);
  const plain = (name: unknown) => String(name).toUpperCase().replace(/^CAP_/, '');
  const ours = new Set(listOf(treeOf(before?.['capabilities'])['add']).map(plain));
  const added = listOf(add)
    .map(plain)
    .filter((name) => !ours.has(name));
  const found: Found[] = [];
  if (added.length > 0)
    found.push({
      path: [...path, 'add'],
      opens: `${who} ${before ? 'get' : 'gets'} the capabilities ${added.join(', ')}${before ? ' in addition to jobs.capabilities' : ''}`,
      breaksWall: before !== undefined && findOpenCapability(added) !== undefined,
    });
  if (before !== undefined && !listOf(drop).map(plain).includes('ALL'))
    found.push({
      path: [...path, 'drop'],
      opens: `${who} get the default capabilities of the node’s container runtime, whatever jobs.capabilities says`,
      breaksWall: false,
    });
  return found;
}

/** The kubelet starts them beside the agent, without the filter of the wall, and the agent can replace them. */
function ofHooks(agent: Tree, path: Path): Found[] {
  const hooks = [
    ...['postStart', 'preStop'].map((name) => ['lifecycle', name]),
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((name) => [name]),
  ];
  return hooks.flatMap((hook): Found[] => {
    const { exec } = hook.reduce<Tree>((node, key) => treeOf(node[key]), agent);
    const opens = 'the node starts its program outside of the filters of a wall, and agents can replace the program';
    return exec === undefined
      ? []
      : [{ path: [...path, ...hook, 'exec'], opens, breaksWall: true, isForWallOnly: true }];
  });
}
