import type { Config } from '../config/schema.ts';
import { isNamedLocal } from '../lib/image-reference.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed, warning } from './finding.ts';
import { findRuntime } from './runtime.ts';

const subject = 'images.allowed';

/** Some image is allowed. Pulls nothing, because that would take minutes. */
export function checkImages(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async (config) => {
    const { images, runner } = config;
    if (images.allowed.length === 0) {
      const text = 'Set images.allowed to the images that may run, such as ["ghcr.io/example/*"], or to ["*"].';
      return [failed(subject, 'images.allowed is empty, so every job is rejected', { text })];
    }
    const missing = await findMissingImages(config, context);
    return [passed(subject, describePolicy(images, runner.runtime)), ...missing.map(notBuilt)];
  });
}

const maxShown = 3;

/** Images that may run and can only be built on this machine, but are not there. */
async function findMissingImages(config: Config, context: CheckContext): Promise<string[]> {
  if (config.runner.runtime === 'host') return [];
  const names = config.images.allowed.filter((pattern) => isNamedLocal(pattern) && !/[*?]/.test(pattern));
  const images = names.length === 0 ? undefined : (await findRuntime(config, context))?.images;
  if (images === undefined) return [];
  const isMissing = async (name: string) => (await images.find(name, context.signal).catch(() => null)) === undefined;
  const missing = await Promise.all(names.map(async (name) => ((await isMissing(name)) ? [name] : [])));
  return missing.flat().slice(0, maxShown);
}

function notBuilt(image: string): Finding {
  return warning(subject, `${image} is not on this machine, and no registry has images of this name`, {
    text: 'Build it on this machine, with this name.',
  });
}

function describePolicy({ allowed, pullPolicy }: Config['images'], runtime: string | undefined): string {
  if (runtime === 'host') return 'not used by the host runtime';
  const which = allowed.includes('*') ? 'all images allowed' : `allowed: ${allowed.join(', ')}`;
  return `${which}; pull policy "${pullPolicy}"`;
}
