import { useState } from 'preact/hooks';
import { useAction } from './hooks.ts';
import { type Column, ListTable } from './list-table.tsx';
import { Confirm, ErrorNote, ShortId } from './parts.tsx';

interface RevocableTableProps<Row> {
  caption: string;
  /** The name for a row, such as "token". */
  kind: string;
  rows: readonly Row[];
  idOf: (row: Row) => string;
  /** Those after the ID. */
  columns: readonly Column<Row>[];
  /** The effect of a revocation. */
  consequence: string;
  revoke: (row: Row) => Promise<void>;
}

/** A table of credentials by their IDs. The user confirms before one is revoked. */
export function RevocableTable<Row>(props: RevocableTableProps<Row>) {
  const { caption, kind, rows, idOf, columns, consequence, revoke } = props;
  const [asked, setAsked] = useState<Row>();
  const { run, isBusy, error } = useAction(revoke);
  const nameOf = (row: Row) => `${kind} ${idOf(row).slice(0, 8)}`;
  const confirmed = (yes: boolean) => {
    setAsked(undefined);
    if (yes && asked) run(asked);
  };
  const title = kind.charAt(0).toUpperCase() + kind.slice(1);
  return (
    <>
      <ListTable
        caption={caption}
        rows={rows}
        keyOf={idOf}
        columns={[{ title, cell: (row) => <ShortId id={idOf(row)} /> }, ...columns]}
        action={(row) => (
          <button type="button" disabled={isBusy} onClick={() => setAsked(() => row)}>
            Revoke<span class="hidden"> {nameOf(row)}</span>
          </button>
        )}
      />
      <ErrorNote message={error} />
      {asked === undefined ? null : (
        <Confirm
          question={`Revoke ${nameOf(asked)}?`}
          consequence={`${consequence} This cannot be undone.`}
          action="Revoke"
          onAnswer={confirmed}
        />
      )}
    </>
  );
}
