import { ExitCode, UserError } from '../lib/errors.ts';

/** The service was started and has ended at once. Its own exit code, when it has a meaning, becomes the command's. */
export function startFailure({ exitCode, detail }: { exitCode: number | undefined; detail: string }): UserError {
  const meaning = Object.values(ExitCode).find((known) => known === exitCode && known !== ExitCode.done);
  return new UserError(`the service is enabled but does not start: ${detail}`, {
    remedy: 'It is tried again every 10 seconds; "plan42 runner logs" shows why it ends.',
    exitCode: meaning ?? ExitCode.failed,
  });
}
