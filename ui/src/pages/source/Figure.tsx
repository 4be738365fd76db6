import { Link } from "react-router";
import classes from "./Figure.module.css";

interface FigureProps {
  name: string;
  value: number;
  note?: string;
  to: string;
  alarming?: boolean;
}

/** One count, large; leads to what it counts. */
export function Figure({ name, value, note, to, alarming }: FigureProps) {
  return (
    <Link to={to} className={classes.figure} data-alarming={alarming || undefined}>
      <span className={classes.name}>{name}</span>
      <span className={classes.value}>{value.toLocaleString("en")}</span>
      <span className={classes.note}>{note ?? "\u00a0"}</span>
    </Link>
  );
}
