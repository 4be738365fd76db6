// Writes docs/guides/*.md from guides/*.json, the text that the Connect page shows.
//
//   node ui/scripts/guides.mjs          checks guides/ and writes docs/guides/
//   node ui/scripts/guides.mjs --check  checks guides/, and that docs/guides/ is up to date
//
// The format is described in guides/README.md. Exit codes: 0 done, 1 something is wrong (one line
// for each thing, on standard error), 2 wrong usage.

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const sourceFolder = "guides";
const pageFolder = "docs/guides";
const command = "node ui/scripts/guides.mjs";

// The types of source that the wizard offers; each needs a guide.
const providers = ["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "other"];

// ---------------------------------------------------------------------------------------------
// The format. A checker takes a value, where it stands, and a function that reports a problem.

/** A string with inline markup and placeholders. */
const text = (value, at, report) => {
  if (plain(value, at, report)) parseInline(value, (problem) => report(at, problem));
};

/** A string with inline markup, but without links: it becomes a heading. */
const heading = (value, at, report) => {
  text(value, at, report);
  if (typeof value === "string" && parseInline(value).some((node) => node.kind === "link")) {
    report(at, "a heading must not hold a link");
  }
};

/** A string that is not empty, on one line, and without blanks around it. */
const plain = (value, at, report) => {
  if (typeof value !== "string") return report(at, "must be a string");
  if (value === "" || value !== value.trim() || /[\r\n\t]/.test(value)) {
    return report(at, "must be one line that is not empty, without blanks around it");
  }
  return true;
};

const boolean = (value, at, report) => {
  if (typeof value !== "boolean") report(at, "must be true or false");
};

const positive = (value, at, report) => {
  if (!Number.isInteger(value) || value < 1) report(at, "must be a whole number from 1");
};

const https = (value, at, report) => {
  if (plain(value, at, report) && !isHttps(value)) report(at, `not an https link: ${value}`);
};

const matching = (pattern, what) => (value, at, report) => {
  if (typeof value !== "string" || !pattern.test(value)) report(at, `must be ${what}`);
};

const list =
  (item, least = 0) =>
  (value, at, report) => {
    if (!Array.isArray(value)) return report(at, "must be a list");
    if (value.length < least) report(at, `needs at least ${least}`);
    value.forEach((entry, index) => item(entry, `${at}[${index}]`, report));
  };

/** An object with exactly these keys; a key that ends in `?` may be missing. */
const object = (shape, extra) => (value, at, report) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return report(at, "must be an object");
  const inside = (key) => (at ? `${at}.${key}` : key);
  const known = new Set();
  for (const [name, check] of Object.entries(shape)) {
    const key = name.replace(/\?$/, "");
    known.add(key);
    if (key in value) check(value[key], inside(key), report);
    else if (key === name) report(inside(key), "is missing");
  }
  for (const key of Object.keys(value))
    if (!known.has(key)) report(inside(key), "is not a known key");
  extra?.(value, at, report);
};

const kinds = ["base_url", "token", "text"];

const field = object(
  {
    label: plain,
    value: plain,
    kind: matching(/^(base_url|token|text)$/, `one of ${kinds.join(", ")}`),
    "note?": text,
  },
  (value, at, report) => {
    if (typeof value.value !== "string") return;
    checkPlaceholders(
      value.value,
      (problem) => report(`${at}.value`, problem),
      value.kind === "token",
    );
    const placeholder = `{${value.kind}}`;
    if (value.kind !== "text" && !value.value.includes(placeholder))
      report(`${at}.value`, `must hold ${placeholder}`);
  },
);

const onOff = object({ default: boolean, why: text });

