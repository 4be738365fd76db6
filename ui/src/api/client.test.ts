import { afterEach, expect, test, vi } from "vitest";
import { api } from "./client";

afterEach(() => vi.unstubAllGlobals());

/** Answers each request with the next of these, and remembers the keys that came with them. */
function answering(...answers: [number, object][]) {
  const keys: (string | undefined)[] = [];
  vi.stubGlobal("fetch", (_: string, init: { headers: Record<string, string> }) => {
    keys.push(init.headers["Idempotency-Key"]);
    const [status, body] = answers[keys.length - 1] ?? [500, {}];
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return keys;
}

const make = () => api.post("/api/v1/sources", { body: { name: "Contoso" } });

test("a creation that is being worked on is sent again under its key", async () => {
  const keys = answering([409, { code: "in_progress" }], [201, {}], [201, {}]);
  await expect(make()).rejects.toMatchObject({ code: "in_progress" });
  await make();
  await make();
  expect(keys[0]).toBeTruthy();
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

test("a creation whose answer got lost is sent again under its key", async () => {
  const keys: (string | undefined)[] = [];
  vi.stubGlobal("fetch", (_: string, init: { headers: Record<string, string> }) => {
    keys.push(init.headers["Idempotency-Key"]);
    return Promise.reject(new TypeError("Failed to fetch"));
  });
  await expect(make()).rejects.toMatchObject({ code: "unreachable" });
  await expect(make()).rejects.toMatchObject({ code: "unreachable" });
  expect(keys[1]).toBe(keys[0]);
});

test("a creation that is asked for twice at once is sent once", async () => {
  const keys = answering([201, { slug: "contoso" }], [201, {}]);
  expect(await Promise.all([make(), make()])).toEqual([{ slug: "contoso" }, { slug: "contoso" }]);
  expect(keys.length).toBe(1);
  await make();
  expect(keys.length).toBe(2);
});

test("passwords are kept for no key", async () => {
  const keys = answering([201, {}]);
  await api.post("/api/v1/session", { body: { email: "a@example.com", password: "x" } });
  expect(keys).toEqual([undefined]);
});
