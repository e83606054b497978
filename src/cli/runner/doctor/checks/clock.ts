import { type CheckContext, withConfig } from '../check.ts';
import { type Finding, ok, skipped, warning } from '../finding.ts';

const maxSkewMs = 60_000;

/** Against the server's clock: tokens are valid from a moment to a moment. */
export function checkClock(context: CheckContext): Promise<Finding> {
  return withConfig(context, async () => {
    const probe = await context.probeApi().catch(() => undefined);
    if (probe === undefined) return skipped('the server did not answer, so there is nothing to compare it with');
    if (probe.serverTime === undefined) return skipped('the server does not tell its time');
    // The server's is cut to whole seconds.
    const skewMs = probe.ownTime.getTime() - probe.serverTime.getTime() - 500;
    const seconds = Math.abs(Math.round(skewMs / 1000));
    const side = skewMs > 0 ? 'ahead of' : 'behind';
    if (Math.abs(skewMs) <= maxSkewMs)
      return ok(seconds <= 1 ? 'it agrees with the server’s' : `it is ${seconds} s ${side} the server’s`);
    const command = process.platform === 'darwin' ? 'sudo sntp -sS time.apple.com' : 'sudo timedatectl set-ntp true';
    return warning(`it is ${seconds} s ${side} the server’s: tokens would be refused as expired or not yet valid`, {
      text: 'Set the clock by the network.',
      command,
    });
  });
}
