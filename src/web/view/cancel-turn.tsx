import type { Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { type Api, CallError } from './api.ts';
import { ConfirmedButton } from './confirmed-button.tsx';
import { useApi } from './hooks.ts';

/** Fails a turn after the user confirms. */
export function CancelTurn({ turn, path, onDone }: { turn: Turn; path: string; onDone: () => void }) {
  const api = useApi();
  const act = async () => {
    await failTurn(api, path, turn);
    onDone();
    // The button is about to disappear.
    document.querySelector('h1')?.focus();
  };
  return (
    <ConfirmedButton
      label={`Cancel turn ${turn.TurnIndex}`}
      question={`Cancel turn ${turn.TurnIndex}?`}
      consequence="The turn fails, and its runner stops the agent within a minute."
      action="Cancel the turn"
      act={act}
    />
  );
}

// The agent updates the turn all the time, so the known version may be outdated.
const maxAttempts = 5;

/** Fails a turn, unless it is finished. */
export async function failTurn(api: Api, path: string, turn: Turn, attemptsLeft = maxAttempts): Promise<void> {
  if (isTerminalStatus(turn.Status)) return;
  const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
  try {
    await api.call('PATCH', path, { body, ifMatch: turn.Version });
  } catch (error) {
    const isConflict = error instanceof CallError && error.status === 409 && error.current !== undefined;
    if (!isConflict || attemptsLeft === 1) throw error;
    await failTurn(api, path, error.current as Turn, attemptsLeft - 1);
  }
}
