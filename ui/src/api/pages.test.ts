import { describe, expect, it, vi } from "vitest";
import { firstFilled } from "./pages";

const page = (items: number[], next: string | null) => ({ items, next });

describe("the first page that isn't empty", () => {
  it("is the first where that has something", async () => {
    const read = vi.fn().mockResolvedValue(page([1], "b"));
    expect(await firstFilled({ cursor: "a", limit: 5 }, read)).toEqual(page([1], "b"));
    expect(read).toHaveBeenCalledOnce();
  });

  it("is looked for behind those that are empty, with the same filters", async () => {
    const read = vi
      .fn()
      .mockResolvedValueOnce(page([], "b"))
      .mockResolvedValueOnce(page([], "c"))
      .mockResolvedValue(page([7], null));
    expect(await firstFilled({ q: "x" } as { q: string; cursor?: string }, read)).toEqual(
      page([7], null),
    );
    expect(read.mock.calls).toEqual([
      [{ q: "x" }],
      [{ q: "x", cursor: "b" }],
      [{ q: "x", cursor: "c" }],
    ]);
  });

  it("ends with the list, and after very many that are empty", async () => {
    expect(await firstFilled({}, async () => page([], null))).toEqual(page([], null));
    const read = vi.fn().mockResolvedValue(page([], "on"));
    expect(await firstFilled({}, read)).toEqual(page([], "on"));
    expect(read).toHaveBeenCalledTimes(50);
  });
});
