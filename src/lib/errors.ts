/** Exit codes of the three commands, as documented. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  configuration: 3,
  token: 4,
  runtime: 5,
  platform: 6,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/**
 * A mistake or a failure that the user can fix. It is shown as one sentence and a remedy, without a stack. Any other error
 * is a bug and keeps its stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly remedy: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: { remedy?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.remedy = options.remedy;
    this.exitCode = options.exitCode ?? ExitCode.failed;
  }
}

/** The `code` of a Node.js system error (`ENOENT`, `ECONNRESET`, …), of `error` or one of its causes. */
export function errorCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

/** The error as one line, with the causes that add information. */
export function formatError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message || errorCode(error) || error.name;
  if (error instanceof AggregateError && error.errors.length > 0) return formatError(error.errors[0]);
  if (!(error.cause instanceof Error)) return message;
  const cause = formatError(error.cause);
  return message.includes(cause) ? message : `${message}: ${cause}`;
}

/** Whether `error` was thrown because `signal` was aborted. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return (
    signal?.aborted === true && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))
  );
}
