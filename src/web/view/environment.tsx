import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Environment } from '../../plan42/objects.ts';
import {
  type EnvironmentErrors,
  type EnvironmentForm,
  emptyEnvironmentForm,
  environmentFormOf,
  fieldOfError,
  readEnvironmentForm,
} from '../environment-form.ts';
import { hashOf } from '../place.ts';
import { newUuid } from '../uuid.ts';
import { CallError } from './api.ts';
import { ConfirmedButton } from './confirmed-button.tsx';
import { EnvironmentFields } from './environment-fields.tsx';
import { submitByKey, useAction, useApi, useFocusOnError, useLoad } from './hooks.ts';
import { ErrorNote, Heading, Loading } from './parts.tsx';
import { loadSurroundings, type Surroundings } from './surroundings.ts';

export function NewEnvironmentView() {
  const api = useApi();
  const { value, error } = useLoad('new', (signal) => loadSurroundings(api, signal));
  const save = async (changes: object) => {
    const body = { Context: '', Repos: [], SetupScript: '', EnvVars: [], ...changes };
    await api.call('PUT', `${api.tenantPath}/environments/${newUuid()}`, { body });
    location.hash = hashOf({ view: 'environments' });
  };
  return (
    <>
      <Heading title="Create an environment" />
      {value ? (
        <Editor surroundings={value} initial={emptyEnvironmentForm} action="Create the environment" save={save} />
      ) : (
        <Loading error={error} />
      )}
    </>
  );
}

export function EnvironmentView({ environmentId }: { environmentId: string }) {
  const api = useApi();
  const path = `${api.tenantPath}/environments/${encodeURIComponent(environmentId)}`;
  const { value, error, reload } = useLoad(path, async (signal) => {
    const [environment, shown, surroundings] = await Promise.all([
      api.call<Environment>('GET', path, { signal, exact: true }),
      api.call<Environment>('GET', path, { signal }),
      loadSurroundings(api, signal),
    ]);
    return { environment, shown, surroundings };
  });
  if (!value) {
    return (
      <>
        <Heading title="Environment" />
        <Loading error={error} />
      </>
    );
  }
  const { environment, shown, surroundings } = value;
  const save = async (changes: object) => {
    await api.call('PATCH', path, { body: changes, ifMatch: environment.Version });
    reload();
  };
  const remove = async () => {
    await api.call('DELETE', path, { ifMatch: environment.Version });
    location.hash = hashOf({ view: 'environments' });
  };
  return (
    <>
      <Heading title={shown.Name || shown.EnvironmentId}>
        <div class="actions">
          <a class="button" href={hashOf({ view: 'newTask', environment: environmentId })}>
            Start a task
          </a>
          <ConfirmedButton
            label="Delete environment"
            question="Delete this environment?"
            consequence="Its tasks stay, but get no more turns. Turns that wait fail."
            action="Delete the environment"
            act={remove}
          />
        </div>
      </Heading>
      <Editor
        surroundings={surroundings}
        initial={environmentFormOf(environment)}
        version={environment.Version}
        action="Save changes"
        save={save}
        onReload={reload}
      />
    </>
  );
}

interface EditorProps {
  surroundings: Surroundings;
  initial: EnvironmentForm;
  /** A change fills the form with `initial` again. */
  version?: number;
  action: string;
  save: (changes: object) => Promise<void>;
  /** Loads the environment again, if another user has changed it. */
  onReload?: () => void;
}

function Editor({ surroundings, initial, version, action, save, onReload }: EditorProps) {
  const [form, setForm] = useState(initial);
  const [errors, setErrors] = useState<EnvironmentErrors>({});
  const [isOutdated, setOutdated] = useState(false);
  const [isDone, setDone] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const { run, isBusy, error } = useAction(async (changes: object) => {
    try {
      await save(changes);
      setDone(true);
    } catch (thrown) {
      const field = thrown instanceof CallError && thrown.status === 400 ? fieldOfError(thrown.message) : undefined;
      if (field !== undefined) setErrors({ [field]: (thrown as CallError).message });
      else if (thrown instanceof CallError && thrown.status === 409) setOutdated(true);
      else throw thrown;
    }
  });
  useFocusOnError(element, errors);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new object with the same version is the same form.
  useLayoutEffect(() => {
    setForm(initial);
    setOutdated(false);
  }, [version]);
  const set = (changes: Partial<EnvironmentForm>) => {
    setDone(false);
    setForm((old) => ({ ...old, ...changes }));
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const read = readEnvironmentForm(form, initial);
    setErrors('errors' in read ? read.errors : {});
    if ('changes' in read) run(read.changes);
  };
  return (
    <form ref={element} class="card" onSubmit={submit} onKeyDown={submitByKey} noValidate>
      <EnvironmentFields form={form} set={set} errors={errors} surroundings={surroundings} />
      <ErrorNote message={error} />
      {isOutdated ? <Outdated onReload={onReload} /> : null}
      <div class="save">
        <button type="submit" class="primary" disabled={isBusy}>
          {action}
        </button>
        <span role="status">{isDone ? 'Saved.' : null}</span>
      </div>
    </form>
  );
}

function Outdated({ onReload }: { onReload: (() => void) | undefined }) {
  const note = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => note.current?.scrollIntoView({ block: 'nearest' }), []);
  return (
    <div ref={note} class="note attention" role="alert">
      <p>The environment was changed in the meantime. Your changes are not saved.</p>
      <button type="button" onClick={onReload}>
        Discard them and load it again
      </button>
    </div>
  );
}
