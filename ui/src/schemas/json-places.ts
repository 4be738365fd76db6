// Reads JSON like JSON.parse, and knows where in the text each value stands: browsers tell the place
// of a fault each in another way or not at all, and the server names members by their path.

export interface Span {
  start: number;
  end: number;
}

export interface JsonFault {
  at: number;
  message: string;
}

export type JsonReading =
  { value: unknown; places: ReadonlyMap<string, Span>; fault: null } | { fault: JsonFault };

/** Deeper than any definition. */
const DEEPEST = 100;

export function readJson(text: string): JsonReading {
  const reader = new Reader(text);
  try {
    reader.whole();
  } catch (error) {
    if (error instanceof Fault) return { fault: { at: error.at, message: error.message } };
    throw error;
  }
  return { value: JSON.parse(text) as unknown, places: reader.places, fault: null };
}

/**
 * Where a member stands, such as `attributes[2].type`; for one that is missing, what it is missing
 * in. Null when that is the text as a whole.
 */
export function placeOfMember(places: ReadonlyMap<string, Span>, path: string): Span | null {
  for (let wanted = path; wanted !== ""; wanted = parentOf(wanted)) {
    const place = places.get(wanted);
    if (place) return place;
  }
  return null;
}

const parentOf = (path: string) => path.replace(/(^|\.)[^.[\]]*$|\[\d+\]$/, "");

export interface Position {
  /** Counted from 1, like the column. */
  line: number;
  column: number;
}

export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

class Fault extends Error {
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(message);
  }
}

const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

class Reader {
  readonly places = new Map<string, Span>();
  private at = 0;

  constructor(private readonly text: string) {}

  whole() {
    this.value("", 0);
    this.space();
    if (this.at < this.text.length)
      throw new Fault(this.at, "Nothing may follow the last bracket.");
  }

  private value(path: string, depth: number) {
    this.space();
    if (depth > DEEPEST) throw new Fault(this.at, "This is nested too deep.");
    const start = this.at;
    const next = this.text[start];
    if (next === "{") this.object(path, depth);
    else if (next === "[") this.array(path, depth);
    else if (next === '"') this.string();
    else if (this.match(NUMBER) === null && this.match(WORD) === null) {
      throw new Fault(start, this.isAtEnd() ? "The text ends too early." : "A value belongs here.");
    }
    // That of a member begins with its name.
    if (!this.places.has(path)) this.places.set(path, { start, end: this.at });
  }

  private object(path: string, depth: number) {
    this.listed("}", () => {
      const start = this.at;
      if (this.text[start] !== '"') {
        throw new Fault(
          start,
          this.isAtEnd() ? "A } is missing." : "A name in quotes belongs here.",
        );
      }
      const name = JSON.parse(this.string()) as string;
      // What is missing is missed where it belongs, which may be a line further up.
      const end = this.at;
      this.space();
      if (this.text[this.at] !== ":") throw new Fault(end, "A colon is missing here.");
      this.at += 1;
      const member = path === "" ? name : `${path}.${name}`;
      this.value(member, depth + 1);
      this.places.set(member, { start, end: this.at });
    });
  }

  private array(path: string, depth: number) {
    let index = 0;
    this.listed("]", () => this.value(`${path}[${index++}]`, depth + 1));
  }

  /** What stands between brackets, with commas between. */
  private listed(end: string, one: () => void) {
    this.at += 1;
    this.space();
    if (this.skip(end)) return;
    for (;;) {
      one();
      const after = this.at;
      this.space();
      if (this.skip(end)) return;
      if (!this.skip(",")) {
        const missing = this.isAtEnd()
          ? `A ${end} is missing.`
          : `A comma or ${end} is missing here.`;
        throw new Fault(after, missing);
      }
      this.space();
      if (this.text[this.at] === end)
        throw new Fault(this.at, `A comma stands before this ${end}.`);
    }
  }

  private string(): string {
    const start = this.at;
    const matched = this.match(STRING);
    if (matched === null) {
      throw new Fault(
        start,
        "The text in these quotes doesn’t end, or has a character that can’t be.",
      );
    }
    return matched;
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const matched = pattern.exec(this.text)?.[0] ?? null;
    if (matched !== null) this.at += matched.length;
    return matched;
  }

  private space() {
    this.match(SPACE);
  }

  private skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private isAtEnd(): boolean {
    return this.at >= this.text.length;
  }
}
