/**
 * Merges the pod template of the configuration over that of a job, as the API server merges strategic patches: objects by
 * key, lists with names by these names, other lists as a whole. `null` removes a value, `$patch: delete` an item of a list, and
 * `$patch: replace` replaces an object.
 */
import { isDeepStrictEqual } from 'node:util';
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { UserError } from '../../../lib/errors.ts';
import { isTree, type Tree } from './find-in-template.ts';
import { mountPath, volumeName } from './job.ts';
import { agentContainer } from './names.ts';

/** The merge keys of the API. */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  imagePullSecrets: 'name',
  resourceClaims: 'name',
  claims: 'name',
  schedulingGates: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  ports: 'containerPort',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
};

/** @throws UserError if the template is none, or changes what every job needs */
export function mergeTemplate(ours: V1PodTemplateSpec, theirs: unknown, file: string): V1PodTemplateSpec {
  const refuse = (why: string, fix: string): never => {
    throw new UserError(`cannot use kubernetes.pod_template ${file}: ${why}`, { remedy: fix });
  };
  if (!isTree(theirs)) return refuse('it is not an object', 'Write a PodTemplateSpec with "metadata" and "spec".');
  const unknown = Object.keys(theirs).find((key) => !['metadata', 'spec'].includes(key));
  if (unknown !== undefined)
    return refuse(`it has the key ${unknown}`, 'Write a PodTemplateSpec, whose keys are "metadata" and "spec".');
  let merged: V1PodTemplateSpec;
  try {
    merged = mergeTrees(ours, theirs, '');
  } catch (error) {
    if (!(error instanceof MergeError)) throw error;
    return refuse(error.message, 'Correct the file.');
  }
  for (const [what, of] of Object.entries(fixedParts))
    if (!isDeepStrictEqual(of(ours), of(merged))) refuse(`it changes ${what}`, `Remove ${what} from the file.`);
  const variable = findChangedVariable(ours, merged);
  if (variable === undefined) return merged;
  const { name, isOfJobs } = variable;
  return refuse(
    `it changes the variable ${name} of the container "agent", which ${isOfJobs ? 'jobs.env' : 'the runner'} sets`,
    `Remove ${name} from the file${isOfJobs ? ', or from jobs.env' : ''}.`,
  );
}

/** The parts that a job depends on. */
const fixedParts: Readonly<Record<string, (template: V1PodTemplateSpec) => unknown>> = {
  restartPolicy: ({ spec }) => spec?.restartPolicy,
  'the image of the container "agent"': (template) => agentOf(template)?.image,
  'the command of the container "agent"': (template) => [agentOf(template)?.command, agentOf(template)?.args],
  'the mount /plan42 of the container "agent"': (template) =>
    agentOf(template)?.volumeMounts?.filter((mount) => mount.mountPath.startsWith(mountPath)),
  [`the volume "${volumeName}"`]: ({ spec }) => spec?.volumes?.find(({ name }) => name === volumeName),
  'a label or an annotation of plan42': ({ metadata }) =>
    Object.entries({ ...metadata?.labels, ...metadata?.annotations })
      .filter(([name]) => name.startsWith('plan42.ai/') || name === 'app.kubernetes.io/managed-by')
      .toSorted(([a], [b]) => a.localeCompare(b)),
};

/** The value of a variable of `jobs.env` is in a Secret. */
function findChangedVariable(ours: V1PodTemplateSpec, merged: V1PodTemplateSpec) {
  const after = agentOf(merged)?.env ?? [];
  const changed = agentOf(ours)?.env?.find(
    (variable) => !after.some((each) => each.name === variable.name && isDeepStrictEqual(each, variable)),
  );
  return changed && { name: changed.name, isOfJobs: changed.valueFrom?.secretKeyRef !== undefined };
}

function agentOf({ spec }: V1PodTemplateSpec) {
  return spec?.containers.find(({ name }) => name === agentContainer);
}

class MergeError extends Error {
  override readonly name = 'MergeError';
}

function mergeTrees(base: object, patch: Tree, path: string): Tree {
  const { $patch: directive, ...values } = patch;
  if (directive === 'replace') return values;
  if (directive !== undefined) throw new MergeError(`${path || 'it'} has an unknown $patch`);
  const merged: Record<string, unknown> = Object.fromEntries(Object.entries(base));
  for (const [key, value] of Object.entries(values)) {
    const here = path === '' ? key : `${path}.${key}`;
    const before = merged[key];
    if (value === null) delete merged[key];
    else if (isTree(value)) merged[key] = mergeTrees(isTree(before) ? before : {}, value, here);
    else if (Array.isArray(value)) merged[key] = mergeLists(key, Array.isArray(before) ? before : [], value, here);
    else if (isTree(before) || Array.isArray(before))
      throw new MergeError(`${here} is not ${Array.isArray(before) ? 'a list' : 'an object'}`);
    else merged[key] = value;
  }
  return merged;
}

function mergeLists(key: string, base: readonly unknown[], patch: readonly unknown[], path: string): unknown[] {
  const mergeKey = mergeKeys[key];
  if (mergeKey === undefined) return [...patch];
  let merged = [...base];
  for (const [n, item] of patch.entries()) {
    if (!isTree(item)) throw new MergeError(`${path}[${n}] is not an object`);
    const { $patch: directive, ...values } = item;
    if (directive === 'replace') {
      // For the whole list.
      merged = [];
      continue;
    }
    const id = values[mergeKey];
    if (id === undefined) throw new MergeError(`${path}[${n}] has no ${mergeKey}`);
    const at = merged.findIndex((other) => isTree(other) && other[mergeKey] === id);
    if (directive === 'delete') merged = merged.filter((_, index) => index !== at);
    else if (at < 0) merged.push(values);
    else merged[at] = mergeTrees(merged[at] as Tree, item, `${path}[${n}]`);
  }
  return merged;
}
