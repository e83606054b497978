import type { EnvironmentErrors, EnvironmentForm } from '../environment-form.ts';
import { HostPresets } from './host-presets.tsx';
import { FormField } from './parts.tsx';
import type { Surroundings } from './surroundings.ts';
import { VariableRows } from './variable-rows.tsx';

interface FieldsProps {
  form: EnvironmentForm;
  set: (changes: Partial<EnvironmentForm>) => void;
  errors: EnvironmentErrors;
  surroundings: Surroundings;
}

type TextName = Exclude<keyof EnvironmentForm, 'variables'>;

export function EnvironmentFields({ form, set, errors, surroundings }: FieldsProps) {
  const { tenant, connections, runners } = surroundings;
  const text = (name: TextName, label: string, hint?: string) => (
    <FormField label={label} hint={hint} error={errors[name]}>
      {(attributes) => (
        <input
          {...attributes}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={form[name]}
          onInput={(event) => set({ [name]: event.currentTarget.value })}
        />
      )}
    </FormField>
  );
  const area = (name: TextName, label: string, rows: number, hint?: string) => (
    <FormField label={label} hint={hint} error={errors[name]}>
      {(attributes) => (
        <textarea
          {...attributes}
          class={name === 'setupScript' ? 'code' : undefined}
          rows={rows}
          spellcheck={false}
          value={form[name]}
          onInput={(event) => set({ [name]: event.currentTarget.value })}
        />
      )}
    </FormField>
  );
  const choice = (name: TextName, label: string, options: readonly { id: string; text: string }[]) => (
    <FormField label={label} error={errors[name]}>
      {(attributes) => (
        <select {...attributes} value={form[name]} onChange={(event) => set({ [name]: event.currentTarget.value })}>
          {options.map((option) => (
            <option key={option.id} value={option.id}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </FormField>
  );
  const connectionOptions = connections.map(({ ConnectionID, Name, GithubUserLogin }) => ({
    id: ConnectionID,
    text: Name ?? GithubUserLogin ?? ConnectionID,
  }));
  const runnerOptions = runners.map(({ RunnerId, Name }) => ({ id: RunnerId, text: Name }));
  return (
    <>
      {text('name', 'Name')}
      {text('image', 'Image', 'The container image of the agent.')}
      {area('repos', 'Repositories', 2, 'Agents clone them. One per line: org/repo.')}
      {choice('connection', 'GitHub connection', withDefault(connectionOptions, tenant.DefaultGithubConnectionID))}
      <VariableRows rows={form.variables} onChange={(variables) => set({ variables })} error={errors.variables} />
      {area('setupScript', 'Setup script', 3, 'Prepares the workspace before the agent starts.')}
      {area('hosts', 'Hosts', 2, 'Hosts that agents may reach. One per line: example.com, *.example.com, or a preset.')}
      <HostPresets hosts={form.hosts} onChange={(hosts) => set({ hosts })} />
      {area('context', 'Context', 3, 'Agents get this text with each prompt.')}
      {text('description', 'Description')}
      {choice('runner', 'Runner', withDefault(runnerOptions, tenant.DefaultRunnerID))}
    </>
  );
}

function withDefault(options: readonly { id: string; text: string }[], defaultId: string | undefined) {
  const name = options.find(({ id }) => id === defaultId)?.text;
  return [{ id: 'default', text: name === undefined ? 'Default (none)' : `Default (${name})` }, ...options];
}
