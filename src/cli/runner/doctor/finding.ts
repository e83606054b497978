import { ExitCode } from '../../../lib/errors.ts';

/** From the best to the worst, `skipped` aside. */
export type Status = 'ok' | 'skipped' | 'warning' | 'failed';

/** What to do about a finding. */
export interface Remedy {
  /** One sentence. */
  text: string;
  /** To be pasted into a shell as it is. */
  command?: string;
}

/** What a check has to say. */
export interface Finding {
  status: Status;
  /** At least one sentence without a full stop; for `skipped` the reason. */
  found: readonly string[];
  remedies: readonly Remedy[];
  /** What the command ends with when this is the first that failed. */
  exitCode: ExitCode;
}

export function ok(...found: string[]): Finding {
  return { status: 'ok', found, remedies: [], exitCode: ExitCode.done };
}

export function skipped(why: string): Finding {
  return { status: 'skipped', found: [why], remedies: [], exitCode: ExitCode.done };
}

export function warning(found: string, ...remedies: Remedy[]): Finding {
  return { status: 'warning', found: [found], remedies, exitCode: ExitCode.done };
}

export function failed(found: string, remedy: Remedy, exitCode: ExitCode = ExitCode.failed): Finding {
  return { status: 'failed', found: [found], remedies: [remedy], exitCode };
}

const severity: readonly Status[] = ['skipped', 'ok', 'warning', 'failed'];

/** Several findings of one check: all that was found, as bad as the worst. */
export function combine(findings: readonly Finding[]): Finding {
  const status = findings.map((finding) => finding.status).reduce(worse, 'skipped');
  return {
    status,
    found: findings.flatMap((finding) => finding.found),
    remedies: findings.flatMap((finding) => finding.remedies),
    exitCode: findings.find((finding) => finding.status === 'failed')?.exitCode ?? ExitCode.done,
  };
}

export function worse(a: Status, b: Status): Status {
  return severity.indexOf(a) > severity.indexOf(b) ? a : b;
}
