// What is wrong with a definition, and where in its text.
import { ApiError } from "../api/client";
import { messageOf } from "../components/ErrorState";
import { type JsonFault, placeOfMember, positionOf, type Span } from "./json-places";

export interface DefinitionFault {
  message: string;
  /** The path of the member that is wrong, when it is one. */
  member: string | null;
  /** Where it stands; null for what is about the whole. */
  place: FaultPlace | null;
}

export interface FaultPlace extends Span {
  line: number;
  column: number;
  /** The lines around it. */
  excerpt: { number: number; text: string; wrong: boolean }[];
}

/** Lines before and after, so that the reader sees where they are. */
const AROUND = 2;
/** So many of the wrong lines are shown. */
const MOST_WRONG = 4;

/** A text that is not JSON. */
export function faultOfJson(text: string, { at, message }: JsonFault): DefinitionFault {
  return { message, member: null, place: placeOf(text, { start: at, end: at }) };
}

/** A definition that the server refused. */
export function faultOfRefusal(
  error: unknown,
  text: string,
  places: ReadonlyMap<string, Span>,
): DefinitionFault {
  const detail = messageOf(error);
  const field = error instanceof ApiError ? error.field : null;
  const span = field === null ? null : placeOfMember(places, field);
  if (field === null || span === null) return { message: detail, member: null, place: null };
  const prefix = `${field}: `;
  const said = detail.startsWith(prefix) ? detail.slice(prefix.length) : detail;
  return {
    message: said.charAt(0).toUpperCase() + said.slice(1),
    member: field,
    place: placeOf(text, span),
  };
}

function placeOf(text: string, span: Span): FaultPlace {
  const { line, column } = positionOf(text, span.start);
  const lines = text.split("\n");
  const lastWrong = Math.min(positionOf(text, span.end).line, line + MOST_WRONG - 1);
  const first = Math.max(1, line - AROUND);
  const last = Math.min(lines.length, lastWrong + AROUND);
  const excerpt = Array.from({ length: last - first + 1 }, (_, index) => {
    const number = first + index;
    const wrong = number >= line && number <= lastWrong;
    return { number, text: lines[number - 1] ?? "", wrong };
  });
  return { ...span, line, column, excerpt };
}
