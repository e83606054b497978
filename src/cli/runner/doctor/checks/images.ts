import type { Config } from '../../../../config/schema.ts';
import { type CheckContext, withConfig } from '../check.ts';
import { combine, type Finding, failed, ok, warning } from '../finding.ts';

/** That images are allowed at all, and that every pattern can match one. Nothing is pulled: that would take minutes. */
export function checkImages(context: CheckContext): Promise<Finding> {
  return withConfig(context, ({ images, runner }) => {
    if (images.allowed.length === 0) {
      const text = 'Set images.allowed to the images that may run, such as ["ghcr.io/example/*"], or to ["*"].';
      return failed('images.allowed is empty, so every job is refused', { text });
    }
    const senseless = images.allowed.filter((pattern) => !canMatch(pattern));
    const policy = ok(describe(images, runner.runtime));
    return combine([policy, ...senseless.map(pointless)]);
  });
}

function describe({ allowed, pullPolicy }: Config['images'], runtime: string | undefined): string {
  if (runtime === 'host') return 'the runtime host uses none';
  const which = allowed.includes('*') ? 'every image may run' : `allowed: ${allowed.join(', ')}`;
  return `${which}; pull policy "${pullPolicy}"; nothing was pulled`;
}

// What image references are made of, and the two wildcards.
function canMatch(pattern: string): boolean {
  return /^[\w./:@*?-]+$/.test(pattern);
}

function pointless(pattern: string): Finding {
  const text = 'Correct it in images.allowed: "*" stands for any characters, "?" for one.';
  return warning(`the pattern "${pattern}" matches no image`, { text });
}
