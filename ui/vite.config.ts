import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { providers } from "./vite.providers";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Where the admin API answers while developing: the real server, or any stand-in for it.
const api = process.env.VITE_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), providers(here("../guides"))],
  resolve: { alias: { "@guides": here("../guides") } },
  server: {
    // The guides are shared with the documentation and so live beside this folder.
    fs: { allow: [here("."), here("../guides")] },
    proxy: {
      "^/(api|source|healthz|readyz)(/|$|\\?)": { target: api, changeOrigin: false },
    },
  },
  build: {
    outDir: "dist",
    // A data: URL in a script or a style would need a looser Content-Security-Policy.
    assetsInlineLimit: 0,
    // The polyfill is an inline script's worth of code for browsers older than our target.
    modulePreload: { polyfill: false },
    target: "es2022",
    // The frame (React, Mantine, router) is one chunk; pages are their own.
    chunkSizeWarningLimit: 800,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
