import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const NAME = "virtual:providers";

/**
 * Offers what the lists and the wizard need of each guide as one small module, so that the long
 * texts are fetched only by who opens the Connect page.
 */
export function providers(folder: string): Plugin {
  return {
    name: "headwater-providers",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : undefined),
    load(id) {
      if (id !== `\0${NAME}`) return;
      const all = readdirSync(folder)
        .filter((file) => file.endsWith(".json"))
        .map((file) => {
          const path = join(folder, file);
          this.addWatchFile(path);
          const guide = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
          const { provider, name, product, order, mark, switches } = guide;
          return { provider, name, product, order, mark, switches };
        })
        .sort((a, b) => Number(a.order) - Number(b.order));
      return `export default ${JSON.stringify(all)};`;
    },
  };
}
