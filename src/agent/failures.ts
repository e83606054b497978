import { errorCode, formatError } from '../lib/errors.ts';
import { AgentFailure } from './drivers/driver.ts';

/** Why a turn failed: one sentence for the person who wrote the prompt, and what to do. */
export class TurnFailure extends Error {
  override readonly name = 'TurnFailure';
  /** Whether the work is on a branch of its own. */
  readonly isWorkSaved: boolean;

  constructor(
    sentence: string,
    { remedy, cause, isWorkSaved = false }: { remedy?: string; cause?: unknown; isWorkSaved?: boolean } = {},
  ) {
    super(remedy === undefined ? sentence : `${sentence} ${remedy}`, { cause });
    this.isWorkSaved = isWorkSaved;
  }
}

export const diskFull = (cause?: unknown) =>
  new TurnFailure('the disk is full.', {
    remedy: 'Free some space on the machine of the runner, then repeat the turn.',
    cause,
  });

/** Returns the text with which a turn fails. */
export function failureMessage(error: unknown): string {
  if (error instanceof TurnFailure || error instanceof AgentFailure) return error.message;
  if (errorCode(error) === 'ENOSPC') return diskFull(error).message;
  return formatError(error);
}
