// Writes a Brotli copy beside each built file, so that the server sends the small one without
// work of its own. index.html is left out: the server writes a nonce into it for every answer.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
let before = 0;
let after = 0;
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, String(name));
  if (!statSync(path).isFile() || path.endsWith(".br") || path.endsWith("index.html")) continue;
  const content = readFileSync(path);
  const small = brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
  writeFileSync(`${path}.br`, small);
  before += content.length;
  after += small.length;
}
console.log(`compressed ${(before / 1000).toFixed(0)} kB to ${(after / 1000).toFixed(0)} kB`);
