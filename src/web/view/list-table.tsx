import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  title: string;
  /** Only on wide screens. */
  wide?: boolean;
  cell: (row: Row) => ComponentChildren;
}

export interface ListTableProps<Row> {
  caption: string;
  class?: string;
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The first one has what a row is called. */
  columns: readonly Column<Row>[];
  /** The buttons or links of a row. */
  action: (row: Row) => ComponentChildren;
}

const classOf = ({ wide }: Column<never>) => (wide ? 'wide' : undefined);

/** A table of objects, with their actions in the last column. */
export function ListTable<Row>({ caption, rows, keyOf, columns, action, ...attributes }: ListTableProps<Row>) {
  const [first, ...others] = columns;
  return (
    <table {...attributes}>
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.title} scope="col" class={classOf(column)}>
              {column.title}
            </th>
          ))}
          <th scope="col">
            <span class="hidden">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            <th scope="row">{first?.cell(row)}</th>
            {others.map((column) => (
              <td key={column.title} class={classOf(column)}>
                {column.cell(row)}
              </td>
            ))}
            <td class="action">{action(row)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
