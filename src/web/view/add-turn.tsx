import { useState } from 'preact/hooks';
import type { Task, Turn } from '../../plan42/objects.ts';
import { submitByKey, useAction, useApi } from './hooks.ts';
import { ErrorNote, FormField } from './parts.tsx';

interface AddTurnProps {
  task: Task;
  last: Turn;
  path: string;
  onDone: () => void;
}

/** The form that continues a task whose last turn has finished. */
export function AddTurn({ task, last, path, onDone }: AddTurnProps) {
  const api = useApi();
  const [prompt, setPrompt] = useState('');
  const [mistake, setMistake] = useState<string>();
  const { run, isBusy, error } = useAction(async () => {
    const options = { body: { Prompt: prompt }, ifMatch: task.Version };
    await api.call('PUT', `${path}/turns/${last.TurnIndex + 1}`, options);
    onDone();
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const isEmpty = prompt.trim() === '';
    setMistake(isEmpty ? 'Enter a prompt.' : undefined);
    if (isEmpty) (event.currentTarget as HTMLFormElement).querySelector('textarea')?.focus();
    else run();
  };
  return (
    <form class="card" aria-labelledby="add-turn" onSubmit={submit} onKeyDown={submitByKey} noValidate>
      <h2 id="add-turn">Add a turn</h2>
      <FormField label="Prompt" hint="Ctrl+Enter starts the turn." error={mistake}>
        {(attributes) => (
          <textarea {...attributes} rows={4} value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
        )}
      </FormField>
      <ErrorNote message={error} />
      <button type="submit" class="primary" disabled={isBusy}>
        Start turn {last.TurnIndex + 1}
      </button>
    </form>
  );
}
