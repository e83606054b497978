/** Bundles the web page into the files that the server serves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { PageSources } from '../../src/server/page/page-sources.ts';

const folder = join(import.meta.dirname, '../../src/web/view');

/** Embeds the page in a bundle of the server. */
export const pageInside: Plugin = {
  name: 'page-inside',
  setup: (bundle) =>
    bundle.onLoad({ filter: /[\\/]page-sources\.ts$/ }, async () => ({
      contents: `export async function loadPage() { return ${JSON.stringify(await bundlePage())}; }`,
    })),
};

/** @param plugins for the page's script; they can inspect its modules */
export async function bundlePage(plugins: Plugin[] = []): Promise<PageSources> {
  const [script, style, markup, icon] = await Promise.all([
    bundle('main.tsx', plugins),
    bundle('page.css'),
    readFile(join(folder, 'page.html'), 'utf8'),
    readFile(join(folder, 'icon.svg'), 'utf8'),
  ]);
  return { script, style, markup, icon };
}

async function bundle(name: string, plugins: Plugin[] = []): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [name],
    outdir: folder,
    plugins,
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    // Browsers of 2024.
    target: ['chrome125', 'firefox126', 'safari17.5'],
    charset: 'utf8',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
  return outputFiles[0]?.text ?? '';
}
