import { ExitCode, formatError, type UserError } from '../lib/errors.ts';

export type CheckStatus = 'skipped' | 'ok' | 'warning' | 'failed';

export interface Remedy {
  /** An imperative sentence. */
  text: string;
  /** Can be pasted into a shell. */
  command?: string;
}

/** One result of a check. */
export interface Finding {
  /** A setting such as `runner.token`, a connection such as `github.work`, or a path. */
  subject: string;
  status: CheckStatus;
  /** A sentence without a full stop. If skipped, the reason. */
  message: string;
  remedies: readonly Remedy[];
  /** Exit code of a command for which this is the first failure. */
  exitCode: ExitCode;
}

export function passed(subject: string, message: string): Finding {
  return { subject, status: 'ok', message, remedies: [], exitCode: ExitCode.done };
}

export function skipped(subject: string, reason: string): Finding {
  return { subject, status: 'skipped', message: reason, remedies: [], exitCode: ExitCode.done };
}

export function warning(subject: string, message: string, ...remedies: Remedy[]): Finding {
  return { subject, status: 'warning', message, remedies, exitCode: ExitCode.done };
}

export function failed(
  subject: string,
  message: string,
  remedy: Remedy,
  exitCode: ExitCode = ExitCode.failed,
): Finding {
  return { subject, status: 'failed', message, remedies: [remedy], exitCode };
}

export function failedWith(subject: string, error: UserError): Finding {
  const { remedy, exitCode } = error;
  return {
    subject,
    status: 'failed',
    message: formatError(error),
    remedies: remedy ? [{ text: remedy }] : [],
    exitCode,
  };
}

const bySeverity: readonly CheckStatus[] = ['skipped', 'ok', 'warning', 'failed'];

export function worstStatus(statuses: readonly CheckStatus[]): CheckStatus {
  return bySeverity.findLast((status) => statuses.includes(status)) ?? 'skipped';
}
