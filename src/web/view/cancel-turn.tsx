import { useState } from 'preact/hooks';
import type { Turn } from '../../plan42/objects/turn.ts';
import { isTerminalStatus } from '../../plan42/objects/turn-status.ts';
import { type Api, CallError } from './api.ts';
import { useAction, useApi } from './hooks.ts';
import { Confirm, ErrorNote } from './parts.tsx';

/** Ends a turn as failed, if a person really wants it. */
export function CancelTurn({ turn, path, onDone }: { turn: Turn; path: string; onDone: () => void }) {
  const api = useApi();
  const [isAsking, setAsking] = useState(false);
  const { run, isBusy, error } = useAction(async () => {
    await failTurn(api, path, turn);
    onDone();
    // The button is about to go.
    document.querySelector('h1')?.focus();
  });
  const answered = (yes: boolean) => {
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
          consequence="It ends as failed. Its agent notices with its next call; until then it goes on."
          action="Cancel the turn"
          onAnswer={answered}
        />
      ) : null}
    </div>
  );
}

// The agent writes to the turn all the time, so the version that we know may be old at once.
const maxTries = 5;

async function failTurn(api: Api, path: string, turn: Turn, triesLeft = maxTries): Promise<void> {
  if (isTerminalStatus(turn.Status)) return;
  const body = { Status: 'Failed', ErrorMessage: 'cancelled by user' };
  try {
    await api.call('PATCH', path, { body, ifMatch: turn.Version });
  } catch (error) {
    const isConflict = error instanceof CallError && error.status === 409 && error.current !== undefined;
    if (!isConflict || triesLeft === 1) throw error;
    await failTurn(api, path, error.current as Turn, triesLeft - 1);
  }
}
