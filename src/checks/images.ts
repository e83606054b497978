import type { Config } from '../config/schema.ts';
import { type CheckContext, withConfig } from './check.ts';
import { type Finding, failed, passed } from './finding.ts';

const subject = 'images.allowed';

/** Some image is allowed. Pulls nothing, because that would take minutes. */
export function checkImages(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, ({ images, runner }) => {
    if (images.allowed.length === 0) {
      const text = 'Set images.allowed to the images that may run, such as ["ghcr.io/example/*"], or to ["*"].';
      return [failed(subject, 'images.allowed is empty, so every job is rejected', { text })];
    }
    return [passed(subject, describePolicy(images, runner.runtime))];
  });
}

function describePolicy({ allowed, pullPolicy }: Config['images'], runtime: string | undefined): string {
  if (runtime === 'host') return 'not used by the host runtime';
  const which = allowed.includes('*') ? 'all images allowed' : `allowed: ${allowed.join(', ')}`;
  return `${which}; pull policy "${pullPolicy}"`;
}
