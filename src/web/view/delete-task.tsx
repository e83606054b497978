import { useState } from 'preact/hooks';
import type { Task } from '../../plan42/objects.ts';
import { hashOf } from '../place.ts';
import { CallError } from './api.ts';
import { useAction, useApi } from './hooks.ts';
import { Confirm, ErrorNote } from './parts.tsx';

/** Deletes a finished task after the user confirms. */
export function DeleteTask({ task, path }: { task: Task; path: string }) {
  const api = useApi();
  const [isAsking, setAsking] = useState(false);
  const remove = (version: number) => api.call('DELETE', path, { ifMatch: version });
  const { run, isBusy, error } = useAction(async () => {
    try {
      await remove(task.Version);
    } catch (thrown) {
      // The task was updated after it was shown.
      const current = thrown instanceof CallError && thrown.status === 409 ? thrown.current : undefined;
      if (current === undefined) throw thrown;
      await remove((current as Task).Version);
    }
    location.hash = hashOf({ view: 'tasks' });
  });
  const confirmed = (yes: boolean) => {
    setAsking(false);
    if (yes) run();
  };
  return (
    <div>
      <button type="button" disabled={isBusy} onClick={() => setAsking(true)}>
        Delete task
      </button>
      <ErrorNote message={error} />
      {isAsking ? (
        <Confirm
          question="Delete this task?"
          consequence="Its turns and logs are deleted with it."
          action="Delete the task"
          onAnswer={confirmed}
        />
      ) : null}
    </div>
  );
}
