import { type CheckContext, withConfig } from './check.ts';
import { type Finding, passed, skipped, warning } from './finding.ts';

const maxSkewMs = 60_000;
const subject = 'clock';

/** Compares with the server's clock, because tokens have a validity period. */
export function checkClock(context: CheckContext): Promise<readonly Finding[]> {
  return withConfig(context, async () => {
    const probe = await context.probeApi().catch(() => undefined);
    if (probe === undefined) return [skipped(subject, 'the server did not respond')];
    if (probe.serverTime === undefined) return [skipped(subject, 'the server did not send its time')];
    // The server's time is truncated to seconds.
    const skewMs = probe.ownTime.getTime() - probe.serverTime.getTime() - 500;
    const seconds = Math.abs(Math.round(skewMs / 1000));
    const skew = `${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the server`;
    if (Math.abs(skewMs) <= maxSkewMs) return [passed(subject, seconds <= 1 ? 'in sync with the server' : skew)];
    const command = process.platform === 'darwin' ? 'sudo sntp -sS time.apple.com' : 'sudo timedatectl set-ntp true';
    return [
      warning(subject, `${skew}: tokens may be rejected as expired or not yet valid`, {
        text: 'Synchronize the clock.',
        command,
      }),
    ];
  });
}
