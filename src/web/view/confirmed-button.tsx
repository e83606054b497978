import { useState } from 'preact/hooks';
import { useAction } from './hooks.ts';
import { Confirm, ErrorNote } from './parts.tsx';

interface ConfirmedButtonProps {
  label: string;
  question: string;
  consequence: string;
  action: string;
  act: () => Promise<void>;
}

/** A button for an action that the user has to confirm. */
export function ConfirmedButton({ label, act, ...confirmation }: ConfirmedButtonProps) {
  const [isAsking, setAsking] = useState(false);
  const { run, isBusy, error } = useAction(act);
  const confirmed = (yes: boolean) => {
    setAsking(false);
    if (yes) run();
  };
  return (
    <div>
      <button type="button" disabled={isBusy} onClick={() => setAsking(true)}>
        {label}
      </button>
      <ErrorNote message={error} />
      {isAsking ? <Confirm {...confirmation} onAnswer={confirmed} /> : null}
    </div>
  );
}
