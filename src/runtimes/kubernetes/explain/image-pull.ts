/** Explains why a node cannot pull an image. */
import { clause, type Explanation } from './objects.ts';

export interface PullProblem extends Explanation {
  /** Whether the registry's response is definite, so that another attempt gets the same one. */
  isFinal: boolean;
}

// Each layer of the node puts its own words before those of the registry.
const wrappings = [
  /^Back-off pulling image "[^"]*"(: |$)/,
  /^Failed to pull image "[^"]*"(: |$)/,
  /^(ErrImagePull|ImagePullBackOff|RegistryUnavailable|SignatureValidationFailed): /,
  /^rpc error: code = \w+ desc = /,
  /^(failed to pull and unpack image|failed to resolve reference|failed to copy|initializing source) "?[^" ]*"?: /,
  /^failed to (do request|authorize): /,
  /^Error response from daemon: /,
];

const isMissing = /not found|manifest unknown|name unknown|repository does not exist|does not exist/i;
const isDenied = /denied|unauthorized|authorization failed|insufficient_scope|no basic auth credentials|\b40[13]\b/i;

/** @param message the node's; empty if it reported none */
export function explainPull(image: string, message: string): PullProblem {
  const words = clause(withoutWrappings(message));
  const reason = `cannot pull the image ${image}${words === '' ? '' : `: ${words}`}`;
  // Registries that hide private repositories deny the access to those that do not exist.
  if (isDenied.test(words))
    return {
      reason,
      isFinal: true,
      remedy: 'Check its name, or add the registry’s pull secret to kubernetes.pod_template as imagePullSecrets.',
    };
  if (isMissing.test(words)) return { reason, isFinal: true, remedy: 'Check its name, or push it to its registry.' };
  return { reason, isFinal: false, remedy: 'Check that the nodes of the cluster can reach the registry.' };
}

function withoutWrappings(message: string): string {
  let text = message.trim();
  for (let before = ''; before !== text; ) {
    before = text;
    for (const wrapping of wrappings) text = text.replace(wrapping, '');
  }
  return text;
}
