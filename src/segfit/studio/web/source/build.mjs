// Bundles the page into ../built, which is committed and served as it is.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const out = process.argv[2] ?? new URL("../built", import.meta.url).pathname;

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  entryPoints: {
    studio: "main.tsx",
    overlay: "stage/overlay_worker.ts",
    style: "style/studio.css",
  },
  outdir: out,
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryNames: "[name]",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(new URL(name, import.meta.url), `${out}/${name}`);
}
