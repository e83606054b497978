/** Pulls images by policy, and decides when an image of this machine is used although the policy asks a registry first. */

import { isNamedLocal } from '../../lib/image-reference.ts';
import type { CommandResult } from '../../lib/run-command.ts';
import { type PullPolicy, type PullResult, RuntimeError } from '../runtime.ts';
import { lastErrorLine } from './client.ts';

/** Origin of an image that is on this machine. */
export interface LocalImage {
  /** No registry has its name. */
  isNamedLocal: boolean;
  /** It was built or imported here, never pulled or pushed. */
  isMadeHere: boolean;
}

export interface PullDeps {
  /** Undefined if the image is not on this machine. */
  findLocal: () => Promise<LocalImage | undefined>;
  pull: () => Promise<CommandResult>;
}

// Registries that hide private repositories deny the access to those that do not exist.
const noSuchImage =
  /manifest unknown|name unknown|not known to registry|repository does not exist|manifest_unknown|name_unknown|: not found$|: not found: |did not resolve to an alias|requested access to the resource is denied/i;

/** Pulls the image unless the policy, or where the image is from, accepts the local one. @throws RuntimeError */
export async function pullByPolicy(
  image: string,
  policy: PullPolicy,
  { findLocal, pull }: PullDeps,
): Promise<PullResult> {
  const local = policy === 'always' && !isNamedLocal(image) ? undefined : await findLocal();
  if (local !== undefined) return policy === 'always' ? { localOnly: 'its name is local' } : {};
  if (policy === 'never') {
    throw new RuntimeError(
      `the image ${image} is not on this machine, and images.pull_policy is "never": build or pull it, or set images.pull_policy to "if-not-present"`,
    );
  }
  if (isNamedLocal(image)) {
    throw new RuntimeError(
      `the image ${image} is not on this machine, and names that begin with "localhost/" are of images that are built on it: build it with this name`,
    );
  }
  return pullFromRegistry(image, policy, { findLocal, pull });
}

async function pullFromRegistry(image: string, policy: PullPolicy, { findLocal, pull }: PullDeps): Promise<PullResult> {
  // Podman finds a local image by its short name too.
  const before = policy === 'always' ? await findLocal().catch(() => undefined) : undefined;
  if (before?.isNamedLocal) return { localOnly: 'its name is local' };
  const result = await pull();
  if (result.exitCode === 0) return {};
  const error = lastErrorLine(result);
  const isMissing = noSuchImage.test(error);
  const local = policy === 'always' ? await findLocal().catch(() => undefined) : undefined;
  // An image that was in a registry may have been removed from there on purpose.
  if (isMissing && local?.isMadeHere) return { localOnly: 'no registry has it' };
  const reason = `cannot pull the image ${image}: ${error}`;
  if (local !== undefined) {
    throw new RuntimeError(
      `${reason} (the image is on this machine: to use it, set images.pull_policy to "if-not-present")`,
    );
  }
  throw new RuntimeError(
    isMissing ? `${reason} (check its name, log in to its registry, or build it on this machine)` : reason,
  );
}
