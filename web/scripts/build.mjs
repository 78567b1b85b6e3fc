// Builds all apps into bot/edge/static, from where the server reads them once at its start.
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const web = fileURLToPath(new URL("..", import.meta.url));
const out = fileURLToPath(new URL("../../bot/edge/static", import.meta.url));
const made = `${out}.new`; // whoever reads meanwhile sees the old build, whole

const common = {
  configFile: false,
  logLevel: "warn",
  base: "/static/",
  define: { "process.env.NODE_ENV": '"production"' },
};
const target = "es2022";

function jsx(importSource) {
  return { jsx: { runtime: "automatic", importSource } };
}

async function page(name, importSource) {
  await build({
    ...common,
    root: `${web}${name}`,
    publicDir: false,
    oxc: jsx(importSource),
    build: {
      target,
      outDir: `${made}/${name}`,
      assetsDir: "",
      emptyOutDir: true,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 700,
      rollupOptions: {
        // "use client" is for servers that render React.
        onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
        output: {
          entryFileNames: `${name}-[hash].js`,
          chunkFileNames: `${name}-[name]-[hash].js`,
          assetFileNames: `${name}-[name]-[hash][extname]`,
        },
      },
    },
  });
  for (const file of await readdir(`${made}/${name}`)) {
    await rename(`${made}/${name}/${file}`, `${made}/${file === "index.html" ? `${name}.html` : file}`);
  }
  await rm(`${made}/${name}`, { recursive: true });
}

async function widget() {
  await build({
    ...common,
    root: `${web}widget`,
    publicDir: false,
    oxc: jsx("preact"),
    build: {
      target,
      outDir: made,
      emptyOutDir: false,
      lib: { entry: `${web}widget/src/main.tsx`, name: "samtal", formats: ["iife"], fileName: () => "widget.js" },
    },
  });
}

await rm(made, { recursive: true, force: true });
await mkdir(made, { recursive: true });
await cp(`${web}public`, made, { recursive: true });
await widget();
await page("shop", "preact");
await page("phones", "preact");
await page("console", "react");
await rm(out, { recursive: true, force: true });
await rename(made, out);
