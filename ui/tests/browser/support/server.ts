// A Headwater server of its own for a test: the real binary, on a free port, with an empty folder. With
// TEST_POSTGRES, the URL of a cluster, it has a new database there (tests/postgres.sh makes one).
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AdminApi } from "./admin-api";
import { MARY, type Person } from "./people";

const READY_WITHIN_MS = 30_000;

export interface Server {
  origin: string;
  /** The one-time link that the server printed for the first administrator. */
  link: string;
  /** All that the server wrote, for a failure's sake. */
  log: () => string;
  stop: () => Promise<void>;
}

export interface PreparedServer extends Server {
  administrator: Person;
  /** The admin API, signed in as that administrator. */
  api: AdminApi;
}

export async function startServer(): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), "headwater-browser-"));
  // Port 0: the system gives one that is free, and the server says which.
  const child = spawn(binary(), ["serve", "--listen", "127.0.0.1:0", "--data", data], {
    env: { ...process.env, ...database() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written = gather(child);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(data, { recursive: true, force: true });
  };
  try {
    const link = await written.first(/^\s*(http:\/\/\S+\/welcome#\S+)/m);
    await written.first(/listening on (\S+)/);
    return { origin: new URL(link).origin, link, log: written.text, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A server whose first administrator exists already. */
export async function startPreparedServer(): Promise<PreparedServer> {
  const server = await startServer();
  const api = await AdminApi.ofLink(server.link, MARY);
  return { ...server, administrator: MARY, api };
}

/** What tells a server of its database, which is made, where a cluster is given. */
function database(): NodeJS.ProcessEnv {
  const cluster = process.env.TEST_POSTGRES;
  if (!cluster) return {};
  const name = `browser_${randomUUID()}`;
  execFileSync("createdb", [`--maintenance-db=${cluster}`, name]);
  return { HEADWATER_DATABASE_URL: cluster.replace(/[^/]*$/, name) };
}

function binary(): string {
  return (
    process.env.HEADWATER_BINARY ??
    fileURLToPath(new URL("../../../../target/debug/headwater", import.meta.url))
  );
}

function gather(child: ChildProcess) {
  let text = "";
  let failure: Error | null = null;
  const waiting = new Set<() => void>();
  const tell = () => waiting.forEach((look) => look());
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      tell();
    });
  }
  child.on("error", (error) => {
    failure = error;
    tell();
  });
  child.on("exit", (code) => {
    failure = new Error(`the server ended with ${code}; it wrote:\n${text}`);
    tell();
  });

  /** What the pattern's first group matches, as soon as it was written. */
  const first = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(
        () => done(() => reject(new Error(`the server did not write ${pattern}, but:\n${text}`))),
        READY_WITHIN_MS,
      );
      const done = (settle: () => void) => {
        clearTimeout(timer);
        waiting.delete(look);
        settle();
      };
      const look = () => {
        const found = pattern.exec(text)?.[1];
        const failed = failure;
        if (found !== undefined) done(() => resolve(found));
        else if (failed) done(() => reject(failed));
      };
      waiting.add(look);
      look();
    });
  return { first, text: () => text };
}
