/** Options of esbuild for all executables. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { withoutKubernetesClasses } from './kubernetes.ts';
import { lazyBuiltins } from './lazy-builtins.ts';
import { nodeFlags } from './node-flags.ts';
import { pageInside } from './page.ts';
import { shimScriptsInside } from './shim-scripts.ts';
import { smallUndici } from './undici.ts';
import { buildInfo } from './version.ts';
import { wallInside } from './wall.ts';

export const root = join(import.meta.dirname, '../..');
export const commands = ['plan42', 'plan42-runner', 'plan42-runner-config'];

/** Options of esbuild for ES modules that run on Node.js alone. */
export const common = {
  absWorkingDir: root,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  legalComments: 'none',
  // A file that is smaller is parsed faster, and kept in memory as it is. Names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
} satisfies BuildOptions;

// Bundled CommonJS packages (undici) call `require` for Node.js modules.
const withRequire = {
  js: "import { createRequire as nodeCreateRequire } from 'node:module'; const require = nodeCreateRequire(import.meta.url);",
};

// Ink's layout engine checks for `fetch`, which it does not need because its WebAssembly is embedded. The check alone makes
// Node.js load its HTTP client, a sixth of the time to the first frame.
const withoutFetch: Plugin = {
  name: 'without-fetch',
  setup: (bundle) =>
    bundle.onLoad({ filter: /yoga-wasm-base64-esm\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll('typeof fetch', 'typeof undefined'),
    })),
};

const screenOptions = {
  define: {
    // React's development build checks its callers, at twice the size and time.
    'process.env.NODE_ENV': '"production"',
    // Ink would connect to a debugger.
    'process.env.DEV': '"false"',
  },
  alias: { 'react-devtools-core': join(import.meta.dirname, 'no-devtools.ts') },
  plugins: [withoutFetch],
} satisfies BuildOptions;

/** Options for an executable, with its version and commit. With `everywhere`, it runs on any architecture. */
export async function executableOptions({ everywhere = false } = {}): Promise<BuildOptions> {
  const { version, commit, repository } = await buildInfo(root);
  return {
    ...common,
    ...screenOptions,
    plugins: [
      ...screenOptions.plugins,
      pageInside,
      shimScriptsInside,
      wallInside({ required: everywhere }),
      withoutKubernetesClasses,
      smallUndici,
      lazyBuiltins,
    ],
    define: {
      ...screenOptions.define,
      PLAN42_VERSION: JSON.stringify(version),
      PLAN42_COMMIT: JSON.stringify(commit),
      PLAN42_REPOSITORY: JSON.stringify(repository),
    },
    banner: withRequire,
  };
}

/**
 * Writes the executables to `outdir`, as files that share chunks. Commands load their code when they are called, so that
 * `--help` stays fast. The runner has chunks of its own: ten, instead of the hundred that it would share with the commands.
 */
export async function buildExecutables(
  outdir: string,
  options: BuildOptions,
  others: Record<string, string> = {},
): Promise<void> {
  const runner = 'plan42-runner';
  // One after the other, because both compile the programs of containers.
  for (const names of [[runner], commands.filter((name) => name !== runner)]) {
    const entryPoints = Object.fromEntries(names.map((name) => [name, `src/bin/${name}.ts`]));
    await build({
      ...options,
      outdir,
      entryPoints: names[0] === runner ? entryPoints : { ...entryPoints, ...others },
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
    });
  }
}

/** Options for agents: single files, because they are copied into images. */
export const agentOptions = {
  ...common,
  // Images with another Node.js than ours are common.
  target: 'node22',
  banner: withRequire,
  plugins: [smallUndici],
  entryPoints: { 'plan42-agent': 'src/bin/plan42-agent.ts', 'plan42-sample-agent': 'examples/sample-agent/agent.ts' },
} satisfies BuildOptions;

/** Options for the gateway of a job: a small file of its own, because each job has a process of it. */
export const gatewayOptions = {
  ...common,
  plugins: [shimScriptsInside],
  entryPoints: { 'plan42-gateway': 'src/bin/plan42-gateway.ts' },
} satisfies BuildOptions;

/** Options for the warden of a job, which has limits, for the same reason. */
export const wardenOptions = {
  ...common,
  plugins: [shimScriptsInside],
  entryPoints: { 'plan42-warden': 'src/bin/plan42-warden.ts' },
} satisfies BuildOptions;

export async function readLauncher(command: string): Promise<string> {
  const launcher = await readFile(join(import.meta.dirname, 'launcher.sh'), 'utf8');
  return launcher.replaceAll('@COMMAND@', command).replace('@NODE_FLAGS@', nodeFlags.join(' '));
}
