// Old and new values, attribute by attribute.
import { Text } from "@mantine/core";
import type { Change } from "../api/types";
import { type Difference, differences } from "./differences";
import classes from "./DifferenceTable.module.css";

export function DifferenceTable({ change }: { change: Change }) {
  const rows = differences(change.before, change.after);
  if (rows.length === 0) return null;
  const created = change.kind === "create";
  const deleted = change.kind === "delete";
  return (
    <div className={classes.frame}>
      <table className={classes.table} aria-label="Old and new values">
        <thead>
          <tr>
            <th scope="col">Attribute</th>
            {!created && <th scope="col">{deleted ? "Value" : "Before"}</th>}
            {!deleted && <th scope="col">{created ? "Value" : "After"}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.path.join(" ")}>
              <th scope="row" title={row.path.join(".")}>
                {row.name}
              </th>
              {!created && (
                <td data-label={deleted ? "Value" : "Before"}>
                  <Lines lines={row.before} as={deleted ? "plain" : "gone"} />
                </td>
              )}
              {!deleted && (
                <td data-label={created ? "Value" : "After"}>
                  <Lines lines={row.after} as={created ? "plain" : "new"} />
                  <Unchanged row={row} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Lines({ lines, as }: { lines: string[]; as: "gone" | "new" | "plain" }) {
  if (lines.length === 0)
    return (
      <Text span size="sm" c="dimmed">
        nothing
      </Text>
    );
  return lines.map((line, index) => (
    <div key={index}>
      <span className={classes[as]}>{line}</span>
    </div>
  ));
}

function Unchanged({ row }: { row: Difference }) {
  if (row.unchanged === 0) return null;
  return (
    <Text size="xs" c="dimmed">
      and {row.unchanged} as before
    </Text>
  );
}