const guide = object({
  provider: matching(/^[a-z]+$/, "small letters"),
  name: plain,
  product: plain,
  order: positive,
  mark: object({
    text: matching(/^[A-Za-z]{1,2}$/, "one or two letters"),
    color: (value, at, report) => {
      if (typeof value !== "string" || !/^#[0-9a-f]{6}$/.test(value))
        return report(at, "must be #rrggbb in small letters");
      const contrast = contrastWithWhite(value);
      if (contrast < 4.5)
        report(at, `white letters on it have a contrast of ${contrast.toFixed(2)}, less than 4.5`);
    },
  }),
  summary: text,
  before: list(text),
  steps: list(
    object({ title: heading, text: list(text, 1), "fields?": list(field, 1), "expect?": text }),
    1,
  ),
  switches: object({ unique_group_names: onOff, log_bodies: onOff }),
  sends: list(text),
  remove: list(text),
  trouble: list(object({ symptom: text, cause: text, remedy: text })),
  sources: list(object({ title: plain, "url?": https, read: plain }), 1),
});

const isHttps = (url) => URL.canParse(url) && new URL(url).protocol === "https:";

/** WCAG 2 contrast of white on a colour. */
function contrastWithWhite(color) {
  const [red, green, blue] = [1, 3, 5]
    .map((start) => parseInt(color.slice(start, start + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

// ---------------------------------------------------------------------------------------------
// Inline markup: **bold**, `code` and [text](https://…), not nested, and placeholders in braces.

const placeholders = ["base_url", "source_name", "token"];

function checkPlaceholders(value, report, tokenAllowed) {
  for (const [whole, name] of value.matchAll(/\{([A-Za-z_]+)\}/g)) {
    if (!placeholders.includes(name)) report(`unknown placeholder ${whole}`);
    else if (name === "token" && !tokenAllowed)
      report("{token} may only stand in the value of a field of kind token");
  }
}

/** Splits a text into nodes `{ kind: 'text' | 'bold' | 'code' | 'link', value, url? }`. */
function parseInline(value, report = () => {}) {
  const nodes = [];
  let rest = value;
  const take = (pattern, kind) => {
    const match = rest.match(pattern);
    if (match) {
      nodes.push({ kind, value: match[1], url: match[2] });
      rest = rest.slice(match[0].length);
    }
    return Boolean(match);
  };
  while (rest) {
    if (take(/^`([^`]+)`/, "code")) continue;
    if (take(/^\*\*([^*`[\]]+)\*\*/, "bold")) continue;
    if (take(/^\[([^\]`*]+)\]\(([^()\s]+)\)/, "link")) continue;
    const stray = rest.match(/^(`|\*\*)/);
    if (stray) report(`${stray[1]} without its end, or with other markup inside`);
    const length = Math.max(stray ? stray[1].length : 1, rest.search(/[`*[]|$/));
    nodes.push({ kind: "text", value: rest.slice(0, length) });
    rest = rest.slice(length);
  }
  checkPlaceholders(value, report, false);
  for (const node of nodes) {
    if (node.kind === "link" && !isHttps(node.url)) report(`not an https link: ${node.url}`);
    if (node.kind !== "code" && /https?:\/\//.test(node.value))
      report("an address must be a link or code");
  }
  return nodes;
}

// ---------------------------------------------------------------------------------------------
// Markdown

const readable = {
  base_url: "https://HOST/source/scim/<slug>/v2",
  source_name: "name of the source",
  token: "token",
};

const escape = (value) => value.replace(/[\\*_[\]<|]/g, "\\$&");

const code = (value) => {
  const shown = value.replace(/\{([a-z_]+)\}/g, (whole, name) => {
    if (!(name in readable)) return whole;
    return name === "base_url" ? readable.base_url : `<${readable[name]}>`;
  });
  return `\`${shown.replaceAll("|", "\\|")}\``;
};

/** Plain text, in which a placeholder is set apart: an address as code, a name in italics. */
const words = (value, italics = true) =>
  value
    .split(/(\{[a-z_]+\})/)
    .map((part) => {
      if (part === "{base_url}") return code(part);
      if (part === "{source_name}")
        return italics ? `*${readable.source_name}*` : readable.source_name;
      return escape(part);
    })
    .join("");

const inline = (value) =>
  parseInline(value)
    .map((node) => {
      if (node.kind === "code") return code(node.value);
      if (node.kind === "bold") return `**${words(node.value, false)}**`;
      if (node.kind === "link") return `[${words(node.value)}](${node.url})`;
      return words(node.value);
    })
    .join("");

const table = (head, rows) => [
  `| ${head.join(" | ")} |`,
  `| ${head.map(() => "---").join(" | ")} |`,
  ...rows.map((row) => `| ${row.join(" | ")} |`),
];

const bullets = (items) => items.map((item) => `- ${inline(item)}`);

function fieldTable(fields) {
  const remarks = fields.some((entry) => entry.note);
  return table(
    ["Field", "Value", ...(remarks ? ["Remark"] : [])],
    fields.map((entry) => [
      `**${escape(entry.label)}**`,
      code(entry.value),
      ...(remarks ? [entry.note ? inline(entry.note) : ""] : []),
    ]),
  );
}

const mark = (from) =>
  `<!-- Generated by ui/scripts/guides.mjs from ${from}. Edit that, then run: ${command} -->`;
const generated = (page) => page.startsWith("<!-- Generated by ui/scripts/guides.mjs ");

function page(entry) {
  const blocks = [
    [mark(`${sourceFolder}/${entry.provider}.json`)],
    [`# ${escape(entry.name)}`],
    [inline(entry.summary)],
  ];
  const section = (title, lines) => lines.length && blocks.push([`## ${title}`], lines);

  section("Before you start", bullets(entry.before));
  blocks.push(["## Steps"]);
  entry.steps.forEach((step, index) => {
    blocks.push(
      [`### ${index + 1}. ${inline(step.title)}`],
      ...step.text.map((paragraph) => [inline(paragraph)]),
    );
    if (step.fields) blocks.push(fieldTable(step.fields));
    if (step.expect) blocks.push([`*When it worked:* ${inline(step.expect)}`]);
  });
  section(
    "Settings of the source",
    table(
      ["Switch", "For this provider", "Why"],
      [
        ["Unique group names", "unique_group_names"],
        ["Bodies in the request log", "log_bodies"],
      ].map(([label, key]) => [
        label,
        entry.switches[key].default ? "on" : "off",
        inline(entry.switches[key].why),
      ]),
    ),
  );
  section(`What ${entry.product} does`, bullets(entry.sends));
  section("How to stop it", bullets(entry.remove));
  if (entry.trouble.length) blocks.push(["## When something goes wrong"]);
  for (const { symptom, cause, remedy } of entry.trouble) {
    blocks.push([`### ${inline(symptom)}`], [inline(cause)], [inline(remedy)]);
  }
  section(
    "Where this comes from",
    entry.sources.map(
      ({ title, url, read }) =>
        `- ${url ? `[${escape(title)}](${url})` : escape(title)}: ${escape(read)}`,
    ),
  );
  return document(blocks);
}

const document = (blocks) => `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;

function index(entries) {
  return document([
    [mark(`${sourceFolder}/*.json`)],
    ["# Connecting an identity provider"],
    [
      "One page per identity provider: what it needs, which field takes what, what it sends afterwards, and what to do when it does not work. The **Connect** page of a source in the web UI shows the same steps with your own values filled in.",
    ],
    table(
      ["Identity provider", "In short"],
      entries.map((entry) => [
        `[${escape(entry.name)}](${entry.provider}.md)`,
        inline(entry.summary),
      ]),
    ),
    ["## The two values"],
    ["Every provider asks for an address and a secret. Both belong to one source."],
    [
      `- **SCIM Base URL**: \`${readable.base_url}\`. It is on the **Connect** page of the source, and \`headwater source show SLUG\` prints it.`,
      "- **Token**: **Click to copy token** on the same page, or `headwater token create SLUG`. Each source has its own; a second one may live beside the first while you change it.",
    ],
    [
      "Providers in the cloud must be able to reach the address from the internet, over HTTPS and with a certificate of a public certification authority.",
    ],
    [
      "Names of fields, buttons and menus are those of the provider, in bold. Providers change them; each page names what it was written from, and says where a name could not be verified.",
    ],
  ]);
}

// ---------------------------------------------------------------------------------------------

function readGuides(problem) {
  const entries = [];
  const names = readdirSync(join(root, sourceFolder))
    .filter((name) => name.endsWith(".json"))
    .sort();
  for (const provider of providers) {
    if (!names.includes(`${provider}.json`)) problem(`${sourceFolder}/${provider}.json is missing`);
  }
  const seen = { provider: new Map(), name: new Map(), order: new Map() };
  for (const name of names) {
    const file = `${sourceFolder}/${name}`;
    let entry;
    try {
      entry = JSON.parse(readFileSync(join(root, file), "utf8"));
    } catch (error) {
      problem(`${file}: ${error.message.replaceAll("\n", " ")}`);
      continue;
    }
    guide(entry, "", (at, what) => problem(`${file}: ${at ? `${at}: ` : ""}${what}`));
    if (entry?.provider !== name.slice(0, -".json".length))
      problem(`${file}: provider: must be the name of the file`);
    if (!providers.includes(entry?.provider))
      problem(`${file}: provider: is not a known type of source`);
    for (const [key, values] of Object.entries(seen)) {
      const value = entry?.[key];
      if (values.has(value))
        problem(`${file}: ${key}: ${value} stands in ${values.get(value)} too`);
      else values.set(value, file);
    }
    entries.push(entry);
  }
  return entries.sort((one, other) => one.order - other.order);
}

function main(args) {
  if (args.length > 1 || (args.length === 1 && args[0] !== "--check")) {
    console.error(`usage: ${command} [--check]`);
    return 2;
  }
  let problems = 0;
  const problem = (line) => {
    problems += 1;
    console.error(line);
  };
  const entries = readGuides(problem);
  if (problems) return 1;

  const pages = new Map(entries.map((entry) => [`${entry.provider}.md`, page(entry)]));
  pages.set("README.md", index(entries));
  const folder = join(root, pageFolder);
  const present = existsSync(folder)
    ? readdirSync(folder).filter((name) => name.endsWith(".md"))
    : [];
  const current = (name) =>
    present.includes(name) ? readFileSync(join(folder, name), "utf8") : undefined;
  const left = present.filter((name) => !pages.has(name));

  if (args[0] === "--check") {
    for (const [name, content] of pages) {
      if (current(name) === undefined) problem(`${pageFolder}/${name} is missing; run: ${command}`);
      else if (current(name) !== content)
        problem(`${pageFolder}/${name} is not up to date; run: ${command}`);
    }
    for (const name of left)
      problem(`${pageFolder}/${name} is made from nothing in ${sourceFolder}/`);
    return problems ? 1 : 0;
  }

  mkdirSync(folder, { recursive: true });
  for (const [name, content] of pages) {
    if (current(name) === content) continue;
    writeFileSync(join(folder, name), content);
    console.log(`wrote ${pageFolder}/${name}`);
  }
  for (const name of left) {
    if (!generated(current(name))) {
      problem(`${pageFolder}/${name} is made from nothing in ${sourceFolder}/`);
      continue;
    }
    rmSync(join(folder, name));
    console.log(`removed ${pageFolder}/${name}`);
  }
  return problems ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
