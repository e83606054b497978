/** Finds in the operator's pod template what set or removed a field of the merged one. */

export type Tree = Readonly<Record<string, unknown>>;

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const treeOf = (value: unknown): Tree => (isTree(value) ? value : {});
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Keys of objects, and names of items of the lists before them. */
export type Path = readonly string[];

/** As in `securityContext.privileged: true of the container "agent"`. Undefined if the template does not have the field. */
export function findInTemplate(theirs: unknown, path: Path): string | undefined {
  let node = theirs;
  for (const [n, step] of path.entries()) {
    const next = Array.isArray(node) ? findItem(node, step) : childOf(node, step);
    if (next === undefined) return undefined;
    if ('removedBy' in next) return describe(path.slice(0, next.isHere ? n : n + 1), next.removedBy);
    node = next.value;
  }
  return describe(path, isTree(node) || Array.isArray(node) ? JSON.stringify(node) : String(node));
}

type Step = { value: unknown } | { removedBy: string; isHere: boolean } | undefined;

function childOf(node: unknown, key: string): Step {
  if (!isTree(node)) return undefined;
  const value = node[key];
  if (value === null) return { removedBy: 'null', isHere: false };
  if (value !== undefined) return { value };
  return node['$patch'] === 'replace' ? { removedBy: '{ $patch: replace }', isHere: true } : undefined;
}

function findItem(list: readonly unknown[], name: string): Step {
  const item = list.find((each) => treeOf(each)['name'] === name);
  if (item !== undefined) return { value: item };
  const isReplaced = list.some((each) => treeOf(each)['$patch'] === 'replace');
  return isReplaced ? { removedBy: '[{ $patch: replace }]', isHere: true } : undefined;
}

const listNames = new Set(['containers', 'initContainers', 'volumes']);

function describe(path: Path, value: string): string {
  if (path.length < 2) return `${path[0] ?? 'all of it'}: ${value}`;
  const list = path[1] ?? '';
  const name = path[2];
  if (!listNames.has(list) || name === undefined) return `${path.slice(1).join('.')}: ${value}`;
  const owner = `the ${list === 'volumes' ? 'volume' : 'container'} "${name}"`;
  const field = path.slice(3).join('.');
  return field === '' ? owner : `${field}: ${value} of ${owner}`;
}
