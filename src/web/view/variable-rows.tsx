import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { VariableRow } from '../environment-form.ts';

interface RowsProps {
  rows: readonly VariableRow[];
  onChange: (rows: VariableRow[]) => void;
  error: string | undefined;
}

const newRow: VariableRow = { name: '', value: '', isSecret: false };

/** The variables of an environment. A stored secret is never shown; an empty field keeps it. */
export function VariableRows({ rows, onChange, error }: RowsProps) {
  const group = useRef<HTMLFieldSetElement>(null);
  const id = useId();
  const change = (n: number, changes: Partial<VariableRow>) =>
    onChange(rows.map((row, each) => (each === n ? { ...row, ...changes } : row)));
  // The element that gets the focus after the next change of the rows, because the user's is new or gone.
  const next = useRef<string | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when the rows change.
  useLayoutEffect(() => {
    if (next.current === undefined) return;
    Array.from(group.current?.querySelectorAll<HTMLElement>(next.current) ?? [])
      .at(-1)
      ?.focus();
    next.current = undefined;
  }, [rows]);
  const add = () => {
    next.current = '.variable > input';
    onChange([...rows, newRow]);
  };
  const remove = (n: number) => {
    next.current = '.add';
    onChange(rows.filter((_, each) => each !== n));
  };
  return (
    <fieldset ref={group} class="variables" aria-describedby={`${id}-error`}>
      <legend>Variables</legend>
      {rows.map((row, n) => (
        <Row
          // biome-ignore lint/suspicious/noArrayIndexKey: a row has no identity but its place.
          key={n}
          number={n + 1}
          row={row}
          isInvalid={error !== undefined}
          onChange={(changes) => change(n, changes)}
          onRemove={() => remove(n)}
        />
      ))}
      <p id={`${id}-error`} class="error">
        {error}
      </p>
      <button type="button" class="add" onClick={add}>
        Add a variable
      </button>
    </fieldset>
  );
}

function Row(props: {
  number: number;
  row: VariableRow;
  isInvalid: boolean;
  onChange: (changes: Partial<VariableRow>) => void;
  onRemove: () => void;
}) {
  const { number, row, isInvalid, onChange, onRemove } = props;
  const name = row.name || `variable ${number}`;
  const isStored = row.stored !== undefined && row.stored === row.name && row.isSecret;
  return (
    <div class="variable">
      <input
        aria-label={`Name of variable ${number}`}
        aria-invalid={isInvalid}
        placeholder="NAME"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={row.name}
        onInput={(event) => onChange({ name: event.currentTarget.value })}
      />
      {/* Not a password field, which would drop the line breaks of a key. */}
      <textarea
        aria-label={`Value of ${name}`}
        class={row.isSecret ? 'masked' : undefined}
        rows={1}
        placeholder={isStored ? 'stored; leave empty to keep it' : undefined}
        autocomplete="off"
        spellcheck={false}
        value={row.value}
        onInput={(event) => onChange({ value: event.currentTarget.value })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={row.isSecret}
          onChange={(event) => onChange({ isSecret: event.currentTarget.checked })}
        />
        Secret<span class="hidden"> {name}</span>
      </label>
      <button type="button" onClick={onRemove}>
        Remove<span class="hidden"> {name}</span>
      </button>
    </div>
  );
}
