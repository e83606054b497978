import { useState } from 'preact/hooks';
import type { Turn } from '../../plan42/objects.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { type Api, CallError } from './api.ts';
import { useAction, useApi } from './hooks.ts';
import { Confirm, ErrorNote } from './parts.tsx';

/** Fails a turn after the user confirms. */
export function CancelTurn({ turn, path, onDone }: { turn: Turn; path: string; onDone: () => void }) {
  const api = useApi();
  const [isAsking, setAsking] = useState(false);
  const { run, isBusy, error } = useAction(async () => {
    await failTurn(api, path, turn);
    onDone();
    // The button is about to disappear.
    document.querySelector('h1')?.focus();
  });
  const confirmed = (yes: boolean) => {
    setAsking(false);
    if (yes) run();
  };
  return (
    <div>
      <button type="button" disabled={isBusy} onClick={() => setAsking(true)}>
        Cancel turn {turn.TurnIndex}
      </button>
      <ErrorNote message={error} />
      {isAsking ? (
        <Confirm
          question={`Cancel turn ${turn.TurnIndex}?`}
          consequence="The turn fails, and its runner stops the agent within a minute."
          action="Cancel the turn"
          onAnswer={confirmed}
        />
      ) : null}
    </div>
  );
}

// The agent updates the turn all the time, so the known version may be outdated.
const maxAttempts = 5;

async function failTurn(api: Api, path: string, turn: Turn, attemptsLeft = maxAttempts): Promise<void> {
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
