import type { Task } from '../../plan42/objects.ts';
import { hashOf } from '../place.ts';
import { CallError } from './api.ts';
import { ConfirmedButton } from './confirmed-button.tsx';
import { useApi } from './hooks.ts';

/** Deletes a finished task after the user confirms. */
export function DeleteTask({ task, path }: { task: Task; path: string }) {
  const api = useApi();
  const remove = (version: number) => api.call('DELETE', path, { ifMatch: version });
  const act = async () => {
    try {
      await remove(task.Version);
    } catch (thrown) {
      // The task was updated after it was shown.
      const current = thrown instanceof CallError && thrown.status === 409 ? thrown.current : undefined;
      if (current === undefined) throw thrown;
      await remove((current as Task).Version);
    }
    location.hash = hashOf({ view: 'tasks' });
  };
  return (
    <ConfirmedButton
      label="Delete task"
      question="Delete this task?"
      consequence="Its turns and logs are deleted with it."
      action="Delete the task"
      act={act}
    />
  );
}
