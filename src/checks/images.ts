import type { Config } from '../config/schema.ts';
import { isImageAllowed } from '../runtimes/image-policy.ts';
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
    const local = await findLocalImages(config, context);
    return [passed(subject, describePolicy(images, runner.runtime)), ...local.map(unpullable)];
  });
}

// Podman gives this registry to images that are built or imported, and people give it to such images with docker.
const localRegistry = 'localhost/';
// The runner's own marks of images, and the image of this command's container.
const ownImage = /^localhost\/plan42-(runner|doctor):/;
const maxShown = 3;

/** Images that may run and exist only on this machine, if the pull policy prevents their use. */
async function findLocalImages(config: Config, context: CheckContext): Promise<string[]> {
  const { allowed, pullPolicy } = config.images;
  if (pullPolicy !== 'always' || config.runner.runtime === 'host') return [];
  const patterns = allowed.filter((pattern) => pattern.startsWith(localRegistry));
  if (patterns.length > 0) return patterns.slice(0, maxShown);
  const runtime = await findRuntime(config, context);
  const names = (await runtime?.images?.listNames?.(context.signal).catch((): string[] => [])) ?? [];
  const isLocal = (name: string) => name.startsWith(localRegistry) && !ownImage.test(name);
  return names.filter((name) => isLocal(name) && isImageAllowed(name, allowed)).slice(0, maxShown);
}

function unpullable(image: string): Finding {
  return warning(
    'images.pull_policy',
    `${image} exists only on this machine, and jobs with it fail because images.pull_policy is "always"`,
    {
      text: 'Use the image that is on this machine.',
      command: 'plan42 runner config set images.pull_policy=if-not-present',
    },
  );
}

function describePolicy({ allowed, pullPolicy }: Config['images'], runtime: string | undefined): string {
  if (runtime === 'host') return 'not used by the host runtime';
  const which = allowed.includes('*') ? 'all images allowed' : `allowed: ${allowed.join(', ')}`;
  return `${which}; pull policy "${pullPolicy}"`;
}
