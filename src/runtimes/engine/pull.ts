/** Pulls images by policy, and decides when an image of this machine is used although the policy asks a registry first. */

import { splitImage } from '../../lib/image-parts.ts';
import { isNamedLocal } from '../../lib/image-reference.ts';
import type { CommandResult } from '../../lib/run-command.ts';
import { type Image, type PullPolicy, type PullResult, RuntimeError } from '../runtime.ts';
import { lastErrorLine } from './client.ts';

/** Origin of an image that is on this machine. */
export interface LocalImage {
  /** No registry has its name. */
  isNamedLocal: boolean;
  /** It was built or imported here, never pulled or pushed. */
  isMadeHere: boolean;
  /** Undefined if the client does not describe it. */
  image?: Image | undefined;
}

export interface PullDeps {
  /** Undefined if the image is not on this machine. */
  findLocal: () => Promise<LocalImage | undefined>;
  /** Called before a registry is asked. */
  beforePull?: (() => Promise<void>) | undefined;
  pull: () => Promise<CommandResult>;
  /** Whether the output of a pull shows that the image is the one from before. */
  isUnchanged?: (output: string, before: Image) => boolean;
}

// Registries that hide private repositories deny the access to those that do not exist.
const noSuchImage =
  /manifest unknown|name unknown|not known to registry|repository does not exist|manifest_unknown|name_unknown|: not found$|: not found: |did not resolve to an alias|requested access to the resource is denied/i;

/** Pulls the image unless the policy, its name or its origin accepts the local one. @throws RuntimeError */
export async function pullByPolicy(image: string, policy: PullPolicy, deps: PullDeps): Promise<PullResult> {
  // The content behind a digest cannot change, so there is nothing to ask a registry for.
  const mayBeHere = policy !== 'always' || isNamedLocal(image) || splitImage(image).digest !== undefined;
  const local = mayBeHere ? await deps.findLocal() : undefined;
  if (local !== undefined) {
    const isByName = policy === 'always' && isNamedLocal(image);
    return { ...(isByName && { localOnly: 'its name is local' }), ...imageOf(local) };
  }
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
  return pullFromRegistry(image, policy, deps);
}

async function pullFromRegistry(image: string, policy: PullPolicy, deps: PullDeps): Promise<PullResult> {
  const { findLocal, beforePull, pull, isUnchanged } = deps;
  // Podman finds a local image by its short name too.
  const [before] = await Promise.all([
    policy === 'always' ? findLocal().catch(() => undefined) : undefined,
    beforePull?.(),
  ]);
  if (before?.isNamedLocal) return { localOnly: 'its name is local', ...imageOf(before) };
  const result = await pull();
  if (result.exitCode === 0)
    return before?.image && isUnchanged?.(result.stdout, before.image) ? { image: before.image } : {};
  const error = lastErrorLine(result);
  const isMissing = noSuchImage.test(error);
  const local = policy === 'always' ? await findLocal().catch(() => undefined) : undefined;
  // An image that was in a registry may have been removed from there on purpose.
  if (isMissing && local?.isMadeHere) return { localOnly: 'no registry has it', ...imageOf(local) };
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

function imageOf({ image }: LocalImage): Pick<PullResult, 'image'> {
  return image === undefined ? {} : { image };
}
