import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { printableLine } from '../../lib/printable.ts';
import type { Task } from '../../plan42/objects.ts';
import { hashOf, type Place } from '../place.ts';
import {
  emptyTaskForm,
  type FormErrors,
  formToRepeat,
  readTaskForm,
  type TaskForm,
  type WantedTask,
} from '../task-form.ts';
import { submitByKey, useAction, useApi, useFocusOnError, useLoad } from './hooks.ts';
import { ErrorNote, FormField, Heading } from './parts.tsx';
import { listEnvironments, startTask } from './start-task.ts';

export function NewTaskView({ environment = '', from }: Extract<Place, { view: 'newTask' }>) {
  const api = useApi();
  const [form, setForm] = useState({ ...emptyTaskForm, environment });
  const [errors, setErrors] = useState<FormErrors>({});
  const element = useRef<HTMLFormElement>(null);
  // Empty until they are loaded, and if they cannot be; the form works without them.
  const { value: environments = [] } = useLoad('environments', (signal) => listEnvironments(api, signal));
  const { run, isBusy, error } = useAction(async (task: WantedTask) => {
    location.hash = hashOf({ view: 'task', taskId: await startTask(api, task) });
  });
  const { value: repeated, error: loadError } = useLoad(`task ${from}`, async (signal) => {
    if (from === undefined) return undefined;
    const path = `${api.tenantPath}/tasks/${encodeURIComponent(from)}`;
    return api.call<Task>('GET', path, { signal, exact: true });
  });
  useLayoutEffect(() => {
    if (repeated) setForm(formToRepeat(repeated));
  }, [repeated]);
  const set = (changes: Partial<TaskForm>) => setForm((old) => ({ ...old, ...changes }));
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const read = readTaskForm(form);
    setErrors('errors' in read ? read.errors : {});
    if ('task' in read) run(read.task);
  };
  useFocusOnError(element, errors);
  return (
    <>
      <Heading title="Start a task" />
      <ErrorNote message={loadError} />
      <form ref={element} class="card" onSubmit={submit} onKeyDown={submitByKey} noValidate>
        {environments.length > 0 ? (
          <FormField label="Environment">
            {(attributes) => (
              <select
                {...attributes}
                value={form.environment}
                onChange={(event) => set({ environment: event.currentTarget.value })}
              >
                <option value="">From an image</option>
                {environments.map(({ EnvironmentId, Name, DockerImage }) => (
                  <option key={EnvironmentId} value={EnvironmentId}>
                    {printableLine(Name || DockerImage || EnvironmentId)}
                  </option>
                ))}
              </select>
            )}
          </FormField>
        ) : null}
        <TaskFields form={form} set={set} errors={errors} isRepeated={from !== undefined} />
        <ErrorNote message={error} />
        <button type="submit" class="primary" disabled={isBusy}>
          Start the task
        </button>
      </form>
    </>
  );
}

interface FieldsProps {
  form: TaskForm;
  set: (changes: Partial<TaskForm>) => void;
  errors: FormErrors;
}

function TaskFields({ form, set, errors, isRepeated }: FieldsProps & { isRepeated: boolean }) {
  const isNew = form.environment === '';
  return (
    <>
      {isNew ? (
        <FormField label="Image" hint="The container image of the agent." error={errors.image}>
          {(attributes) => (
            <input
              {...attributes}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              value={form.image}
              onInput={(event) => set({ image: event.currentTarget.value })}
            />
          )}
        </FormField>
      ) : null}
      <FormField label="Prompt" hint="The task for the agent. Ctrl+Enter starts it." error={errors.prompt}>
        {(attributes) => (
          <textarea
            {...attributes}
            rows={6}
            value={form.prompt}
            onInput={(event) => set({ prompt: event.currentTarget.value })}
          />
        )}
      </FormField>
      <details open={Boolean(errors.repos ?? errors.variables) || isRepeated || undefined}>
        <summary>Title, repositories, variables</summary>
        <FormField label="Title" hint="Defaults to the first line of the prompt." error={errors.title}>
          {(attributes) => (
            <input {...attributes} value={form.title} onInput={(event) => set({ title: event.currentTarget.value })} />
          )}
        </FormField>
        <FormField label="Repositories" hint="One per line: org/repo or org/repo:branch." error={errors.repos}>
          {(attributes) => (
            <textarea
              {...attributes}
              rows={2}
              spellcheck={false}
              value={form.repos}
              onInput={(event) => set({ repos: event.currentTarget.value })}
            />
          )}
        </FormField>
        {isNew ? <VariableFields form={form} set={set} errors={errors} /> : null}
      </details>
    </>
  );
}

function VariableFields({ form, set, errors }: FieldsProps) {
  return (
    <>
      <FormField label="Environment variables" hint="One per line: NAME=VALUE." error={errors.variables}>
        {(attributes) => (
          <textarea
            {...attributes}
            rows={2}
            spellcheck={false}
            autocomplete="off"
            value={form.variables}
            onInput={(event) => set({ variables: event.currentTarget.value })}
          />
        )}
      </FormField>
      <label class="check">
        <input
          type="checkbox"
          checked={form.areSecret}
          onChange={(event) => set({ areSecret: event.currentTarget.checked })}
        />
        The values are secret
      </label>
    </>
  );
}
