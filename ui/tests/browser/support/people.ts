// Who appears in the tests.

/** Somebody who administers the server. */
export interface Person {
  name: string;
  email: string;
  password: string;
}

export const MARY: Person = {
  name: "Mary Jackson",
  email: "mary.jackson@example.com",
  password: "lantern otter granite seven",
};

export const RICHARD: Person = {
  name: "Richard Stone",
  email: "richard.stone@example.com",
  password: "violet harbour spoon twelve",
};

/** Somebody whom an identity provider provisions. */
export interface Employee {
  given: string;
  family: string;
  title: string;
  department: string;
}

const employee = (given: string, family: string, title: string, department: string): Employee => ({
  given,
  family,
  title,
  department,
});

export const ADA = employee("Ada", "Lovelace", "Principal engineer", "Engineering");
export const GRACE = employee("Grace", "Hopper", "Head of compilers", "Engineering");
export const ALAN = employee("Alan", "Turing", "Research engineer", "Research");

export const EMPLOYEES: Employee[] = [
  ADA,
  GRACE,
  ALAN,
  employee("Katherine", "Johnson", "Flight analyst", "Research"),
  employee("Edsger", "Dijkstra", "Staff engineer", "Engineering"),
  employee("Barbara", "Liskov", "Staff engineer", "Engineering"),
  employee("Donald", "Knuth", "Technical writer", "Documentation"),
  employee("Margaret", "Hamilton", "Director of software", "Engineering"),
  employee("Dennis", "Ritchie", "Systems engineer", "Platform"),
  employee("Radia", "Perlman", "Network architect", "Platform"),
  employee("Frances", "Allen", "Compiler engineer", "Engineering"),
  employee("John", "Backus", "Compiler engineer", "Engineering"),
  employee("Hedy", "Lamarr", "Radio engineer", "Research"),
  employee("Niklaus", "Wirth", "Language designer", "Research"),
  employee("Adele", "Goldberg", "Product manager", "Product"),
  employee("Tony", "Hoare", "Quality lead", "Engineering"),
  employee("Jean", "Bartik", "Operations lead", "Platform"),
  employee("Ken", "Thompson", "Systems engineer", "Platform"),
  employee("Karen", "Spärck Jones", "Search engineer", "Research"),
  employee("Leslie", "Lamport", "Distributed systems", "Platform"),
  employee("Sophie", "Wilson", "Hardware engineer", "Research"),
  employee("Butler", "Lampson", "Security architect", "Security"),
  employee("Evelyn", "Boyd Granville", "Analyst", "Finance"),
  employee("Vint", "Cerf", "Evangelist", "Sales"),
  employee("Annie", "Easley", "Analyst", "Finance"),
  employee("Robin", "Milner", "Language designer", "Research"),
  employee("Mary", "Kenneth Keller", "Training lead", "People"),
  employee("Lynn", "Conway", "Hardware engineer", "Research"),
];

export const nameOf = ({ given, family }: Employee) => `${given} ${family}`;

export const emailOf = ({ given, family }: Employee, domain = "example.com") =>
  `${given}.${family}@${domain}`
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{Mark}/gu, "")
    .replaceAll(" ", "");
