/** Names what the node could not find in the namespace of a pod, and the command that creates it. */
import type { EventObject } from './objects.ts';

/** Those of jobs: a name and the number of a part. */
const ofJob = /^plan42-[a-z2-7]{20}-/;

/**
 * The remedy for a Secret or a ConfigMap that is missing, or has not the key. Undefined for other words.
 * @param words the node's
 */
export function remedyForMissing(words: string, namespace: string | undefined): string | undefined {
  const [, kind = '', name = ''] = /\b(secret|configmap) "([^"]+)" not found/i.exec(words) ?? [];
  if (name !== '') return remedyForObject(kind.toLowerCase(), name, namespace);
  const found = /couldn't find key (\S+) in (Secret|ConfigMap) (?:[^/\s]+\/)?([^\s,]+)/i.exec(words);
  if (found === null) return undefined;
  const [, key = '', of = '', owner = ''] = found;
  return `Add the key ${key} to it: ${kubectl(namespace)} edit ${of.toLowerCase()} ${owner}`;
}

function remedyForObject(kind: string, name: string, namespace: string | undefined): string {
  if (ofJob.test(name)) return 'Start the task again: the Secret of its request was removed from the cluster.';
  const create = kind === 'secret' ? 'create secret generic' : 'create configmap';
  const title = kind === 'secret' ? 'Secret' : 'ConfigMap';
  return `Create the ${title} ${name}, which kubernetes.pod_template names: ${kubectl(namespace)} ${create} ${name} --from-file=KEY=FILE`;
}

const missingPullSecrets = /^Unable to retrieve some image pull secrets \(([^)]*)\)/;

/** The remedy for a pull without its Secrets. Undefined if the node found all of them. */
export function remedyForPullSecret(events: readonly EventObject[], namespace: string | undefined): string | undefined {
  const messages = events.map(({ message = '' }) => missingPullSecrets.exec(message)?.[1]);
  const [name] = messages.find((names) => names !== undefined)?.split(', ') ?? [];
  if (name === undefined || name === '') return undefined;
  return `Create the pull secret ${name}: ${kubectl(namespace)} create secret docker-registry ${name} --from-file=.dockerconfigjson=FILE`;
}

const kubectl = (namespace: string | undefined) =>
  namespace === undefined ? 'kubectl' : `kubectl --namespace ${namespace}`;
