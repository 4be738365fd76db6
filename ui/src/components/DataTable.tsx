// A list of things as a table, which becomes cards on a phone.
//
//   <DataTable
//     caption="Users"
//     columns={[
//       { key: "user_name", header: "User name", cell: (user) => <Link …/>, sort: "user_name" },
//       { key: "created", header: "Created", cell: (user) => <Moment at={user.created} /> },
//     ]}
//     rowKey={(user) => user.id}
//     query={query}                  // of TanStack Query, yielding a Page of rows
//     sort={{ by: filters.sort, order: filters.order }}
//     onSort={(by, order) => setFilters({ sort: by, order })}
//     empty={<EmptyState … />}
//   />
//
// The first column names the row (a row header, and the head of the card): put the link there.
// Instead of `query`, `rows` may be given straight.
//
// The roles are spelled out because browsers drop them from a table that is laid out as cards.
import { Skeleton, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowDown, IconArrowsSort, IconArrowUp } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Page } from "../api/types";
import classes from "./DataTable.module.css";
import { ErrorState } from "./ErrorState";

export type Order = "asc" | "desc";

export interface Column<Row> {
  key: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** The API's name to sort by; without it the column does not sort. */
  sort?: string;
  /** The order of the first click: newest first for moments, say. */
  firstOrder?: Order;
  align?: "left" | "right";
  width?: number | string;
  /** Keeps the header for screen readers only (actions). */
  hideHeader?: boolean;
}

export interface DataTableProps<Row> {
  caption: string;
  columns: Column<Row>[];
  rowKey: (row: Row) => string;
  rows?: Row[];
  query?: {
    data: Page<Row> | undefined;
    error: unknown;
    isPlaceholderData?: boolean;
    refetch: () => unknown;
  };
  sort?: { by: string; order: Order };
  onSort?: (by: string, order: Order) => void;
  /** Shown instead of the table when there are no rows. */
  empty?: ReactNode;
  skeletonRows?: number;
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { caption, columns, rowKey, query, sort, onSort, empty, skeletonRows = 8 } = props;
  const rows = props.rows ?? query?.data?.items;

  // What is known stays on show while a later reading fails: the next one may succeed.
  if (!rows && query?.error) {
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  }
  // An empty page with a next one doesn't say that there is nothing.
  if (rows?.length === 0 && empty && !query?.data?.next)
    return <div className={classes.frame}>{empty}</div>;

  return (
    <div className={classes.frame} aria-busy={!rows || query?.isPlaceholderData}>
      <table
        role="table"
        className={classes.table}
        data-stale={query?.isPlaceholderData || undefined}
      >
        <caption>
          <VisuallyHidden>{caption}</VisuallyHidden>
        </caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <ColumnHeader key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows
            ? rows.map((row) => <DataRow key={rowKey(row)} row={row} columns={columns} />)
            : Array.from({ length: skeletonRows }, (_, index) => (
                <tr key={index} role="row">
                  {columns.map((column) => (
                    <td key={column.key} role="cell">
                      <Skeleton height={14} width={`${50 + ((index * 37) % 40)}%`} />
                    </td>
                  ))}
                </tr>
              ))}
        </tbody>
      </table>
      {!rows && <VisuallyHidden role="status">Loading {caption}</VisuallyHidden>}
    </div>
  );
}

function DataRow<Row>({ row, columns }: { row: Row; columns: Column<Row>[] }) {
  return (
    <tr role="row">
      {columns.map((column, index) => {
        const content = column.cell(row);
        const align = column.align ?? "left";
        if (index === 0) {
          return (
            <th key={column.key} scope="row" role="rowheader" data-align={align}>
              {content}
            </th>
          );
        }
        return (
          <td
            key={column.key}
            role="cell"
            data-align={align}
            // The card's label for the value; drawn by the style sheet on phones only.
            data-label={column.hideHeader ? undefined : column.header}
          >
            {content}
          </td>
        );
      })}
    </tr>
  );
}

interface ColumnHeaderProps<Row> {
  column: Column<Row>;
  sort: DataTableProps<Row>["sort"];
  onSort: DataTableProps<Row>["onSort"];
}

function ColumnHeader<Row>({ column, sort, onSort }: ColumnHeaderProps<Row>) {
  const { header, sort: by, firstOrder = "asc", align = "left", width, hideHeader } = column;
  const sorted = by !== undefined && sort?.by === by ? sort.order : undefined;
  if (by === undefined || !onSort) {
    return (
      <th scope="col" role="columnheader" data-align={align} style={{ width }}>
        {hideHeader ? <VisuallyHidden>{header}</VisuallyHidden> : header}
      </th>
    );
  }
  const Icon =
    sorted === undefined ? IconArrowsSort : sorted === "asc" ? IconArrowUp : IconArrowDown;
  const next = sorted === undefined ? firstOrder : sorted === "asc" ? "desc" : "asc";
  return (
    <th
      scope="col"
      role="columnheader"
      data-align={align}
      style={{ width }}
      aria-sort={sorted === undefined ? "none" : sorted === "asc" ? "ascending" : "descending"}
    >
      <UnstyledButton className={classes.sort} onClick={() => onSort(by, next)}>
        {header}
        <Icon size={14} aria-hidden data-sorted={sorted} />
      </UnstyledButton>
    </th>
  );
}
